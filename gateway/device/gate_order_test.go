package device

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
)

// bench is a gate on a table: limits and safety are set by hand, relays report at once, evidence is answered at once
// with what the safety inputs say, unless the test says otherwise.
type bench struct {
	t     *testing.T
	gate  Gate
	wake  gateway.Mono
	now   gateway.Mono
	mute  bool
	said  []string
	shown [Outputs]bool
}

func newBench(t *testing.T, change func(*GateConfig)) *bench {
	cfg := GateConfig{Travel: 3 * time.Second, Safety: 1, Has: [Outputs]bool{true, true, true}, Clear: time.Second}
	if change != nil {
		change(&cfg)
	}
	b := &bench{t: t, gate: NewGate(cfg), now: origin}
	b.set("O- C+ S-")
	b.pass(2 * time.Second)
	b.said = nil
	return b
}

func (b *bench) give(in Input) {
	var fx Effects
	b.gate, fx, b.wake = b.gate.Step(b.now, in)
	at := b.now.Sub(origin)
	for _, e := range fx.Events {
		b.said = append(b.said, fmt.Sprintf("%v %s", at, e.Type))
	}
	for _, o := range fx.Outcomes {
		b.said = append(b.said, strings.TrimSpace(fmt.Sprintf("%v #%d %s %s %s", at, o.Number, o.Stage, o.Reason, o.Obstacle)))
	}
	for i, p := range b.gate.Drive() {
		if on := p.Active(b.now); on != b.shown[i] {
			b.shown[i] = on
			b.said = append(b.said, fmt.Sprintf("%v %s %v", at, strings.ToUpper(Output(i).String()), map[bool]string{true: "on", false: "off"}[on]))
			if on {
				b.give(Input{Kind: OutputTold, Report: Report{Output: Output(i)}})
			}
		}
	}
	if fx.Ask != 0 && !b.mute {
		e := Evidence{Number: fx.Ask}
		e.Samples[0] = Sample{On: b.gate.safety[0].On, Quality: b.gate.safety[0].Quality, At: b.now}
		b.give(Input{Kind: EvidenceRead, Evidence: e})
	}
}

func (b *bench) set(words string) {
	for _, w := range strings.Fields(words) {
		in := map[byte]Input{'O': {Role: RoleOpenLimit}, 'C': {Role: RoleClosedLimit}, 'S': {Role: RoleSafety}, 'F': {Role: RoleFire}, 'K': {Role: RoleLockout}, 'W': {Role: RoleWindow}, 'P': {Role: RoleOpenRule}}[w[0]]
		s := Signal{On: w[1] == '+', Quality: gateway.Good, Since: b.now}
		if w[1] == '?' {
			s = Signal{Since: b.now}
		}
		b.give(Changed(in.Role, 0, s))
	}
}

func (b *bench) order(n uint32, a gateway.Action) {
	b.give(Input{Kind: OrderGiven, Order: Order{Number: n, Action: a}})
}

func (b *bench) pass(d time.Duration) {
	end := b.now.Add(d)
	for !b.wake.IsZero() && b.wake <= end {
		b.now = b.wake
		b.give(Input{})
	}
	b.now = end
}

func (b *bench) expect(want string) {
	b.t.Helper()
	expect(b.t, b.said, want)
	b.said = nil
}

// up opens the gate and forgets about it.
func (b *bench) up() {
	b.order(90, gateway.Open)
	b.set("C-")
	b.pass(3 * time.Second)
	b.set("O+")
	b.pass(2 * time.Second)
	b.said = nil
}

