package device

import (
	"slices"
	"time"

	"lotusgate/gateway"
)

// This file is the alarm button and what follows from people in a car that does not move (EN 81-28, GB/T 24475).

// elevatorCall is the alarm from the car. Once raised it stays, also in maintenance, until somebody ends it at the lift,
// or from afar after it was acknowledged.
type elevatorCall struct {
	raised       bool
	acknowledged bool         // until the end no call is filtered any more
	pressed      gateway.Mono // the call that may still turn out to be needless; zero = none
	due          gateway.Mono // when it turns out not to be
	interrupted  bool         // the daemon ended while a call waited
}

// entrapment is the conclusion that people may be, or are, shut in.
type entrapment struct {
	stage   trapStage
	stood   gateway.Mono // since when the car has stood closed; zero = it does not
	inZone  bool         // where it stood
	called  bool         // the button was held for confirmAfter since then
	started gateway.Mono
}

type trapStage uint8

const (
	notTrapped trapStage = iota
	trapSuspected
	trapConfirmed
)

// confirmAfter: a button held for so long in a car that stands is no mistake.
const confirmAfter = 3 * time.Second

// press takes a call that has lasted long enough to be one.
func (e Elevator) press(t gateway.Mono, fx *Effects) Elevator {
	at := e.contacts[AlarmButton].since
	switch {
	case e.call.raised && !e.call.acknowledged: // it stands already and nobody has answered
	case e.call.raised:
		fx.emit(gateway.ElevatorAlarmButton, at, gateway.ElevatorAlarmData{Again: true, Code: e.cfg.Codes.Alarm})
	case !e.filterable():
		e = e.alarm(at, fx)
	case e.doorOpen():
		e = e.needless(at, fx)
	default:
		e.call.pressed, e.call.due = at, t.Add(e.cfg.Filter)
	}
	return e
}

// filterable tells whether the contacts can say that nobody is shut in. A car that stands between floors is never
// filtered.
func (e *Elevator) filterable() bool {
	if e.cfg.Filter == 0 || !e.reads(DoorZone) || !e.reads(DoorClosed) {
		return false
	}
	return e.on(DoorZone) || e.reads(CarMoving) && e.on(CarMoving)
}

func (e *Elevator) reads(c ElevatorContact) bool {
	return e.cfg.Wired.Has(c) && e.contacts[c].in.Known()
}

func (e *Elevator) doorOpen() bool { return e.on(DoorZone) && !e.on(DoorClosed) }

// filter follows a call that waits: a door that opens makes it needless, time or a long hold make it an alarm.
func (e Elevator) filter(t gateway.Mono, fx *Effects) Elevator {
	if held := e.overrideDue(); !held.IsZero() && t >= held {
		return e.alarm(e.contacts[AlarmButton].since, fx)
	}
	switch {
	case e.call.pressed.IsZero():
	case e.filterable() && e.doorOpen():
		e = e.needless(e.call.pressed, fx)
	case t >= e.call.due:
		e = e.alarm(e.call.pressed, fx)
	}
	return e
}

func (e Elevator) alarm(at gateway.Mono, fx *Effects) Elevator {
	e.call = elevatorCall{raised: true}
	fx.emit(gateway.ElevatorAlarmButton, at, gateway.ElevatorAlarmData{Code: e.cfg.Codes.Alarm})
	return e
}

func (e Elevator) needless(at gateway.Mono, fx *Effects) Elevator {
	e.call.pressed, e.call.due = 0, 0
	fx.emit(gateway.ElevatorAlarmFiltered, at, gateway.ElevatorAlarmData{Reason: "door_open"})
	return e
}

// overrideDue is when holding the button overrides the filter.
func (e *Elevator) overrideDue() gateway.Mono {
	b := e.contacts[AlarmButton]
	if e.cfg.Override == 0 || e.call.raised || !b.on || !b.in.Known() || !b.in.On {
		return 0
	}
	return b.since.Add(e.cfg.Override)
}

func (e *Elevator) callDue() gateway.Mono { return gateway.Earliest(e.call.due, e.overrideDue()) }

