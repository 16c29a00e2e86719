package device

import (
	"time"

	"lotusgate/gateway"
)

// Elevator watches the contacts of one lift. It is read only by construction: no Input of this machine can move anything,
// and it has no output.
//
// It concludes no more than its contacts carry. A fault contact gives faults, an alarm button alarms. An entrapment is
// only ever suspected where fault, alarm button, door zone, door closed, car moving, supply, and inspection or fire mode
// are wired, and while all of them can be read.
type Elevator struct {
	cfg ElevatorConfig

	faults   [MaxFaults]delay
	contacts [elevatorContacts]delay
	now      gateway.Mono // what has been followed so far
	mode     ServiceMode
	call     elevatorCall
	trap     entrapment
	tested   gateway.Mono // last test call, or when watching began
	overdue  bool
	since    gateway.Mono // of value
	value    elevatorValue
}

// mainPower is the fault that the main supply is off.
const mainPower = "main_power"

// MaxFaults is how many fault contacts one lift can have.
const MaxFaults = 8

// ElevatorConfig is what a site says about a lift.
type ElevatorConfig struct {
	Faults                 [MaxFaults]ElevatorFault
	Codes                  ElevatorCodes
	RaiseAfter, ClearAfter time.Duration // of a fault contact
	Wired                  ElevatorWires
	Filter                 time.Duration // a door that opens so soon after the button makes an alarm needless
	Override               time.Duration // holding the button so long overrides the filter; 0 = it does not
	OutOfZone              time.Duration // a car that stands closed outside a door zone for so long may have people in it
	InZone                 time.Duration // the same in a door zone, with a sign of people
	TestEvery              time.Duration // a test call is due so often; 0 = not watched
}

// ElevatorFault is what a fault contact means; an empty Name is not wired.
type ElevatorFault struct {
	Name string // symbolic, in this product
	Code string // in the platform of the city
}

// ElevatorCodes are what the platform of the city calls what is no fault contact; empty = it has no code.
type ElevatorCodes struct {
	Supply, Alarm string
	Modes         [3]string // by ServiceMode
}

// ElevatorContact is one contact of a lift beside its faults.
type ElevatorContact uint8

const (
	AlarmButton ElevatorContact = iota
	DoorZone
	DoorClosed
	CarMoving
	Inspection
	FireMode
	MainSupply // on = healthy
	Presence
	AlarmEnd // a switch at the lift that ends an alarm
	TestCall // closes when a test call has succeeded
	elevatorContacts
)

// ElevatorWires says which contacts are wired.
type ElevatorWires uint16

// With adds a contact.
func (w ElevatorWires) With(c ElevatorContact) ElevatorWires { return w | 1<<c }

// Has tells whether a contact is wired.
func (w ElevatorWires) Has(c ElevatorContact) bool { return w&(1<<c) != 0 }

// contactDelays: facts of the trade. A button is no button before half a second, a supply is lost after three.
var contactDelays = [elevatorContacts]delay{
	AlarmButton: {raise: 500 * time.Millisecond, clear: 100 * time.Millisecond},
	Inspection:  {raise: time.Second, clear: time.Second},
	FireMode:    {raise: time.Second, clear: time.Second},
	MainSupply:  {raise: time.Second, clear: 3 * time.Second},
	Presence:    {raise: time.Second, clear: time.Second},
	AlarmEnd:    {raise: 500 * time.Millisecond},
}

// ServiceMode of a lift.
type ServiceMode uint8

const (
	ModeNormal ServiceMode = iota
	ModeInspection
	ModeFire
)

var modeWords = [...]string{"normal", "inspection", "fire"}

func (m ServiceMode) String() string { return modeWords[m] }

type elevatorValue uint8

const (
	elevatorNormal elevatorValue = iota
	elevatorService
	elevatorFault
	elevatorAlarm
	elevatorSuspected
	elevatorConfirmed
)

var elevatorWords = [...]string{"normal", "service", "fault", "alarm", "entrapment_suspected", "entrapment_confirmed"}

// NewElevator returns an elevator of which nothing is known.
func NewElevator(cfg ElevatorConfig) Elevator {
	e := Elevator{cfg: cfg, contacts: contactDelays}
	for i := range e.faults {
		e.faults[i] = delay{raise: cfg.RaiseAfter, clear: cfg.ClearAfter}
	}
	return e
}

