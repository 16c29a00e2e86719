package rig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"lotusgate/firmware-sim/chip"
	"lotusgate/firmware-sim/plant"
)

// find looks something up by the name that a scenario uses.
func find[T any](kind string, all map[string]T, name string) (T, error) {
	v, ok := all[name]
	if !ok {
		return v, fmt.Errorf("no such %s: %q; there are: %s", kind, name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return v, nil
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
	l, err := find("lane", b.lanes, a.Lane)
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
	l, err := find("lane", b.lanes, a.Lane)
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
	l, err := find("lane", b.lanes, a.Lane)
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
	l, err := find("lane", b.lanes, a.Lane)
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
	l, err := find("lane", b.lanes, a.Lane)
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
	l, err := find("lane", b.lanes, a.Lane)
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
	d, err := find("detector", b.detectors, a.Name)
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
	d, err := find("detector", b.detectors, a.Name)
	if err == nil {
		d.Power(b.at, !a.NoPower)
		d.Wire(b.at, !a.Broken)
	}
	return err
}

// Fault raises an elevator's fault, or clears it.
type Fault struct {
	Elevator string
	Cleared  bool
}

func (a Fault) String() string {
	return fmt.Sprintf("elevator %s %s", a.Elevator, [...]string{"fails", "works again"}[bit(a.Cleared)])
}

func (a Fault) apply(b *Board) error {
	e, err := find("elevator", b.elevators, a.Elevator)
	if err == nil {
		e.Fail(b.at, !a.Cleared)
	}
	return err
}

// Chatter moves an elevator's contact for a while without a reason.
type Chatter struct {
	Elevator string
	For      time.Duration
}

func (a Chatter) String() string {
	return fmt.Sprintf("the fault contact of elevator %s is loose for %v", a.Elevator, a.For)
}

func (a Chatter) apply(b *Board) error {
	e, err := find("elevator", b.elevators, a.Elevator)
	if err == nil {
		e.Chatter(b.at, a.For)
	}
	return err
}

// Move raises a switch of the building, or puts it to rest.
type Move struct {
	Switch string
	Rest   bool
}

func (a Move) String() string {
	return fmt.Sprintf("switch %s is %s", a.Switch, [...]string{"raised", "at rest"}[bit(a.Rest)])
}

func (a Move) apply(b *Board) error {
	s, err := find("switch", b.switches, a.Switch)
	if err == nil {
		s.Set(b.at, !a.Rest)
	}
	return err
}

// Loosen makes a switch's wire touch and part for a while.
type Loosen struct {
	Switch string
	For    time.Duration
	Pauses plant.Span
}

func (a Loosen) String() string {
	return fmt.Sprintf("the wire of switch %s is loose for %v", a.Switch, a.For)
}

func (a Loosen) apply(b *Board) error {
	s, err := find("switch", b.switches, a.Switch)
	if err == nil {
		s.Loosen(b.at, a.For, a.Pauses)
	}
	return err
}

// LiftLife is what can happen to a lift.
type LiftLife uint8

const (
	Traps    LiftLife = iota // stops between floors with somebody in the car
	Frees                    // who was trapped gets out
	Inspects                 // somebody works on it
	Serves                   // is back in service
	Rings                    // somebody leans on the button
	Fails                    // a fault that traps nobody
	Works                    // that fault is over
	Darkens                  // loses its main supply
	Lights                   // has it again
)

// LiftAct does one of these to a lift.
type LiftAct struct {
	Lift string
	Life LiftLife
}

func (a LiftAct) String() string {
	return fmt.Sprintf("lift %s %s", a.Lift, [...]string{
		"will stop between floors", "is freed", "is inspected", "is back in service", "rings for nothing",
		"fails", "works again", "loses its supply", "has its supply again",
	}[a.Life])
}

func (a LiftAct) apply(b *Board) error {
	l, err := find("lift", b.lifts, a.Lift)
	if err != nil {
		return err
	}
	switch a.Life {
	case Traps:
		l.Trap(b.at)
	case Frees:
		l.Free(b.at)
	case Inspects, Serves:
		l.Inspect(b.at, a.Life == Inspects)
	case Rings:
		l.Press(b.at, 2*time.Second)
	case Fails, Works:
		l.Fail(b.at, a.Life == Fails)
	case Darkens, Lights:
		l.Power(b.at, a.Life == Lights)
	}
	return nil
}

// CameraLife is what can happen to a camera.
type CameraLife uint8

const (
	Dies        CameraLife = iota // loses its power
	Hangs                         // its output stays open
	HangsClosed                   // its output stays closed
	Starts
	Sickens // draws too much
	Loops   // starts again and again, for five minutes
)

// CameraAct does one of these to a camera.
type CameraAct struct {
	Camera string
	Life   CameraLife
}

func (a CameraAct) String() string {
	return fmt.Sprintf("camera %s %s", a.Camera, [...]string{"loses power", "hangs", "hangs with its output closed", "starts", "draws too much", "starts again and again"}[a.Life])
}

func (a CameraAct) apply(b *Board) error {
	c, err := find("camera", b.cameras, a.Camera)
	if err != nil {
		return err
	}
	switch a.Life {
	case Dies:
		c.Die(b.at)
	case Hangs, HangsClosed:
		c.Hang(b.at, a.Life == HangsClosed)
	case Starts:
		c.Start(b.at)
	case Sickens:
		c.Sicken(b.at)
	case Loops:
		c.Loop(b.at, 5*time.Minute)
	}
	return nil
}

// WireLife is what can happen to a wire.
type WireLife uint8

const (
	Mended WireLife = iota
	Cut
	Grounded // shorted to ground
	Powered  // shorted to the supply
	Corroded // of a pair with resistors: its terminal has a resistance of its own
)

// WireAct does one of these to the wire at a pin: GPIO17, x1.GPA0; GPIO25 is the wire of a chip's interrupt, GPIO16
// leads to a coil.
type WireAct struct {
	Line string
	Life WireLife
}

func (a WireAct) String() string {
	return fmt.Sprintf("the wire at %s is %s", a.Line, [...]string{"mended", "cut", "shorted to ground", "shorted to the supply", "corroded"}[a.Life])
}

func (a WireAct) apply(b *Board) error {
	life := [...]wireFault{wireWhole, wireCut, wireGrounded, wirePowered, wireCorroded}[a.Life]
	for i := range b.gauges {
		if b.gauges[i].To == a.Line {
			b.gauges[i].fault = life
			return nil
		}
	}
	e, err := find("wired pin", b.ends, a.Line)
	if err == nil {
		e.fail(life)
		b.show(a.Line, "wire")
	}
	return err
}

// ChipLife is what can happen to a chip.
type ChipLife uint8

const (
	Resets  ChipLife = iota // all registers at their power-on values
	Unplugs                 // it answers no more
	Plugs                   // it is back, with its power-on values
	Stops                   // its oscillator stands still for a moment: a clock's
)

// ChipAct does one of these to a chip.
type ChipAct struct {
	Chip string
	Life ChipLife
}

func (a ChipAct) String() string {
	return fmt.Sprintf("chip %s %s", a.Chip, [...]string{"resets", "loses power", "has power again", "loses its time"}[a.Life])
}

func (a ChipAct) apply(b *Board) error {
	c, err := find("chip", b.chips, a.Chip)
	if err != nil {
		return err
	}
	switch a.Life {
	case Resets:
		c.Reset()
	case Unplugs, Plugs:
		c.Hold(a.Life == Unplugs)
	case Stops:
		clock, ok := c.(rtc)
		if !ok {
			return fmt.Errorf("%s is no clock", a.Chip)
		}
		clock.StopOscillator()
	}
	return nil
}

// Draw makes a gauge show a value of its own, in its unit, until a negative one ends that.
type Draw struct {
	Gauge string // i1.current
	Value int64
}

func (a Draw) String() string {
	if a.Value < 0 {
		return fmt.Sprintf("the gauge at %s shows what is so", a.Gauge)
	}
	return fmt.Sprintf("the gauge at %s shows %d", a.Gauge, a.Value)
}

func (a Draw) apply(b *Board) error {
	for i := range b.gauges {
		if g := &b.gauges[i]; g.To == a.Gauge {
			g.drawn = &a.Value
			if a.Value < 0 {
				g.drawn = nil
			}
			return nil
		}
	}
	return fmt.Errorf("no such gauge: %q", a.Gauge)
}

// BusAct disturbs a bus until the next one: transfers fail with an errno of the adapter (ENXIO, EAGAIN, EREMOTEIO), hang
// until the kernel gives up, are stretched, or have bits of one byte inverted. With none of these it is in order again.
type BusAct struct {
	Bus     string // /dev/i2c-1
	Errno   syscall.Errno
	Hangs   bool          // SDA or SCL is held low
	Stretch time.Duration // a part holds the clock for so long in each transfer
	Flip    byte          // of the byte with number After in each transfer, written and read together
	After   int
	Times   int // how many transfers; 0 = all
}

func (a BusAct) String() string {
	switch {
	case a.Hangs:
		return fmt.Sprintf("bus %s hangs", a.Bus)
	case a.Errno != 0:
		return fmt.Sprintf("bus %s fails: %v", a.Bus, a.Errno)
	case a.Stretch != 0:
		return fmt.Sprintf("bus %s is stretched by %v", a.Bus, a.Stretch)
	case a.Flip != 0:
		return fmt.Sprintf("bus %s has bits %02x of byte %d disturbed", a.Bus, a.Flip, a.After)
	}
	return fmt.Sprintf("bus %s works", a.Bus)
}

func (a BusAct) apply(b *Board) error {
	bus, err := find("bus", b.bus, a.Bus)
	if err == nil {
		bus.hang(a.Hangs)
		times := a.Times
		if times == 0 {
			times = chip.Forever
		}
		bus.disturb(chip.Fault{Addr: chip.AnyAddr, Times: times, Errno: a.Errno, Delay: a.Stretch, Flip: a.Flip, After: a.After})
	}
	return err
}
