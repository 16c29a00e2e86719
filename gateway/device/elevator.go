package device

import (
	"time"

	"lotusgate/gateway"
)

// Elevator watches the fault contact of one lift. It is read only by construction: no Input of this machine can move
// anything, and it has no output. With only a fault contact wired it reports a fault, never an entrapment.
type Elevator struct {
	fault delay
}

// NewElevator returns an elevator of which nothing is known. A fault counts when the contact has shown it for
// raiseAfter, and is over when it has been quiet for clearAfter.
func NewElevator(raiseAfter, clearAfter time.Duration) Elevator {
	return Elevator{fault: delay{raise: raiseAfter, clear: clearAfter}}
}

// Step takes RoleInput: the fault contact.
func (e Elevator) Step(now gateway.Mono, in Input) (Elevator, Effects, gateway.Mono) {
	var fx Effects
	if in.Kind == SignalChanged && in.Role == RoleInput {
		e.fault = e.fault.set(in.Signal)
	}
	var changed, first bool
	e.fault, changed, first = e.fault.tick(now)
	switch {
	case changed && e.fault.on:
		fx.emit(gateway.ElevatorFaultRaised, e.fault.since, gateway.ElevatorFaultData{Fault: "general"})
	case changed && !first:
		fx.emit(gateway.ElevatorFaultCleared, e.fault.since, gateway.ElevatorFaultData{Fault: "general"})
	}
	return e, fx, after(now, e.fault.due())
}

// State is normal or fault; stale while the contact cannot be read.
func (e Elevator) State() gateway.DeviceState {
	if !e.fault.known {
		return gateway.DeviceState{}
	}
	s := gateway.DeviceState{Value: "normal", Quality: gateway.Good, Since: e.fault.since}
	if e.fault.on {
		s.Value = "fault"
	}
	if !e.fault.in.Known() {
		s.Quality = gateway.Stale
	}
	return s
}
