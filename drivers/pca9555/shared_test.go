package pca9555

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
		"MCP23017":                     {chip.NewMCP23017(chip.MCP23017Wiring{}), drivers.FaultMismatch},
		"PCF8574":                      {chip.NewPCF8574(chip.PCF8574Wiring{}), drivers.FaultMismatch},
		"its twin, a contact closed":   {closed(), drivers.FaultMismatch},
		"its twin, all contacts alike": {chip.NewPCA9555(chip.PCA9555Wiring{}), drivers.FaultNone},
	} {
		t.Run(name, func(t *testing.T) {
			bus := chip.NewBus("I2C1")
			if err := bus.Attach(0x20, chip.Shared{A: chip.NewPCA9555(chip.PCA9555Wiring{}), B: c.other}); err != nil {
				t.Fatal(err)
			}
			d, err := New(bus, 0x20, Opts{Inputs: 0xffff, Now: func() time.Duration { return now }})
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
	c := chip.NewPCA9555(chip.PCA9555Wiring{})
	c.Drive(3, false)
	return c
}