// Step takes RoleInput, a fault contact by Index; RoleLift, another contact, by its ElevatorContact as Index; and the acts
// Acknowledged, Confirmed and Ended, which are about the alarm.
func (e Elevator) Step(now gateway.Mono, in Input) (Elevator, Effects, gateway.Mono) {
	var fx Effects
	if e.now.IsZero() {
		e = e.begin(now, &fx)
	}
	e = e.follow(in.at(now), &fx)
	capable := e.capable()
	switch {
	case in.Kind == SignalChanged && in.Role == RoleInput && in.Index < MaxFaults:
		e.faults[in.Index] = e.faults[in.Index].set(in.Signal)
	case in.Kind == SignalChanged && in.Role == RoleLift && in.Index < uint8(elevatorContacts):
		e.contacts[in.Index] = e.contacts[in.Index].set(in.Signal)
	case in.Kind == Confirmed && e.trap.stage == trapSuspected:
		e = e.confirm(now, "operator", &fx)
	case in.Kind == Acknowledged && gateway.EndedBySomebody(in.Ref), in.Kind == Acknowledged && in.Ref == gateway.EntrapmentSuspected.Name():
		e.call.acknowledged = e.call.raised || e.trap.stage != notTrapped
	case in.Kind == Ended && e.call.acknowledged:
		e = e.end(now, "remote", &fx)
	}
	e = e.follow(now, &fx)
	if e.capable() != capable { // nothing need be due when the last contact can be read again, or one no more
		e = e.entrap(now, &fx)
	}
	if v := e.judge(); v != e.value {
		e.value, e.since = v, in.at(now)
	}
	return e, fx, after(now, e.deadline())
}

// begin is the first step.
func (e Elevator) begin(now gateway.Mono, fx *Effects) Elevator {
	e.since = now
	if e.tested.IsZero() {
		e.tested = now
	}
	if e.call.interrupted {
		e.call.interrupted = false
		if !e.call.raised {
			e = e.alarm(now, fx)
		}
	}
	return e
}

// follow lets time pass up to now, through every moment at which something is due.
func (e Elevator) follow(now gateway.Mono, fx *Effects) Elevator {
	for {
		e.now = max(e.now, now)
		t := e.deadline()
		if t.IsZero() || t > now {
			return e
		}
		e.now = t
		e = e.moment(t, fx)
	}
}

// moment makes true what is due at t.
func (e Elevator) moment(t gateway.Mono, fx *Effects) Elevator {
	for i := range e.faults {
		if !e.faults[i].in.Known() {
			continue // not wired, or not readable
		}
		var changed, first bool
		if e.faults[i], changed, first = e.faults[i].tick(t); !changed || first && !e.faults[i].on {
			continue
		}
		f := e.cfg.Faults[i]
		kind := gateway.ElevatorFaultCleared
		if e.faults[i].on {
			kind = gateway.ElevatorFaultRaised
		}
		fx.emit(kind, e.faults[i].since, gateway.ElevatorFaultData{Fault: f.Name, Code: f.Code})
	}
	var pressed, ended bool
	for c := range elevatorContacts {
		if !e.contacts[c].in.Known() {
			continue
		}
		var changed, first bool
		if e.contacts[c], changed, first = e.contacts[c].tick(t); !changed {
			continue
		}
		on := e.contacts[c].on
		switch {
		case c == AlarmButton:
			pressed = on && !(first && e.call.raised) // held over a restart it is the call that stands
		case c == AlarmEnd:
			ended = on && !first
		case c == TestCall && on && !first:
			e = e.test(t, fx)
		case c == MainSupply && (!on || !first):
			kind := gateway.ElevatorFaultRaised
			if on {
				kind = gateway.ElevatorFaultCleared
			}
			fx.emit(kind, e.contacts[c].since, gateway.ElevatorFaultData{Fault: mainPower, Code: e.cfg.Codes.Supply})
		}
	}
	e = e.service(t, fx)
	if pressed {
		e = e.press(t, fx)
	}
	e = e.filter(t, fx)
	e = e.entrap(t, fx)
	if ended {
		e = e.end(t, "lift", fx)
	}
	if due := e.testDue(); !due.IsZero() && t >= due {
		e.overdue = true
		fx.emit(gateway.ElevatorTestOverdue, due, gateway.TestOverdueData{SinceMS: millis(e.tested, due)})
	}
	return e
}

