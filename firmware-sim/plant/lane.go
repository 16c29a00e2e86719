package plant

import (
	"slices"
	"time"
)

// Zone is a part of the lane.
type Zone struct{ From, To Length }

// Geometry is where things are along a lane, from its near end (0).
type Geometry struct {
	A, B Zone   // loops
	Hold Length // where a driver stops his nose for a barrier that is not open
	Line Length // below the arm, and the photocell
	End  Length // the far end
}

// StandardLane is a ticket lane: loop A before the ticket machine, loop B half a metre and more to both sides of the arm.
func StandardLane() Geometry {
	return Geometry{
		A: Zone{Metres(2), Metres(4)}, B: Zone{Metres(5.5), Metres(7.5)},
		Hold: Metres(5.2), Line: Metres(6.5), End: Metres(14),
	}
}

// LaneOptions say what is built into a lane.
type LaneOptions struct {
	Geometry Geometry // zero = StandardLane
	Loops    DetectorOptions
	Beam     DetectorOptions
	Barrier  BarrierOptions
}

// Lane is a driveway with two loops, a photocell and a barrier, and the vehicles on it. The photocell and loop B are
// wired to the barrier's own controller.
type Lane struct {
	A, B, Photocell *Detector
	Barrier         *Barrier

	name    string
	g       Geometry
	journal *Journal
	now     time.Duration
	cars    []*car // foremost first
	entered int
	release time.Duration // the ticket machine's contact opens
}

const (
	defaultGap = Metre
	ticketHold = 500 * time.Millisecond // the machine's contact
	patience   = 15 * time.Second       // then the driver takes another ticket
)

// NewLane returns an empty lane with a closed barrier. Its parts are called name.a, name.b, name.photocell, name.gate.
func NewLane(name string, o LaneOptions, seed Seed, j *Journal) *Lane {
	if o.Geometry == (Geometry{}) {
		o.Geometry = StandardLane()
	}
	return &Lane{
		A:         NewDetector(name+".a", o.Loops, seed, j),
		B:         NewDetector(name+".b", o.Loops, seed, j),
		Photocell: NewDetector(name+".photocell", o.Beam, seed, j),
		Barrier:   NewBarrier(name+".gate", o.Barrier, seed, j),
		name:      name, g: o.Geometry, journal: j, release: Never,
	}
}

// Geometry is where things are.
func (l *Lane) Geometry() Geometry { return l.g }

// Vehicles is how many are on the lane, the queue before it included.
func (l *Lane) Vehicles() int { return len(l.cars) }

// Enter puts a vehicle at its end of the lane, or behind the queue there, and returns its number.
func (l *Lane) Enter(now time.Duration, v Vehicle) int {
	l.Step(now)
	if v.Gap == 0 {
		v.Gap = defaultGap
	}
	l.entered++
	front := v.Length
	if v.Tow > 0 {
		v.Length += v.Hitch + v.Tow
	}
	c := &car{Vehicle: v, front: front, number: l.entered, track: track{at: now}, until: Never, again: Never, behind: v.Far}
	if v.Far {
		c.nose = l.g.End + v.Length
		if len(l.cars) > 0 {
			c.nose = max(c.nose, l.cars[0].now(now)+l.cars[0].Gap+v.Length)
		}
		l.cars = slices.Insert(l.cars, 0, c)
	} else {
		if n := len(l.cars); n > 0 {
			c.nose = min(c.nose, l.cars[n-1].tail(now)-v.Gap)
		}
		l.cars = append(l.cars, c)
	}
	l.tell(now, c, VehicleEntered)
	return c.number
}

// Step brings the lane and everything on it to now.
func (l *Lane) Step(now time.Duration) (next time.Duration) {
	now = max(l.now, now)
	for {
		l.settle()
		if next = l.next(); next > now {
			break
		}
		l.now = next
	}
	if l.now < now {
		l.now = now
		l.settle()
		next = l.next()
	}
	return next
}

// settle brings everything in line with the moment l.now: what is covered, what drivers and controllers do about it.
func (l *Lane) settle() {
	t := l.now
	l.cover(t)
	for _, m := range []Model{l.A, l.B, l.Photocell} {
		m.Step(t)
	}
	l.Barrier.Block(t, l.B.Present() || l.Photocell.Present())
	if l.release <= t {
		l.release = Never
		l.Barrier.Set(t, TicketInput, false)
	}
	l.Barrier.Step(t)
	for i, c := range l.cars {
		l.think(t, i)
		l.wait(t, c)
	}
	l.cars = slices.DeleteFunc(l.cars, func(c *car) bool { return l.gone(t, c) })
	l.pace(t)
}

// next is when anything here is due.
func (l *Lane) next() time.Duration {
	t := l.now
	next := min(l.release, l.A.Step(t), l.B.Step(t), l.Photocell.Step(t), l.Barrier.Step(t))
	for i, c := range l.cars {
		next = min(next, l.due(t, c))
		if i > 0 {
			next = min(next, meets(t, l.cars[i-1], c))
		}
	}
	return next
}

func (l *Lane) tell(t time.Duration, c *car, kind Kind) {
	l.journal.add(Truth{At: t, Device: l.name, Kind: kind, Vehicle: c.number})
}
