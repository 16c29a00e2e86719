package mcp23017

import (
	"fmt"

	"lotusgate/drivers"
)

const (
	// twinTries is how often a channel must read low both ways: one that is moving may do so once.
	twinTries = 3
	// unexplainedMost looks in a row that found a change no INTF names make a second chip likely. One alone may do so
	// when a pin changes while its port is on the wire.
	unexplainedMost = 3
)

// alone makes sure that one chip answers. A twin at the same address takes every write as well and answers with the same
// registers, but its pins are others: where they differ the wire carries their AND, low, and with IPOL inverted low again.
// Pins that agree show nothing, and until they differ do no harm. It clears what was latched.
func (d *Dev) alone() error {
	suspects := d.o.Inputs
	for try := 0; suspects != 0 && try < twinTries; try++ {
		for _, invert := range [...]uint16{0, d.o.Inputs} {
			if err := d.polarity(invert); err != nil {
				return err
			}
			r := d.r[:2]
			if err := d.read("read GPIO", regGPIO, r); err != nil {
				return err
			}
			suspects &^= pair(r)
		}
	}
	if err := d.polarity(0); err != nil {
		return err
	}
	if suspects == 0 {
		return nil
	}
	return d.error(drivers.FaultMismatch, "look for a twin", fmt.Errorf(
		"channels %04x read low, and inverted low again: two chips answer at this address", suspects))
}

func (d *Dev) polarity(invert uint16) error {
	w := d.w[:3]
	w[0] = regIPOL
	putPair(w[1:], invert)
	return d.write("write IPOL", w)
}