// capable tells whether the contacts can carry the conclusion that people are shut in.
func (e *Elevator) capable() bool {
	for _, c := range [...]ElevatorContact{AlarmButton, DoorZone, DoorClosed, CarMoving, MainSupply} {
		if !e.reads(c) || !e.contacts[c].known {
			return false
		}
	}
	return e.cfg.Faults[0].Name != "" && e.faults[0].in.Known() && (e.reads(Inspection) || e.reads(FireMode))
}

// entrap follows a car that stands with its doors closed.
func (e Elevator) entrap(t gateway.Mono, fx *Effects) Elevator {
	x := &e.trap
	switch stands := e.capable() && !e.on(CarMoving) && e.on(DoorClosed); {
	case !stands:
		if x.stage == trapSuspected && e.capable() {
			fx.emit(gateway.EntrapmentEnded, t, gateway.EntrapmentData{By: "car", ForMS: millis(x.started, t)})
			x.stage = notTrapped
		}
		if e.capable() || x.stage == notTrapped {
			x.stood, x.called = 0, false
		}
		return e
	case x.stood.IsZero() || x.inZone != e.on(DoorZone):
		x.stood, x.inZone = t, e.on(DoorZone)
	}
	if due := e.longPress(); !due.IsZero() && t >= due {
		x.called = true
	}
	evidence := ""
	switch {
	case x.called:
		evidence = "alarm_button"
	case e.cfg.Wired.Has(Presence) && e.on(Presence):
		evidence = "presence"
	}
	if due := e.suspectDue(); !due.IsZero() && t >= due {
		x.stage, x.started = trapSuspected, x.stood
		fx.emit(gateway.EntrapmentSuspected, t, gateway.EntrapmentData{Where: zoneWord(x.inZone)})
	}
	if x.stage == trapSuspected && evidence != "" && e.mode == ModeNormal {
		return e.confirm(t, evidence, fx)
	}
	return e
}

// confirm makes a suspicion certain.
func (e Elevator) confirm(t gateway.Mono, evidence string, fx *Effects) Elevator {
	e.trap.stage = trapConfirmed
	fx.emit(gateway.EntrapmentConfirmed, t, gateway.EntrapmentData{Where: zoneWord(e.trap.inZone), Evidence: evidence})
	return e
}

func zoneWord(in bool) string {
	if in {
		return "in_door_zone"
	}
	return "outside_door_zone"
}

// suspectDue is when standing closed becomes a suspicion. Somebody who works on the lift suspends it.
func (e *Elevator) suspectDue() gateway.Mono {
	x := e.trap
	people := x.called || e.call.raised || e.cfg.Wired.Has(Presence) && e.on(Presence)
	switch {
	case x.stage != notTrapped || x.stood.IsZero() || e.mode != ModeNormal || !e.capable():
		return 0
	case !x.inZone:
		return x.stood.Add(e.cfg.OutOfZone)
	case people:
		return x.stood.Add(e.cfg.InZone)
	}
	return 0
}

// longPress is when the button that is held now has been held for long enough to confirm.
func (e *Elevator) longPress() gateway.Mono {
	b := e.contacts[AlarmButton]
	if e.trap.called || e.trap.stood.IsZero() || !b.on || !b.in.Known() || !b.in.On {
		return 0
	}
	return b.since.Add(confirmAfter)
}

// trapDue is when standing still means more than it did. A suspicion in a mode that suspends it waits for the mode.
func (e *Elevator) trapDue() gateway.Mono {
	if !e.capable() {
		return 0
	}
	return gateway.Earliest(e.suspectDue(), e.longPress())
}

// end of the alarm, and of an entrapment.
func (e Elevator) end(t gateway.Mono, by string, fx *Effects) Elevator {
	if e.trap.stage != notTrapped {
		fx.emit(gateway.EntrapmentEnded, t, gateway.EntrapmentData{By: by, ForMS: millis(e.trap.started, t)})
		e.trap = entrapment{}
	}
	if e.call.raised {
		fx.emit(gateway.AlarmCleared, t, gateway.AlarmClearedData{Alarm: gateway.ElevatorAlarmButton.Name()})
	}
	e.call = elevatorCall{}
	return e
}

