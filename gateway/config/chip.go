package config

import (
	"fmt"
	"slices"
)

// MCP23017 is Microchip's 16 bit expander, the one kind of chip there is so far.
const MCP23017 = "mcp23017"

// part is what the configuration has to know about a kind of chip.
type part struct {
	kind        string
	first, last uint16   // addresses
	pins        []string // by channel
	outputOnly  []string
}

var parts = [...]part{{
	kind:  MCP23017,
	first: 0x20, last: 0x27, // A2, A1, A0
	pins: []string{
		"GPA0", "GPA1", "GPA2", "GPA3", "GPA4", "GPA5", "GPA6", "GPA7",
		"GPB0", "GPB1", "GPB2", "GPB3", "GPB4", "GPB5", "GPB6", "GPB7",
	},
	outputOnly: []string{"GPA7", "GPB7"}, // datasheet DS20001952, revision D
}}

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

func kinds() []string {
	var list []string
	for _, p := range parts {
		list = append(list, p.kind)
	}
	return list
}

func address(a uint16) string { return fmt.Sprintf("0x%02x", a) }
