package device

import (
	"testing"
	"time"

	"lotusgate/gateway"
)

// counted is a lot of 10 at whose lane 4 vehicles went in.
func counted(t *testing.T) Lot {
	t.Helper()
	l := NewLot(LotConfig{Capacity: 10, Lanes: 1, FullAt: 0, AvailableAt: 2})
	l, _, _ = l.Step(origin, Reading(RoleLane, 0, Signal{Quality: gateway.Good, Since: origin}, 4))
	return l
}

func TestLotCountIsCorrectedOnlyFromWhatWasExpected(t *testing.T) {
	later := origin.Add(time.Minute)
	for _, c := range []struct {
		name   string
		order  Order
		stage  gateway.Stage
		reason gateway.Reason
		free   string
	}{
		{"whatever it counts", Order{Action: gateway.SetCount, Count: 7}, gateway.Done, "", "3"},
		{"what it counts", Order{Action: gateway.SetCount, Count: 7, Expected: 4, Checked: true}, gateway.Done, "", "3"},
		{"it has counted on", Order{Action: gateway.SetCount, Count: 7, Expected: 3, Checked: true}, gateway.Rejected, gateway.Interlock, "6"},
		{"too late", Order{Action: gateway.SetCount, Count: 7, Expires: later - 1}, gateway.Rejected, gateway.Expired, "6"},
		{"not of a lot", Order{Action: gateway.Open}, gateway.Rejected, gateway.UnknownAction, "6"},
	} {
		l, fx, _ := counted(t).Step(later, Input{Kind: OrderGiven, Order: c.order})
		last := fx.Outcomes[len(fx.Outcomes)-1]
		if last.Stage != c.stage || last.Reason != c.reason || l.State().Value != c.free {
			t.Errorf("%s: %+v, %s free", c.name, last, l.State().Value)
		}
		if c.reason == gateway.Interlock && (last.Obstacle != "count" || last.Found != 4) {
			t.Errorf("%s: does not say what is counted: %+v", c.name, last)
		}
		if corrected := len(fx.Events) > 0 && fx.Events[0].Type == gateway.LotCountCorrected; corrected != (c.stage == gateway.Done) {
			t.Errorf("%s: %+v", c.name, fx.Events)
		}
	}
}

// A lane goes on counting while its lot begins anew: what it counted before is in the lot's count already.
func TestLotThatBeginsAnewCountsFromWhereItsLanesStand(t *testing.T) {
	sure := Signal{Quality: gateway.Good, Since: origin}
	l := NewLot(LotConfig{Capacity: 10, Lanes: 1, FullAt: 0, AvailableAt: 2}).Restore(counted(t).Snapshot(), 0)
	l, _, _ = l.Step(origin, Stands(RoleLane, 0, sure, 4))
	if free := l.State().Value; free != "6" {
		t.Errorf("%s free after it began anew", free)
	}
	if l, _, _ = l.Step(origin, Reading(RoleLane, 0, sure, 5)); l.State().Value != "5" {
		t.Errorf("%s free after one more", l.State().Value)
	}
}

// Bays that have stood occupied for an hour are no drift that has lasted for an hour: their lot begins anew only now.
func TestLotThatBeginsAnewWaitsBeforeItTellsADrift(t *testing.T) {
	began := origin.Add(time.Hour)
	cfg := LotConfig{Capacity: 10, Bays: 1, Lanes: 1, FullAt: 0, AvailableAt: 2, Drift: 2, DriftAfter: 15 * time.Minute}
	l := NewLot(cfg).Restore(LotSnapshot{Passed: 4, Counted: true}, 0)
	l, fx, due := l.Step(began, Changed(RoleBay, 0, Signal{On: true, Quality: gateway.Good, Since: origin}))
	if len(fx.Events) > 0 {
		t.Errorf("it tells at once: %+v", fx.Events)
	}
	if want := began.Add(cfg.DriftAfter); due != want {
		t.Fatalf("it looks again at %v, want %v", due, want)
	}
	if _, fx, _ = l.Step(due, Input{}); len(fx.Events) != 1 || fx.Events[0].Type != gateway.LotCountDrift || fx.Events[0].At != due {
		t.Errorf("after it has lasted: %+v", fx.Events)
	}
}

func TestLotSignIsLitWhileItIsFull(t *testing.T) {
	lane := func(l Lot, at gateway.Mono, inside int64) Lot {
		l, _, _ = l.Step(at, Reading(RoleLane, 0, Signal{Quality: gateway.Good, Since: at}, inside))
		return l
	}
	l, now := counted(t), origin.Add(time.Second)
	if l.Drive() != (Drive{}) {
		t.Fatalf("lit before it is full: %v", l.Drive())
	}
	l = lane(l, now, 10)
	if p := l.Drive()[SignOutput]; p != (Pulse{now, Forever}) {
		t.Fatalf("full: %v", p)
	}
	l = lane(l, now.Add(time.Minute), 9) // within the hysteresis
	if !l.Drive()[SignOutput].Active(now.Add(time.Minute)) {
		t.Fatal("dark within the hysteresis")
	}
	l = lane(l, now.Add(2*time.Minute), 8)
	if l.Drive()[SignOutput].Ahead(now.Add(2 * time.Minute)) {
		t.Fatal("lit while two are free")
	}
	// A relay that did not switch is tried again, and not forgotten.
	l = lane(l, now.Add(3*time.Minute), 10)
	l, _, _ = l.Step(now.Add(3*time.Minute), Input{Kind: OutputTold, Report: Report{Output: SignOutput, Failed: gateway.BusLost}})
	if p := l.Drive()[SignOutput]; p.From != now.Add(3*time.Minute+signAgain) || p.Until != Forever {
		t.Fatalf("after a failure: %v", p)
	}
}
