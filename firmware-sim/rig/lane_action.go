package rig

import (
	"fmt"
	"strings"
	"time"

	"lotusgate/firmware-sim/plant"
)

// laneNow finds a lane and brings it to b.at, before something is done to a part of it: else its drivers would see that at the
// time at which the lane was due last, and act before it has happened.
func (b *Board) laneNow(name string) (*plant.Lane, error) {
	l, err := find("lane", b.lanes, name)
	if err == nil {
		l.Step(b.at)
	}
	return l, err
}

// detectorNow is laneNow for a detector, which is part of one.
func (b *Board) detectorNow(name string) (*plant.Detector, error) {
	d, err := find("detector", b.detectors, name)
	if err != nil {
		return nil, err
	}
	lane, _, _ := strings.Cut(name, ".")
	_, err = b.laneNow(lane)
	return d, err
}

// Enter sends a vehicle into a lane.
type Enter struct {
	Lane    string
	Vehicle plant.Vehicle
}

func (a Enter) String() string {
	from := ""
	if a.Vehicle.Far {
		from = " from the wrong end"
	}
	return fmt.Sprintf("a vehicle of %v comes to %s%s at %v", a.Vehicle.Length, a.Lane, from, a.Vehicle.Speed)
}

func (a Enter) apply(b *Board) error {
	l, err := b.laneNow(a.Lane)
	if err != nil {
		return err
	}
	if a.Vehicle.Length <= 0 || a.Vehicle.Speed <= 0 {
		return fmt.Errorf("a vehicle needs a length and a speed")
	}
	l.Enter(b.at, a.Vehicle)
	return nil
}

// Hand is somebody at the barrier's arm.
type Hand struct {
	Lane string
	Down bool // pulls it down instead of lifting it
}

func (a Hand) String() string {
	return fmt.Sprintf("somebody %s the arm of %s", [...]string{"lifts", "pulls down"}[bit(a.Down)], a.Lane)
}

func (a Hand) apply(b *Board) error {
	l, err := b.laneNow(a.Lane)
	if err != nil {
		return err
	}
	if a.Down {
		l.Barrier.Lower(b.at)
	} else {
		l.Barrier.Lift(b.at)
	}
	return nil
}

// Jam makes the gear of a barrier stick, or frees it.
type Jam struct {
	Lane  string
	Freed bool
}

func (a Jam) String() string {
	return fmt.Sprintf("the barrier of %s %s", a.Lane, [...]string{"jams", "is free again"}[bit(a.Freed)])
}

func (a Jam) apply(b *Board) error {
	l, err := b.laneNow(a.Lane)
	if err == nil {
		l.Barrier.Jam(b.at, !a.Freed)
	}
	return err
}

// Obstruct puts a thing below the arm that stops it at a part of its travel, or takes it away (0).
type Obstruct struct {
	Lane    string
	Percent int
}

func (a Obstruct) String() string {
	if a.Percent == 0 {
		return fmt.Sprintf("nothing is below the arm of %s any more", a.Lane)
	}
	return fmt.Sprintf("something is below the arm of %s", a.Lane)
}

func (a Obstruct) apply(b *Board) error {
	l, err := b.laneNow(a.Lane)
	if err == nil {
		l.Barrier.Obstruct(b.at, a.Percent)
	}
	return err
}

// Knock drives the arm of a barrier out of its flange, or somebody puts it back.
type Knock struct {
	Lane    string
	Mounted bool
}

func (a Knock) String() string {
	return fmt.Sprintf("the arm of %s %s", a.Lane, [...]string{"is knocked off", "is mounted again"}[bit(a.Mounted)])
}

func (a Knock) apply(b *Board) error {
	l, err := b.laneNow(a.Lane)
	if err == nil {
		l.Barrier.Knock(b.at, !a.Mounted)
	}
	return err
}

// Protect switches the own safety of a barrier's controller off, or on again.
type Protect struct {
	Lane string
	Off  bool
}

func (a Protect) String() string {
	return fmt.Sprintf("the own safety of the barrier of %s is %s", a.Lane, [...]string{"on", "off"}[bit(a.Off)])
}

func (a Protect) apply(b *Board) error {
	l, err := b.laneNow(a.Lane)
	if err == nil {
		l.Barrier.Protect(b.at, !a.Off)
	}
	return err
}

// DetectorLife is what can happen to a detector whose wires are whole.
type DetectorLife uint8

const (
	Drifts DetectorLife = iota // says "present" until it is tuned
	Tunes
	Talks // is disturbed by a neighbour for two minutes
)

// DetectorAct does one of these to a detector.
type DetectorAct struct {
	Name string // entry.a
	Life DetectorLife
}

func (a DetectorAct) String() string {
	return fmt.Sprintf("detector %s %s", a.Name, [...]string{"drifts", "is tuned", "is disturbed by a neighbour"}[a.Life])
}

func (a DetectorAct) apply(b *Board) error {
	d, err := b.detectorNow(a.Name)
	if err != nil {
		return err
	}
	switch a.Life {
	case Drifts:
		d.Drift(b.at)
	case Tunes:
		d.Tune(b.at)
	case Talks:
		d.Crosstalk(b.at, 2*time.Minute, plant.Span{Min: 400 * time.Millisecond, Max: 1100 * time.Millisecond})
	}
	return nil
}

// Detector takes the power from a loop detector or photocell, or breaks its loop, or mends both.
type Detector struct {
	Name    string // entry.a
	NoPower bool
	Broken  bool
}

func (a Detector) String() string {
	switch {
	case a.NoPower:
		return fmt.Sprintf("detector %s loses power", a.Name)
	case a.Broken:
		return fmt.Sprintf("the loop of detector %s breaks", a.Name)
	}
	return fmt.Sprintf("detector %s is mended", a.Name)
}

func (a Detector) apply(b *Board) error {
	d, err := b.detectorNow(a.Name)
	if err == nil {
		d.Power(b.at, !a.NoPower)
		d.Wire(b.at, !a.Broken)
	}
	return err
}
