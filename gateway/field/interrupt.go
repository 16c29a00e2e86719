package field

import (
	"context"
	"errors"
	"time"

	"lotusgate/drivers"
)

const (
	// pollBlind is how often a chip is looked at whose INT wire cannot be relied on: within the shortest pulse of a
	// detector, 50 ms, and twice.
	pollBlind = 20 * time.Millisecond
	// dumbMost changes that only a poll found, without an INT edge in between, say that INT does not fire. One may
	// happen: a change while the register is on the wire raises no interrupt.
	dumbMost = 2
	// stuckMost polls without one between that saw INT high say that something holds it, if what they found does not
	// explain it.
	stuckMost = 3
)

// watch is what is known about the INT wire of a chip.
type watch struct {
	fired bool // since the last poll
	dumb  int  // polls in a row that found a change, and INT had not fired
	stuck int  // polls after which INT was low for no reason, since it was high
	fault drivers.Fault
	blind bool // it cannot be relied on
}

var (
	errIntDead  = errors.New("changes are found by polling, INT never fell: look for a broken INT wire or a missing pull-up")
	errIntStuck = errors.New("INT is low and nothing is pending: look for an INT wire shorted to ground, or another chip on it")
)

// watchInterrupt comes after each successful poll of a chip and compares what it found with what INT said.
func (b *acquireBus) watchInterrupt(ctx context.Context, i int) {
	if len(b.cfg.Chips[i].Interrupts) == 0 {
		return
	}
	w := &b.chips[i].watch
	changed, fired := len(b.sample.Edges) > 0, w.fired
	w.fired = false
	low, err := b.intLow(ctx, i)
	switch {
	case err != nil:
		w.dumb, w.stuck = 0, 0
	case fired:
		w.dumb = 0
	case changed && !low && len(b.ints) == 0: // what is held low cannot fall
		w.dumb++
	}
	switch {
	case !low:
		w.stuck = 0
	case !changed || !fired: // the poll has let go of it; another change since would follow an edge
		w.stuck++
	}
	fault, why := drivers.FaultNone, error(nil)
	switch {
	case errors.Is(err, errNoLines) || ctx.Err() != nil:
		w.blind = true // the owner of the lines tells it
		return
	case err != nil:
		fault, why = drivers.Classify(err), err
	case w.stuck >= stuckMost, low && w.fault == drivers.FaultIntStuck: // one change does not free the wire
		fault, why = drivers.FaultIntStuck, errIntStuck
	case w.dumb >= dumbMost:
		fault, why = drivers.FaultIntDead, errIntDead
	}
	w.blind = fault != drivers.FaultNone
	if fault == w.fault {
		return
	}
	w.fault = fault
	if fault != drivers.FaultNone {
		why = &drivers.Error{Fault: fault, Op: "watch INT", Err: why}
	}
	b.core.push(ctx, Input{Kind: InterruptInput, Source: b.cfg.Chips[i].Source, Err: why})
}

// intLow asks the owner of the native lines whether a chip holds INT low. Chips may share a line.
func (b *acquireBus) intLow(ctx context.Context, i int) (bool, error) {
	for _, channel := range b.cfg.Chips[i].Interrupts {
		if level, err := b.level(ctx, channel); err != nil || !level {
			return err == nil, err
		}
	}
	return false, nil
}
