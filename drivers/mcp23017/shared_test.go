package mcp23017

import (
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/chip"
)

// Two parts at one address. Of another kind the second shows at Init or, when it is plugged in later, at the next
// Service. A twin shows by each input that it reads otherwise; one whose inputs agree does no harm until they differ, and
// nothing on the wire tells of it.
func TestTwoChipsAtOneAddress(t *testing.T) {
	now := time.Second
	for name, c := range map[string]struct {
		other chip.Device
		want  drivers.Fault
	}{
		"PCA9555":                      {chip.NewPCA9555(chip.PCA9555Wiring{}), drivers.FaultMismatch},
		"PCF8574":                      {chip.NewPCF8574(chip.PCF8574Wiring{}), drivers.FaultMismatch},
		"its twin, a contact closed":   {closed(), drivers.FaultMismatch},
		"its twin, all contacts alike": {chip.NewMCP23017(chip.MCP23017Wiring{}), drivers.FaultNone},
	} {
		t.Run(name, func(t *testing.T) {
			bus := chip.NewBus("I2C1")
			if err := bus.Attach(0x20, chip.Shared{A: chip.NewMCP23017(chip.MCP23017Wiring{}), B: c.other}); err != nil {
				t.Fatal(err)
			}
			d, err := New(bus, 0x20, Opts{Inputs: 0x7f7f, PullUps: 0x7f7f, Now: func() time.Duration { return now }})
			if err != nil {
				t.Fatal(err)
			}
			if err = d.Init(); err == nil {
				var s drivers.Sample
				err = d.Service(&s, 0)
			}
			if f := drivers.Classify(err); f != c.want {
				t.Errorf("%v (%v), want %v", f, err, c.want)
			}
		})
	}
}

// closed is a part with a contact to ground at channel 3.
func closed() chip.Device {
	c := chip.NewMCP23017(chip.MCP23017Wiring{})
	c.Drive(3, false)
	return c
}

// A twin that agreed at first: three changes that no interrupt explains, and it is looked for.
func TestTwinShowsItself(t *testing.T) {
	now := time.Second
	bus := chip.NewBus("I2C1")
	a := chip.NewMCP23017(chip.MCP23017Wiring{})
	if err := bus.Attach(0x20, chip.Shared{A: a, B: chip.NewMCP23017(chip.MCP23017Wiring{})}); err != nil {
		t.Fatal(err)
	}
	d, err := New(bus, 0x20, Opts{Inputs: 0x7f7f, PullUps: 0x7f7f, Now: func() time.Duration { return now }})
	if err == nil {
		err = d.Init()
	}
	if err != nil {
		t.Fatal(err)
	}
	var s drivers.Sample
	for n := range 4 {
		a.Drive(3, n%2 == 1 && n < 3) // closes, opens, closes, stays
		now += time.Second
		s.Reset()
		if err = d.Service(&s, 0); err != nil && n < 3 {
			t.Fatal(err)
		}
	}
	if f := drivers.Classify(err); f != drivers.FaultMismatch {
		t.Errorf("%v (%v)", f, err)
	}
}

// Changes that no interrupt explains on a chip that is alone: the look for a twin inverts every input and finds none, and
// what it latched itself is no edge.
func TestLookForATwinMakesNothingUp(t *testing.T) {
	b := newBench(t)
	high := false
	for range unexplainedMost {
		b.now += ms
		byteOfGPIO := 0
		b.bus.During(func(_ uint16, read bool, n int) {
			if read && n == atGPIO { // in the middle of the byte: its read clears the interrupt
				byteOfGPIO++
				high = !high
				b.chip.Drive(0, high)
			}
		})
		b.s.Reset()
		if err := b.dev.Service(&b.s, 0); err != nil {
			t.Fatal(err)
		}
		b.bus.During(nil)
		if byteOfGPIO != 1 {
			t.Fatalf("the pin changed %d times in the burst", byteOfGPIO)
		}
	}
	b.service() // the change of the last burst, which is the third that nothing explains
	if b.dev.unexplained != unexplainedMost {
		t.Fatalf("%d looks without an explanation, want %d", b.dev.unexplained, unexplainedMost)
	}
	if edges := b.service(); len(edges) != 0 {
		t.Errorf("nothing changed, and %d edges were told: %+v", len(edges), edges)
	}
	b.after(ms, 0, !high)
	if edges := b.service(); len(edges) != 1 || edges[0].Channel != 0 || edges[0].Lost != 0 {
		t.Errorf("after the look a change gave %+v", edges)
	}
}
