package device

import (
	"time"

	"lotusgate/gateway"
)

// Budget turns an input that chatters into one fault with a count. It counts settled changes per minute; what goes beyond
// the budget begins a fault, which ends when a whole minute has brought at most half of the budget.
type Budget struct {
	Most uint32 // changes in a minute; 0 = no limit

	window gateway.Mono // the minute in progress began then
	n      uint32       // changes within it
	over   bool
	total  uint64 // changes since the minute in which the fault began
}

// Chattering tells whether the fault stands, and how many changes it has brought.
func (b Budget) Chattering() (count uint64, ok bool) { return b.total, b.over }

// Change counts a settled change. began tells that it is the first one too many.
func (b Budget) Change(at gateway.Mono) (next Budget, began bool) {
	if b.Most == 0 {
		return b, false
	}
	if !b.over && at.Sub(b.window) >= time.Minute {
		b.window, b.n, b.total = at, 0, 0
	}
	b.n++
	b.total++
	if b.over || b.n <= b.Most {
		return b, false
	}
	b.over = true
	return b, true
}

// Tick lets time pass. ended tells that the fault is over; wake is when to call again, zero while there is no fault.
func (b Budget) Tick(now gateway.Mono) (next Budget, ended bool, wake gateway.Mono) {
	if !b.over {
		return b, false, 0
	}
	end := b.window.Add(time.Minute)
	if now < end {
		return b, false, end
	}
	quiet := b.n <= b.Most/2 || now.Sub(end) >= time.Minute
	b.window, b.n = now, 0
	if quiet {
		b.over = false
		return b, true, 0
	}
	return b, false, now.Add(time.Minute)
}
