package rig

import (
	"fmt"
	"maps"
	"slices"

	"lotusgate/firmware-sim/chip"
)

// expander is what the rig needs of a model: a device on its bus, with pins that the world drives.
type expander interface {
	chip.Device
	Drive(pin int, high bool)
	Release(pin int)
	Reset()
	Hold(down bool)
}

// expanders is the table of the kinds there are: how to make one, and what its pins are called.
var expanders = map[string]struct {
	pins []string
	make func(interrupt func(high bool)) expander
}{
	"mcp23017": {
		pins: ports("GPA", "GPB"),
		make: func(interrupt func(bool)) expander {
			return chip.NewMCP23017(chip.MCP23017Wiring{RevD: true, Interrupt: func(pin int, high bool) {
				if pin == 0 { // INTA; INTB is left open
					interrupt(high)
				}
			}})
		},
	},
	"pcf8574":  {pins: onePort("P"), make: newPCF8574},
	"pcf8574a": {pins: onePort("P"), make: newPCF8574},
	"pca9555": {
		pins: ports("IO0_", "IO1_"),
		make: func(interrupt func(bool)) expander {
			return chip.NewPCA9555(chip.PCA9555Wiring{Interrupt: interrupt})
		},
	},
}

// Kinds are the kinds of chips that a site can have.
func Kinds() []string { return slices.Sorted(maps.Keys(expanders)) }

func newPCF8574(interrupt func(bool)) expander {
	return chip.NewPCF8574(chip.PCF8574Wiring{Interrupt: interrupt})
}

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