// ElevatorSnapshot is what an elevator must not forget when the power goes: an alarm is not lost by it (EN 81-28).
type ElevatorSnapshot struct {
	Faults       [MaxFaults]string `json:"faults"`   // by name: contacts may be wired anew meanwhile
	NoPower      bool              `json:"no_power"` // the main supply was off
	Alarm        bool              `json:"alarm"`    // from the car
	Pending      bool              `json:"pending"`  // a call that might still have turned out to be needless
	Acknowledged bool              `json:"acknowledged"`
	Entrapment   uint8             `json:"entrapment"` // 0, 1 suspected, 2 confirmed
	InZone       bool              `json:"in_zone"`    // where it stood
	Started      gateway.Mono      `json:"started"`    // of the entrapment
	Tested       gateway.Mono      `json:"tested"`     // last test call, or when watching began
	Overdue      bool              `json:"overdue"`
	Mode         ServiceMode       `json:"mode"` // that was told
}

// Snapshot is what Restore wants.
func (e Elevator) Snapshot() ElevatorSnapshot {
	s := ElevatorSnapshot{
		NoPower: e.contacts[MainSupply].known && !e.contacts[MainSupply].on,
		Alarm:   e.call.raised, Pending: e.call.interrupted || !e.call.pressed.IsZero(), Acknowledged: e.call.acknowledged,
		Entrapment: uint8(e.trap.stage), Overdue: e.overdue, Mode: e.mode,
	}
	for i := range e.faults {
		if e.faults[i].on {
			s.Faults[i] = e.cfg.Faults[i].Name
		}
	}
	if e.trap.stage != notTrapped {
		s.Started, s.InZone = e.trap.started, e.trap.inZone
	}
	if e.cfg.TestEvery > 0 {
		s.Tested = e.tested
	}
	return s
}

// Restore goes on from a snapshot. A call that was being filtered is an alarm as soon as time begins: nobody has seen the
// door open.
func (e Elevator) Restore(s ElevatorSnapshot, shift time.Duration) Elevator {
	for i, f := range e.cfg.Faults {
		if f.Name != "" && slices.Contains(s.Faults[:], f.Name) {
			e.faults[i] = e.faults[i].restore(true, 0)
		}
	}
	if e.cfg.Wired.Has(MainSupply) {
		e.contacts[MainSupply].known = s.NoPower
	}
	e.call = elevatorCall{raised: s.Alarm, acknowledged: s.Acknowledged, interrupted: s.Pending}
	e.trap = entrapment{stage: trapStage(min(s.Entrapment, uint8(trapConfirmed))), started: moved(s.Started, shift), inZone: s.InZone}
	if e.cfg.TestEvery > 0 {
		e.tested, e.overdue = moved(s.Tested, shift), s.Overdue
	}
	if s.Mode == ModeFire && e.cfg.Wired.Has(FireMode) || s.Mode == ModeInspection && e.cfg.Wired.Has(Inspection) {
		e.mode = s.Mode
	}
	e.value = e.judge()
	return e
}

// Stands is for Kept.
func (e Elevator) Stands(alarm string) bool {
	switch alarm {
	case gateway.ElevatorAlarmButton.Name():
		return e.call.raised
	case gateway.EntrapmentSuspected.Name():
		return e.trap.stage == trapSuspected
	case gateway.EntrapmentConfirmed.Name():
		return e.trap.stage == trapConfirmed
	case gateway.ElevatorTestOverdue.Name():
		return e.overdue
	case mainPower:
		return e.contacts[MainSupply].known && !e.contacts[MainSupply].on
	}
	for i := range e.faults {
		if e.faults[i].on && (gateway.ElevatorFaultData{Fault: e.cfg.Faults[i].Name}).AlarmCause() == alarm {
			return true
		}
	}
	return false
}
