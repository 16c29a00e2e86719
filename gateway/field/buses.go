package field

import (
	"context"
	"errors"
	"slices"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
)

// drainMost is how often chips are looked at in a row while INT stays low.
const drainMost = 8

// rests are the pauses before a look is repeated. Together they are short enough for the latch of another chip to wait.
var rests = [...]time.Duration{time.Millisecond, 4 * time.Millisecond}

// acquireBus is the one owner of a bus: interrupts first, then whatever poll is due, then what somebody wants driven.
type acquireBus struct {
	cfg   BusConfig
	now   func() gateway.Mono
	core  inlet
	ints  chan drivers.Edge
	level levelOf
	drive chan driveAsk
	ask   chan chipAsk // for fresh levels, by proof
	turn  *coroutine   // nil = a goroutine
	wants []chipAsk    // that wait for a value, oldest first

	asked, called func() bool // whether something waits: a question, or also INT; of a coroutine

	chips    []chipState
	sample   drivers.Sample
	gone     bool          // the bus is not there any more: open it anew
	answered bool          // a chip has answered since the start
	up       bool          // what the core was told of the bus
	verdict  drivers.Fault // on the bus as a whole, from the failures of its chips
	count    traffic
}

// chipAsk is a question for the levels of a chip now, or for the next value that it measures on a channel.
type chipAsk struct {
	source  int
	channel int // of the value; -1 = levels
	at      gateway.Mono
	answer  chan<- chipAnswer // has room
}

type chipAnswer struct {
	levels Levels
	value  drivers.Reading
	err    error
}

// mostWaiting bounds the questions that wait for a value: one for each safety input of a few gates.
const mostWaiting = 64

// errChipDown answers a question about a chip that does not.
var errChipDown = errors.New("the chip cannot be read")

type chipState struct {
	up      bool
	fault   drivers.Fault // why the last attempt failed
	due     gateway.Mono  // next poll, or next attempt
	wait    time.Duration
	suspect bool // another one has timed out: it is asked whether that was the bus, before any is tried again
	retries uint64
	missed  uint64           // pulses that were over too soon, since the start
	before  uint64           // of these, before the bus was opened the last time
	intAt   [2]time.Duration // INT edges that nobody has looked after
	watch   watch
}

// run keeps the bus open until ctx ends.
func (b *acquireBus) run(ctx context.Context) {
	b.chips = make([]chipState, len(b.cfg.Chips))
	b.asked = func() bool { return len(b.drive)+len(b.ask) > 0 }
	b.called = func() bool { return len(b.ints) > 0 || b.asked() }
	wait := retryFirst
	for ctx.Err() == nil {
		bus, err := b.cfg.Open()
		if err != nil {
			b.allDown(ctx, err)
		} else {
			opened := b.now()
			b.serve(ctx, bus)
			_ = bus.Close() // the bus is gone or we are leaving
			if b.now().Sub(opened) > retryMost {
				wait = retryFirst
			}
		}
		if ctx.Err() == nil {
			b.pause(ctx, wait)
		}
		wait = min(2*wait, retryMost)
	}
}

// word is what the owner of a bus is woken by; none of them = time.
type word struct {
	edge  *drivers.Edge
	drive *driveAsk
	ask   *chipAsk
}

