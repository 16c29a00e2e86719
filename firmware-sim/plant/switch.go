package plant

import (
	"math/rand/v2"
	"time"
)

// Switch is a contact that something in the building moves: a float in a pump room, a roof door, a charging point.
type Switch struct {
	Contact *Contact // closed = raised

	name    string
	journal *Journal
	chance  *rand.Rand
	raised  bool
	loose   time.Duration // a loose wire until then; Never = none
	due     time.Duration // next change of a loose wire
	spell   Span          // between its changes
}

// NewSwitch returns a switch at rest.
func NewSwitch(name string, b Bounce, seed Seed, j *Journal) *Switch {
	chance := seed.For(name)
	return &Switch{Contact: NewContact(b, chance), name: name, journal: j, chance: chance, loose: Never, due: Never}
}

// Raised tells the truth.
func (s *Switch) Raised() bool { return s.raised }

// Set raises it, or puts it to rest.
func (s *Switch) Set(now time.Duration, raised bool) {
	s.Step(now)
	if s.raised == raised {
		return
	}
	s.raised = raised
	kind := SwitchCleared
	if raised {
		kind = SwitchRaised
	}
	s.journal.add(Truth{At: now, Device: s.name, Kind: kind})
	s.Contact.Move(now, raised)
}

// Loosen lets the wire touch and part for a while, with pauses of the given span.
func (s *Switch) Loosen(now, spell time.Duration, pauses Span) {
	s.Step(now)
	s.loose, s.spell, s.due = now+spell, pauses, now
	s.journal.add(Truth{At: now, Device: s.name, Kind: WireLoose})
	s.Step(now)
}

// Step brings the switch to now.
func (s *Switch) Step(now time.Duration) (next time.Duration) {
	for s.due <= now {
		at := s.due
		if at >= s.loose {
			s.loose, s.due = Never, Never
			s.Contact.Move(at, s.raised)
			break
		}
		s.Contact.Move(at, !s.Contact.Closed())
		s.due = min(at+max(s.spell.Draw(s.chance), 1), s.loose)
	}
	return min(s.due, s.Contact.Step(now))
}

// Meter closes its contact once for each unit that has flowed.
type Meter struct {
	Pulse *Contact

	chance *rand.Rand
	flow   Span // time for one unit
	width  time.Duration
	due    time.Duration
	units  uint64
}

// NewMeter returns a meter through which something flows all the time.
func NewMeter(name string, flow Span, seed Seed) *Meter {
	chance := seed.For(name)
	m := &Meter{Pulse: NewContact(Bounce{}, chance), chance: chance, flow: flow, width: 250 * time.Millisecond}
	m.due = flow.Draw(chance)
	return m
}

// Units is how many pulses have begun: the truth.
func (m *Meter) Units() uint64 { return m.units }

// Step brings the meter to now.
func (m *Meter) Step(now time.Duration) (next time.Duration) {
	for m.due <= now {
		at := m.due
		if m.Pulse.Closed() {
			m.Pulse.Move(at, false)
			m.due = at + max(m.flow.Draw(m.chance)-m.width, m.width)
			continue
		}
		m.units++
		m.Pulse.Move(at, true)
		m.due = at + m.width
	}
	return m.due
}
