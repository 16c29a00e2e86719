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
	dir    uint8           // 0: A is the first loop, 1: B is
	vague  bool            // edges had no order, or were incomplete
	both   bool            // the vehicle has covered both loops
	start  gateway.Mono    // first loop covered
	gapEnd gateway.Mono    // phaseGap, phaseReturn: when waiting is over
	near   gateway.Mono    // phaseBack: when the first loop was covered again
	waits  bool            // told that a vehicle waits
	passed [2]gateway.Mono // by direction: the last passage
	second gateway.Mono    // when the second loop was covered first; zero = not known
	grants [maxGrants]LaneGrant
	until  gateway.Mono // when they lapse
	last   string       // reference of the passage counted last
	counts bool         // passages are authorised here: what goes without is tailgating
	card   Signal       // the contact that authorises
	free   bool         // the gate stands open for everybody
	count  [2]uint64    // by direction: in, out
	base   [2]uint64    // of which an earlier run has counted so many
	since  gateway.Mono // of the state's value
	word   laneWord
}

// LaneConfig is what a site says about a lane.
type LaneConfig struct {
	Direction gateway.Direction // of a vehicle that covers A first
	OneWay    bool              // the other direction is reported as wrong way
	Gap       time.Duration     // a vehicle between the loops may be unseen this long
	Jitter    time.Duration     // spread of the detectors' reaction times
	Single    bool              // there is no loop B: whoever leaves A has passed in Direction, with low confidence
	Waiting   time.Duration     // somebody who stands before the barrier for so long is told; 0 = not
	UTurn     time.Duration     // in and out again within this; 0 = not told
	CreditFor time.Duration     // an authorisation that nobody used lapses
	Spacing   int64             // mm between the first edges of the loops; 0 = no estimate of speed
}

// LaneGrant is an authorisation that was not used up.
type LaneGrant struct {
	N   uint16 `json:"n"` // vehicles that may pass
	Ref string `json:"ref,omitempty"`
}

// maxGrants is how many with different references a lane tells apart; further ones lose theirs.
const maxGrants = 8

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
func NewLane(cfg LaneConfig) Lane {
	l := Lane{cfg: cfg}
	if cfg.Single {
		l.loops[1] = Signal{Quality: gateway.Good}
	}
	return l
}

// Step takes RoleA and RoleB, the loops' presence; RoleCredit, a contact that authorises one passage each time it closes;
// RoleFree, the gate; and the act Authorised.
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
		case in.Signal.On == was.On:
			l.vague = l.vague || !in.Signal.Known()
		default:
			vague := !in.Signal.Known()
			l.vague = l.vague || vague
			l = l.edge(i, in.Signal.On, t, &fx)
			l.vague = l.vague || vague // a vehicle that has just arrived, too
		}
	}
	if in.Kind == SignalChanged && in.Role == RoleFree {
		l.free = in.Signal.On || !in.Signal.Known() // nobody is accused on a guess
	}
	l = l.authorise(in, t)
	if l.waits && l.idle() { // it went while nobody could see how
		l.waits = false
		fx.emit(gateway.AlarmCleared, t, gateway.AlarmClearedData{Alarm: gateway.VehicleWaiting.Name()})
	}
	l = l.expire(now, &fx)
	if w := l.wordNow(); w != l.word || l.since.IsZero() {
		l.word, l.since = w, t
	}
	return l, fx, after(now, gateway.Earliest(l.waiting(), l.tellWaiting()))
}

// authorise counts how many may pass.
func (l Lane) authorise(in Input, t gateway.Mono) Lane {
	n := uint16(0)
	switch {
	case in.Kind == Authorised:
		n = uint16(min(max(in.Value, 0), 1000))
	case in.Kind == SignalChanged && in.Role == RoleCredit:
		if in.Signal.Known() && in.Signal.On && l.card.Known() && !l.card.On {
			n = 1
		}
		l.card, l.counts = in.Signal, true
	}
	if n == 0 {
		return l
	}
	if t >= l.until {
		l.grants = [maxGrants]LaneGrant{}
	}
	l.grant(n, in.Ref)
	l.until, l.counts = t.Add(l.cfg.CreditFor), true
	return l
}

// grant lets n more pass. Those of one reference are one; of more references than can be told apart the last has none.
func (l *Lane) grant(n uint16, ref string) {
	for i := range l.grants {
		g := &l.grants[i]
		switch last := i == maxGrants-1; {
		case g.N == 0, g.Ref == ref && (last || l.grants[i+1].N == 0):
			g.N, g.Ref = g.N+min(n, 1000-g.N), ref
			return
		case last:
			g.N, g.Ref = g.N+min(n, 1000-g.N), ""
		}
	}
}

// idle tells whether both loops can be read and are clear.
func (l Lane) idle() bool {
	return l.loops[0].Readable() && l.loops[1].Readable() && !l.loops[0].On && !l.loops[1].On
}