// await waits for a word until a time. Only here and in rest does the owner of a bus wait for anything but its transfers.
// Edges of INT come only when they are listened to.
func (b *acquireBus) await(ctx context.Context, until gateway.Mono, listen bool) (w word) {
	ints := b.ints
	if !listen {
		ints = nil
	}
	if b.turn != nil {
		ready := b.asked
		if listen {
			ready = b.called
		}
		b.turn.wait(until, ready)
		switch {
		case len(ints) > 0:
			w.edge = new(<-ints)
		case len(b.drive) > 0:
			w.drive = new(<-b.drive)
		case len(b.ask) > 0:
			w.ask = new(<-b.ask)
		}
		return w
	}
	timer := time.NewTimer(max(until.Sub(b.now()), 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case e := <-ints:
		w.edge = &e
	case q := <-b.drive:
		w.drive = &q
	case q := <-b.ask:
		w.ask = &q
	case <-timer.C:
	}
	return w
}

// pause waits, and meanwhile answers that nothing can be driven or read.
func (b *acquireBus) pause(ctx context.Context, d time.Duration) {
	until := b.now().Add(d)
	for ctx.Err() == nil && b.now() < until {
		w := b.await(ctx, until, false)
		switch {
		case w.drive != nil:
			if w.drive.urgent {
				until = min(until, b.now().Add(retryFirst))
			}
			w.drive.answer <- errNoBus
		case w.ask != nil:
			w.ask.answer <- chipAnswer{err: errNoBus}
		}
	}
}

// fresh reads a chip because a decision needs to know.
func (b *acquireBus) fresh(ctx context.Context, bus Bus, q chipAsk) {
	if q.channel >= 0 { // converters take turns over their channels
		if len(b.wants) == mostWaiting {
			b.wants = slices.Delete(b.wants, 0, 1)
		}
		b.wants = append(b.wants, q)
		return
	}
	a := chipAnswer{err: errChipDown}
	for i, c := range b.cfg.Chips {
		if c.Source == q.source && b.chips[i].up && b.look(ctx, bus, i, [2]time.Duration{}) {
			a.err = nil
			a.levels.At = gateway.MonoOf(b.sample.At)
			a.levels.Bits[0], a.levels.Valid[0] = uint64(b.sample.Levels), uint64(b.sample.Inputs)
		}
	}
	q.answer <- a
}

// serve looks after the chips of an open bus until the bus is gone or ctx ends.
func (b *acquireBus) serve(ctx context.Context, bus Bus) {
	b.gone = false
	for i := range b.chips {
		b.chips[i].up, b.chips[i].due, b.chips[i].wait = false, b.now(), retryFirst
		b.chips[i].before = b.chips[i].missed
	}
	defer b.tally(ctx, bus, true)
	for due := b.now(); !b.gone && ctx.Err() == nil; {
		w := b.await(ctx, due, true)
		switch {
		case w.edge != nil:
			b.note(*w.edge)
			b.answer(ctx, bus)
		case w.drive != nil:
			w.drive.answer <- b.set(ctx, bus, *w.drive)
		case w.ask != nil:
			b.fresh(ctx, bus, *w.ask)
		}
		b.tally(ctx, bus, false)
		now := b.now()
		due = b.count.due
		for i := range b.chips {
			if b.chips[i].due <= now && len(b.ints) == 0 && !b.gone && (b.chips[i].up || !b.suspects()) {
				b.attend(ctx, bus, i)
			}
			due = min(due, b.chips[i].due)
		}
	}
}

// note keeps the time of an INT edge for every chip on that line. A rise alone asks for nothing, but proves the wire: where
// a poll read the chip as it fell, the kernel merges both edges into the later one.
func (b *acquireBus) note(e drivers.Edge) {
	for i, c := range b.cfg.Chips {
		for port, channel := range c.Interrupts {
			if channel != e.Channel || !b.chips[i].up {
				continue
			}
			b.chips[i].watch.fired = true
			if !e.Level {
				b.chips[i].intAt[port] = e.At
			}
		}
	}
}

// answer serves interrupts: each chip that asks is looked at in turn, until INT is high again, because a change between
// two looks holds it low without another edge.
func (b *acquireBus) answer(ctx context.Context, bus Bus) {
	for range drainMost {
		for len(b.ints) > 0 { // of the other port, or of another chip
			b.note(<-b.ints)
		}
		asked := false
		for i := range b.chips {
			c := &b.chips[i]
			if c.intAt == [2]time.Duration{} || !c.up {
				continue
			}
			at := c.intAt
			c.intAt = [2]time.Duration{}
			if !b.look(ctx, bus, i, at) {
				continue
			}
			if low, err := b.intLow(ctx, i); err == nil && low {
				asked, c.intAt[0] = true, stillLow
			}
		}
		if !asked {
			return
		}
	}
	for i := range b.chips {
		b.chips[i].intAt = [2]time.Duration{}
	}
}

// stillLow asks for a look at no INT edge's time: it is before every edge, so no driver pins an event on it.
const stillLow = time.Nanosecond

// attend polls a chip that is up, or tries to bring up one that is not.
func (b *acquireBus) attend(ctx context.Context, bus Bus, i int) {
	c := &b.chips[i]
	c.suspect = false
	if !c.up {
		if err := bus.Chips[i].Init(); err != nil {
			b.fail(ctx, i, err)
			return
		}
		b.works(ctx, i)
		c.up, c.wait, c.intAt, c.watch.dumb = true, retryFirst, [2]time.Duration{}, 0
		b.core.push(ctx, Input{Kind: UpInput, Source: b.cfg.Chips[i].Source, Channel: All})
	}
	c.due = b.now().Add(b.poll(i))
	if b.look(ctx, bus, i, [2]time.Duration{}) {
		b.watchInterrupt(ctx, i)
	}
}

// look services a chip once, tries again where that may help, and gives what it found to the core.
func (b *acquireBus) look(ctx context.Context, bus Bus, i int, at [2]time.Duration) bool {
	c, src := &b.chips[i], b.cfg.Chips[i].Source
	for try := 0; ; try++ {
		err := b.service(bus.Chips[i], at)
		if drivers.Classify(err) == drivers.FaultReset {
			if err = b.renew(ctx, bus, i); err == nil {
				err = b.service(bus.Chips[i], [2]time.Duration{})
			}
		}
		if err == nil {
			b.works(ctx, i)
			return b.pass(ctx, src)
		}
		if try == len(rests) || !passing(drivers.Classify(err)) || !b.rest(ctx, rests[try]) {
			b.fail(ctx, i, err)
			return false
		}
		c.retries++
	}
}

// renew sets a chip up again that had lost its registers.
func (b *acquireBus) renew(ctx context.Context, bus Bus, i int) error {
	err := bus.Chips[i].Init()
	if err == nil {
		b.core.push(ctx, Input{Kind: ResetInput, Source: b.cfg.Chips[i].Source})
	}
	return err
}

func (b *acquireBus) service(c Chip, at [2]time.Duration) error {
	b.sample.Reset()
	if p, ok := c.(Ports); ok {
		return p.ServicePorts(&b.sample, at)
	}
	return c.Service(&b.sample, max(at[0], at[1]))
}

// passing tells whether a fault may be over in a few milliseconds. One that takes the kernel a second to find is not
// worth another while other chips wait.
func passing(f drivers.Fault) bool {
	switch f {
	case drivers.FaultTimeout, drivers.FaultMissing, drivers.FaultDenied, drivers.FaultBusy:
		return false
	}
	return true
}

func (b *acquireBus) rest(ctx context.Context, d time.Duration) bool {
	if b.turn != nil {
		return b.turn.wait(b.now().Add(d), nil)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// pass gives the sample to the core: first the edges, then the levels they ended with, then what was measured.
func (b *acquireBus) pass(ctx context.Context, src int) bool {
	for _, e := range b.sample.Edges {
		if !b.core.push(ctx, Input{Kind: EdgeInput, Source: src, Edge: e}) {
			return false
		}
	}
	l := Levels{At: gateway.MonoOf(b.sample.At)}
	l.Bits[0], l.Valid[0] = uint64(b.sample.Levels), uint64(b.sample.Inputs)
	if !b.core.push(ctx, Input{Kind: LevelsInput, Source: src, Levels: l}) {
		return false
	}
	for _, r := range b.sample.Readings {
		b.wants = slices.DeleteFunc(b.wants, func(q chipAsk) bool {
			match := q.source == src && q.channel == r.Channel && gateway.MonoOf(r.At) >= q.at
			if match {
				q.answer <- chipAnswer{value: r}
			}
			return match
		})
		if !b.core.push(ctx, Input{Kind: ReadingInput, Source: src, Reading: r}) {
			return false
		}
	}
	return true
}

// poll is how often a chip is looked at: soon, while its INT wire cannot be relied on.
func (b *acquireBus) poll(i int) time.Duration {
	if b.chips[i].watch.blind {
		return min(b.cfg.Chips[i].Poll, pollBlind)
	}
	return b.cfg.Chips[i].Poll
}
