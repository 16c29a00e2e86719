package field

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lotusgate/drivers"
)

// driveAsk wants a pin of a chip driven.
type driveAsk struct {
	source, channel int
	level           bool
	answer          chan<- error
}

// Drive sets an output of a chip to an electrical level, proves it by reading back, and tries again where that may help.
// It waits for the owner of the bus, who serves interrupts first. After an error the output counts as inactive, and has
// been driven so as far as the bus allows; drivers.FaultReadBack says that it does not hold what is written.
func (f *Field) Drive(ctx context.Context, source, channel int, level bool) error {
	asks, ok := f.drives[source]
	if !ok {
		return fmt.Errorf("drive output: source %d is no chip", source)
	}
	answer := make(chan error, 1)
	select {
	case asks <- driveAsk{source, channel, level, answer}:
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
		if c.Source != q.source {
			continue
		}
		out, ok := bus.Chips[i].(Outputs)
		if !ok {
			return errors.New("drive output: the chip has none")
		}
		if !b.chips[i].up {
			return &drivers.Error{Fault: b.chips[i].fault, Op: "drive output: the chip does not work"}
		}
		err := b.prove(ctx, out, q, &b.chips[i].retries)
		if drivers.Classify(err) == drivers.FaultReset { // its pins are inputs now: the coil is off
			b.look(ctx, bus, i, [2]time.Duration{})
			return err
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
