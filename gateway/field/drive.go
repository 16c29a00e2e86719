package field

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"lotusgate/drivers"
)

// driveMost is how long the owner of a bus may take to drive a relay: a hung bus takes the kernel a second.
const driveMost = 2 * time.Second

// Relay is the relay at a pin of a chip: whoever holds it drives the pin through the owner of the bus. It is for one
// goroutine at a time.
func (f *Field) Relay(chip string, channel int, activeLow bool) Relay {
	return &chipRelay{f: f, chip: chip, channel: channel, low: activeLow}
}

type chipRelay struct {
	f              *Field
	chip           string
	channel        int
	low            bool // low switches it on
	active, proved bool
	off            bool // it is known to be off
}

// Set implements Relay.
func (r *chipRelay) Set(ctx context.Context, active bool) error {
	limit, cancel := context.WithTimeout(ctx, driveMost)
	defer cancel()
	r.off = r.off && !active
	err := r.f.drive(limit, driveAsk{chip: r.chip, channel: r.channel, level: active != r.low, urgent: !r.off})
	r.active, r.proved = active, err == nil
	r.off = r.off || r.proved && !active
	if errors.Is(err, context.DeadlineExceeded) {
		return &drivers.Error{Fault: drivers.FaultTimeout, Op: "drive relay: the bus is not free", Err: err}
	}
	return err
}

// Active implements Relay: Set has read the output back, or failed.
func (r *chipRelay) Active() (active, ok bool, err error) { return r.active, r.proved, nil }

// driveAsk wants a pin of a chip driven.
type driveAsk struct {
	chip    string
	channel int
	level   bool
	urgent  bool // a chip that is down is not left alone for longer than retryFirst
	answer  chan<- error
}

// drives leads to the owners of buses. A way to a bus stays the same when the configuration changes, so that who drives
// meanwhile waits for the next owner.
type drives struct {
	mu    sync.Mutex
	buses map[string]chan driveAsk // by bus
	chips map[string]chan driveAsk // by chip
}

func (d *drives) set(cfg Config) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.buses == nil {
		d.buses = map[string]chan driveAsk{}
	}
	d.chips = map[string]chan driveAsk{}
	for _, b := range cfg.Buses {
		if d.buses[b.ID] == nil {
			d.buses[b.ID] = make(chan driveAsk)
		}
		for _, c := range b.Chips {
			d.chips[c.ID] = d.buses[b.ID]
		}
	}
}

func (d *drives) bus(id string) chan driveAsk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.buses[id]
}

func (d *drives) chip(id string) (chan driveAsk, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	asks, ok := d.chips[id]
	return asks, ok
}

// drive sets an output of a chip to an electrical level, proves it by reading back, and tries again where that may help.
// It waits for the owner of the bus, who serves interrupts first. After an error the output counts as inactive, and has
// been driven so as far as the bus allows; drivers.FaultReadBack says that it does not hold what is written.
func (f *Field) drive(ctx context.Context, q driveAsk) error {
	asks, ok := f.drives.chip(q.chip)
	if !ok {
		return fmt.Errorf("drive output: %s is no chip", q.chip)
	}
	answer := make(chan error, 1)
	q.answer = answer
	select {
	case asks <- q:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// set drives a pin. What has changed at the inputs meanwhile is looked after at once: a write may clear an interrupt.
func (b *acquireBus) set(ctx context.Context, bus Bus, q driveAsk) error {
	for i, c := range b.cfg.Chips {
		if c.ID != q.chip {
			continue
		}
		out, ok := bus.Chips[i].(Outputs)
		if !ok {
			return errors.New("drive output: the chip has none")
		}
		if !b.chips[i].up {
			if q.urgent {
				b.chips[i].due = min(b.chips[i].due, b.now().Add(retryFirst))
			}
			return &drivers.Error{Fault: b.chips[i].fault, Op: "drive output: the chip does not work"}
		}
		err := b.prove(ctx, out, q, &b.chips[i].retries)
		if drivers.Classify(err) == drivers.FaultReset { // its pins are inputs now: the coil is off
			if b.renew(ctx, bus, i) != nil {
				return err
			}
			err = b.prove(ctx, out, q, &b.chips[i].retries)
		}
		if b.chips[i].intAt == [2]time.Duration{} {
			b.look(ctx, bus, i, [2]time.Duration{})
		}
		return err
	}
	return errors.New("drive output: no such chip on this bus")
}

func (b *acquireBus) prove(ctx context.Context, out Outputs, q driveAsk, retries *uint64) error {
	for try := 0; ; try++ {
		err := out.Set(q.channel, q.level)
		f := drivers.Classify(err)
		if err == nil || f == drivers.FaultReset || try == len(rests) || !passing(f) || !b.rest(ctx, rests[try]) {
			if f == drivers.FaultMismatch {
				return &drivers.Error{Fault: drivers.FaultReadBack, Op: "drive output", Err: err}
			}
			return err
		}
		*retries++
	}
}
