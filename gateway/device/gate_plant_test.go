package device

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway"
)

// stoppingTime is the longest from a vehicle's nose under the arm until the arm rises, as docs/commands.md publishes it:
// reaction of the detector (below 60 ms), settle time of its wire, the gap between opposing relays, filter of the
// controller's input and its own standstill before it reverses, and the grain of this test.
const stoppingTime = 60*time.Millisecond + testSettle + Gap + 20*time.Millisecond + 300*time.Millisecond + 2*grain

const (
	testSettle = 20 * time.Millisecond
	grain      = 5 * time.Millisecond
)

// world is a gate at a lane whose barrier has no safety of its own. It carries out what the gate wants, and holds every
// sentence of the rule book after every step.
type world struct {
	t        *rapid.T
	cfg      GateConfig
	lane     *plant.Lane
	journal  plant.Journal
	gate     Gate
	wake     gateway.Mono
	now      gateway.Mono
	wires    [5]Settle
	through  Lane // what the two loops say about the lane
	laneWake gateway.Mono
	bad      [2]bool // safety wires that cannot be read
	on       [Outputs]bool
	ended    [Outputs]gateway.Mono
	orders   map[uint32]gateway.Stage
	next     uint32
	action   gateway.Action // of order next
	answers  []answer
	proof    *Evidence // of the step that goes on
	mute     bool      // the bus does not answer
	fire     bool
	key      bool
	helpless bool // the key was turned, and there is no STOP relay: nothing of ours can stop a falling arm
	let      bool // somebody was let in, and nothing has come between: a rule may close
	closes   int
	byRule   int
	opens    int
	trips    int
}

type answer struct {
	at gateway.Mono
	Evidence
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: origin, orders: map[uint32]gateway.Stage{}}
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	w.cfg = GateConfig{
		Travel: 3 * time.Second, Safety: 2, Has: [Outputs]bool{true, true, flag("stop relay")}, Clear: time.Second,
		Maintain: flag("maintain"), StopTrip: false, Lockout: true, Exclusive: flag("exclusive"), HasLane: true,
		PowerOpens: flag("power opens"),
	}
	if flag("closing rules") {
		w.cfg.Closing = ClosingRules{AfterPass: flag("after pass"), NoPass: 3 * time.Second, Idle: 4 * time.Second}
	}
	w.through = NewLane(LaneConfig{Direction: gateway.In, Gap: time.Second, CreditFor: time.Minute})
	seed := plant.Seed(rapid.Uint64().Draw(t, "seed"))
	w.lane = plant.NewLane("entry", plant.LaneOptions{
		Loops: plant.LoopDetector(), Beam: plant.Photocell(),
		Barrier: plant.BarrierOptions{Unprotected: true, Bounce: plant.LimitSwitch()},
	}, seed, &w.journal)
	for i := range w.wires {
		w.wires[i].For = testSettle
	}
	w.gate = NewGate(w.cfg)
	w.give(Changed(RoleLockout, 0, Signal{Quality: gateway.Good, Since: w.now}))
	return w
}

func (w *world) since() time.Duration { return w.now.Sub(origin) }

func (w *world) levels() [5]bool {
	return [5]bool{
		w.lane.Barrier.Open.Closed(), w.lane.Barrier.Closed.Closed(), w.lane.Photocell.Present(), w.lane.B.Present(), w.lane.A.Present(),
	}
}

var wireRoles = [4]Input{{Role: RoleOpenLimit}, {Role: RoleClosedLimit}, {Role: RoleSafety}, {Role: RoleSafety, Index: 1}}

// tick lets one grain of time pass, for the plant, the wires, the relays and the gate.
func (w *world) tick() {
	w.now = w.now.Add(grain)
	w.lane.Step(w.since())
	for i, level := range w.levels() {
		if i == 2 && w.bad[0] || i == 3 && w.bad[1] {
			continue
		}
		var changed bool
		w.wires[i], changed, _ = w.wires[i].Edge(w.now, level)
		var ticked bool
		w.wires[i], ticked, _ = w.wires[i].Tick(w.now)
		if !changed && !ticked {
			continue
		}
		on, since, _ := w.wires[i].Level()
		s := Signal{On: on, Quality: gateway.Good, Since: since}
		if i < len(wireRoles) {
			w.give(Changed(wireRoles[i].Role, wireRoles[i].Index, s))
		}
		switch i {
		case 3:
			w.pastLoop(Changed(RoleB, 0, s))
		case 4:
			w.pastLoop(Changed(RoleA, 0, s))
		}
	}
	if w.overdue() {
		w.pastLoop(Input{})
	}
	for len(w.answers) > 0 && w.answers[0].at <= w.now {
		e := w.answers[0].Evidence
		w.answers = w.answers[1:]
		w.proof = &e
		w.give(Input{Kind: EvidenceRead, Evidence: e})
		w.proof = nil
	}
	if !w.wake.IsZero() && w.wake <= w.now {
		w.give(Input{})
	}
	w.relays()
}

