package device

import (
	"time"

	"lotusgate/gateway"
)

// Condition is a contact of the gateway's own cabinet with two events: the mains are lost and back, the door was opened
// and closed.
type Condition struct {
	begins, ends gateway.Type // begins raises an alarm that ends clears
	contact      delay
	inverted     bool
}

// NewCondition returns a condition of which nothing is known. It counts when it has lasted for after.
func NewCondition(begins, ends gateway.Type, after time.Duration) Condition {
	return Condition{begins: begins, ends: ends, contact: delay{raise: after, clear: after}}
}

// Inverted is a condition whose contact is on while all is well.
func (c Condition) Inverted() Condition {
	c.inverted = true
	return c
}

// Step takes RoleInput.
func (c Condition) Step(now gateway.Mono, in Input) (Condition, Effects, gateway.Mono) {
	var fx Effects
	was := c.contact.since
	if in.Kind == SignalChanged && in.Role == RoleInput {
		in.Signal.On = in.Signal.On != c.inverted
		c.contact = c.contact.set(in.Signal)
	}
	var changed, first bool
	c.contact, changed, first = c.contact.tick(now)
	switch {
	case !changed:
	case c.contact.on: // one that stood at start is told, too
		fx.emit(c.begins, c.contact.since, gateway.WindowData{})
	case !first:
		fx.emit(c.ends, c.contact.since, gateway.WindowData{ForMS: millis(was, c.contact.since)})
	}
	return c, fx, after(now, c.contact.due())
}

// Signal is on while the condition lasts.
func (c Condition) Signal() Signal {
	if !c.contact.known || !c.contact.in.Known() {
		return Signal{On: c.contact.on, Since: c.contact.since}
	}
	return Signal{On: c.contact.on, Quality: gateway.Good, Since: c.contact.since}
}

// State is on or off.
func (c Condition) State() gateway.DeviceState {
	s := gateway.DeviceState{Value: "off", Quality: c.Signal().Quality, Since: c.contact.since}
	if c.contact.on {
		s.Value = "on"
	}
	return s
}

// Snapshot is what Restore wants.
func (c Condition) Snapshot() ContactSnapshot {
	if !c.contact.on {
		return ContactSnapshot{}
	}
	return ContactSnapshot{true, c.contact.since}
}

// Restore goes on from a snapshot.
func (c Condition) Restore(s ContactSnapshot, shift time.Duration) Condition {
	c.contact = c.contact.restore(s.Raised, moved(s.Since, shift))
	return c
}

// Stands is for Kept.
func (c Condition) Stands(alarm string) bool { return c.contact.on && alarm == c.begins.Name() }
