package device

import (
	"testing"
	"time"

	"lotusgate/gateway"

	"pgregory.net/rapid"
)

func testLane() Lane {
	return NewLane(LaneConfig{Direction: gateway.In, OneWay: true, Gap: 3 * time.Second, Jitter: 50 * time.Millisecond})
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
