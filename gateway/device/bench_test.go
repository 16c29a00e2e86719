package device

import (
	"testing"
	"time"

	"lotusgate/gateway"
)

// BenchmarkStep is what a machine takes for an input, one every ten seconds of its time: the worst that a site in full
// swing asks of it. Events cost what their data take; where none comes of a step nothing is allocated.
func BenchmarkStep(b *testing.B) {
	square := func(role Role) func(int, gateway.Mono) Input {
		return func(n int, now gateway.Mono) Input {
			return Changed(role, 0, Signal{On: n%2 == 1, Quality: gateway.Good, Since: now})
		}
	}
	// vehicle covers A, covers B, leaves A, leaves B.
	vehicle := func(n int, now gateway.Mono) Input {
		return Changed([...]Role{RoleA, RoleB}[n%2], 0, Signal{On: n%4 < 2, Quality: gateway.Good, Since: now})
	}
	// A barrier opens and closes, moved by others.
	arm := func(n int, now gateway.Mono) Input {
		role := [...]Role{RoleClosedLimit, RoleOpenLimit, RoleOpenLimit, RoleClosedLimit}[n%4]
		return Changed(role, 0, Signal{On: n%2 == 1, Quality: gateway.Good, Since: now})
	}
	lift := testElevator()
	for c := range elevatorContacts {
		lift.Wired = lift.Wired.With(c)
	}
	lane := testLane().cfg
	lane.Waiting, lane.UTurn, lane.CreditFor = time.Minute, time.Minute, 2*time.Minute

	benchmarkStep(b, "loop", NewLoop(LoopConfig{MaxPresence: 10 * time.Minute, NoActivity: 12 * time.Hour, Erratic: 30, Healthy: time.Minute}), square(RoleInput))
	benchmarkStep(b, "lane", NewLane(lane), vehicle)
	benchmarkStep(b, "gate", NewGate(GateConfig{Travel: 3 * time.Second, Safety: 1, Has: [Outputs]bool{true, true, true}}), arm)
	benchmarkStep(b, "gate given orders", ready(), func(int, gateway.Mono) Input {
		return Input{Kind: OrderGiven, Order: Order{Number: 1, Action: gateway.Open}}
	})
	benchmarkStep(b, "elevator", NewElevator(lift), func(n int, now gateway.Mono) Input {
		return Changed(RoleLift, uint8(DoorClosed), Signal{On: n%2 == 1, Quality: gateway.Good, Since: now})
	})
	benchmarkStep(b, "camera", NewCamera(CameraConfig{Period: time.Minute}), square(RoleInput))
	benchmarkStep(b, "supply", NewSupplyCamera(0).Restore(SupplySnapshot{MilliAmp: 180, Samples: supplyLearn}, 0), func(n int, now gateway.Mono) Input {
		return Reading(RoleSupply, 0, Signal{Quality: gateway.Good, Since: now}, int64(180_000+n%7*1000))
	})
	benchmarkStep(b, "group", NewCameraGroup(32, 30*time.Second), func(n int, now gateway.Mono) Input {
		return Changed(RoleChild, uint8(n%32), Signal{On: n/32%2 == 0, Quality: gateway.Good, Since: now})
	})
	benchmarkStep(b, "bay", NewBay(5*time.Second, 5*time.Second), square(RoleInput))
	benchmarkStep(b, "lot", NewLot(LotConfig{Capacity: 113, Bays: 113, AvailableAt: 2}), func(n int, now gateway.Mono) Input {
		return Changed(RoleBay, uint8(n%113), Signal{On: n/113%2 == 0, Quality: gateway.Good, Since: now})
	})
	benchmarkStep(b, "input", NewSupervised(StandardBands()), func(n int, now gateway.Mono) Input {
		return Reading(RoleInput, 0, Signal{Quality: gateway.Good, Since: now}, int64(319+n/3%2*370))
	})
	benchmarkStep(b, "contact", NewContact(ContactConfig{}), square(RoleInput))
	benchmarkStep(b, "counter", NewCounter(time.Minute), square(RoleInput))
	benchmarkStep(b, "fire", NewFireInput(), square(RoleInput))
	benchmarkStep(b, "key", NewKey(), square(RoleInput))
	benchmarkStep(b, "window", NewWindow(10*time.Minute), square(RoleInput))
	benchmarkStep(b, "center", NewCenter(), square(RoleInput))
	benchmarkStep(b, "autonomy", NewAutonomy(OpenOnPresence), square(RolePresence))
	benchmarkStep(b, "free exit", NewFreeExit(), square(RolePresence))
	benchmarkStep(b, "condition", NewCondition(gateway.CabinetOpened, gateway.CabinetClosed, time.Second), square(RoleInput))
}

// ready is a closed gate whose wires are all known.
func ready() Gate {
	g := NewGate(GateConfig{Travel: 3 * time.Second, Safety: 1, Has: [Outputs]bool{true, true, true}})
	for _, r := range []Role{RoleOpenLimit, RoleClosedLimit, RoleSafety} {
		g, _, _ = g.Step(origin, Changed(r, 0, Signal{On: r == RoleClosedLimit, Quality: gateway.Good, Since: origin}))
	}
	return g
}

func benchmarkStep[T Machine[T]](b *testing.B, name string, m T, input func(n int, now gateway.Mono) Input) {
	b.Run(name, func(b *testing.B) {
		m, now, n, events := m, origin, 0, 0
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(10 * time.Second)
			next, fx, _ := m.Step(now, input(n, now))
			m, n, events = next, n+1, events+len(fx.Events)
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "steps/s")
		b.ReportMetric(float64(events)/float64(n), "events/step")
	})
}
