package field

import (
	"context"
	"fmt"

	"lotusgate/drivers"
)

// errNoBus is the answer to who wants something driven while the bus is not open.
var errNoBus = &drivers.Error{Fault: drivers.FaultMissing, Op: "drive output: the bus is not there"}

// fail marks a chip as down and says when to try again. An error that says that the bus itself is gone takes all chips
// down.
func (b *acquireBus) fail(ctx context.Context, i int, err error) {
	c := &b.chips[i]
	c.due = b.now().Add(c.wait)
	c.wait = min(2*c.wait, retryMost)
	fault := drivers.Classify(err)
	if fault == drivers.FaultTimeout && c.fault != fault {
		for j := range b.chips { // is it this chip, or the bus?
			if b.chips[j].up && j != i {
				b.chips[j].due, b.chips[j].suspect = b.now(), true
			}
		}
	}
	c.up, c.fault = false, fault
	if fault == drivers.FaultMissing {
		b.gone = true
		b.allDown(ctx, err)
		return
	}
	was := b.verdict
	if b.verdict = b.judge(); b.verdict == drivers.FaultNone {
		b.core.push(ctx, Input{Kind: DownInput, Source: b.cfg.Chips[i].Source, Channel: All, Err: err})
		return
	}
	err = &drivers.Error{Fault: b.verdict, Op: "bus " + b.cfg.ID, Err: fmt.Errorf("last try: %w", err)}
	if was != b.verdict {
		b.allDown(ctx, err)
		return
	}
	b.core.push(ctx, Input{Kind: DownInput, Source: b.cfg.Chips[i].Source, Channel: All, Err: err})
}

// suspects tells whether a chip that is up waits to be asked whether the bus hangs. To try one again that is down takes a
// second there, in which the others are believed.
func (b *acquireBus) suspects() bool {
	for i := range b.chips {
		if b.chips[i].up && b.chips[i].suspect {
			return true
		}
	}
	return false
}

// judge tells what the failures of all chips say together about the bus.
func (b *acquireBus) judge() drivers.Fault {
	hung, silent := true, true
	for i := range b.chips {
		f := b.chips[i].fault
		hung = hung && f == drivers.FaultTimeout
		silent = silent && (f == drivers.FaultTimeout || f == drivers.FaultNoAck || f == drivers.FaultRemoteIO)
	}
	switch {
	case !b.answered && (hung || silent && len(b.chips) > 1):
		return drivers.FaultDeadBus
	case hung:
		return drivers.FaultHung
	}
	return drivers.FaultNone
}

// works notes that a chip has answered, and with it the bus. Chips that were down with the bus are tried at once.
func (b *acquireBus) works(ctx context.Context, i int) {
	b.answered, b.chips[i].fault = true, drivers.FaultNone
	if b.verdict != drivers.FaultNone {
		b.verdict = drivers.FaultNone
		for j := range b.chips {
			b.chips[j].due, b.chips[j].wait = b.now(), retryFirst
		}
	}
	if !b.up {
		b.up = true
		b.core.push(ctx, Input{Kind: UpInput, Source: b.cfg.Source, Channel: All})
	}
}

// allDown marks the bus and every chip of it as down.
func (b *acquireBus) allDown(ctx context.Context, err error) {
	b.up = false
	b.core.push(ctx, Input{Kind: DownInput, Source: b.cfg.Source, Channel: All, Err: err})
	for i, c := range b.cfg.Chips {
		b.chips[i].up = false
		b.core.push(ctx, Input{Kind: DownInput, Source: c.Source, Channel: All, Err: err})
	}
}
