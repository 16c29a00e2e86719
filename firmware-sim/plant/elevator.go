package plant

import "time"

// Elevator is an elevator as far as one fault contact tells.
type Elevator struct {
	Fault *Contact // closed = fault

	name    string
	journal *Journal
	failed  bool
	settles time.Duration // end of a chatter; Never = none
}

// NewElevator returns an elevator in order.
func NewElevator(name string, b Bounce, seed Seed, j *Journal) *Elevator {
	return &Elevator{Fault: NewContact(b, seed.For(name)), name: name, journal: j, settles: Never}
}

// Fail raises the fault, or clears it.
func (e *Elevator) Fail(now time.Duration, failed bool) {
	e.Step(now)
	if e.failed == failed {
		return
	}
	e.failed, e.settles = failed, Never
	kind := FaultCleared
	if failed {
		kind = FaultRaised
	}
	e.journal.add(Truth{At: now, Device: e.name, Kind: kind})
	e.Fault.Move(now, failed)
}

// Chatter moves the contact for a while without a reason: a loose wire, a relay near its holding voltage.
func (e *Elevator) Chatter(now, spell time.Duration) {
	e.Step(now)
	e.settles = now + spell
	e.Fault.Move(now, !e.failed)
}

// Failed tells the truth.
func (e *Elevator) Failed() bool { return e.failed }

// Step brings the elevator to now.
func (e *Elevator) Step(now time.Duration) (next time.Duration) {
	if e.settles <= now {
		e.Fault.Move(e.settles, e.failed)
		e.settles = Never
	}
	return min(e.settles, e.Fault.Step(now))
}
