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

// life is a machine to which anything may happen.
type life struct {
	name    string
	machine any
	live    func(*rapid.T)
}

// holds lets anything happen to a machine: it stays pure, never wakes in the past, says what the catalogue knows, and
// raises nothing twice. Events come in the order of time but for what is dated with its first edge.
func holds[T Machine[T]](name string, m T, inputs []Input, longest time.Duration) life {
	return life{name, m, func(rt *rapid.T) { lets(rt, m, inputs, longest, nil, nil) }}
}

// survives is holds for a machine that goes on from its snapshot whenever the daemon is restarted: then, too, it raises
// nothing twice, clears nothing twice, and knows what stands.
func survives[T Kept[T, S], S comparable](name string, m T, inputs []Input, longest time.Duration) life {
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
	return life{name, m, func(rt *rapid.T) {
		lets(rt, m, inputs, longest, restart, func(is T, alarm string) bool { return is.Stands(alarm) })
	}}
}

func lets[T Machine[T]](rt *rapid.T, fresh T, inputs []Input, longest time.Duration,
	restart func(*rapid.T, T, time.Duration) T, stands func(T, string) bool,
) {
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
}

func signalOf(role Role) Input { return Input{Kind: SignalChanged, Role: role} }

// lives is every machine of this package, with a configuration that has everything.
func lives() []life {
	in := signalOf(RoleInput)
	signals := func(roles ...Role) []Input {
		list := []Input{{}}
		for _, r := range roles {
			list = append(list, signalOf(r))
		}
		return list
	}
	several := func(n uint8, role Role) (list []Input) {
		for i := range n {
			list = append(list, Input{Kind: SignalChanged, Role: role, Index: i})
		}
		return list
	}
	measured := func(role Role, values ...int64) (list []Input) {
		for _, v := range values {
			list = append(list, Input{Kind: Measured, Role: role, Value: v})
		}
		return list
	}
	orders := func(actions ...gateway.Action) (list []Input) {
		for i, a := range actions {
			list = append(list, Input{Kind: OrderGiven, Order: Order{Number: uint32(i + 1), Action: a, Count: 2, Passages: uint16(i)}})
		}
		return list
	}

	loop := LoopConfig{
		Blank: 3 * time.Second, NoActivity: time.Minute, MaxPresence: 20 * time.Second, Erratic: 4, Healthy: 10 * time.Second, Contact: true,
	}
	coded := loop
	coded.Codes = [MaxCodes]LoopCode{{time.Millisecond, time.Second, LoopOpen}, {time.Second + 1, 2 * time.Second, LoopShort}}
	lane := testLane().cfg
	lane.Waiting, lane.UTurn, lane.CreditFor, lane.Spacing = 5*time.Second, 10*time.Second, 8*time.Second, 2500
	single := lane
	single.Single = true
	laneInputs := append(signals(RoleA, RoleA, RoleB, RoleB, RoleCredit, RoleFree), Input{Kind: Authorised, Value: 2, Ref: "a"}, Input{Kind: Authorised, Value: 1, Ref: "b"})
	gate := GateConfig{
		Travel: 5 * time.Second, Safety: 1, Has: [Outputs]bool{true, true, true}, Exclusive: true, HeldOpen: 20 * time.Second,
		HasLane: true, HasArm: true, PowerOpens: true, Clear: time.Second,
		Closing: ClosingRules{AfterPass: true, NoPass: 45 * time.Second, Idle: time.Minute},
	}
	gateInputs := append(signals(RoleOpenLimit, RoleClosedLimit, RoleOpenLimit, RoleClosedLimit, RoleSafety, RoleOpenRule, RoleHoldRule,
		RoleFire, RoleManual, RoleForce, RoleArm, RolePower, RoleLane, RoleWindow), measured(RoleLane, 0, 1, 2)...)
	gateInputs = append(gateInputs, orders(gateway.Open, gateway.Close, gateway.Stop, gateway.HoldOpen, gateway.Release)...)
	gateInputs = append(gateInputs, Input{Kind: OutputTold, Report: Report{Output: OpenOutput, Failed: gateway.RelayReadback}}, Input{Kind: OutputTold, Report: Report{Output: OpenOutput}})
	lift := testElevator()
	liftInputs := []Input{{}, in, {Kind: Acknowledged, Ref: "alarm_button"}, {Kind: Confirmed}, {Kind: Ended}}
	for c := range elevatorContacts {
		lift.Wired = lift.Wired.With(c)
		liftInputs = append(liftInputs, Input{Kind: SignalChanged, Role: RoleLift, Index: uint8(c)})
	}
	lift.TestEvery = time.Minute
	supply := NewSupplyCamera(0).Restore(SupplySnapshot{MilliAmp: 180, Samples: supplyLearn}, 0)
	held := supply
	held.voice.hold = 30 * time.Second
	supplyInputs := append(signals(RoleParent), measured(RoleSupply, 0, 100_000, 180_000, 180_000, 180_000, 180_000, 200_000, 600_000)...)
	ratios := measured(RoleInput, 0, 150, 319, 319, 319, 500, 500, 689, 689, 689, 850, 1000, 1000)
	lot := LotConfig{Capacity: 3, Lanes: 1, AvailableAt: 2, Drift: 1, DriftAfter: time.Minute}
	both := lot
	both.Bays = 3
	lotInputs := append(append(several(3, RoleBay), measured(RoleLane, -1, 0, 1, 2, 3, 4)...), orders(gateway.SetCount)...)

	return []life{
		survives("loop", NewLoop(loop), signals(RoleInput, RoleInput, RoleFault, RoleNight), 10*time.Second),
		survives("loop with codes", NewLoop(coded), signals(RoleInput, RoleInput, RoleFault), 3*time.Second),
		survives("lane", NewLane(lane), laneInputs, 3*time.Second),
		survives("lane with one loop", NewLane(single), signals(RoleA, RoleCredit, RoleFree), 3*time.Second),
		survives("gate", NewGate(gate), gateInputs, 15*time.Second),
		survives("elevator", NewElevator(lift), liftInputs, 2*time.Second),
		survives("elevator, slowly", NewElevator(lift), liftInputs, 30*time.Second),
		survives("camera", NewCamera(CameraConfig{Period: time.Minute}), append(signals(RoleInput), Input{Kind: Unwatched, Role: RoleInput}), 2*time.Minute),
		survives("camera in a group", NewCamera(CameraConfig{Period: time.Minute, Hold: time.Minute}), signals(RoleInput, RoleInput, RoleParent), 2*time.Minute),
		survives("supply", supply, supplyInputs, 30*time.Second),
		survives("supply in a group", held, supplyInputs, 30*time.Second),
		survives("group", NewCameraGroup(4, 30*time.Second), several(4, RoleChild), time.Minute),
		holds("bay", NewBay(time.Second, time.Second), signals(RoleInput), 3*time.Second),
		survives("lot counted at lanes", NewLot(lot), lotInputs, time.Minute),
		survives("lot", NewLot(both), lotInputs, time.Minute),
		survives("input", NewSupervised(StandardBands()), ratios, 400*time.Millisecond),
		survives("input, slowly", NewSupervised(StandardBands()), ratios, 10*time.Second),
		survives("contact", NewContact(ContactConfig{RaiseAfter: time.Second, ClearAfter: 2 * time.Second}), signals(RoleInput), 3*time.Second),
		survives("counter", NewCounter(20*time.Second), signals(RoleInput), 10*time.Second),
		survives("fire", NewFireInput(), append(signals(RoleInput, RoleInput), orders(gateway.ResetFire)...), time.Minute),
		survives("key", NewKey(), signals(RoleInput), time.Minute),
		survives("window", NewWindow(10*time.Minute), signals(RoleInput), 4*time.Minute),
		survives("center", NewCenter(), signals(RoleInput), time.Minute),
		survives("autonomy", NewAutonomy(OpenOnPresence), signals(RoleAway, RolePresence), time.Minute),
		survives("condition", NewCondition(gateway.PowerLost, gateway.PowerRestored, time.Second).Inverted(), signals(RoleInput), 2*time.Second),
		holds("free exit", NewFreeExit(), append(signals(RolePresence), measured(RoleLane, 0, 1)...), 2*time.Second),
		holds("night", NewNight(), signals(RoleInput), time.Hour),
	}
}

