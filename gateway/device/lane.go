package device

import (
	"time"

	"lotusgate/gateway"
)

// Lane concludes what a vehicle does from two loops, A before B in the direction of the lane. In the order (A,B):
//
//	passage    10 → 11 → 01 → 00   counted when A is left while B is covered (safe in a queue: FEIG FE, Nortech AB pulse)
//	back-out   10 → 11 → 10 → 00
//	nibble     10 → 00             nothing more within the gap time: backed out
//	gap pass   10 → 00 → 01 → 00   within the gap time: a short vehicle or loops far apart; low confidence
//	retraction 01 → 11 → 10 → 00   the vehicle counted last came back
//
// and the same mirrored for a vehicle that covers B first. Two edges closer together than the detectors' reaction
// spread have no order: low confidence, as has a loop that a diagnostic speaks against. 01 → 11 → 01 is one vehicle rocking, or its trailer, and is not counted again.
type Lane struct {
	cfg LaneConfig

	loops  [2]Signal // A, B
	phase  lanePhase
	dir    uint8        // 0: A is the first loop, 1: B is
	vague  bool         // edges had no order, or were incomplete
	both   bool         // the vehicle has covered both loops
	start  gateway.Mono // first loop covered
	gapEnd gateway.Mono // phaseGap, phaseReturn: when waiting is over
	near   gateway.Mono // phaseBack: when the first loop was covered again
	count  [2]uint64    // by direction: in, out
	since  gateway.Mono // of the state's value
	word   laneWord
}

// LaneConfig is what a site says about a lane.
type LaneConfig struct {
	Direction gateway.Direction // of a vehicle that covers A first
	OneWay    bool              // the other direction is reported as wrong way
	Gap       time.Duration     // a vehicle between the loops may be unseen this long
	Jitter    time.Duration     // spread of the detectors' reaction times
}

type lanePhase uint8

const (
	phaseUnknown lanePhase = iota // a loop is not known, or a vehicle stood on one when watching began
	phaseIdle
	phaseFirst  // on the first loop
	phaseBoth   // on both, coming from the first
	phasePassed // on the second only, counted
	phaseGap    // left the first without having reached the second
	phaseGapped // on the second after a gap
	phaseBack   // counted, and the first loop is covered again: the next in a queue, or coming back
	phaseReturn // on the first only after phaseBack: still the same two readings
)

type laneWord uint8

const (
	laneClear laneWord = iota
	laneWaiting
	lanePassing
)

var laneWords = [...]string{"clear", "waiting", "passing"}

// NewLane returns a lane of which nothing is known.
func NewLane(cfg LaneConfig) Lane { return Lane{cfg: cfg} }

// Step takes RoleA and RoleB: the loops' presence.
func (l Lane) Step(now gateway.Mono, in Input) (Lane, Effects, gateway.Mono) {
	var fx Effects
	t := in.at(now)
	l = l.expire(t, &fx)
	if in.Kind == SignalChanged && (in.Role == RoleA || in.Role == RoleB) {
		i := uint8(in.Role - RoleA)
		was := l.loops[i]
		l.loops[i] = in.Signal
		switch {
		case !l.loops[0].Readable() || !l.loops[1].Readable():
			l.phase = phaseUnknown
		case l.phase == phaseUnknown:
			if !l.loops[0].On && !l.loops[1].On {
				l.phase = phaseIdle
			}
		case in.Signal.On != was.On:
			vague := !in.Signal.Known()
			l.vague = l.vague || vague
			l = l.edge(i, in.Signal.On, t, &fx)
			l.vague = l.vague || vague // a vehicle that has just arrived, too
		}
	}
	if w := l.wordNow(); w != l.word || l.since.IsZero() {
		l.word, l.since = w, t
	}
	return l, fx, after(now, l.waiting())
}

// edge follows one settled edge of loop i.
func (l Lane) edge(i uint8, on bool, t gateway.Mono, fx *Effects) Lane {
	if l.phase == phaseIdle {
		if on {
			l = l.arrive(i, t, fx)
		}
		return l
	}
	first := i == l.dir
	switch l.phase {
	case phaseFirst:
		switch {
		case !first && on:
			l.phase, l.both = phaseBoth, true
			l.vague = l.vague || t.Sub(l.start) < l.cfg.Jitter
		case first && !on && l.both:
			l = l.backOut(t, fx)
		case first && !on:
			l.phase, l.gapEnd = phaseGap, t.Add(l.cfg.Gap)
		}
	case phaseBoth:
		switch {
		case first && !on:
			l = l.pass(t, fx)
			l.phase = phasePassed
		case !first && !on:
			l.phase = phaseFirst
		}
	case phasePassed:
		switch {
		case !first && !on:
			l.phase = phaseIdle
		case first && on:
			l.phase, l.near = phaseBack, t
		}
	case phaseBack:
		switch {
		case first && !on:
			l.phase = phasePassed
		case !first && !on:
			l.phase, l.gapEnd = phaseReturn, t.Add(l.cfg.Gap)
		}
	case phaseReturn:
		switch {
		case first && !on:
			l = l.retract(t, fx)
		case !first && on: // it goes on: the next vehicle of a queue
			l = l.follow(fx)
			l.phase, l.both = phaseBoth, true
		}
	case phaseGap:
		switch {
		case !first && on:
			l.phase = phaseGapped
		case first && on:
			l.phase = phaseFirst
		}
	case phaseGapped:
		switch {
		case !first && !on:
			l.vague = true
			l = l.pass(t, fx)
			l.phase = phaseIdle
		case first && on: // somebody comes from the other side; the one before has gone back unseen
			l = l.backOut(t, fx)
			l = l.arrive(1-l.dir, t, fx)
			l.phase, l.both, l.vague = phaseBoth, true, true
		}
	}
	return l
}

