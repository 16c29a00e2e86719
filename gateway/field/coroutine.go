package field

import (
	"iter"

	"lotusgate/gateway"
)

// coroutine is a reader that goes on when its owner lets it, until it waits again. What reads lines and buses is the same
// code in a daemon, where each reader is a goroutine and this is nil, and in a Lockstep, where one goroutine has all of
// them take turns: who goes on, and when, is decided by nobody but its owner.
type coroutine struct {
	due   gateway.Mono // it goes on then
	ready func() bool  // or as soon as something waits for it; nil = nothing can
	over  bool

	passes func(until gateway.Mono) bool // lets time pass at once, where nothing else is due before
	now    func() gateway.Mono
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

// start makes a coroutine of run, which has not begun.
func (c *coroutine) start(run func()) {
	c.due = c.now()
	c.resume, c.stop = iter.Pull(func(yield func(struct{}) bool) {
		c.yield = yield
		run()
		c.over = true
	})
}

// runnable tells whether it wants to go on now.
func (c *coroutine) runnable() bool {
	return !c.over && (c.due <= c.now() || c.ready != nil && c.ready())
}

func (c *coroutine) ended() bool { return c.over }

// end lets it return from where it waits. What it does on the way is nobody's business any more.
func (c *coroutine) end() {
	c.over = true
	c.stop()
}

// wait lets the others go on until a time, or until something waits. It is false when the coroutine shall end.
func (c *coroutine) wait(until gateway.Mono, ready func() bool) bool {
	for !c.over && c.now() < until && (ready == nil || !ready()) {
		if c.passes(until) {
			continue
		}
		c.due, c.ready = until, ready
		if !c.yield(struct{}{}) {
			c.over = true
		}
	}
	return !c.over
}
