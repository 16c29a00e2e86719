package device

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lotusgate/gateway"
)

// alarmsOf is a model of the alarms that a machine's events raise and clear.
type alarmsOf map[string]bool

// follow holds that nothing is raised that stands and nothing is cleared that does not.
func (a alarmsOf) follow(t *rapid.T, e Emit) {
	spec, ok := gateway.SpecOf(e.Type)
	if !ok {
		t.Fatalf("%s is not in the catalogue", e.Type)
	}
	if got, want := reflect.TypeOf(e.Data), reflect.TypeOf(spec.Data); got != want {
		t.Fatalf("%s carries %v, the catalogue says %v", e.Type, got, want)
	}
	name := func(n string) string {
		if n == gateway.Cause {
			return e.Data.(gateway.AlarmCauser).AlarmCause()
		}
		return n
	}
	for _, n := range spec.Clears {
		if !a[name(n)] && n == gateway.Cause {
			t.Fatalf("%s clears %s, which does not stand", e.Type, name(n))
		}
		delete(a, name(n))
	}
	if d, ok := e.Data.(gateway.ElevatorAlarmData); ok && d.Again {
		return // a further call while the alarm stands
	}
	if spec.Raises != "" {
		if a[name(spec.Raises)] {
			t.Fatalf("%s raises %s, which stands", e.Type, name(spec.Raises))
		}
		a[name(spec.Raises)] = true
	}
}

// holds lets anything happen to a machine: it stays pure, never wakes in the past, says what the catalogue knows, and
// raises nothing twice. Events come in the order of time but for what is dated with its first edge.
func holds[T Machine[T]](t *testing.T, m T, inputs []Input, longest time.Duration) {
	t.Helper()
	lets(t, m, inputs, longest, nil, nil)
}

// survives is holds for a machine that goes on from its snapshot whenever the daemon is restarted: then, too, it raises
// nothing twice, clears nothing twice, and knows what stands.
func survives[T Kept[T, S], S comparable](t *testing.T, m T, inputs []Input, longest time.Duration) {
	t.Helper()
	restart := func(rt *rapid.T, is T, shift time.Duration) T {
		text, err := json.Marshal(is.Snapshot())
		var s S
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		if err != nil || s != is.Snapshot() {
			rt.Fatalf("snapshot %s: %v", text, err)
		}
		if again := m.Restore(s, 0).Snapshot(); again != s {
			rt.Fatalf("kept %+v, gone on with %+v", s, again)
		}
		return m.Restore(s, shift)
	}
	lets(t, m, inputs, longest, restart, func(is T, alarm string) bool { return is.Stands(alarm) })
}

func lets[T Machine[T]](t *testing.T, fresh T, inputs []Input, longest time.Duration,
	restart func(*rapid.T, T, time.Duration) T, stands func(T, string) bool,
) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		m, now, standing, ever := fresh, origin, alarmsOf{}, map[string]bool{}
		var wake gateway.Mono
		step := func(in Input) {
			next, fx, w := m.Step(now, in)
			again, fx2, w2 := m.Step(now, in)
			if next != again || w != w2 || !reflect.DeepEqual(fx, fx2) {
				rt.Fatal("not pure")
			}
			if !w.IsZero() && w <= now {
				rt.Fatalf("wakes at %v, it is %v", time.Duration(w), time.Duration(now))
			}
			for _, e := range fx.Events {
				if e.At > now || e.At.IsZero() || restart == nil && e.At < origin {
					rt.Fatalf("%s is dated %v, it is %v", e.Type, time.Duration(e.At), time.Duration(now))
				}
				standing.follow(rt, e)
			}
			m, wake = next, w
			_ = m.State()
			for alarm := range standing {
				ever[alarm] = true
			}
			for alarm := range ever {
				if stands != nil && stands(m, alarm) != standing[alarm] {
					rt.Fatalf("%s stands: %v, the machine says %v", alarm, standing[alarm], !standing[alarm])
				}
			}
		}
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			to := now.Add(time.Duration(rapid.Int64Range(1, int64(longest)).Draw(rt, "pause")))
			for turns := 0; !wake.IsZero() && wake <= to; turns++ {
				if turns > 10_000 {
					rt.Fatal("it never rests")
				}
				now = wake
				step(Input{})
			}
			now = to
			if restart != nil && rapid.IntRange(0, 15).Draw(rt, "restart") == 15 {
				boot := gateway.Mono(rapid.Int64Range(1, int64(2*origin)).Draw(rt, "boot"))
				m, now = restart(rt, m, boot.Sub(now)), boot
				step(Input{})
			}
			in := rapid.SampledFrom(inputs).Draw(rt, "input")
			if in.Kind == SignalChanged || in.Kind == Measured {
				in.Signal = Signal{
					On: rapid.Bool().Draw(rt, "on"), Since: now,
					Quality: rapid.SampledFrom([]gateway.Quality{2, 2, 2, 2, 2, 2, 2, 1, 0}).Draw(rt, "quality"),
				}
			}
			step(in)
		}
	})
}

