package device

import (
	"strconv"
	"time"

	"lotusgate/gateway"
)

// Counter counts the pulses of a meter. It tells at most once in a while how far it has come, not every pulse.
type Counter struct {
	every time.Duration

	in    Signal
	count uint64
	told  uint64       // count of the last event
	last  gateway.Mono // pulse
	due   gateway.Mono // next event; zero = nothing to tell
	since gateway.Mono // of the value
}

// NewCounter returns a counter at zero. every is how long an event waits for more pulses.
func NewCounter(every time.Duration) Counter { return Counter{every: every} }

// Step takes RoleInput.
func (c Counter) Step(now gateway.Mono, in Input) (Counter, Effects, gateway.Mono) {
	var fx Effects
	if in.Kind == SignalChanged && in.Role == RoleInput {
		was := c.in
		c.in = in.Signal
		if c.since.IsZero() {
			c.since = in.at(now)
		}
		if c.in.Known() && was.Known() && c.in.On && !was.On {
			c.count++
			c.last, c.since = in.Signal.Since, in.Signal.Since
			if c.due.IsZero() {
				c.due = now.Add(c.every)
			}
		}
	}
	if !c.due.IsZero() && now >= c.due {
		fx.emit(gateway.CounterAdvanced, c.last, gateway.CounterData{Count: c.count, By: c.count - c.told})
		c.told, c.due = c.count, 0
	}
	return c, fx, after(now, c.due)
}

// State is the number of pulses; stale while the contact cannot be read.
func (c Counter) State() gateway.DeviceState {
	if c.since.IsZero() {
		return gateway.DeviceState{}
	}
	return gateway.DeviceState{
		Value: strconv.FormatUint(c.count, 10), Number: true, Quality: max(c.in.Quality, gateway.Stale), Since: c.since,
	}
}
