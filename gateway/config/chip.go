package config

import (
	"fmt"
	"slices"
	"time"
)

// Bus is one I²C bus.
type Bus struct {
	Device string `yaml:"device"` // /dev/i2c-1, or periph's name for it: I2C1
	Speed  Hertz  `yaml:"speed"`  // what the boot configuration set; for arithmetic only. Default 100kHz
}

// Chip is one chip on a bus: an I/O expander, a converter, a supply monitor, a clock.
type Chip struct {
	Kind       string        `yaml:"kind"` // mcp23017
	Bus        string        `yaml:"bus"`
	Address    uint16        `yaml:"address"`
	Interrupt  string        `yaml:"interrupt"`   // line that the INT pin is wired to; empty = polled only
	InterruptB string        `yaml:"interrupt_b"` // mcp23017: line of INTB, interrupt being that of INTA; empty = one for both
	Poll       time.Duration `yaml:"poll"`        // of an expander: default 20ms without interrupt, 1s with; of others by kind

	Reference string  `yaml:"reference"` // ads1115: pin at the pull-ups' supply; the other pins are measured in ‰ of it
	Supply    *Supply `yaml:"supply"`    // ina219, ina226: what is measured
}

// Supply is what a supply monitor is wired into.
type Supply struct {
	Nominal Volts `yaml:"nominal"` // 12V, 24V; at most what the part stands: 26V (ina219), 36V (ina226)
	Shunt   Ohms  `yaml:"shunt"`
	Max     Amps  `yaml:"max"` // the largest current that must be told exactly
}

// Kinds of chips.
const (
	MCP23017 = "mcp23017" // Microchip, 16 bits; keeps a pulse until it is read
	PCA9555  = "pca9555"  // NXP and TI, 16 bits with pull-ups
	TCA9555  = "tca9555"  // TI, the same
	PCA9535  = "pca9535"  // NXP and TI, the same without pull-ups
	PCF8574  = "pcf8574"  // NXP and TI, 8 bits, 100 kHz
	PCF8574A = "pcf8574a" // the same at other addresses
	ADS1115  = "ads1115"  // TI, four voltages
	INA219   = "ina219"   // TI, current and voltage of a supply up to 26 V
	INA226   = "ina226"   // TI, the same up to 36 V
	DS3231   = "ds3231"   // Maxim, clock
)

// part is what the configuration has to know about a kind of chip.
type part struct {
	kind        string
	first, last uint16   // addresses
	pins        []string // by channel
	outputOnly  []string
	units       []string // of what is measured at its pins; nil = they are levels
	latch       bool     // keeps a pulse until it is read
	noPullUp    bool
	lowOutputs  bool     // an output that can be proved is one that pulls down
	speed       Hertz    // the most it can follow; 0 = 400 kHz and more
	supply      Volts    // the most it stands
	shunt       Volts    // the most it measures
	needs       []string // keys that it has beside those of all chips, as examples: they must be there
	may         []string // keys that it may have
	poll        time.Duration
}

var (
	ports555 = append(numberedPins("IO0_"), numberedPins("IO1_")...)
	supplied = []string{"supply: {nominal: 12V, shunt: 100mohm, max: 2A}"}
)

var parts = [...]part{
	{
		kind:  MCP23017,
		first: 0x20, last: 0x27,
		pins:       append(numberedPins("GPA"), numberedPins("GPB")...),
		outputOnly: []string{"GPA7", "GPB7"}, // datasheet DS20001952, revision D
		latch:      true,
		may:        []string{"interrupt", "interrupt_b"},
	},
	{kind: PCA9555, first: 0x20, last: 0x27, pins: ports555, may: []string{"interrupt"}},
	{kind: TCA9555, first: 0x20, last: 0x27, pins: ports555, may: []string{"interrupt"}},
	{kind: PCA9535, first: 0x20, last: 0x27, pins: ports555, noPullUp: true, may: []string{"interrupt"}},
	{kind: PCF8574, first: 0x20, last: 0x27, pins: numberedPins("P"), lowOutputs: true, speed: 100e3, may: []string{"interrupt"}},
	{kind: PCF8574A, first: 0x38, last: 0x3f, pins: numberedPins("P"), lowOutputs: true, speed: 100e3, may: []string{"interrupt"}},
	{
		kind: ADS1115, first: 0x48, last: 0x4b, pins: numberedPins("AIN")[:4], units: []string{"µV", "µV", "µV", "µV"},
		may: []string{"reference"}, poll: 10 * time.Millisecond, // a conversion each
	},
	{
		kind: INA219, first: 0x40, last: 0x4f, pins: []string{"current", "voltage"}, units: []string{"µA", "µV"},
		needs: supplied, supply: 26e6, shunt: 320e3, // SBOS448F, Table 5
		poll: time.Second,
	},
	{
		kind: INA226, first: 0x40, last: 0x4f, pins: []string{"current", "voltage"}, units: []string{"µA", "µV"},
		needs: supplied, supply: 36e6, shunt: 81900, // SBOS547, p. 20
		poll: time.Second,
	},
	{kind: DS3231, first: 0x68, last: 0x68, poll: 10 * time.Second},
}

// numberedPins are eight pins of a port.
func numberedPins(prefix string) []string {
	pins := make([]string, 8)
	for n := range pins {
		pins[n] = fmt.Sprint(prefix, n)
	}
	return pins
}

func partOf(kind string) (part, bool) {
	i := slices.IndexFunc(parts[:], func(p part) bool { return p.kind == kind })
	if i < 0 {
		return part{}, false
	}
	return parts[i], true
}

// ChannelOf is the channel that a driver of this kind of chip gives to a pin: GPA0 … GPA7 are 0 … 7, GPB0 … GPB7
// are 8 … 15. For a pin and a chip of a checked Config it does not fail.
func ChannelOf(kind, pin string) (int, error) {
	p, ok := partOf(kind)
	if !ok {
		return 0, fmt.Errorf("config: no kind of chip is called %q", kind)
	}
	if i := slices.Index(p.pins, pin); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("config: an %s has no pin %q", kind, pin)
}

// Unit of the values at a pin of this chip: µA, µV, or ‰ of the reference where the chip has one; "" = a level.
func (c Chip) Unit(pin string) string {
	p, _ := partOf(c.Kind)
	i := slices.Index(p.pins, pin)
	switch {
	case i < 0 || p.units == nil:
		return ""
	case c.Reference != "" && c.Reference != pin:
		return "‰"
	}
	return p.units[i]
}

func kinds() []string {
	var list []string
	for _, p := range parts {
		list = append(list, p.kind)
	}
	return list
}

func address(a uint16) string { return fmt.Sprintf("0x%02x", a) }