func signalOf(role Role) Input { return Input{Kind: SignalChanged, Role: role} }

func TestLoopHolds(t *testing.T) {
	cfg := LoopConfig{Blank: 3 * time.Second, NoActivity: time.Minute, MaxPresence: 20 * time.Second, Erratic: 4, Healthy: 10 * time.Second, Contact: true}
	inputs := []Input{{}, signalOf(RoleInput), signalOf(RoleInput), signalOf(RoleFault)}
	survives(t, NewLoop(cfg), inputs, 10*time.Second)
	cfg.Codes = [MaxCodes]LoopCode{{time.Millisecond, time.Second, LoopOpen}, {time.Second + 1, 2 * time.Second, LoopShort}}
	survives(t, NewLoop(cfg), inputs, 3*time.Second)
}

func TestMachinesHold(t *testing.T) {
	in := signalOf(RoleInput)
	t.Run("lane", func(t *testing.T) {
		inputs := []Input{{}, signalOf(RoleA), signalOf(RoleA), signalOf(RoleB), signalOf(RoleB), signalOf(RoleCredit), {Kind: Authorised, Value: 2}}
		cfg := testLane().cfg
		cfg.Waiting, cfg.UTurn, cfg.CreditFor = 5*time.Second, 10*time.Second, 8*time.Second
		survives(t, NewLane(cfg), inputs, 3*time.Second)
		cfg.Single = true
		survives(t, NewLane(cfg), inputs[:3], 3*time.Second)
	})
	t.Run("gate", func(t *testing.T) {
		has := [Outputs]bool{true, true, true}
		inputs := []Input{
			{},
			signalOf(RoleOpenLimit), signalOf(RoleClosedLimit), signalOf(RoleSafety), signalOf(RoleOpenRule), signalOf(RoleFire),
			{Kind: OutputTold, Report: Report{Output: OpenOutput, Failed: gateway.RelayReadback}},
			{Kind: OutputTold, Report: Report{Output: OpenOutput}},
		}
		for i, a := range []gateway.Action{gateway.Open, gateway.Close, gateway.Stop, gateway.HoldOpen, gateway.Release} {
			inputs = append(inputs, Input{Kind: OrderGiven, Order: Order{Number: uint32(i + 1), Action: a}})
		}
		cfg := GateConfig{Travel: 5 * time.Second, Safety: 1, Has: has, Exclusive: true, HeldOpen: 20 * time.Second}
		survives(t, NewGate(cfg), inputs, 15*time.Second)
	})
	t.Run("camera", func(t *testing.T) {
		survives(t, NewCamera(CameraConfig{Period: time.Minute}), []Input{{}, in}, 2*time.Minute)
		survives(t, NewCamera(CameraConfig{Period: time.Minute, Hold: time.Minute}), []Input{{}, in, in, signalOf(RoleParent)}, 2*time.Minute)
	})
	t.Run("supply", func(t *testing.T) {
		inputs := []Input{{}, signalOf(RoleParent)}
		for _, mA := range []int64{0, 100, 180, 180, 180, 180, 200, 600} {
			inputs = append(inputs, Input{Kind: Measured, Role: RoleSupply, Value: mA * 1000})
		}
		c := NewSupplyCamera(0).Restore(SupplySnapshot{MilliAmp: 180, Samples: supplyLearn}, 0)
		survives(t, c, inputs, 30*time.Second)
		c.voice.hold = 30 * time.Second
		survives(t, c, inputs, 30*time.Second)
	})
	t.Run("group", func(t *testing.T) {
		var inputs []Input
		for i := range uint8(4) {
			inputs = append(inputs, Input{Kind: SignalChanged, Role: RoleChild, Index: i})
		}
		survives(t, NewCameraGroup(4, 30*time.Second), inputs, time.Minute)
	})
	t.Run("bay", func(t *testing.T) { holds(t, NewBay(time.Second, time.Second), []Input{{}, in}, 3*time.Second) })
	t.Run("lot", func(t *testing.T) {
		inputs := []Input{{}, {Kind: OrderGiven, Order: Order{Number: 1, Action: gateway.SetCount, Count: 2}}}
		for i := range uint8(3) {
			inputs = append(inputs, Input{Kind: SignalChanged, Role: RoleBay, Index: i})
		}
		for n := range int64(6) {
			inputs = append(inputs, Input{Kind: Measured, Role: RoleLane, Value: n - 1})
		}
		for _, bays := range []uint8{0, 3} {
			l := NewLot(LotConfig{Capacity: 3, Bays: bays, Lanes: 1, AvailableAt: 2, Drift: 1, DriftAfter: time.Minute})
			survives(t, l, inputs, time.Minute)
		}
	})
	t.Run("input", func(t *testing.T) {
		var inputs []Input
		for _, v := range []int64{0, 150, 319, 319, 319, 500, 500, 689, 689, 689, 850, 1000, 1000} {
			inputs = append(inputs, Input{Kind: Measured, Role: RoleInput, Value: v})
		}
		survives(t, NewSupervised(StandardBands()), inputs, 400*time.Millisecond)
		survives(t, NewSupervised(StandardBands()), inputs, 10*time.Second)
	})
	t.Run("contact", func(t *testing.T) {
		survives(t, NewContact(ContactConfig{RaiseAfter: time.Second, ClearAfter: 2 * time.Second}), []Input{{}, in}, 3*time.Second)
	})
	t.Run("fire", func(t *testing.T) {
		survives(t, NewFireInput(), []Input{{}, in, in, {Kind: OrderGiven, Order: Order{Number: 1, Action: gateway.ResetFire}}}, time.Minute)
	})
	t.Run("key", func(t *testing.T) { survives(t, NewKey(), []Input{{}, in}, time.Minute) })
	t.Run("window", func(t *testing.T) { survives(t, NewWindow(10*time.Minute), []Input{{}, in}, 4*time.Minute) })
	t.Run("center", func(t *testing.T) { survives(t, NewCenter(), []Input{{}, in}, time.Minute) })
	t.Run("autonomy", func(t *testing.T) {
		survives(t, NewAutonomy(OpenOnPresence), []Input{{}, signalOf(RoleAway), signalOf(RolePresence)}, time.Minute)
	})
	t.Run("elevator", func(t *testing.T) {
		inputs := []Input{{}, in, {Kind: Acknowledged}, {Kind: Ended}}
		cfg := testElevator()
		for c := range elevatorContacts {
			cfg.Wired = cfg.Wired.With(c)
			inputs = append(inputs, Input{Kind: SignalChanged, Role: RoleLift, Index: uint8(c)})
		}
		cfg.TestEvery = time.Minute
		for _, longest := range []time.Duration{2 * time.Second, 30 * time.Second} {
			survives(t, NewElevator(cfg), inputs, longest)
		}
	})
}

