package device

import (
	"time"

	"lotusgate/gateway"
)

// Elevator watches the fault contact of one lift. It is read only by construction: no Input of this machine can move
// anything, and it has no output. With only a fault contact wired it reports a fault, never an entrapment.
type Elevator struct {
	raiseAfter, clearAfter time.Duration

	contact Signal
	fault   bool
	known   bool
	since   gateway.Mono
}

// NewElevator returns an elevator of which nothing is known. A fault counts when the contact has shown it for
// raiseAfter, and is over when it has been quiet for clearAfter.
func NewElevator(raiseAfter, clearAfter time.Duration) Elevator {
	return Elevator{raiseAfter: raiseAfter, clearAfter: clearAfter}
}

// Step takes RoleInput: the fault contact.
func (e Elevator) Step(now gateway.Mono, in Input) (Elevator, Effects, gateway.Mono) {
	var fx Effects
	if in.Kind == SignalChanged && in.Role == RoleInput {
		// A contact that was lost and comes back unchanged goes on where it was; one that toggled within the outage
		// starts its time anew, because Since does.
		e.contact = in.Signal
		if !e.contact.Known() {
			return e, fx, 0
		}
	}
	if !e.contact.Known() || e.known && e.contact.On == e.fault {
		return e, fx, 0
	}
	wait := e.clearAfter
	if e.contact.On {
		wait = e.raiseAfter
	}
	if due := e.contact.Since.Add(wait); now < due {
		return e, fx, due
	}
	first := !e.known
	e.known, e.fault, e.since = true, e.contact.On, e.contact.Since
	switch {
	case e.fault:
		fx.emit(gateway.ElevatorFaultRaised, e.since, gateway.ElevatorFaultData{Fault: "general"})
	case !first:
		fx.emit(gateway.ElevatorFaultCleared, e.since, gateway.ElevatorFaultData{Fault: "general"})
	}
	return e, fx, 0
}

// State is normal or fault; stale while the contact cannot be read.
func (e Elevator) State() gateway.DeviceState {
	if !e.known {
		return gateway.DeviceState{}
	}
	s := gateway.DeviceState{Value: "normal", Quality: gateway.Good, Since: e.since}
	if e.fault {
		s.Value = "fault"
	}
	if !e.contact.Known() {
		s.Quality = gateway.Stale
	}
	return s
}