// pastLoop steps the lane, and tells the gate what the core would tell it.
func (w *world) pastLoop(in Input) {
	before := w.through.Signal()
	_, was := w.through.Balance()
	w.through, _, w.laneWake = w.through.Step(w.now, in)
	if s := w.through.Signal(); s != before {
		w.give(Changed(RoleLane, 0, s))
	}
	if s, is := w.through.Balance(); is != was {
		w.give(Reading(RoleLane, 0, s, is))
	}
}

func (w *world) overdue() bool { return !w.laneWake.IsZero() && w.laneWake <= w.now }

// lose makes a safety wire unreadable, or readable again.
func (w *world) lose(i int, bad bool) {
	w.bad[i] = bad
	if bad {
		w.wires[2+i] = w.wires[2+i].Lose()
		w.give(Changed(RoleSafety, uint8(i), Signal{Since: w.now}))
	}
}

// give steps the gate and holds what must hold.
func (w *world) give(in Input) {
	was := w.gate
	var fx Effects
	w.gate, fx, w.wake = w.gate.Step(w.now, in)
	if again, fx2, wake2 := was.Step(w.now, in); again != w.gate || wake2 != w.wake || fmt.Sprint(fx) != fmt.Sprint(fx2) {
		w.t.Fatalf("%v: step is not pure", w.since())
	}
	if !w.wake.IsZero() && w.wake <= w.now {
		w.t.Fatalf("%v: wake %v lies behind", w.since(), w.wake.Sub(origin))
	}
	w.hold(was)
	for _, o := range fx.Outcomes {
		if o.Number != RuleOrder {
			w.outcome(o)
		}
	}
	if w.gate.drive[CloseOutput].From != was.drive[CloseOutput].From && w.gate.closesFor == gateway.CauseRule {
		w.byRule++
		if !w.let {
			w.t.Fatalf("%v: a rule closes, and nobody was let in", w.since())
		}
		w.let = false
	}
	w.between(was)
	if fx.Ask != 0 && !w.mute {
		delay := time.Duration(rapid.IntRange(0, 130).Draw(w.t, "answer in 5ms")) * grain
		age := time.Duration(rapid.IntRange(0, 24).Draw(w.t, "age in 5ms")) * grain
		w.answers = append(w.answers, answer{at: w.now.Add(delay), Evidence: w.read(fx.Ask, w.now.Add(delay-min(age, delay)))})
	}
}

// between notes what ends the reach of closing rules: a gate that nothing of ours has opened, fire, hold, STOP, the key, a
// trip. It is told here without looking at what the gate thinks of it.
func (w *world) between(was Gate) {
	g := w.gate
	moved := g.position == gateOpening && was.position != gateOpening
	if w.fire || w.key || g.hold != 0 || g.holdRules != [MaxSafety]bool{} && !g.quiet || g.tripped && !was.tripped ||
		moved && g.cause != gateway.CauseCommand && g.cause != gateway.CauseRule {
		w.let = false
	}
	if g.openRules != [MaxSafety]bool{} && !w.fire && !w.key && g.hold == 0 && g.holdRules == [MaxSafety]bool{} {
		w.let = true
	}
}

// read is an answer whose samples say what the plant says now; what becomes of the lane until then is not in it.
func (w *world) read(number uint32, at gateway.Mono) Evidence {
	e := Evidence{Number: number}
	l := w.levels()
	for i := range 2 {
		e.Samples[i] = Sample{On: l[2+i], Quality: gateway.Good, At: at}
		if w.bad[i] {
			e.Samples[i] = Sample{}
		}
	}
	return e
}

