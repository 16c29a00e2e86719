package daemon

import (
	"fmt"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/mcp23017"
	"lotusgate/drivers/meter"
	"lotusgate/drivers/pca9555"
	"lotusgate/drivers/pcf8574"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"

	"periph.io/x/conn/v3/i2c"
)

// chipKinds is the one table of chips: kind → constructor.
var chipKinds = map[string]func(bus i2c.Bus, c chip) (field.Chip, error){
	config.MCP23017: func(bus i2c.Bus, c chip) (field.Chip, error) {
		return mcp23017.New(bus, c.cfg.Address, mcp23017.Opts{
			Inputs: c.inputs, PullUps: c.pullUps, Outputs: c.outputs, Inactive: c.inactive,
			Interrupt: c.cfg.Interrupt != "", Separate: c.cfg.InterruptB != "", Now: c.now,
		})
	},
	config.PCA9555:  newPCA9555,
	config.TCA9555:  newPCA9555,
	config.PCA9535:  newPCA9555,
	config.PCF8574:  newPCF8574,
	config.PCF8574A: newPCF8574,
	config.ADS1115:  newConverter,
	config.INA219:   newINA219,
	config.INA226:   newINA226,
	config.DS3231:   newRTC,
}

func newPCA9555(bus i2c.Bus, c chip) (field.Chip, error) {
	return pca9555.New(bus, c.cfg.Address, pca9555.Opts{
		Inputs: c.inputs, Outputs: c.outputs, Inactive: c.inactive, Now: c.now,
	})
}

func newPCF8574(bus i2c.Bus, c chip) (field.Chip, error) {
	return pcf8574.New(bus, c.cfg.Address, pcf8574.Opts{
		Inputs: uint8(c.inputs), Outputs: uint8(c.outputs), Now: c.now, // the configuration holds that they are active low
	})
}

// bus is one configured bus with what its chips need.
type bus struct {
	id    string
	cfg   config.Bus
	chips []chip
	meter *meter.Meter
}

// chip is a configured chip and what is wired to it; bit n of a mask is channel n.
type chip struct {
	id       string
	cfg      config.Chip
	inputs   uint16 // channels of points
	pullUps  uint16 // of the inputs
	outputs  uint16 // channels of relays
	inactive uint16 // of the outputs: those whose inactive level is high
	clock    *clock // that a real-time clock serves
	now      func() time.Duration
}

func (h Hardware) openBus(b bus) (field.Bus, error) {
	opened, err := h.OpenBus(b.cfg.Device)
	if err != nil {
		return field.Bus{}, fmt.Errorf("open bus %s (%s): %w", b.id, b.cfg.Device, err)
	}
	counted := b.meter.Wrap(opened)
	out := field.Bus{Close: opened.Close, Traffic: b.traffic}
	for _, c := range b.chips {
		dev, err := chipKinds[c.cfg.Kind](counted, c)
		if err != nil {
			opened.Close() // the first error is the one that counts
			return field.Bus{}, fmt.Errorf("chip %s: %w", c.id, err)
		}
		out.Chips = append(out.Chips, dev)
	}
	return out, nil
}

// traffic is what went to one chip, or over the bus.
func (b bus) traffic(n int) drivers.Traffic {
	if n == field.All {
		return b.meter.Bus()
	}
	return b.meter.Chip(b.chips[n].cfg.Address)
}
