package device

import (
	"testing"
	"time"

	"lotusgate/gateway"

	"pgregory.net/rapid"
)

var laneRoles = map[string]Input{"A": {Role: RoleA}, "B": {Role: RoleB}}

func testLane() Lane {
	return NewLane(LaneConfig{Direction: gateway.In, OneWay: true, Gap: 3 * time.Second, Jitter: 50 * time.Millisecond})
}

func TestLane(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"passage", `0s A- B-
			1s A+
			2s B+
			3s A-
			4s B-
			60s`, `
			1s lane.vehicle_arrived {"direction":"in"}
			3s lane.vehicle_passed {"direction":"in","confidence":"high","duration_ms":2000,"count":1}`},
		{"wrong way", `0s A- B-
			1s B+
			2s A+
			3s B-
			4s A-`, `
			1s lane.vehicle_arrived {"direction":"out"}
			3s lane.wrong_way {"direction":"out","confidence":"high","duration_ms":2000,"count":1}`},
		{"back-out", `0s A- B-
			1s A+
			2s B+
			3s B-
			4s A-`, `
			1s lane.vehicle_arrived {"direction":"in"}
			4s lane.vehicle_backed_out {"direction":"in","reached":"both","duration_ms":3000}`},
		{"nibble", `0s A- B-
			1s A+
			2s A-
			10s`, `
			1s lane.vehicle_arrived {"direction":"in"}
			5s lane.vehicle_backed_out {"direction":"in","reached":"first","duration_ms":4000}`},
		{"nibble twice is one vehicle", `0s A- B-
			1s A+
			2s A-
			3s A+
			4s B+
			5s A-
			6s B-`, `
			1s lane.vehicle_arrived {"direction":"in"}
			5s lane.vehicle_passed {"direction":"in","confidence":"high","duration_ms":4000,"count":1}`},
		{"gap pass of a motorcycle", `0s A- B-
			1s A+
			1.4s A-
			2s B+
			2.4s B-
			20s`, `
			1s lane.vehicle_arrived {"direction":"in"}
			2.4s lane.vehicle_passed {"direction":"in","confidence":"low","duration_ms":1400,"count":1}`},
		{"retraction", `0s A- B-
			1s A+
			2s B+
			3s A-
			4s A+
			5s B-
			6s A-`, `
			1s lane.vehicle_arrived {"direction":"in"}
			3s lane.vehicle_passed {"direction":"in","confidence":"high","duration_ms":2000,"count":1}
			6s lane.pass_retracted {"direction":"in","count":0}`},
		{"queue: the next follows before the first has left", `0s A- B-
			1s A+
			2s B+
			3s A-
			3.5s A+
			4s B-
			5s B+
			6s A-
			7s B-`, `
			1s lane.vehicle_arrived {"direction":"in"}
			3s lane.vehicle_passed {"direction":"in","confidence":"high","duration_ms":2000,"count":1}
			3.5s lane.vehicle_arrived {"direction":"in"}
			6s lane.vehicle_passed {"direction":"in","confidence":"high","duration_ms":2500,"count":2}`},
		{"queue: the next waits at the barrier", `0s A- B-
			1s A+
			2s B+
			3s A-
			3.5s A+
			4s B-
			60s A-
			90s`, `
			1s lane.vehicle_arrived {"direction":"in"}
			3s lane.vehicle_passed {"direction":"in","confidence":"high","duration_ms":2000,"count":1}
			3.5s lane.vehicle_arrived {"direction":"in"}
			1m3s lane.vehicle_backed_out {"direction":"in","reached":"first","duration_ms":59500}`},
		{"trailer or rocking on the second loop counts once", `0s A- B-
			1s A+
			2s B+
			3s A-
			4s A+
			5s A-
			6s B-`, `
			1s lane.vehicle_arrived {"direction":"in"}
			3s lane.vehicle_passed {"direction":"in","confidence":"high","duration_ms":2000,"count":1}`},
		{"edges without order", `0s A- B-
			1s A+
			1.02s B+
			2s A-
			3s B-`, `
			1s lane.vehicle_arrived {"direction":"in"}
			2s lane.vehicle_passed {"direction":"in","confidence":"low","duration_ms":1000,"count":1}`},
		{"a vehicle that stood there at start is not counted", `0s A+ B-
			1s B+
			2s A-
			3s B-
			4s A+
			5s B+
			6s A-
			7s B-`, `
			4s lane.vehicle_arrived {"direction":"in"}
			6s lane.vehicle_passed {"direction":"in","confidence":"high","duration_ms":2000,"count":1}`},
		{"a lost loop ends the story", `0s A- B-
			1s A+
			2s B?
			3s A-
			4s B-
			5s A+`, `
			1s lane.vehicle_arrived {"direction":"in"}
			5s lane.vehicle_arrived {"direction":"in"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, got := play(t, testLane(), laneRoles, c.script)
			expect(t, got, c.want)
		})
	}
}

func TestLaneState(t *testing.T) {
	l, _ := play(t, testLane(), laneRoles, "0s A- B-\n1s A+")
	want := gateway.DeviceState{
		Value: "waiting", Quality: gateway.Good, Since: origin.Add(time.Second),
		Detail: LaneDetail{A: true, Counting: true},
	}
	if got := l.State(); got != want {
		t.Errorf("state %+v, want %+v", got, want)
	}
	l, _ = play(t, l, laneRoles, "2s B?")
	if got := l.State(); got.Quality != gateway.Bad || got.Value != "" {
		t.Errorf("with a lost loop: %+v", got)
	}
}

// Whatever the loops do, the lane stays pure, counts never go below zero, and a passage needs a vehicle that arrived.
func TestLaneAnyEdges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l, now := testLane(), origin
		arrived, passed, retracted := 0, 0, 0
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(1, 4000).Draw(rt, "ms")) * time.Millisecond)
			in := Input{}
			if rapid.Bool().Draw(rt, "edge") {
				role := RoleA + Role(rapid.IntRange(0, 1).Draw(rt, "loop"))
				q := gateway.Good
				if rapid.IntRange(0, 19).Draw(rt, "lost") == 0 {
					q = gateway.Bad
				}
				in = Changed(role, 0, Signal{On: rapid.Bool().Draw(rt, "on"), Quality: q, Since: now})
			}
			next, fx, wake := l.Step(now, in)
			if again, _, _ := l.Step(now, in); again != next {
				rt.Fatal("not pure")
			}
			if !wake.IsZero() && wake <= now {
				rt.Fatal("wake in the past")
			}
			l = next
			for _, e := range fx.Events {
				switch e.Type {
				case gateway.VehicleArrived:
					arrived++
				case gateway.VehiclePassed, gateway.WrongWay:
					passed++
				case gateway.PassRetracted:
					retracted++
				}
			}
			if passed > arrived || retracted > passed {
				rt.Fatalf("arrived %d, passed %d, retracted %d", arrived, passed, retracted)
			}
			if in, out := l.count[0], l.count[1]; int(in+out) != passed-retracted {
				rt.Fatalf("counts %d+%d, passed %d, retracted %d", in, out, passed, retracted)
			}
		}
	})
}

func BenchmarkLaneStep(b *testing.B) {
	l, _, _ := testLane().Step(origin, Changed(RoleA, 0, Signal{Quality: gateway.Good, Since: origin}))
	l, _, _ = l.Step(origin, Changed(RoleB, 0, Signal{Quality: gateway.Good, Since: origin}))
	now := origin
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		l, _, _ = l.Step(now, Input{})
	}
}