// A counter never loses a pulse that it saw, and tells all of them in the end.
func TestCounterTellsAll(t *testing.T) {
	survives(t, NewCounter(20*time.Second), []Input{{}, signalOf(RoleInput)}, 10*time.Second)
	c := NewCounter(time.Minute).Restore(CounterSnapshot{Count: 41, Told: 41}, 0)
	c, events := play(t, c, inputRole, "0s I-\n1s I+\n2s I-\n90s")
	if len(events) != 1 || c.Snapshot().Count != 42 {
		t.Errorf("%v, %+v", events, c.Snapshot())
	}
}

func BenchmarkLoopStep(b *testing.B) {
	l := NewLoop(LoopConfig{MaxPresence: 10 * time.Minute, NoActivity: 12 * time.Hour, Erratic: 30, Healthy: time.Minute})
	benchmarkStep(b, l, func(n int, now gateway.Mono) Input {
		return Changed(RoleInput, 0, Signal{On: n%2 == 1, Quality: gateway.Good, Since: now})
	})
}

// benchmarkStep gives a machine an input every ten seconds.
func benchmarkStep[T Machine[T]](b *testing.B, m T, input func(n int, now gateway.Mono) Input) {
	now, n, events := origin, 0, 0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(10 * time.Second)
		next, fx, _ := m.Step(now, input(n, now))
		m, n, events = next, n+1, events+len(fx.Events)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(float64(events)/float64(n), "events/step")
}