func TestOpenAndClose(t *testing.T) {
	b := newBench(t, nil)
	b.order(1, gateway.Open)
	b.pass(200 * time.Millisecond)
	b.set("C-")
	b.pass(2800 * time.Millisecond)
	b.set("O+")
	b.pass(2 * time.Second)
	b.order(2, gateway.Close)
	b.pass(200 * time.Millisecond)
	b.set("O-")
	b.pass(2800 * time.Millisecond)
	b.set("C+")
	b.expect(`
		2s #1 accepted
		2s OPEN on
		2s #1 executing
		2.2s gate.opening
		2.5s OPEN off
		5s gate.opened
		5s #1 done
		7s #2 accepted
		7s CLOSE on
		7s #2 executing
		7.2s gate.closing
		7.5s CLOSE off
		10s gate.closed
		10s #2 done`)
}

func TestTripWhileClosingOpens(t *testing.T) {
	for _, trip := range []string{"S+", "S?"} {
		b := newBench(t, nil)
		b.up()
		b.order(1, gateway.Close)
		b.pass(100 * time.Millisecond)
		b.set("O- " + trip)
		if s := b.gate.State(); s.Value != "obstructed" {
			t.Errorf("state %q", s.Value)
		}
		b.pass(700 * time.Millisecond)
		b.set("O+")
		b.expect(`
			7s #1 accepted
			7s CLOSE on
			7s #1 executing
			7.1s gate.closing
			7.1s #1 failed safety_trip
			7.1s CLOSE off
			7.4s OPEN on
			7.8s gate.obstructed
			7.8s gate.opened`)
	}
}

// An arm that a trip has stopped before it left its limit is open, and not obstructed until it moves again.
func TestTripBeforeTheArmMovesStops(t *testing.T) {
	b := newBench(t, func(c *GateConfig) { c.StopTrip = true })
	b.up()
	b.order(1, gateway.Close)
	b.pass(100 * time.Millisecond)
	b.set("S+")
	b.pass(time.Minute)
	if s := b.gate.State(); s.Value != "open" {
		t.Errorf("state %q", s.Value)
	}
	b.expect(`
		7s #1 accepted
		7s CLOSE on
		7s #1 executing
		7.1s #1 failed safety_trip
		7.1s CLOSE off
		7.1s STOP on
		7.6s STOP off`)
}

func TestCloseIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*GateConfig)
		prepare func(*bench)
		want    string
	}{
		"blocked":         {nil, func(b *bench) { b.set("S+") }, "rejected interlock"},
		"bad":             {nil, func(b *bench) { b.set("S?") }, "rejected interlock"},
		"clear too short": {nil, func(b *bench) { b.set("S+ S-"); b.pass(900 * time.Millisecond) }, "rejected interlock"},
		"no answer":       {nil, func(b *bench) { b.mute = true }, "rejected interlock"},
		"no safety input": {func(c *GateConfig) { c.Safety = 0 }, nil, "rejected interlock no_safety"},
		"no guard":        {func(c *GateConfig) { c.Unguarded = true }, nil, "rejected interlock guard"},
		"no limits":       {func(c *GateConfig) { c.NoLimits = true }, nil, "rejected interlock position"},
		"limits conflict": {nil, func(b *bench) { b.set("C+") }, "rejected interlock position"},
		"fire":            {nil, func(b *bench) { b.set("F+") }, "rejected fire"},
		"held open":       {nil, func(b *bench) { b.order(91, gateway.HoldOpen) }, "rejected interlock held_open"},
		"open is active":  {nil, func(b *bench) { b.order(91, gateway.Open) }, "rejected interlock open_output"},
		"within the gap":  {nil, func(b *bench) { b.order(91, gateway.Open); b.pass(799 * time.Millisecond) }, "rejected interlock open_output"},
		"key":             {func(c *GateConfig) { c.Lockout = true }, func(b *bench) { b.set("K+") }, "rejected lockout"},
		"key wire is cut": {func(c *GateConfig) { c.Lockout = true }, func(b *bench) { b.set("K- K?") }, "rejected lockout"},
		"maintenance":     {nil, func(b *bench) { b.set("W+") }, "rejected maintenance"},
		"no relay":        {func(c *GateConfig) { c.Has[CloseOutput] = false }, nil, "rejected unknown_action"},
		"fire meanwhile":  {nil, func(b *bench) { b.mute = true; defer b.set("F+"); b.order(1, gateway.Close) }, "rejected fire"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(cfg *GateConfig) {
				if c.change != nil {
					c.change(cfg)
				}
			})
			b.set("C- O+")
			b.pass(2 * time.Second)
			if c.prepare != nil {
				c.prepare(b)
			}
			if !strings.HasSuffix(name, "meanwhile") {
				b.order(1, gateway.Close)
			}
			b.pass(time.Second)
			all := strings.Join(b.said, "\n")
			if !strings.Contains(all, "#1 "+c.want) || strings.Contains(all, "CLOSE on") {
				t.Errorf("said:\n%s", all)
			}
		})
	}
}

