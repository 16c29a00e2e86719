package rig

import (
	"fmt"
	"hash/fnv"
	"io"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"lotusgate/firmware-sim/plant"
)

// A day of the demo: everybody who comes leaves, those who mean to pass have passed, nothing is touched, no time is
// named twice in the wrong order, and the pins say no less than what happened.
func TestDemoDay(t *testing.T) {
	for seed := range uint64(2) {
		truths, acts := map[plant.Kind]int{}, map[string]int{}
		backing := 0
		var last time.Duration
		b := open(t, seed, DemoSite(), Options{Private: true, Scenario: Demo(seed), Tell: func(n Note) {
			if n.At < last {
				t.Fatalf("%v is told after %v", n, last)
			}
			last = n.At
			switch w := n.What.(type) {
			case plant.Truth:
				truths[w.Kind]++
			case Enter:
				if len(w.Vehicle.Plan) > 1 {
					backing++
				}
				acts["Enter"]++
			default:
				acts[fmt.Sprintf("%T", w)]++
			}
		}})
		pullUps(t, b, "GPIO17", "GPIO27")
		edges := 0
		for b.Now() < 24*time.Hour {
			if err := b.Advance(b.Next() - b.Now()); err != nil {
				t.Fatal(err)
			}
			for b.Pin("GPIO17").WaitForEdge(0) {
				edges++
			}
			if n := b.lanes["entry"].Vehicles(); n > 5 {
				t.Fatalf("%d vehicles in the queue", n)
			}
		}
		still := b.lanes["entry"].Vehicles()
		if passed := truths[plant.VehiclePassed]; passed < acts["Enter"]-backing-still || passed > acts["Enter"]-backing {
			t.Errorf("%d passed of %d, %d meant to back out, %d are still there", passed, acts["Enter"], backing, still)
		}
		if out := truths[plant.VehicleBackedOut]; out > backing || out < backing-1 {
			t.Errorf("%d backed out, %d meant to", out, backing)
		}
		if truths[plant.ArmTouched] != 0 || truths[plant.MotorOff] != 0 {
			t.Errorf("%v", truths)
		}
		if acts["Enter"] < 1000 || backing < 50 || acts["rig.Fault"] < 100 || acts["rig.CameraAct"] < 100 || acts["rig.Chatter"] < 10 || acts["rig.ChipAct"] < 10 {
			t.Errorf("a dull day: %v", acts)
		}
		if edges < 2*truths[plant.VehiclePassed] {
			t.Errorf("%d edges of loop A for %d passages", edges, truths[plant.VehiclePassed])
		}
	}
}

// Who watches the first minute has seen a passage, a vehicle that backs out, and an elevator that fails and works again.
func TestDemoOpening(t *testing.T) {
	seen := map[plant.Kind]bool{}
	b := open(t, 3, DemoSite(), Options{Private: true, Scenario: Demo(3), Tell: func(n Note) {
		if w, ok := n.What.(plant.Truth); ok {
			seen[w.Kind] = true
		}
	}})
	b.Advance(time.Minute)
	for _, k := range []plant.Kind{plant.VehiclePassed, plant.VehicleBackedOut, plant.FaultRaised, plant.FaultCleared, plant.ArmClosed} {
		if !seen[k] {
			t.Errorf("not seen: %s", k)
		}
	}
}

// The same seed gives the same hours, whether they pass moment by moment or at once; another seed gives others.
func TestSameSeedSameDay(t *testing.T) {
	day := func(seed uint64, step time.Duration) uint64 {
		h := fnv.New64a()
		b := open(t, seed, DemoSite(), Options{Private: true, Scenario: Demo(seed), Tell: func(n Note) { io.WriteString(h, n.String()+"\n") }})
		pullUps(t, b, "GPIO17")
		for b.Now() < 6*time.Hour {
			b.Advance(step)
		}
		return h.Sum64()
	}
	a := day(1, 6*time.Hour)
	if b := day(1, time.Second); a != b {
		t.Error("one seed, two stories")
	}
	if a == day(2, 6*time.Hour) {
		t.Error("two seeds, one story")
	}
}

// An elevator of the demo site fails and works again; the barrier is closed meanwhile.
func Example() {
	board, err := New(1, DemoSite(), Options{
		Private:  true,
		Scenario: Script(Cue{At: time.Second, Do: Fault{Elevator: "car-1"}}, Cue{At: 3 * time.Second, Do: Fault{Elevator: "car-1", Cleared: true}}),
		Tell: func(n Note) {
			if _, wire := n.What.(Change); !wire {
				fmt.Println(n)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer board.Close()
	p := board.Pin("GPIO23") // the barrier is closed
	_ = p.In(gpio.PullUp, gpio.BothEdges)
	fmt.Println("GPIO23 is", p.Read())
	_ = board.Advance(10 * time.Second)
	// Output:
	// GPIO23 is Low
	//     1.000 s  elevator car-1 fails
	//     1.000 s  car-1: fault raised
	//     3.000 s  elevator car-1 works again
	//     3.000 s  car-1: fault cleared
}

// The demo site with its wiring, as fast as it goes.
func BenchmarkDemo(b *testing.B) {
	board, err := New(1, DemoSite(), Options{Private: true, Scenario: Demo(1)})
	if err != nil {
		b.Fatal(err)
	}
	defer board.Close()
	for b.Loop() {
		if err := board.Advance(time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(board.Now().Seconds()/b.Elapsed().Seconds(), "virtual_s/s")
}