func BenchmarkElevatorStep(b *testing.B) {
	cfg := testElevator()
	for c := range elevatorContacts {
		cfg.Wired = cfg.Wired.With(c)
	}
	benchmarkStep(b, NewElevator(cfg), func(n int, now gateway.Mono) Input {
		return Changed(RoleLift, uint8(DoorClosed), Signal{On: n%2 == 1, Quality: gateway.Good, Since: now})
	})
}

func BenchmarkSupplyCameraStep(b *testing.B) {
	c := NewSupplyCamera(0).Restore(SupplySnapshot{MilliAmp: 180, Samples: supplyLearn}, 0)
	benchmarkStep(b, c, func(n int, now gateway.Mono) Input {
		return Reading(RoleSupply, 0, Signal{Quality: gateway.Good, Since: now}, int64(180_000+n%7*1000))
	})
}

func BenchmarkLotStep(b *testing.B) {
	l := NewLot(LotConfig{Capacity: 113, Bays: 113, AvailableAt: 2})
	benchmarkStep(b, l, func(n int, now gateway.Mono) Input {
		return Changed(RoleBay, uint8(n%113), Signal{On: n/113%2 == 0, Quality: gateway.Good, Since: now})
	})
}

func BenchmarkCameraGroupStep(b *testing.B) {
	g := NewCameraGroup(32, 30*time.Second)
	benchmarkStep(b, g, func(n int, now gateway.Mono) Input {
		return Changed(RoleChild, uint8(n%32), Signal{On: n/32%2 == 0, Quality: gateway.Good, Since: now})
	})
}

func BenchmarkContactStep(b *testing.B) {
	c := NewContact(ContactConfig{})
	benchmarkStep(b, c, func(n int, now gateway.Mono) Input {
		return Changed(RoleInput, 0, Signal{On: n%2 == 1, Quality: gateway.Good, Since: now})
	})
}

func BenchmarkSupervisedStep(b *testing.B) {
	benchmarkStep(b, NewSupervised(StandardBands()), func(n int, now gateway.Mono) Input {
		return Reading(RoleInput, 0, Signal{Quality: gateway.Good, Since: now}, int64(319+n/3%2*370))
	})
}