// expire lets time pass up to t.
func (l Lane) expire(t gateway.Mono, fx *Effects) Lane {
	due := l.waiting()
	if due.IsZero() || t < due {
		return l
	}
	switch l.phase {
	case phaseGap:
		l = l.backOut(due, fx)
	case phaseReturn: // one that comes back does not stop on the first loop; one that waits does
		l = l.follow(fx)
		l.phase = phaseFirst
	}
	return l
}

func (l Lane) waiting() gateway.Mono {
	if l.phase == phaseGap || l.phase == phaseReturn {
		return l.gapEnd
	}
	return 0
}

func (l Lane) arrive(i uint8, t gateway.Mono, fx *Effects) Lane {
	l.phase, l.dir, l.start, l.vague, l.both = phaseFirst, i, t, false, false
	fx.emit(gateway.VehicleArrived, t, gateway.ArrivalData{Direction: l.direction()})
	return l
}

// follow starts the next vehicle of a queue, which covered the first loop at near.
func (l Lane) follow(fx *Effects) Lane { return l.arrive(l.dir, l.near, fx) }

func (l Lane) pass(t gateway.Mono, fx *Effects) Lane {
	d := l.direction()
	n := &l.count[countOf(d)]
	*n++
	conf := gateway.HighConfidence
	if l.vague {
		conf = gateway.LowConfidence
	}
	kind := gateway.VehiclePassed
	if l.cfg.OneWay && d != l.cfg.Direction {
		kind = gateway.WrongWay
	}
	fx.emit(kind, t, gateway.PassData{Direction: d, Confidence: conf, DurationMS: millis(l.start, t), Count: *n})
	return l
}

func (l Lane) retract(t gateway.Mono, fx *Effects) Lane {
	d := l.direction()
	n := &l.count[countOf(d)]
	*n--
	fx.emit(gateway.PassRetracted, t, gateway.RetractionData{Direction: d, Count: *n})
	l.phase = phaseIdle
	return l
}

func (l Lane) backOut(t gateway.Mono, fx *Effects) Lane {
	reached := "first"
	if l.both {
		reached = "both"
	}
	fx.emit(gateway.VehicleBackedOut, t, gateway.BackedOutData{
		Direction: l.direction(), Reached: reached, DurationMS: millis(l.start, t),
	})
	l.phase = phaseIdle
	return l
}

func (l Lane) direction() gateway.Direction {
	if l.dir == 0 {
		return l.cfg.Direction
	}
	return l.cfg.Direction.Opposite()
}

func countOf(d gateway.Direction) int {
	if d == gateway.In {
		return 0
	}
	return 1
}

func (l Lane) wordNow() laneWord {
	switch a, b := l.loops[0].On, l.loops[1].On; {
	case !a && !b:
		return laneClear
	case a && b, l.phase == phasePassed, l.phase == phaseGapped:
		return lanePassing
	}
	return laneWaiting
}

// LaneDetail goes out with the state of a lane.
type LaneDetail struct {
	A        bool   `json:"a"` // loop occupied
	B        bool   `json:"b"`
	CountIn  uint64 `json:"count_in"` // since the daemon started
	CountOut uint64 `json:"count_out"`
	Counting bool   `json:"counting"` // false until both loops were clear once
}

// State is clear, waiting (a vehicle is on one loop) or passing.
func (l Lane) State() gateway.DeviceState {
	quality := min(l.loops[0].Quality, l.loops[1].Quality)
	if quality == gateway.Bad {
		return gateway.DeviceState{Since: l.since}
	}
	return gateway.DeviceState{
		Value: laneWords[l.word], Quality: quality, Since: l.since,
		Detail: LaneDetail{
			A: l.loops[0].On, B: l.loops[1].On,
			CountIn: l.count[0], CountOut: l.count[1], Counting: l.phase != phaseUnknown,
		},
	}
}
