package field

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
)

// readers are the readers of lines and buses of a Lockstep. They take turns: lines before buses, so that an interrupt is
// known before a poll begins.
type readers struct {
	all    []*coroutine
	cancel context.CancelFunc
	ctx    context.Context
	found  []Input // until their turn is over
	lines  *acquireLines
	held   *heldLines // once they have ended
	chips  []chan<- chipAsk

	current *coroutine
	still   gateway.Mono // nothing but the current one is due before
}

// push implements inlet: the core is told when the turn is over.
func (r *readers) push(_ context.Context, in Input) bool {
	r.found = append(r.found, in)
	return true
}

// Acquire lets the field read lines and buses itself from Begin on, with the readers of Field. Then Edge, Reread and levels
// are not for its owner to tell; the hardware calls Pass for the time that a transfer takes.
func (l *Lockstep) Acquire() { l.acquires = true }

// Pass lets the time of a transfer pass for who waits for it, while everything else goes on. It is false when nobody waits
// any more.
func (l *Lockstep) Pass(d time.Duration) bool {
	if l.readers == nil || l.readers.current == nil {
		return true
	}
	return l.readers.current.wait(l.now.Add(d), nil)
}

// acquire starts the readers, as Field does.
func (l *Lockstep) acquire(held *heldLines) {
	r := &readers{chips: make([]chan<- chipAsk, len(l.cfg.Sources))}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	l.readers = r
	now := func() gateway.Mono { return l.now }
	toINT := map[int]chan<- drivers.Edge{}
	r.lines = &acquireLines{now: now, core: r, toINT: toINT, turn: l.coroutine(), held: held, watched: &atomic.Int64{}}
	var buses []*acquireBus
	for _, b := range l.cfg.Buses {
		a := &acquireBus{
			cfg: b, now: now, core: r, ints: make(chan drivers.Edge, 64), level: r.lines.read,
			ask: make(chan chipAsk, mostWaiting), turn: l.coroutine(),
		}
		for _, c := range b.Chips {
			for _, channel := range c.Interrupts {
				toINT[channel] = a.ints
			}
			r.chips[c.Source] = a.ask
		}
		buses = append(buses, a)
	}
	if l.cfg.Lines != nil {
		r.lines.cfg = *l.cfg.Lines
		r.begin(r.lines.turn, func() { r.held = r.lines.run(r.ctx) })
	} else {
		held.close()
	}
	for _, a := range buses {
		r.begin(a.turn, func() { a.run(r.ctx) })
	}
}

func (l *Lockstep) coroutine() *coroutine {
	return &coroutine{now: func() gateway.Mono { return l.now }, passes: l.passes}
}

func (r *readers) begin(c *coroutine, run func()) {
	c.start(run)
	r.all = append(r.all, c)
}

// leave ends the readers, and returns the lines that they leave open.
func (l *Lockstep) leave() *heldLines {
	r := l.readers
	if r == nil {
		return nil
	}
	l.readers = nil
	r.cancel()
	for _, c := range r.all {
		c.end()
	}
	return r.held
}

// End takes the readers away, as the end of the process does: what they were about to say is never heard.
func (l *Lockstep) End() { l.leave().close() }

// takeTurns lets every reader go on that can, until all of them wait.
func (l *Lockstep) takeTurns() {
	r := l.readers
	if r == nil {
		return
	}
	for moved := true; moved; {
		moved = false
		for _, c := range r.all {
			if !c.runnable() {
				continue
			}
			moved = true
			r.current, r.still = c, l.dueBeside(c)
			c.resume()
			r.current = nil
			l.hear()
		}
		if slices.ContainsFunc(r.all, (*coroutine).ended) {
			r.all = slices.DeleteFunc(r.all, (*coroutine).ended)
		}
	}
}

// hear gives the core what readers have found.
func (l *Lockstep) hear() {
	r := l.readers
	for i := range r.found {
		l.core.take(l.now, &r.found[i])
	}
	r.found = r.found[:0]
}

// passes lets time pass where nothing is due before and nobody else is wanted: neither a transfer that nothing happens in
// nor a look that finds nothing costs a turn.
func (l *Lockstep) passes(until gateway.Mono) bool {
	r := l.readers
	if r == nil || until > r.still {
		return false
	}
	if len(r.found) > 0 {
		l.hear()
		if l.told || len(l.asked) > 0 {
			return false
		}
		if r.still = l.dueBeside(r.current); until >= r.still {
			return false // who is due at the same time has his turn in the order of all
		}
	}
	for _, c := range r.all {
		if c != r.current && c.ready != nil && c.ready() {
			return false
		}
	}
	l.now = max(l.now, until)
	return true
}

// dueBeside is when something is due beside a reader, and never after the time that Advance was given.
func (l *Lockstep) dueBeside(of *coroutine) gateway.Mono {
	due := min(l.dueByItself(), l.to)
	for _, c := range l.readers.all {
		if c != of {
			due = min(due, c.due)
		}
	}
	return due
}

// dueReading is when something is due, readers among it.
func (l *Lockstep) dueReading() gateway.Mono {
	next := l.dueByItself()
	if l.readers == nil {
		return next
	}
	for _, c := range l.readers.all {
		if c.runnable() {
			return l.now
		}
		next = min(next, c.due)
	}
	return next
}

// prove lets a reader answer a question with fresh levels.
func (l *Lockstep) prove(q question) {
	r := l.readers
	p := &proof{cfg: l.cfg, now: func() gateway.Mono { return l.now }, core: r, lines: r.lines.read, chips: r.chips, turn: l.coroutine()}
	r.begin(p.turn, func() { p.answerInTurn(r.ctx, q, l.safety[q.device]) })
}
