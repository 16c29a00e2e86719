package plant

import (
	"testing"
	"time"
)

// changes counts how often a contact moves until a model rests or end has come.
func changes(m Model, c *Contact, end time.Duration) (n int) {
	was := c.Closed()
	for next := m.Step(0); next <= end; next = m.Step(next) {
		if c.Closed() != was {
			was, n = !was, n+1
		}
	}
	m.Step(end)
	if c.Closed() != was {
		n++
	}
	return n
}

// A trailer behind a bare drawbar: a loop that is longer than the drawbar sees one vehicle, a shorter one two; it passes once.
func TestTrailer(t *testing.T) {
	for _, c := range []struct {
		hitch Length
		seen  int
	}{{Metre, 2}, {Metres(3), 4}} {
		j := &Journal{}
		l := NewLane("entry", LaneOptions{}, 1, j)
		l.Barrier.Lift(0)
		l.Step(10 * time.Second)
		l.Enter(10*time.Second, Vehicle{Length: Metres(4), Hitch: c.hitch, Tow: Metres(3), Speed: MetrePerSecond})
		if n := changes(l, l.A.Output, time.Minute); n != c.seen {
			t.Errorf("drawbar of %v: loop A changes %d times, want %d", c.hitch, n, c.seen)
		}
		if n := count(j.Take()); n[VehiclePassed] != 1 || n[VehicleLeft] != 1 || n[VehicleUnderArm] != 1 {
			t.Errorf("drawbar of %v: %v", c.hitch, n)
		}
	}
}

// An arm that was knocked off holds nobody up and touches nothing; the gear and its limits go on.
func TestKnockedOff(t *testing.T) {
	j := &Journal{}
	l := NewLane("entry", LaneOptions{}, 1, j)
	l.Barrier.Knock(0, true)
	l.Enter(time.Second, Vehicle{Length: Metres(4), Speed: MetrePerSecond})
	l.Step(time.Minute)
	if n := count(j.Take()); n[VehiclePassed] != 1 || n[ArmTouched] != 0 || !l.Barrier.Off.Closed() || !l.Barrier.Closed.Closed() {
		t.Errorf("%v, off %v, closed limit %v", n, l.Barrier.Off.Closed(), l.Barrier.Closed.Closed())
	}
	l.Barrier.Knock(time.Minute, false)
	l.Step(2 * time.Minute)
	if l.Barrier.Off.Closed() {
		t.Error("mounted, and says off")
	}
}

// A controller whose own safety is switched off goes on closing on what is below its arm, and reopens once it is on.
func TestOwnSafetySwitchedOff(t *testing.T) {
	for _, protected := range []bool{true, false} {
		j := &Journal{}
		b := NewBarrier("gate", BarrierOptions{}, 1, j)
		b.Lift(0)
		b.Step(10 * time.Second)
		b.Protect(10*time.Second, protected)
		b.Set(10*time.Second, CloseInput, true)
		b.Step(11 * time.Second)
		b.Block(11*time.Second, true)
		b.Step(20 * time.Second)
		if down := b.Closed.Closed(); down == protected {
			t.Errorf("protected %v, down %v", protected, down)
		}
	}
}

func TestDetectorLies(t *testing.T) {
	j := &Journal{}
	d := NewDetector("a", LoopDetector(), 1, j)
	d.Drift(time.Second)
	d.Step(2 * time.Second)
	if !d.Present() || d.Covered() {
		t.Error("drifted, and does not say present")
	}
	d.Tune(3 * time.Second)
	d.Step(4 * time.Second)
	if d.Present() {
		t.Error("tuned, and says present")
	}
	d.Crosstalk(5*time.Second, 10*time.Second, Span{100 * time.Millisecond, 200 * time.Millisecond})
	if n := changes(d, d.Output, time.Minute); n < 50 || d.Present() {
		t.Errorf("a neighbour: %d changes, says %v afterwards", n, d.Present())
	}
}

// A detector with a pulse output closes once for each vehicle, for its time, and says nothing without power.
func TestPulseDetector(t *testing.T) {
	d := NewDetector("a", DetectorOptions{Pulse: 150 * time.Millisecond}, 1, &Journal{})
	d.Cover(time.Second, true)
	d.Step(time.Second + 149*time.Millisecond)
	if !d.Output.Closed() {
		t.Error("no pulse")
	}
	d.Step(time.Second + 150*time.Millisecond)
	if d.Output.Closed() {
		t.Error("the pulse does not end")
	}
	d.Power(2*time.Second, false)
	d.Step(3 * time.Second)
	if d.Output.Closed() {
		t.Error("a pulse of a detector without power")
	}
}

func TestCameraSupply(t *testing.T) {
	c := NewCamera("cam", CameraOptions{Period: time.Minute}, 1, &Journal{})
	within := func(what string, got, least, most int64) {
		t.Helper()
		if got < least || got > most {
			t.Errorf("%s: %d µA, want %d to %d", what, got, least, most)
		}
	}
	within("by day", c.Supply(0, false), 180_000, 190_000)
	within("at night", c.Supply(0, true), 300_000, 310_000)
	c.Hang(time.Second, false)
	within("hung", c.Supply(time.Second, false), 1, 180_000*4/10)
	c.Die(2 * time.Second)
	within("without power", c.Supply(2*time.Second, false), 0, 9_999)
	c.Start(3 * time.Second)
	within("booting", c.Supply(3*time.Second, false), 200_000, 240_000)
	c.Step(time.Minute)
	c.Sicken(time.Minute)
	within("sick", c.Supply(time.Minute, false), 180_000*5/2, 1_000_000)
	c.Start(2 * time.Minute)
	c.Loop(3*time.Minute, time.Minute)
	low, high := 0, 0
	for at := 3 * time.Minute; at < 4*time.Minute; at += time.Second {
		if c.Supply(at, false) < 10_000 {
			low++
		} else {
			high++
		}
	}
	if low < 20 || high < 20 || c.Running() {
		t.Errorf("starting again and again: %d s without, %d s with power", low, high)
	}
	c.Step(10 * time.Minute)
	if !c.Running() {
		t.Error("does not run afterwards")
	}
}
