package rig

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"lotusgate/firmware-sim/plant"
)

// Demo is what goes on at DemoSite, for ever: mostly cars that come through, one after another or in a queue, some that
// think better of it and back out, a motorcycle, a long van; an elevator that fails and works again, a camera that dies
// for a while, a chip that resets. The first minute shows the most common of it.
func Demo(seed uint64) Scenario {
	d := &demo{chance: plant.Seed(seed).For("demo")}
	d.opening()
	return func() (Cue, bool) {
		if len(d.cues) == 0 {
			d.chapter()
		}
		c := d.cues[0]
		d.cues = d.cues[1:]
		return c, true
	}
}

const (
	demoLane     = "entry"
	demoElevator = "car-1"
	demoCamera   = "cam-01"
	demoChip     = "x1"
	chapterTime  = 10 * time.Minute
)

// demo writes its scenario in chapters, each of them sorted.
type demo struct {
	chance *rand.Rand
	cues   []Cue
	at     time.Duration // end of what has been written
}

func (d *demo) add(at time.Duration, do Action) { d.cues = append(d.cues, Cue{At: at, Do: do}) }

func (d *demo) between(from, to time.Duration) time.Duration {
	return plant.Span{Min: from, Max: to}.Draw(d.chance)
}

// opening is the first minute.
func (d *demo) opening() {
	const s = time.Second
	d.add(2*s, Enter{demoLane, d.car()})
	d.add(28*s, Fault{Elevator: demoElevator})
	d.add(32*s, Enter{demoLane, d.backsOut()})
	d.add(45*s, Fault{Elevator: demoElevator, Cleared: true})
	d.at = 60 * s
}

// chapter writes the next ten minutes.
func (d *demo) chapter() {
	start := d.at
	for d.at < start+chapterTime {
		d.at += d.traffic(d.at)
	}
	for _, write := range []func(at time.Duration){d.elevator, d.camera, d.chip, d.building, d.parking, d.lift} {
		write(start + d.between(0, 3*time.Minute))
	}
	slices.SortStableFunc(d.cues, func(a, b Cue) int { return int(a.At - b.At) })
}

// traffic lets one thing happen on the lane and returns how long nothing else may begin there: who backs out must have
// nobody behind him.
func (d *demo) traffic(at time.Duration) (takes time.Duration) {
	pause := d.between(5*time.Second, 40*time.Second)
	switch n := d.chance.IntN(100); {
	case n < 10:
		d.add(at, Enter{demoLane, d.backsOut()})
	case n < 25: // a queue
		n := 2 + d.chance.IntN(2)
		for i := range n {
			d.add(at+time.Duration(i)*d.between(2*time.Second, 4*time.Second), Enter{demoLane, d.car()})
		}
		takes = time.Duration(n-1) * 20 * time.Second
	case n < 32:
		d.add(at, Enter{demoLane, d.vehicle(1900, 2300, 2000, 3000)}) // a motorcycle
	case n < 37:
		d.add(at, Enter{demoLane, d.vehicle(6000, 8500, 900, 1500)}) // a van
	default:
		d.add(at, Enter{demoLane, d.car()})
	}
	return takes + 35*time.Second + pause
}

func (d *demo) car() plant.Vehicle { return d.vehicle(3600, 5200, 1400, 2800) }

// vehicle takes a ticket and goes through. Lengths are in millimetres, speeds in millimetres per second.
func (d *demo) vehicle(short, long, slow, fast int) plant.Vehicle {
	return plant.Vehicle{
		Length: plant.Length(short+d.chance.IntN(long-short)) * plant.Millimetre,
		Speed:  plant.Speed(slow+d.chance.IntN(fast-slow)) * plant.MillimetrePerSecond,
		Gap:    plant.Metres(2.5),
		Plan:   []plant.Leg{{To: plant.StandardLane().Hold, Pause: d.between(2*time.Second, 5*time.Second), Ticket: true}},
	}
}

// backsOut comes to the ticket machine and leaves again.
func (d *demo) backsOut() plant.Vehicle {
	v := d.car()
	to := plant.StandardLane().Hold
	v.Plan = []plant.Leg{{To: to, Pause: d.between(2*time.Second, 6*time.Second)}, {To: -plant.Metre, Speed: v.Speed / 2}}
	return v
}

func (d *demo) elevator(at time.Duration) {
	if d.chance.IntN(3) == 0 {
		d.add(at, Chatter{demoElevator, d.between(20*time.Millisecond, 400*time.Millisecond)}) // too short for a fault
		at += d.between(30*time.Second, time.Minute)
	}
	d.add(at, Fault{Elevator: demoElevator})
	d.add(at+d.between(20*time.Second, 2*time.Minute), Fault{Elevator: demoElevator, Cleared: true})
}

func (d *demo) camera(at time.Duration) {
	if d.chance.IntN(3) == 0 { // the switch that they share
		back := at + d.between(4*time.Minute, 6*time.Minute)
		for _, camera := range []string{demoCamera, "cam-02", "cam-03"} {
			d.add(at, CameraAct{camera, Dies})
			d.add(back, CameraAct{camera, Starts})
		}
		return
	}
	life := []CameraLife{Dies, Hangs, HangsClosed}[d.chance.IntN(3)]
	d.add(at, CameraAct{demoCamera, life})
	d.add(at+d.between(4*time.Minute, 6*time.Minute), CameraAct{demoCamera, Starts})
}

func (d *demo) chip(at time.Duration) {
	if d.chance.IntN(2) == 0 {
		d.add(at+4*time.Minute, ChipAct{demoChip, Resets})
	}
}

// building floods the pump room, or lets the roof door's wire come loose.
func (d *demo) building(at time.Duration) {
	if d.chance.IntN(3) > 0 {
		d.add(at, Move{Switch: "pump"})
		d.add(at+d.between(time.Minute, 3*time.Minute), Move{Switch: "pump", Rest: true})
		return
	}
	d.add(at, Loosen{"roof", d.between(30*time.Second, time.Minute), plant.Span{Min: 50 * time.Millisecond, Max: 600 * time.Millisecond}})
}

// parking fills the bays one after another, and empties some.
func (d *demo) parking(at time.Duration) {
	for n := range 4 {
		bay := fmt.Sprint("bay-", n+1)
		d.add(at+d.between(0, 5*time.Minute), Move{Switch: bay})
		if d.chance.IntN(2) == 0 {
			d.add(at+d.between(6*time.Minute, 7*time.Minute), Move{Switch: bay, Rest: true})
		}
	}
}

// lift traps somebody, or is inspected, or has its button leant on.
func (d *demo) lift(at time.Duration) {
	switch d.chance.IntN(3) {
	case 0:
		d.add(at, LiftAct{"car-2", Traps})
		d.add(at+d.between(3*time.Minute, 5*time.Minute), LiftAct{"car-2", Frees})
	case 1:
		d.add(at, LiftAct{"car-2", Inspects})
		d.add(at+d.between(time.Minute, 3*time.Minute), LiftAct{"car-2", Serves})
	case 2:
		d.add(at, LiftAct{"car-2", Rings})
	}
}
