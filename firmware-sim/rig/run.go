package rig

import (
	"context"
	"errors"
	"time"

	"lotusgate/firmware-sim/plant"
)

// pace ties virtual time to the wall clock: at was when the clock showed from.
type pace struct {
	from time.Time
	at   time.Duration
}

// Run lets time pass until ctx ends, at Options.Speed. It returns nil then, or the reason why the scenario failed. What
// the plant does comes to the pins as late as this process wakes up, and in the right order.
func (b *Board) Run(ctx context.Context) error {
	b.mu.Lock()
	if b.running != nil {
		b.mu.Unlock()
		return errors.New("run board: it is running already")
	}
	b.running = &pace{from: time.Now(), at: b.at}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.running = nil
		b.mu.Unlock()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		b.mu.Lock()
		err := b.catchUp()
		wait := b.wait()
		b.mu.Unlock()
		if err != nil {
			return err
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-b.kick:
		}
	}
}

// Advance lets virtual time pass at once. While Run is running it does nothing but catch up.
func (b *Board) Advance(d time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running != nil {
		return b.catchUp()
	}
	return b.to(b.at + d)
}

// Next is when something is next due by itself, in virtual time; plant.Never when nothing is.
func (b *Board) Next() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.due()
}

// now is the virtual time; b.mu is held.
func (b *Board) now() time.Duration {
	if b.running == nil {
		return b.at
	}
	return max(b.at, b.running.at+time.Duration(float64(time.Since(b.running.from))*b.opt.Speed))
}

// wait is how long Run may sleep.
func (b *Board) wait() time.Duration {
	const long = time.Hour
	due := b.due()
	if due == plant.Never {
		return long
	}
	// A nanosecond more, so that rounding does not wake it too early, for nothing.
	return min(long, time.Duration(float64(due-b.now())/b.opt.Speed)+1)
}

// wake makes Run look again.
func (b *Board) wake() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// catchUp brings everything to the virtual time of now.
func (b *Board) catchUp() error { return b.to(b.now()) }

// due is when the plant or the scenario is next due.
func (b *Board) due() time.Duration {
	next := b.field.Step(b.at)
	if b.cue.Do != nil {
		next = min(next, max(b.cue.At, b.at))
	}
	return next
}

// to brings everything to a time, through each moment at which something is due.
func (b *Board) to(end time.Duration) error {
	for {
		next := b.due()
		if next > end {
			b.at = max(b.at, end)
			return nil
		}
		b.at = next
		b.settle()
		for b.cue.Do != nil && b.cue.At <= b.at {
			a := b.cue.Do
			b.next()
			if err := b.act(a); err != nil {
				b.cue.Do = nil
				return err
			}
			b.settle()
		}
	}
}

// next takes the next cue from the scenario.
func (b *Board) next() {
	b.cue = Cue{}
	if b.opt.Scenario == nil {
		return
	}
	if c, ok := b.opt.Scenario(); ok {
		b.cue = c
	}
}
