package plant

import (
	"math/rand/v2"
	"time"
)

// Lift is an elevator with a car, a door and people, and the contacts of a remote monitor.
type Lift struct {
	Fault, Button, Zone, Closed, Moving, Inspection, Supply, Key *Contact

	name    string
	journal *Journal
	chance  *rand.Rand
	now     time.Duration

	trips  bool // people come and go
	stuck  bool // between floors, with somebody in the car
	phase  liftPhase
	due    time.Duration // next phase; Never = it stays
	called time.Duration // somebody lets go of the button
	keyed  time.Duration // and takes out the key that ends the alarm
	dies   bool          // the trip under way ends between floors
}

type liftPhase uint8

const (
	liftOpen    liftPhase = iota // at a floor, people walk
	liftClosed                   // at a floor, about to go
	liftLeaving                  // moving, still in the zone
	liftTravels                  // between floors
	liftArrives                  // moving, in the zone of the next floor
	liftStops                    // at a floor, the door is about to open
	liftStuck                    // between floors; whoever is in it has not pressed the button yet
	liftWaits                    // has pressed it
)

// liftTimes of each phase.
var liftTimes = [...]Span{
	liftOpen:    {8 * time.Second, 4 * time.Minute},
	liftClosed:  {time.Second, 2 * time.Second},
	liftLeaving: {500 * time.Millisecond, time.Second},
	liftTravels: {3 * time.Second, 25 * time.Second},
	liftArrives: {500 * time.Millisecond, time.Second},
	liftStops:   {500 * time.Millisecond, time.Second},
}

// NewLift returns a lift that stands at a floor with its doors open. Its contacts are closed for: a fault, the button
// pressed, the car in a door zone, the doors closed, the car moving, inspection, a healthy supply, the key that ends an alarm.
func NewLift(name string, b Bounce, seed Seed, j *Journal) *Lift {
	chance := seed.For(name)
	l := &Lift{name: name, journal: j, chance: chance, trips: true, called: Never, keyed: Never}
	for _, c := range []**Contact{&l.Fault, &l.Button, &l.Zone, &l.Closed, &l.Moving, &l.Inspection, &l.Supply, &l.Key} {
		*c = NewContact(b, chance)
	}
	l.Zone.rest(true)
	l.Supply.rest(true)
	l.due = liftTimes[liftOpen].Draw(chance)
	return l
}

func (l *Lift) contacts() []*Contact {
	return []*Contact{l.Fault, l.Button, l.Zone, l.Closed, l.Moving, l.Inspection, l.Supply, l.Key}
}

// Trapped tells the truth: somebody is shut in.
func (l *Lift) Trapped() bool { return l.stuck }

// Trap lets the car stop between floors on its next trip, and whoever is in it press the button.
func (l *Lift) Trap(now time.Duration) {
	l.Step(now)
	if l.stuck || l.dies {
		return
	}
	l.dies = true
	if l.phase == liftOpen {
		l.due = now + time.Second // somebody gets in
	}
}

// Free lets people out: somebody has come, turns the key, and the lift works again.
func (l *Lift) Free(now time.Duration) {
	l.Step(now)
	if !l.stuck {
		return
	}
	l.stuck, l.called = false, Never
	l.Button.Move(now, false)
	l.Fault.Move(now, false)
	l.Key.Move(now, true)
	l.keyed = now + 2*time.Second
	l.journal.add(Truth{At: now, Device: l.name, Kind: PeopleFreed})
	l.Moving.Move(now, true)
	l.phase, l.due = liftArrives, now+2*time.Second
	l.Zone.Move(now, true)
}

// Inspect puts the lift into inspection, or back into service. Meanwhile nobody rides.
func (l *Lift) Inspect(now time.Duration, on bool) {
	l.Step(now)
	kind := InspectionEnds
	if on {
		kind = InspectionBegins
	}
	l.journal.add(Truth{At: now, Device: l.name, Kind: kind})
	l.Inspection.Move(now, on)
	l.trips = !on
}

// Fail raises a fault that traps nobody: the lift stays where it is with its doors open, or comes back into service.
func (l *Lift) Fail(now time.Duration, failed bool) {
	l.Step(now)
	kind := FaultCleared
	if failed {
		kind = FaultRaised
	}
	l.journal.add(Truth{At: now, Device: l.name, Kind: kind})
	l.Fault.Move(now, failed)
	l.trips = !failed
}

// Power takes the main supply, or gives it back. The lift finishes its trip on its battery.
func (l *Lift) Power(now time.Duration, on bool) {
	l.Step(now)
	kind := SupplyLost
	if on {
		kind = SupplyBack
	}
	l.journal.add(Truth{At: now, Device: l.name, Kind: kind})
	l.Supply.Move(now, on)
	l.trips = on
}

// AtRest tells whether the lift stands at a floor with its doors open.
func (l *Lift) AtRest() bool { return l.phase == liftOpen }

// Press holds the button for a while, for no reason.
func (l *Lift) Press(now, spell time.Duration) {
	l.Step(now)
	l.journal.add(Truth{At: now, Device: l.name, Kind: AlarmPressed})
	l.Button.Move(now, true)
	l.called = now + spell
}

// Step brings the lift to now.
func (l *Lift) Step(now time.Duration) (next time.Duration) {
	l.now = max(l.now, now)
	for {
		at := min(l.due, l.called, l.keyed)
		if at > l.now {
			break
		}
		if at == l.called {
			l.called = Never
			l.Button.Move(at, false)
			continue
		}
		if at == l.keyed {
			l.keyed = Never
			l.Key.Move(at, false)
			continue
		}
		l.turn(at)
	}
	next = min(l.due, l.called, l.keyed)
	for _, c := range l.contacts() {
		next = min(next, c.Step(l.now))
	}
	return next
}

// turn begins the next phase.
func (l *Lift) turn(at time.Duration) {
	switch l.phase {
	case liftOpen:
		if !l.trips && !l.dies {
			l.due = at + liftTimes[liftOpen].Draw(l.chance)
			return
		}
		l.Closed.Move(at, true)
	case liftClosed:
		l.Moving.Move(at, true)
		l.journal.add(Truth{At: at, Device: l.name, Kind: TripBegins})
	case liftLeaving:
		l.Zone.Move(at, false)
	case liftTravels:
		if l.dies {
			l.trap(at)
			return
		}
		l.Zone.Move(at, true)
	case liftArrives:
		l.Moving.Move(at, false)
	case liftStuck:
		l.Button.Move(at, true)
		l.called = at + Span{4 * time.Second, 8 * time.Second}.Draw(l.chance)
		l.phase, l.due = liftWaits, Never
		return
	case liftStops:
		l.Closed.Move(at, false)
		l.phase, l.due = liftOpen, at+liftTimes[liftOpen].Draw(l.chance)
		return
	}
	l.phase++
	l.due = at + liftTimes[l.phase].Draw(l.chance)
}

// trap stops the car between floors. People wait a little before they press the button, and then press it for long.
func (l *Lift) trap(at time.Duration) {
	l.dies, l.stuck, l.due = false, true, Never
	l.Moving.Move(at, false)
	l.Fault.Move(at, true)
	l.journal.add(Truth{At: at, Device: l.name, Kind: PeopleTrapped})
	l.phase = liftStuck
	l.due = at + Span{20 * time.Second, 40 * time.Second}.Draw(l.chance)
}
