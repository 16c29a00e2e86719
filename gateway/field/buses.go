package field

import (
	"context"
	"errors"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
)

const (
	serviceTries = 3 // looks at a chip before it counts as down
	drainMost    = 8 // looks in a row while INT stays low
)

// acquireBus is the one owner of a bus: interrupts first, then whatever poll is due.
type acquireBus struct {
	cfg    BusConfig
	now    func() gateway.Mono
	core   chan<- Input
	ints   chan drivers.Edge
	level  chan<- levelAsk
	ask    chan chipAsk // for fresh levels, by proof
	chips  []chipState
	sample drivers.Sample
	gone   bool // the bus is not there any more: open it anew
}

// chipAsk is a question for the levels of a chip now.
type chipAsk struct {
	source int
	answer chan<- chipAnswer // has room
}

type chipAnswer struct {
	levels Levels
	err    error
}

// errChipDown answers a question about a chip that does not.
var errChipDown = errors.New("the chip cannot be read")

type chipState struct {
	up   bool
	due  gateway.Mono // next poll, or next attempt
	wait time.Duration
}

// run keeps the bus open until ctx ends.
func (b *acquireBus) run(ctx context.Context) {
	wait := retryFirst
	for ctx.Err() == nil {
		bus, err := b.cfg.Open()
		if err != nil {
			for _, c := range b.cfg.Chips {
				push(ctx, b.core, Input{Kind: DownInput, Source: c.Source, Channel: All, Err: err})
			}
		} else {
			opened := b.now()
			b.serve(ctx, bus)
			bus.Close() // the bus is gone or we are leaving
			if b.now().Sub(opened) > retryMost {
				wait = retryFirst
			}
		}
		b.pause(ctx, wait)
		wait = min(2*wait, retryMost)
	}
}

// pause waits, and meanwhile answers that no level can be read.
func (b *acquireBus) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			return
		case q := <-b.ask:
			q.answer <- chipAnswer{err: errChipDown}
		}
	}
}

// prove reads a chip because a decision needs to know.
func (b *acquireBus) prove(ctx context.Context, bus Bus, q chipAsk) {
	a := chipAnswer{err: errChipDown}
	for i, c := range b.cfg.Chips {
		if c.Source == q.source && b.chips[i].up && b.look(ctx, bus, i, 0) {
			a.err = nil
			a.levels.At = gateway.MonoOf(b.sample.At)
			a.levels.Bits[0], a.levels.Valid[0] = uint64(b.sample.Levels), uint64(b.sample.Inputs)
		}
	}
	q.answer <- a
}

// serve looks after the chips of an open bus until the bus is gone or ctx ends.
func (b *acquireBus) serve(ctx context.Context, bus Bus) {
	b.chips, b.gone = make([]chipState, len(b.cfg.Chips)), false
	for i := range b.chips {
		b.chips[i] = chipState{due: b.now(), wait: retryFirst}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for !b.gone && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case e := <-b.ints:
			for i, c := range b.cfg.Chips {
				if c.Interrupt == e.Channel && !e.Level && b.chips[i].up {
					b.answer(ctx, bus, i, e.At)
				}
			}
		case q := <-b.ask:
			b.prove(ctx, bus, q)
		case <-timer.C:
		}
		now := b.now()
		next := now.Add(time.Minute)
		for i := range b.chips {
			if b.chips[i].due <= now && len(b.ints) == 0 && !b.gone {
				b.attend(ctx, bus, i)
			}
			next = min(next, b.chips[i].due)
		}
		timer.Reset(max(next.Sub(b.now()), 0))
	}
}

// answer serves an interrupt: it looks until INT is high again, because a change between two looks holds it low
// without another edge.
func (b *acquireBus) answer(ctx context.Context, bus Bus, i int, at time.Duration) {
	for range drainMost {
		if !b.look(ctx, bus, i, at) {
			return
		}
		if high, err := b.intLevel(ctx, i); err != nil || high {
			return
		}
		at = 0
	}
}

// attend polls a chip that is up, or tries to bring up one that is not.
func (b *acquireBus) attend(ctx context.Context, bus Bus, i int) {
	c := &b.chips[i]
	if !c.up {
		if err := bus.Chips[i].Init(); err != nil {
			b.fail(ctx, i, err)
			return
		}
		c.up, c.wait = true, retryFirst
		push(ctx, b.core, Input{Kind: UpInput, Source: b.cfg.Chips[i].Source, Channel: All})
	}
	c.due = b.now().Add(b.cfg.Chips[i].Poll)
	b.look(ctx, bus, i, 0)
}

// look services a chip once, tries again where that may help, and gives what it found to the core.
func (b *acquireBus) look(ctx context.Context, bus Bus, i int, at time.Duration) bool {
	src := b.cfg.Chips[i].Source
	var err error
	for range serviceTries {
		b.sample.Reset()
		err = bus.Chips[i].Service(&b.sample, at)
		if drivers.Classify(err) == drivers.FaultReset {
			if err = bus.Chips[i].Init(); err == nil {
				push(ctx, b.core, Input{Kind: ResetInput, Source: src})
				continue
			}
		}
		if err == nil {
			return b.pass(ctx, src)
		}
	}
	b.fail(ctx, i, err)
	return false
}

// pass gives the sample to the core: first the edges, then the levels they ended with.
func (b *acquireBus) pass(ctx context.Context, src int) bool {
	for _, e := range b.sample.Edges {
		if !push(ctx, b.core, Input{Kind: EdgeInput, Source: src, Edge: e}) {
			return false
		}
	}
	l := Levels{At: gateway.MonoOf(b.sample.At)}
	l.Bits[0], l.Valid[0] = uint64(b.sample.Levels), uint64(b.sample.Inputs)
	return push(ctx, b.core, Input{Kind: LevelsInput, Source: src, Levels: l})
}

// fail marks a chip as down and says when to try again. An error that says that the bus itself is gone takes all chips
// down.
func (b *acquireBus) fail(ctx context.Context, i int, err error) {
	c := &b.chips[i]
	c.up, c.due = false, b.now().Add(c.wait)
	c.wait = min(2*c.wait, retryMost)
	push(ctx, b.core, Input{Kind: DownInput, Source: b.cfg.Chips[i].Source, Channel: All, Err: err})
	if drivers.Classify(err) != drivers.FaultMissing {
		return
	}
	b.gone = true
	for j, other := range b.cfg.Chips {
		if j != i {
			push(ctx, b.core, Input{Kind: DownInput, Source: other.Source, Channel: All, Err: err})
		}
	}
}

// intLevel asks the owner of the native lines.
func (b *acquireBus) intLevel(ctx context.Context, i int) (bool, error) {
	answer := make(chan levelAnswer, 1)
	select {
	case b.level <- levelAsk{b.cfg.Chips[i].Interrupt, answer}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case a := <-answer:
		return a.level, a.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
