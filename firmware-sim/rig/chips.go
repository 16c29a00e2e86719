package rig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/physic"

	"lotusgate/firmware-sim/chip"
)

// model is what the rig needs of the model of any chip.
type model interface {
	chip.Device
	Reset()         // a loss of supply that is over at once
	Hold(down bool) // takes the supply away, or gives it back
}

// expander is a chip with pins that the world drives.
type expander interface {
	model
	Drive(pin int, high bool)
	Release(pin int)
}

// monitor is a chip that measures the current of a supply, and its voltage.
type monitor interface {
	model
	Follow(pins func(ago time.Duration) (shunt, supply physic.ElectricPotential))
}

// kinds is the table of the chips there are: how to make one, and what its pins are called. now is the time of this
// process, by which drivers wait for a conversion.
var kinds = map[string]struct {
	pins []string
	make func(interrupt func(high bool), now func() time.Duration) model
}{
	"mcp23017": {ports("GPA", "GPB"), func(interrupt func(bool), _ func() time.Duration) model {
		return chip.NewMCP23017(chip.MCP23017Wiring{RevD: true, Interrupt: func(pin int, high bool) {
			if pin == 0 { // INTA; INTB is left open
				interrupt(high)
			}
		}})
	}},
	"pca9555":  {ports("IO0_", "IO1_"), newPCA9555},
	"pcf8574":  {onePort("P"), newPCF8574},
	"pcf8574a": {onePort("P"), newPCF8574},
	"ads1115": {ports("AIN")[:4], func(_ func(bool), now func() time.Duration) model {
		return chip.NewADS1115(now, nominal)
	}},
	"ina219": {nil, func(_ func(bool), now func() time.Duration) model { return chip.NewINA219(now) }},
	"ina226": {nil, func(_ func(bool), now func() time.Duration) model { return chip.NewINA226(now) }},
	"ds3231": {nil, func(_ func(bool), now func() time.Duration) model { return rtc{chip.NewDS3231(now, 0)} }},
}

// Kinds are the kinds of chips that a site can have.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// nominal is the speed of a converter's oscillator, in per mille.
const nominal = 1000

func newPCA9555(interrupt func(bool), _ func() time.Duration) model {
	return chip.NewPCA9555(chip.PCA9555Wiring{Interrupt: interrupt})
}

func newPCF8574(interrupt func(bool), _ func() time.Duration) model {
	return chip.NewPCF8574(chip.PCF8574Wiring{Interrupt: interrupt})
}

// rtc is a clock whose battery is good, unless both supplies go at once.
type rtc struct{ *chip.DS3231 }

// Reset implements model.
func (c rtc) Reset() {
	c.Supply(false, false)
	c.Supply(true, true)
}

// Hold implements model.
func (c rtc) Hold(down bool) { c.Supply(!down, true) }

func onePort(prefix string) []string { return ports(prefix)[:8] }

// ports are the names of two ports of eight pins.
func ports(prefixes ...string) (names []string) {
	for _, p := range prefixes {
		for n := range 8 {
			names = append(names, fmt.Sprintf("%s%d", p, n))
		}
	}
	return names
}

// reference is the voltage of the pull-ups, which a converter measures at its last pin.
const (
	reference    = 3300 * physic.MilliVolt
	referencePin = 3
)

// shows returns what brings the value of a gauge, which it had so long ago, to a chip's pin: ‰ of the reference to a
// converter, µA to a shunt. It is nil where there is no such chip, and an error where the chip measures nothing.
func (b *Board) shows(to string, chips []Chip) (func(value func(ago time.Duration) int64), error) {
	name, pin, _ := strings.Cut(to, ".")
	i := slices.IndexFunc(chips, func(c Chip) bool { return c.Name == name })
	if i < 0 {
		return nil, nil
	}
	switch m := b.chips[name].(type) {
	case *chip.ADS1115:
		n := slices.Index(kinds[chips[i].Kind].pins, pin)
		if n < 0 || n == referencePin {
			return nil, fmt.Errorf("gauge at %s: no such pin", to)
		}
		last := int64(-1)
		return func(value func(time.Duration) int64) {
			if v := value(0); v != last { // it changes in steps, each of which is told
				last = v
				m.Drive(n, reference*physic.ElectricPotential(v)/1000)
			}
		}, nil
	case monitor:
		shunt := int64(chips[i].Shunt / physic.MilliOhm)
		return func(value func(time.Duration) int64) {
			m.Follow(func(ago time.Duration) (across, supply physic.ElectricPotential) {
				return physic.ElectricPotential(value(ago)*shunt) * physic.NanoVolt, chips[i].Supply
			})
		}, nil
	}
	return nil, fmt.Errorf("gauge at %s: the chip measures nothing", to)
}