func TestMachinesHold(t *testing.T) {
	for _, l := range lives() {
		t.Run(l.name, func(t *testing.T) { rapid.Check(t, l.live) })
	}
}

// A fuzz target for each machine; a name that begins with it is the same machine in another configuration.
func FuzzLoop(f *testing.F)       { fuzz(f, "loop") }
func FuzzCodedLoop(f *testing.F)  { fuzz(f, "loop with codes") }
func FuzzLane(f *testing.F)       { fuzz(f, "lane") }
func FuzzSingleLane(f *testing.F) { fuzz(f, "lane with one loop") }
func FuzzGate(f *testing.F)       { fuzz(f, "gate") }
func FuzzElevator(f *testing.F)   { fuzz(f, "elevator") }
func FuzzCamera(f *testing.F)     { fuzz(f, "camera in a group") }
func FuzzSupply(f *testing.F)     { fuzz(f, "supply in a group") }
func FuzzGroup(f *testing.F)      { fuzz(f, "group") }
func FuzzBay(f *testing.F)        { fuzz(f, "bay") }
func FuzzLot(f *testing.F)        { fuzz(f, "lot") }
func FuzzInput(f *testing.F)      { fuzz(f, "input") }
func FuzzContact(f *testing.F)    { fuzz(f, "contact") }
func FuzzCounter(f *testing.F)    { fuzz(f, "counter") }
func FuzzFire(f *testing.F)       { fuzz(f, "fire") }
func FuzzKey(f *testing.F)        { fuzz(f, "key") }
func FuzzWindow(f *testing.F)     { fuzz(f, "window") }
func FuzzCenter(f *testing.F)     { fuzz(f, "center") }
func FuzzAutonomy(f *testing.F)   { fuzz(f, "autonomy") }
func FuzzCondition(f *testing.F)  { fuzz(f, "condition") }
func FuzzFreeExit(f *testing.F)   { fuzz(f, "free exit") }