// tellWaiting is when somebody who stands on the first loop, or stood there when watching began, has waited for long.
func (l Lane) tellWaiting() gateway.Mono {
	if l.waits || l.cfg.Waiting == 0 {
		return 0
	}
	switch {
	case l.phase == phaseFirst || l.phase == phaseBoth:
		return l.start.Add(l.cfg.Waiting)
	case l.phase == phaseUnknown && l.loops[0].Readable() && l.loops[0].On:
		return l.loops[0].Since.Add(l.cfg.Waiting)
	}
	return 0
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
			if l.phase = phaseBoth; !l.both {
				l.both, l.second = true, t
			}
			l.vague = l.vague || t.Sub(l.start) < l.cfg.Jitter
		case first && !on && l.cfg.Single:
			l.vague = true // direction, queue or back-out: one loop cannot tell
			l = l.pass(t, fx)
			l.phase = phaseIdle
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
	if due := l.tellWaiting(); !due.IsZero() && t >= due {
		l.waits = true
		fx.emit(gateway.VehicleWaiting, due, gateway.WaitingData{Direction: l.direction(), WaitedMS: l.cfg.Waiting.Milliseconds()})
	}
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
	l.phase, l.dir, l.start, l.second, l.vague, l.both = phaseFirst, i, t, 0, false, false
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
	ref, ok := l.use(d, t)
	fx.emit(kind, t, gateway.PassData{
		Direction: d, Confidence: conf, DurationMS: millis(l.start, t), Count: *n, SpeedKMH: l.speed(), Ref: ref,
	})
	if !ok {
		fx.emit(gateway.Tailgating, t, gateway.TailgatingData{Direction: d, Count: *n})
	}
	l.waits = false
	back := l.passed[1-countOf(d)]
	if l.passed[countOf(d)] = t; !back.IsZero() && t.Sub(back) <= l.cfg.UTurn {
		l.passed = [2]gateway.Mono{}
		fx.emit(gateway.UTurn, t, gateway.UTurnData{Direction: d, AfterMS: millis(back, t)})
	}
	return l
}

// speed is estimated in km/h; zero = it cannot be. Detectors react within some ten milliseconds of each other, so that it
// is right within a third.
func (l *Lane) speed() int64 {
	took := l.second.Sub(l.start)
	if l.cfg.Spacing == 0 || l.vague || l.second.IsZero() || took <= 0 {
		return 0
	}
	kmh := (l.cfg.Spacing*3600 + took.Milliseconds()*500) / (max(took.Milliseconds(), 1) * 1000)
	if kmh > mostSpeed {
		return 0
	}
	return kmh
}

// mostSpeed is more than anybody drives between two loops of a barrier, km/h.
const mostSpeed = 80

// use takes one authorisation and tells its reference; ok is false if there is none left and one is needed.
func (l *Lane) use(d gateway.Direction, t gateway.Mono) (ref string, ok bool) {
	l.last = ""
	if !l.counts || d != l.cfg.Direction {
		return "", true
	}
	if t >= l.until {
		l.grants = [maxGrants]LaneGrant{}
	}
	g := &l.grants[0]
	if g.N == 0 {
		return "", l.free
	}
	l.last = g.Ref
	if g.N--; g.N == 0 {
		copy(l.grants[:], l.grants[1:])
		l.grants[maxGrants-1] = LaneGrant{}
	}
	return l.last, true
}

// giveBack is the inverse of use: the vehicle has come back.
func (l *Lane) giveBack() {
	if g := &l.grants[0]; g.N > 0 && g.Ref == l.last {
		g.N++
		return
	}
	copy(l.grants[1:], l.grants[:maxGrants-1])
	l.grants[0] = LaneGrant{N: 1, Ref: l.last}
}

func (l Lane) retract(t gateway.Mono, fx *Effects) Lane {
	d := l.direction()
	n := &l.count[countOf(d)]
	*n--
	l.passed[countOf(d)] = 0
	if l.counts && d == l.cfg.Direction && t < l.until {
		l.giveBack() // it may try again
	}
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
	l.waits = false
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

// Balance offers the lane's count to a lot: how many more vehicles went in than came out since the daemon started, wrong
// ways included.
func (l Lane) Balance() (Signal, int64) {
	q := min(l.loops[0].Quality, l.loops[1].Quality)
	if l.phase == phaseUnknown {
		q = gateway.Bad
	}
	return Signal{Quality: q, Since: l.since}, int64(l.count[0]-l.base[0]) - int64(l.count[1]-l.base[1])
}

// Signal offers whether the lane is occupied: a vehicle is on a loop, or between the two.
func (l Lane) Signal() Signal {
	s, _ := l.Balance()
	s.On = l.loops[0].On || l.loops[1].On || l.phase != phaseIdle
	return s
}

// LaneDetail goes out with the state of a lane.
type LaneDetail struct {
	A        bool   `json:"a"` // loop occupied
	B        bool   `json:"b"`
	CountIn  uint64 `json:"count_in"`
	CountOut uint64 `json:"count_out"`
	Counting bool   `json:"counting"`         // false until both loops were clear once
	Single   bool   `json:"single,omitempty"` // one loop only: no direction, every passage of low confidence
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
			CountIn: l.count[0], CountOut: l.count[1], Counting: l.phase != phaseUnknown, Single: l.cfg.Single,
		},
	}
}