// An order whose time runs out while its evidence is read does nothing.
func TestCloseExpiresBeforeItsEvidence(t *testing.T) {
	b := newBench(t, nil)
	b.up()
	b.mute = true
	b.give(Input{Kind: OrderGiven, Order: Order{Number: 1, Action: gateway.Close, Expires: b.now.Add(100 * time.Millisecond)}})
	b.pass(200 * time.Millisecond)
	e := Evidence{Number: b.gate.question}
	e.Samples[0] = Sample{Quality: gateway.Good, At: b.now}
	b.give(Input{Kind: EvidenceRead, Evidence: e})
	b.expect("7.2s #1 rejected expired")
}

func TestStaleEvidenceIsNoProof(t *testing.T) {
	b := newBench(t, nil)
	b.up()
	b.mute = true
	b.order(1, gateway.Close)
	read := b.now
	b.pass(101 * time.Millisecond)
	e := Evidence{Number: b.gate.question}
	e.Samples[0] = Sample{Quality: gateway.Good, At: read}
	b.give(Input{Kind: EvidenceRead, Evidence: e})
	b.expect("7.101s #1 rejected interlock")
}

func TestNothingMoves(t *testing.T) {
	b := newBench(t, nil)
	b.order(1, gateway.Open)
	b.pass(2 * time.Second)
	b.expect(`
		2s #1 accepted
		2s OPEN on
		2s #1 executing
		2.5s OPEN off
		3.5s gate.fault
		3.5s #1 failed no_motion`)
	b.order(2, gateway.Open)
	b.set("C-")
	b.pass(7 * time.Second)
	b.expect(`
		4s #2 accepted
		4s OPEN on
		4s #2 executing
		4s gate.fault_cleared
		4s gate.opening
		4.5s OPEN off
		10s gate.fault
		10s #2 failed travel_timeout`)
}

func TestStopBeatsAndOpenSupersedes(t *testing.T) {
	b := newBench(t, nil)
	b.up()
	b.order(1, gateway.Close)
	b.pass(100 * time.Millisecond)
	b.set("O-")
	b.order(2, gateway.Stop)
	b.pass(time.Second)
	b.order(3, gateway.Open)
	b.pass(3 * time.Second)
	b.set("O+")
	b.expect(`
		7s #1 accepted
		7s CLOSE on
		7s #1 executing
		7.1s gate.closing
		7.1s gate.stopped
		7.1s #1 failed superseded
		7.1s #2 accepted
		7.1s CLOSE off
		7.1s STOP on
		7.1s #2 executing
		7.6s #2 done
		7.6s STOP off
		8.1s gate.opening
		8.1s #3 accepted
		8.1s OPEN on
		8.1s #3 executing
		8.6s OPEN off
		11.1s gate.opened
		11.1s #3 done`)
}

