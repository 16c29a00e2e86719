package rig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"

	"lotusgate/firmware-sim/chip"
)

// find looks something up by the name that a scenario uses.
func find[T any](kind string, all map[string]T, name string) (T, error) {
	v, ok := all[name]
	if !ok {
		return v, fmt.Errorf("no such %s: %q; there are: %s", kind, name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return v, nil
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
