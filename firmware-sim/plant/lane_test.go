package plant

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// ticketLane is a lane whose detectors don't vary, so that times can be written down.
func ticketLane(j *Journal, change ...func(*LaneOptions)) *Lane {
	o := LaneOptions{
		Loops:   quiet(),
		Beam:    DetectorOptions{React: Span{10 * ms, 10 * ms}},
		Barrier: BarrierOptions{AutoClose: 1500 * ms, NoPassage: 45 * time.Second},
	}
	for _, f := range change {
		f(&o)
	}
	return NewLane("entry", o, 1, j)
}

// driver takes a ticket and goes through.
func driver(length float64) Vehicle {
	return Vehicle{
		Length: Metres(length), Speed: 2 * MetrePerSecond, Gap: Metres(2.5),
		Plan: []Leg{{To: Metres(5.2), Pause: 3 * time.Second, Ticket: true}},
	}
}

func TestLane(t *testing.T) {
	type enters struct {
		at time.Duration
		v  Vehicle
	}
	const s = time.Second
	backOut := Vehicle{Length: Metres(4), Speed: 2 * MetrePerSecond, Plan: []Leg{{To: Metres(5.2), Pause: 2 * s}, {To: -Metre}}}
	wrongWay := Vehicle{Length: Metres(4), Speed: 2 * MetrePerSecond, Far: true, Bold: true}
	open := func(o *LaneOptions) { o.Barrier.AutoClose, o.Barrier.NoPassage = 0, 0 }
	for _, c := range []struct {
		name   string
		change func(*LaneOptions)
		does   func(*Lane)
		enters []enters
		want   string
	}{
		{"passage", nil, nil, []enters{{0, driver(4.5)}}, `
			0s entry: vehicle entered (vehicle 1)
			1.0000005s entry.a: covered
			5.6s entry: ticket taken (vehicle 1)
			5.62s entry.gate: arm opening by ticket
			8.62s entry.gate: arm open by ticket
			8.7100005s entry.b: covered
			9.2100005s entry: vehicle under arm (vehicle 1)
			9.2100005s entry.photocell: covered
			10.21s entry.a: cleared
			11.46s entry: vehicle clear of arm (vehicle 1)
			11.46s entry.photocell: cleared
			11.96s entry: vehicle passed (vehicle 1)
			11.96s entry.b: cleared
			13.49s entry.gate: arm closing by auto
			15.21s entry: vehicle left (vehicle 1)
			16.49s entry.gate: arm closed by auto`},
		{"back out", nil, nil, []enters{{0, backOut}}, `
			0s entry: vehicle entered (vehicle 1)
			1.0000005s entry.a: covered
			6.2s entry: vehicle backed out (vehicle 1)
			6.2s entry.a: cleared
			7.2s entry: vehicle left (vehicle 1)`},
		{"wrong way through an open barrier", open, func(l *Lane) { l.Barrier.Lift(0) }, []enters{{9 * s, wrongWay}}, `
			0s entry.gate: arm opening by hand
			3s entry.gate: arm open by hand
			9s entry: vehicle entered (vehicle 1)
			12.2500005s entry.b: covered
			12.7500005s entry: vehicle under arm (vehicle 1)
			12.7500005s entry.photocell: covered
			14.0000005s entry.a: covered
			14.75s entry: vehicle clear of arm (vehicle 1)
			14.75s entry.photocell: cleared
			15.25s entry.b: cleared
			17s entry: vehicle passed backward (vehicle 1)
			17s entry.a: cleared
			18s entry: vehicle left (vehicle 1)`},
		{"a driver without a ticket waits", nil, nil, []enters{{0, Vehicle{Length: 4 * Metre, Speed: 2 * MetrePerSecond}}}, `
			0s entry: vehicle entered (vehicle 1)
			1.0000005s entry.a: covered`},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &Journal{}
			change := c.change
			if change == nil {
				change = func(*LaneOptions) {}
			}
			l := ticketLane(j, change)
			if c.does != nil {
				c.does(l)
			}
			for _, e := range c.enters {
				l.Enter(e.at, e.v)
			}
			l.Step(time.Minute)
			var got []string
			for _, x := range j.Take() {
				if x.Kind.Limit() {
					continue
				}
				got = append(got, fmt.Sprintf("%v %s", x.At, x))
			}
			var want []string
			for line := range strings.Lines(strings.TrimSpace(c.want)) {
				want = append(want, strings.TrimSpace(line))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// count says how often each kind was written down.
func count(truths []Truth) map[Kind]int {
	m := map[Kind]int{}
	for _, t := range truths {
		m[t.Kind]++
	}
	return m
}

func TestQueueKeepsItsGapAndEverybodyPasses(t *testing.T) {
	j := &Journal{}
	l := ticketLane(j)
	for i := range 5 {
		l.Enter(time.Duration(i)*time.Second, driver(4.5))
	}
	step(l, 4*time.Second, 2*time.Minute, func(at time.Duration) {
		for i := 1; i < len(l.cars); i++ {
			if free := l.cars[i-1].tail(at) - l.cars[i].now(at); free < l.cars[i].Gap-1 {
				t.Fatalf("at %v: vehicle %d is %v behind %d, it keeps %v", at, l.cars[i].number, free, l.cars[i-1].number, l.cars[i].Gap)
			}
		}
	})
	n := count(j.Take())
	if n[VehiclePassed] != 5 || n[VehicleLeft] != 5 || n[VehicleBackedOut] != 0 || l.Vehicles() != 0 {
		t.Errorf("%v, %d vehicles are still there", n, l.Vehicles())
	}
}

// The controller of an unprotected barrier closes on whatever is there: that is what the gateway is tried against.
func TestUnprotectedArmTouchesAVehicle(t *testing.T) {
	for _, unprotected := range []bool{false, true} {
		j := &Journal{}
		l := ticketLane(j, func(o *LaneOptions) { o.Barrier = BarrierOptions{Unprotected: unprotected} })
		v := driver(4.5)
		v.Plan = append(v.Plan, Leg{To: Metres(8), Pause: 10 * time.Second})
		l.Enter(0, v)
		l.Step(12 * time.Second)
		l.Barrier.Set(12*time.Second, CloseInput, true)
		l.Step(time.Minute)
		truths := j.Take()
		touched := count(truths)[ArmTouched]
		if unprotected != (touched == 1) || touched > 1 {
			t.Errorf("unprotected %v: touched %d times", unprotected, touched)
		}
		if i := slices.IndexFunc(truths, func(x Truth) bool { return x.Kind == ArmTouched }); i >= 0 && truths[i].Vehicle != 1 {
			t.Errorf("touched vehicle %d", truths[i].Vehicle)
		}
	}
}

// Over random traffic: nobody is lost, who covered a loop has passed or backed out, vehicles never overlap, a protected
// arm touches nobody, and long steps lead to the same as short ones.
func TestLaneInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := Seed(rapid.Uint64().Draw(t, "seed"))
		o := LaneOptions{Loops: LoopDetector(), Beam: Photocell(), Barrier: BarrierOptions{
			Bounce: LimitSwitch(), AutoClose: 1500 * ms, NoPassage: 20 * time.Second,
		}}
		fineJ, coarseJ := &Journal{}, &Journal{}
		fine, coarse := NewLane("entry", o, seed, fineJ), NewLane("entry", o, seed, coarseJ)
		steps := 0
		look := func(at time.Duration) {
			if steps++; steps > 100_000 {
				t.Fatalf("at %v: no end of steps", at)
			}
			for i := 1; i < len(fine.cars); i++ {
				if fine.cars[i-1].tail(at) < fine.cars[i].now(at) {
					t.Fatalf("at %v: vehicles %d and %d overlap", at, fine.cars[i-1].number, fine.cars[i].number)
				}
			}
		}
		now := time.Duration(0)
		n := rapid.IntRange(1, 8).Draw(t, "vehicles")
		for range n {
			to := now + time.Duration(rapid.Int64Range(0, int64(30*time.Second)).Draw(t, "wait"))
			step(fine, now, to, look)
			coarse.Step(to)
			now = to
			v := Vehicle{
				Length: Length(rapid.Int64Range(int64(1800*Millimetre), int64(18*Metre)).Draw(t, "length")),
				Speed:  Speed(rapid.Int64Range(int64(300*MillimetrePerSecond), int64(8*MetrePerSecond)).Draw(t, "speed")),
				Gap:    Length(rapid.Int64Range(int64(300*Millimetre), int64(3*Metre)).Draw(t, "gap")),
				Plan:   []Leg{{To: fine.g.Hold, Pause: time.Duration(rapid.IntRange(0, 5000).Draw(t, "pause")) * ms, Ticket: true}},
			}
			if rapid.Bool().Draw(t, "rocks") {
				v.Plan = append(v.Plan, Leg{To: Metres(7)}, Leg{To: Metres(6.6)}, Leg{To: Metres(9), Pause: time.Second})
			}
			fine.Enter(now, v)
			coarse.Enter(now, v)
		}
		end := now + 20*time.Minute
		step(fine, now, end, look)
		coarse.Step(end)
		truths := fineJ.Take()
		if b := coarseJ.Take(); !slices.Equal(truths, b) {
			t.Fatalf("short steps: %v\nlong steps: %v", truths, b)
		}
		c := count(truths)
		if c[VehicleEntered] != n || c[VehicleLeft] != n || c[VehiclePassed] != n || c[VehicleBackedOut] != 0 || c[ArmTouched] != 0 {
			t.Fatalf("%d vehicles: %v, %d still there", n, c, fine.Vehicles())
		}
		if !slices.IsSortedFunc(truths, func(a, b Truth) int { return int(a.At - b.At) }) {
			t.Fatal("the journal is not in the order of time")
		}
		if c[ZoneCovered] != c[ZoneCleared] || c[VehicleUnderArm] != c[VehicleClearOfArm] {
			t.Fatalf("something is still covered: %v", c)
		}
		if fine.Barrier.Percent() != 0 || !fine.Barrier.Closed.Closed() || fine.Barrier.Open.Closed() {
			t.Fatal("the barrier did not close in the end")
		}
	})
}