func TestFireHoldsOpen(t *testing.T) {
	b := newBench(t, func(c *GateConfig) { c.Maintain, c.MaxHold = true, time.Minute })
	b.set("F+ C-")
	b.pass(3 * time.Second)
	b.set("O+")
	b.pass(time.Hour)
	b.order(1, gateway.Stop)
	b.order(2, gateway.Close)
	b.set("F-")
	b.pass(time.Minute)
	b.expect(`
		2s OPEN on
		2s gate.opening
		5s gate.opened
		1h0m5s #1 rejected fire
		1h0m5s #2 rejected fire
		1h0m5s OPEN off`)
}

func TestPulseGateIsHeldByPulses(t *testing.T) {
	b := newBench(t, nil)
	b.order(1, gateway.HoldOpen)
	b.set("C-")
	b.pass(3 * time.Second)
	b.set("O+")
	b.pass(10 * time.Second)
	b.set("O-") // somebody closes
	b.pass(time.Second)
	b.set("O+")
	b.order(2, gateway.Release)
	b.pass(time.Second)
	b.set("O-")
	b.pass(time.Second)
	b.expect(`
		2s #1 accepted
		2s OPEN on
		2s #1 executing
		2s gate.opening
		2.5s OPEN off
		5s gate.opened
		5s #1 done
		15s gate.closing
		15s OPEN on
		15.5s OPEN off
		16s gate.obstructed
		16s gate.opened
		16s #2 accepted
		16s #2 done
		17s gate.closing`)
}

func TestForcedAndHeldOpen(t *testing.T) {
	b := newBench(t, func(c *GateConfig) { c.Exclusive, c.HeldOpen = true, time.Minute })
	b.set("C-")
	b.pass(time.Second)
	b.set("O+")
	if s := b.gate.State(); s.Value != "forced" {
		t.Errorf("state %q", s.Value)
	}
	b.pass(2 * time.Minute)
	b.expect(`
		2s gate.opening
		2s gate.forced
		3s gate.opened
		1m3s gate.held_open`)
	c := newBench(t, func(c *GateConfig) { c.Exclusive = true })
	c.order(1, gateway.Open)
	c.set("C-")
	if all := strings.Join(c.said, "\n"); strings.Contains(all, "forced") {
		t.Errorf("said:\n%s", all)
	}
}

// The contact says so before the limit does: told once.
func TestForcedByContactAndThenSeenToOpen(t *testing.T) {
	b := newBench(t, func(c *GateConfig) { c.Exclusive = true })
	b.give(Input{Kind: SignalChanged, Role: RoleForce, Signal: Signal{On: true, Quality: gateway.Good, Since: b.now}})
	b.set("C-")
	if all := strings.Join(b.said, "\n"); strings.Count(all, "gate.forced") != 1 {
		t.Errorf("said:\n%s", all)
	}
}

func TestRelayThatFails(t *testing.T) {
	b := newBench(t, nil)
	b.up()
	b.order(1, gateway.Close)
	b.give(Input{Kind: OutputTold, Report: Report{Output: CloseOutput, Failed: gateway.RelayReadback}})
	b.expect(`
		7s #1 accepted
		7s CLOSE on
		7s #1 executing
		7s gate.fault
		7s #1 failed relay_readback
		7s CLOSE off`)
	if b.gate.Drive()[CloseOutput].Ahead(b.now) {
		t.Error("CLOSE is still wanted")
	}
}

func TestLocalNeedsTheWindow(t *testing.T) {
	b := newBench(t, nil)
	local := func(n uint32, a gateway.Action) {
		b.give(Input{Kind: OrderGiven, Order: Order{Number: n, Action: a, Local: true}})
	}
	local(1, gateway.Open)
	local(2, gateway.Stop)
	b.set("W+")
	b.pass(time.Second)
	local(3, gateway.Open)
	b.expect(`
		2s #1 rejected no_presence
		2s #2 accepted
		2s STOP on
		2s #2 executing
		2.5s #2 done
		2.5s STOP off
		3s #3 accepted
		3s OPEN on
		3s #3 executing`)
}