// hold checks a step against safety.md.
func (w *world) hold(was Gate) {
	d, g := w.gate.Drive(), w.gate
	fail := func(format string, args ...any) { w.t.Fatalf("%v: "+format, append([]any{w.since()}, args...)...) }
	o, c := d[OpenOutput], d[CloseOutput]
	if o.Ahead(w.now) && c.Ahead(w.now) {
		fail("OPEN %v and CLOSE %v", o, c)
	}
	if o.Until != 0 && c.Until != 0 && max(o.From, c.From).Sub(min(o.Until, c.Until)) < Gap {
		fail("OPEN %v and CLOSE %v are not apart", o, c)
	}
	if c.Ahead(w.now) && c.From != was.drive[CloseOutput].From {
		if w.proof == nil {
			fail("CLOSE without evidence")
		}
		for i, s := range w.proof.Samples[:2] {
			if s.On || s.Quality != gateway.Good || w.now.Sub(s.At) > FreshTime {
				fail("CLOSE on sample %+v", s)
			}
			if known := g.safety[i]; !known.Known() || known.On || w.now.Sub(known.Since) < w.cfg.Clear {
				fail("CLOSE though safety %d is %+v", i, known)
			}
		}
		if w.key || w.fire {
			fail("CLOSE with key %v, fire %v", w.key, w.fire)
		}
	}
	if was.closing != 0 && g.closing != 0 && was.safetyClear() && !g.safetyClear() {
		w.trips++
		if c.Ahead(w.now) {
			fail("CLOSE goes on after a trip")
		}
		rises := o.Ahead(w.now) && o.From <= w.now.Add(Gap)
		if stands := d[StopOutput].Ahead(w.now); !rises && !stands && !(w.key && !w.cfg.Has[StopOutput]) {
			fail("a trip while closing, and neither OPEN nor STOP: %v", d)
		}
	}
	if w.key && (o.Ahead(w.now) || c.Ahead(w.now)) {
		fail("an output in lockout: %v", d)
	}
	for i, p := range d {
		held := Output(i) == OpenOutput && w.cfg.Maintain
		if n := p.Until.Sub(p.From); p.Ahead(w.now) && !held && (n < MinPulse || n > MaxPulse) {
			fail("%v pulse of %v", Output(i), n)
		}
	}
}

func (w *world) outcome(o Outcome) {
	was, ok := w.orders[o.Number]
	if o.Stage == gateway.Accepted && o.Number == w.next {
		switch w.action {
		case gateway.Open:
			w.let = true
		case gateway.Stop, gateway.HoldOpen:
			w.let = false
		}
	}
	legal := map[gateway.Stage][]gateway.Stage{
		"":                {gateway.Rejected, gateway.Accepted},
		gateway.Accepted:  {gateway.Executing, gateway.Done, gateway.Failed},
		gateway.Executing: {gateway.Done, gateway.Failed},
	}
	for _, s := range legal[was] {
		if ok && s == o.Stage {
			w.orders[o.Number] = o.Stage
			if o.Verified && o.Stage == gateway.Done && !w.gate.open.On && !w.gate.closed.On {
				w.t.Fatalf("%v: verified by no limit", w.since())
			}
			return
		}
	}
	w.t.Fatalf("%v: order %d: %q after %q", w.since(), o.Number, o.Stage, was)
}

func (w *world) order(a gateway.Action, hold time.Duration) {
	w.next++
	w.action = a
	w.orders[w.next] = ""
	w.give(Input{Kind: OrderGiven, Order: Order{Number: w.next, Action: a, Hold: hold, Passages: uint16(w.next % 3)}})
	if w.orders[w.next] == "" && a != gateway.Close {
		w.t.Fatalf("%v: no answer to %s", w.since(), a)
	}
}

// relays carries out what the gate wants.
func (w *world) relays() {
	for i, p := range w.gate.Drive() {
		if on := p.Active(w.now); on != w.on[i] {
			w.on[i] = on
			w.lane.Barrier.Set(w.since(), plant.Input(i), on)
			switch {
			case !on:
				w.ended[i] = w.now
			case Output(i) == CloseOutput:
				w.closes++
			case Output(i) == OpenOutput:
				w.opens++
			}
			other := [...]Output{CloseOutput, OpenOutput}
			if on && Output(i) != StopOutput {
				if w.on[other[i]] || w.ended[other[i]] != 0 && w.now.Sub(w.ended[other[i]]) < Gap {
					w.t.Fatalf("%v: relay %v within the gap", w.since(), Output(i))
				}
			}
			if on {
				w.give(Input{Kind: OutputTold, Report: Report{Output: Output(i)}})
			}
		}
	}
}