func fuzz(f *testing.F, name string) {
	for _, l := range lives() {
		if l.name == name {
			f.Fuzz(rapid.MakeFuzz(l.live))
			return
		}
	}
	f.Fatalf("no machine is called %q", name)
}

// A machine is a value: what it knows has a fixed size, whatever happens to it. Words in it come from the configuration, or
// are references of commands, which are short.
func TestMachinesNeedConstantMemory(t *testing.T) {
	var walk func(t *testing.T, of reflect.Type, path string)
	walk = func(t *testing.T, of reflect.Type, path string) {
		switch of.Kind() {
		case reflect.Struct:
			for i := range of.NumField() {
				walk(t, of.Field(i).Type, path+"."+of.Field(i).Name)
			}
		case reflect.Array:
			walk(t, of.Elem(), path+"[]")
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface, reflect.UnsafePointer:
			t.Errorf("%s is a %s: it may grow, or be shared", path, of.Kind())
		}
	}
	for _, l := range lives() {
		t.Run(l.name, func(t *testing.T) {
			of := reflect.TypeOf(l.machine)
			walk(t, of, of.Name())
			t.Logf("%d bytes", of.Size())
		})
	}
}

// A counter never loses a pulse that it saw, and tells all of them in the end.
func TestCounterTellsAll(t *testing.T) {
	c := NewCounter(time.Minute).Restore(CounterSnapshot{Count: 41, Told: 41}, 0)
	c, events := play(t, c, inputRole, "0s I-\n1s I+\n2s I-\n90s")
	if len(events) != 1 || c.Snapshot().Count != 42 {
		t.Errorf("%v, %+v", events, c.Snapshot())
	}
}