func TestFireInputLatches(t *testing.T) {
	reset := Input{Kind: OrderGiven, Order: Order{Number: 1, Action: gateway.ResetFire}}
	tell := func(f FireInput, s Signal) FireInput {
		f, _, _ = f.Step(origin, Changed(RoleInput, 0, s))
		return f
	}
	good := func(on bool) Signal { return Signal{On: on, Quality: gateway.Good, Since: origin} }
	f := tell(tell(NewFireInput(), good(false)), good(true))
	if f, fx, _ := f.Step(origin, reset); !f.Signal().On || fx.Outcomes[0].Reason != gateway.Fire {
		t.Error("reset while the contact is active")
	}
	f = tell(f, Signal{})
	if f, _, _ := f.Step(origin, reset); !f.Signal().On {
		t.Error("reset while the wire is broken")
	}
	f = tell(f, good(false))
	if !f.Signal().On || f.State().Value != "latched" {
		t.Error("cleared by itself")
	}
	if f, fx, _ := f.Step(origin, reset); f.Signal().On || len(fx.Outcomes) != 2 {
		t.Error("not reset")
	}
	if f := NewFireInput().Restore(FireSnapshot{Latched: true}, 0); !f.Signal().On {
		t.Error("forgotten over a restart")
	}
}

func TestWindowClosesByItself(t *testing.T) {
	roles := map[string]Input{"B": {Role: RoleInput}}
	w, got := play(t, NewWindow(10*time.Minute), roles, "0s B+\n1s B-\n2s B+\n3s B-\n5m2s B+\n5m3s B-\n1h")
	expect(t, got, `
		2s gateway.maintenance_opened {}
		14m2s RELAY on
		14m3s RELAY off
		15m2s gateway.maintenance_closed {"for_ms":900000}`)
	if w.Signal().On {
		t.Error("still open")
	}
}

func TestAutonomy(t *testing.T) {
	c, _ := play(t, NewCenter(), map[string]Input{"B": {Role: RoleInput}}, "0s B+\n20s B-\n49s")
	if c.Signal().On {
		t.Error("away after 29 s")
	}
	c, _ = play(t, c, map[string]Input{"B": {Role: RoleInput}}, "50s B-\n51s")
	if !c.Signal().On {
		t.Error("not away after 30 s")
	}
	roles := map[string]Input{"A": {Role: RoleAway}, "P": {Role: RolePresence}}
	a, got := play(t, NewAutonomy(OpenOnPresence), roles, "0s P+\n1s A+\n2s A-\n3s A+")
	expect(t, got, `
		1s lane.autonomy_entered {"mode":"open_on_presence"}
		2s lane.autonomy_left {"mode":"open_on_presence"}
		3s lane.autonomy_entered {"mode":"open_on_presence"}`)
	if !a.Signal().On {
		t.Error("a waiting car is trapped")
	}
}

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(want), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	if g := strings.Join(got, "\n"); g != strings.Join(lines, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", g, strings.Join(lines, "\n"))
	}
}

// A hand on the barrier between a rule's question and its answer: the rule has nothing to close any more.
func TestRuleGivesUpBeforeItsEvidence(t *testing.T) {
	b := newBench(t, func(c *GateConfig) { c.Closing = ClosingRules{Idle: 10 * time.Second} })
	b.up()
	b.mute = true
	b.pass(8 * time.Second) // it has been open for two
	if b.gate.asked == 0 || b.gate.pending.Number != RuleOrder {
		t.Fatalf("the rule asks nothing: %+v", b.gate.pending)
	}
	answer := Evidence{Number: b.gate.question}
	answer.Samples[0] = Sample{Quality: gateway.Good, At: b.now}
	b.give(Changed(RoleManual, 0, Signal{On: true, Quality: gateway.Good, Since: b.now}))
	b.give(Input{Kind: EvidenceRead, Evidence: answer})
	b.pass(time.Minute)
	for _, line := range b.said {
		if strings.Contains(line, "CLOSE on") {
			t.Error(line)
		}
	}
}