func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now < end; {
		w.tick()
	}
}

// touched holds that an arm lies on a vehicle only if that came under it within the stopping time.
func (w *world) touched() {
	under := map[int]time.Duration{}
	for _, t := range w.journal.Take() {
		switch t.Kind {
		case plant.VehicleUnderArm:
			under[t.Vehicle] = t.At
		case plant.ArmTouched:
			if late := t.At - under[t.Vehicle]; late > stoppingTime && !w.helpless {
				w.t.Fatalf("%v: the arm touched vehicle %d, %v after it had come under it", t.At, t.Vehicle, late)
			}
		}
	}
}

func TestGateKeepsTheRuleBook(t *testing.T) {
	var closes, opens, trips, byRule int
	rapid.Check(t, func(t *rapid.T) {
		w := live(t)
		closes, opens, trips, byRule = closes+w.closes, opens+w.opens, trips+w.trips, byRule+w.byRule
	})
	t.Logf("%d CLOSE (%d of a rule) and %d OPEN pulses, %d trips while closing", closes, byRule, opens, trips)
	if closes == byRule || opens == 0 || byRule == 0 { // trips are too rare to demand of every run
		t.Error("the test never saw what it is about")
	}
}

func FuzzGateKeepsTheRuleBook(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { live(t) }))
}

// live plays a random life of a gate and its lane.
func live(t *rapid.T) *world {
	w := newWorld(t)
	w.pass(2 * time.Second)
	for range rapid.IntRange(5, 40).Draw(t, "deeds") {
		w.deed()
		w.relays()
		w.pass(time.Duration(rapid.IntRange(1, 700).Draw(t, "pause in 5ms")) * grain)
	}
	w.mute = true
	w.pass(30 * time.Second)
	w.touched()
	for n, s := range w.orders {
		if !s.Final() {
			t.Fatalf("order %d ended as %q", n, s)
		}
	}
	return w
}

// deed does one thing to the gate or its surroundings.
func (w *world) deed() {
	t := w.t
	switch rapid.IntRange(0, 18).Draw(t, "deed") {
	case 0, 1, 2:
		w.order(gateway.Open, 0)
	case 3, 4, 5, 6:
		w.order(gateway.Close, 0)
	case 7:
		w.order(gateway.Stop, 0)
	case 8:
		w.order(gateway.HoldOpen, time.Duration(rapid.IntRange(0, 10).Draw(t, "hold"))*time.Second)
	case 9:
		w.order(gateway.Release, 0)
	case 10, 11:
		w.lane.Enter(w.since(), plant.Vehicle{
			Length: plant.Length(rapid.IntRange(1900, 6000).Draw(t, "length")) * plant.Millimetre,
			Speed:  plant.Speed(rapid.IntRange(1000, 4000).Draw(t, "speed")) * plant.MillimetrePerSecond,
			Bold:   rapid.Bool().Draw(t, "bold"),
		})
	case 12:
		w.lose(rapid.IntRange(0, 1).Draw(t, "wire"), rapid.Bool().Draw(t, "bad"))
	case 13:
		w.key = !w.key
		w.helpless = w.helpless || !w.cfg.Has[StopOutput]
		w.give(Changed(RoleLockout, 0, Signal{On: w.key, Quality: gateway.Good, Since: w.now}))
	case 14:
		w.fire = rapid.IntRange(0, 2).Draw(t, "fire") == 0
		w.give(Changed(RoleFire, 0, Signal{On: w.fire, Quality: gateway.Good, Since: w.now}))
	case 16:
		on := rapid.Bool().Draw(t, "hand")
		if on {
			w.let = false
		}
		w.give(Changed(RoleManual, 0, Signal{On: on, Quality: gateway.Good, Since: w.now}))
	case 17:
		w.give(Changed(RolePower, 0, Signal{On: rapid.Bool().Draw(t, "blackout"), Quality: gateway.Good, Since: w.now}))
	case 18:
		w.pass(5 * time.Second)
	case 15:
		rule := rapid.Bool().Draw(t, "rule")
		w.give(Changed(rapid.SampledFrom([]Role{RoleHoldRule, RoleOpenRule}).Draw(t, "which"), 0, Signal{On: rule, Quality: gateway.Good, Since: w.now}))
	}
}
