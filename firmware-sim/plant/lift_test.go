package plant

import (
	"testing"
	"time"
)

// A day of a lift: it never moves with open doors or out of the zone with open doors; who is trapped is freed.
func TestLiftDay(t *testing.T) {
	j := &Journal{}
	l := NewLift("car-1", Bounce{}, 1, j)
	var now time.Duration
	for next := time.Duration(0); now < 24*time.Hour; {
		now = next
		next = l.Step(now)
		switch {
		case l.Moving.Closed() && !l.Closed.Closed():
			t.Fatalf("%v: moves with open doors", now)
		case !l.Zone.Closed() && !l.Closed.Closed():
			t.Fatalf("%v: open between floors", now)
		}
		if now > 6*time.Hour && now < 6*time.Hour+10*time.Minute && !l.Trapped() {
			l.Trap(now)
			next = l.Step(now)
		}
		if l.Trapped() {
			if l.Zone.Closed() || l.Moving.Closed() || !l.Fault.Closed() {
				t.Fatalf("%v: not trapped as one is", now)
			}
			if now > 6*time.Hour+10*time.Minute {
				l.Free(now)
				next = l.Step(now)
			} else if next == Never {
				next = now + time.Minute
			}
		}
	}
	kinds := map[Kind]int{}
	for _, truth := range j.Take() {
		kinds[truth.Kind]++
	}
	if kinds[TripBegins] < 300 || kinds[PeopleTrapped] != 1 || kinds[PeopleFreed] != 1 {
		t.Errorf("%v", kinds)
	}
}

func TestLiftOutOfService(t *testing.T) {
	j := &Journal{}
	l := NewLift("car-1", Bounce{}, 1, j)
	l.Inspect(0, true)
	l.Press(time.Second, time.Second)
	l.Step(time.Hour)
	if n := len(j.Take()); n != 2 || !l.Inspection.Closed() || l.Button.Closed() {
		t.Errorf("%d things happened beside the inspection and the button", n-2)
	}
	l.Inspect(time.Hour, false)
	l.Step(2 * time.Hour)
	if len(j.Take()) == 0 {
		t.Error("nobody rides afterwards")
	}
}
