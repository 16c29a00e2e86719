package pca9555

import (
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/chip"
)

// Two parts at one address. Of another kind the second shows at Init or, when it is plugged in later, at the next
// Service. A twin does not: it takes every write as well and answers with the same registers; only its inputs, wired
// AND, are wrong. The configuration refuses one address for two; a twin on the bus is found by moving each contact.
func TestTwoChipsAtOneAddress(t *testing.T) {
	now := time.Second
	for name, c := range map[string]struct {
		other chip.Device
		want  drivers.Fault
	}{
		"MCP23017": {chip.NewMCP23017(chip.MCP23017Wiring{}), drivers.FaultMismatch},
		"PCF8574":  {chip.NewPCF8574(chip.PCF8574Wiring{}), drivers.FaultMismatch},
		"its twin": {chip.NewPCA9555(chip.PCA9555Wiring{}), drivers.FaultNone},
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
