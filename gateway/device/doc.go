// Package device is the arithmetic of the field: settle filter, loop, lane, gate, elevator, camera, and what holds gates
// open or still: fire input, key switch, maintenance window, autonomy.
//
// Every machine is a small comparable struct. Step takes the time and one input and returns the next value, what
// follows from it, and when it wants to be stepped again:
//
//	next, effects, wake := m.Step(now, in)
//
// Promises: Step is pure (same value, time and input give the same result; no clock, lock, goroutine, pointer or
// logger), needs constant memory, and never returns a wake that is not after now. Time never runs backwards for one
// machine; Signal.Since may lie before now, because a level counts only after it has settled.
//
// Nothing here knows wires, topics, storage or the wall clock. What drives the machines is package field.
package device

import (
	"lotusgate/gateway"
)

// Role says which part of a device an input belongs to.
type Role uint8

const (
	RoleInput       Role = iota // the one input of a loop, elevator or camera
	RoleFault                   // loop: the detector's fault contact
	RoleLift                    // elevator: a contact, told by Index (ElevatorContact)
	RoleCredit                  // lane: closes for each passage that is authorised
	RoleBay                     // lot: a bay, told apart by Index
	RoleLane                    // lot, gate, free exit: a lane: its balance of vehicles that went in; on = it is occupied
	RoleSupply                  // camera: supply current, µA
	RoleChild                   // camera group: a camera, told apart by Index
	RoleParent                  // camera: its group; on = all of it is out
	RoleA                       // lane: first loop in the direction of the lane
	RoleB                       // lane: second loop
	RoleOpenLimit               // gate
	RoleClosedLimit             // gate
	RoleSafety                  // gate: must be clear to close; several, told apart by Index
	RoleFire                    // gate: on = stays open
	RoleLockout                 // gate: on = somebody turned the key: nothing moves
	RoleWindow                  // gate: on = a maintenance window is open
	RoleHoldRule                // gate: on = a rule wants it open
	RoleOpenRule                // gate: on = a rule wants it opened whenever it is not
	RoleManual                  // gate: on = somebody opens it by hand: a fob, a button, the guard's desk
	RoleForce                   // gate: on = its controller says that it was forced
	RoleArm                     // gate: on = the arm is off
	RolePower                   // gate: on = the mains are lost
	RoleFree                    // lane: on = whoever passes may do so
	RoleNight                   // loop: on = no traffic is expected
	RoleAway                    // autonomy: on = the center is unreachable
	RolePresence                // autonomy: on = a vehicle waits; several, told apart by Index
)

// Signal is a settled truth that a wire or a device offers to another device.
type Signal struct {
	On      bool // meaning applied: contact active, loop occupied
	Quality gateway.Quality
	Since   gateway.Mono // when On became so: the first edge, not the end of the settle time
}

// Known tells whether the signal may be reasoned with.
func (s Signal) Known() bool { return s.Quality == gateway.Good }

// Readable tells whether somebody reads the signal, be it that a diagnostic speaks against it.
func (s Signal) Readable() bool { return s.Quality != gateway.Bad }

// Input is one thing a machine is told. The zero Input is a timer: a wake-up time has come.
type Input struct {
	Kind   InputKind
	Role   Role
	Index  uint8 // among several parts of one role
	Signal Signal

	Order    Order
	Evidence Evidence
	Report   Report
	Ref      string // Authorised: echoed with the passage; Acknowledged: of which alarm
	Value    int64  // of Measured, in the unit of the point: µA, µV, ‰; valid while Signal is known
}

// InputKind tells what an Input carries.
type InputKind uint8

const (
	Timer InputKind = iota
	SignalChanged
	OrderGiven   // Order
	EvidenceRead // Evidence: the answer to Effects.Ask
	OutputTold   // Report
	Measured
	Acknowledged // somebody at the center has taken the device's alarm (Ref: its name)
	Confirmed    // somebody at the center knows that a suspicion is true
	Ended        // and has ended it from afar
	Authorised   // lane: so many (Value) may pass
	Standing     // as Measured, of a count that goes on while the machine begins anew: changes are reckoned from Value
	Unwatched    // nobody saw Role for a moment until now: a pulse may have come and gone
)

// Changed makes the input that reports a signal.
func Changed(role Role, index uint8, s Signal) Input {
	return Input{Kind: SignalChanged, Role: role, Index: index, Signal: s}
}

// Reading makes the input that reports a measured value, taken at s.Since. A value that cannot be read has a quality
// that says so.
func Reading(role Role, index uint8, s Signal, value int64) Input {
	return Input{Kind: Measured, Role: role, Index: index, Signal: s, Value: value}
}

// Stands makes the input that reports where a count stands from which changes are reckoned.
func Stands(role Role, index uint8, s Signal, value int64) Input {
	return Input{Kind: Standing, Role: role, Index: index, Signal: s, Value: value}
}

// at is the time an input speaks about.
func (in Input) at(now gateway.Mono) gateway.Mono {
	if in.Kind != Timer && !in.Signal.Since.IsZero() && in.Signal.Since < now {
		return in.Signal.Since
	}
	return now
}

// Effects of one step.
type Effects struct {
	Events   []Emit    // in the order they happened
	Outcomes []Outcome // of orders
	Ask      uint32    // not 0: read every safety input now and answer with this number
}

// Emit is an event that a machine concluded; the shell adds whose it is.
type Emit struct {
	Type gateway.Type
	At   gateway.Mono
	Data any
}

func (e *Effects) emit(t gateway.Type, at gateway.Mono, data any) {
	e.Events = append(e.Events, Emit{Type: t, At: at, Data: data})
}

func (e *Effects) tell(o Outcome) { e.Outcomes = append(e.Outcomes, o) }

// Machine is what every device is.
type Machine[T any] interface {
	comparable
	Step(now gateway.Mono, in Input) (next T, fx Effects, wake gateway.Mono)
	State() gateway.DeviceState
}

// after returns t if it lies in the future, else the next instant: a machine whose time has come is stepped again.
func after(now, t gateway.Mono) gateway.Mono {
	if t.IsZero() || t > now {
		return t
	}
	return now + 1
}

func millis(from, to gateway.Mono) int64 {
	if from.IsZero() || to < from {
		return 0
	}
	return to.Sub(from).Milliseconds()
}