// What only looks takes a pointer: a lift is larger than other machines.
func (e *Elevator) on(c ElevatorContact) bool { return e.contacts[c].known && e.contacts[c].on }

// service follows the mode switches; fire comes first. A mode lasts until its switch says otherwise: one that is not known
// yet, or any more, says nothing.
func (e Elevator) service(t gateway.Mono, fx *Effects) Elevator {
	mode := ModeNormal
	switch {
	case e.on(FireMode), e.mode == ModeFire && !e.contacts[FireMode].known:
		mode = ModeFire
	case e.on(Inspection), e.mode == ModeInspection && !e.contacts[Inspection].known:
		mode = ModeInspection
	}
	if mode == e.mode {
		return e
	}
	e.mode = mode
	fx.emit(gateway.ElevatorServiceModeChanged, t, gateway.ServiceModeData{Mode: mode.String(), Code: e.cfg.Codes.Modes[mode]})
	return e
}

func (e Elevator) test(t gateway.Mono, fx *Effects) Elevator {
	e.tested = t
	if e.overdue {
		e.overdue = false
		fx.emit(gateway.AlarmCleared, t, gateway.AlarmClearedData{Alarm: gateway.ElevatorTestOverdue.Name()})
	}
	return e
}

func (e *Elevator) testDue() gateway.Mono {
	if e.overdue || e.cfg.TestEvery == 0 || e.tested.IsZero() {
		return 0
	}
	return e.tested.Add(e.cfg.TestEvery)
}

func (e *Elevator) deadline() gateway.Mono {
	d := gateway.Earliest(e.testDue(), gateway.Earliest(e.callDue(), e.trapDue()))
	for i := range e.faults {
		if f := &e.faults[i]; f.in.Known() {
			d = gateway.Earliest(d, f.due())
		}
	}
	for c := range e.contacts {
		if k := &e.contacts[c]; k.in.Known() {
			d = gateway.Earliest(d, k.due())
		}
	}
	return d
}

// judge what the lift is, the worst first.
func (e *Elevator) judge() elevatorValue {
	switch {
	case e.trap.stage == trapConfirmed:
		return elevatorConfirmed
	case e.trap.stage == trapSuspected:
		return elevatorSuspected
	case e.call.raised:
		return elevatorAlarm
	}
	if e.cfg.Wired.Has(MainSupply) && e.contacts[MainSupply].known && !e.contacts[MainSupply].on {
		return elevatorFault
	}
	for i := range e.faults {
		if e.faults[i].known && e.faults[i].on {
			return elevatorFault
		}
	}
	if e.mode != ModeNormal {
		return elevatorService
	}
	return elevatorNormal
}

// ElevatorDetail goes out with the state of a lift.
type ElevatorDetail struct {
	Mode         string `json:"mode"`
	Acknowledged bool   `json:"acknowledged,omitempty"` // of the alarm: the filter is off until its end
}

// State is the worst that is known: normal, service, fault, alarm, entrapment_suspected, entrapment_confirmed; stale while
// a contact cannot be read.
func (e Elevator) State() gateway.DeviceState {
	known, fresh := false, true
	look := func(d delay) {
		known = known || d.known
		fresh = fresh && d.in.Known()
	}
	for i, f := range e.cfg.Faults {
		if f.Name != "" {
			look(e.faults[i])
		}
	}
	for c := range elevatorContacts {
		if e.cfg.Wired.Has(c) {
			look(e.contacts[c])
		}
	}
	if !known && e.value == elevatorNormal {
		return gateway.DeviceState{}
	}
	s := gateway.DeviceState{Value: elevatorWords[e.value], Quality: gateway.Good, Since: e.since}
	if !fresh {
		s.Quality = gateway.Stale
	}
	if e.cfg.Wired != 0 {
		s.Detail = ElevatorDetail{Mode: e.mode.String(), Acknowledged: e.call.acknowledged}
	}
	return s
}
