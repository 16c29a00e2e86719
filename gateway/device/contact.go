package device

import (
	"time"

	"lotusgate/gateway"
)

// Contact is any sensor of a building that opens or closes a contact: a flooded pump room, a roof door, a charging point's
// fault. The site says how bad it is, how long it must last, and what it is called.
type Contact struct {
	severity gateway.Severity
	text     string
	contact  delay
}

// ContactConfig is what a site says about a contact.
type ContactConfig struct {
	Severity               gateway.Severity
	Text                   string // the site's own words for "raised"; "" = none
	RaiseAfter, ClearAfter time.Duration
}

// NewContact returns a contact of which nothing is known.
func NewContact(cfg ContactConfig) Contact {
	return Contact{severity: cfg.Severity, text: cfg.Text, contact: delay{raise: cfg.RaiseAfter, clear: cfg.ClearAfter}}
}

// Step takes RoleInput.
func (c Contact) Step(now gateway.Mono, in Input) (Contact, Effects, gateway.Mono) {
	var fx Effects
	was := c.contact.since
	if in.Kind == SignalChanged && in.Role == RoleInput {
		c.contact = c.contact.set(in.Signal)
	}
	var changed, first bool
	c.contact, changed, first = c.contact.tick(now)
	switch data := (gateway.ContactData{Text: c.text, Severity: c.severity}); {
	case !changed:
	case c.contact.on: // one that stood there at start is raised, too: nobody may have heard of it
		fx.emit(gateway.ContactRaised, c.contact.since, data)
	case !first:
		data.RaisedMS, data.Severity = millis(was, c.contact.since), gateway.Info
		fx.emit(gateway.ContactCleared, c.contact.since, data)
	}
	return c, fx, after(now, c.contact.due())
}

// State is raised or clear; stale while the contact cannot be read, or is in doubt.
func (c Contact) State() gateway.DeviceState {
	if !c.contact.known {
		return gateway.DeviceState{}
	}
	s := gateway.DeviceState{Value: "clear", Quality: gateway.Good, Since: c.contact.since}
	if c.contact.on {
		s.Value = "raised"
	}
	if !c.contact.in.Known() {
		s.Quality = gateway.Stale
	}
	return s
}
