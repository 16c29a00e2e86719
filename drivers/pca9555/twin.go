package pca9555

import (
	"fmt"

	"lotusgate/drivers"
)

const (
	// twinTries is how often a channel must read low both ways: one that is moving may do so once.
	twinTries = 3
	// missedMost pulses that left nothing to see make a look for a twin worth it: INT of one chip, the AND of two.
	missedMost = 8
)

// alone makes sure that one chip answers. A twin at the same address takes every write as well and answers with the same
// registers, but its pins are others: where they differ the wire carries their AND, low, and with the polarity inverted
// low again. Pins that agree show nothing, and until they differ do no harm.
func (d *Dev) alone() error {
	suspects := d.o.Inputs
	for try := 0; suspects != 0 && try < twinTries; try++ {
		for _, invert := range [...]uint16{0, d.o.Inputs} {
			if err := d.write("write polarity", cmdPolarity, invert); err != nil {
				return err
			}
			in, err := d.read("read inputs", cmdInputBackwards)
			if err != nil {
				return err
			}
			suspects &^= in
		}
	}
	if err := d.write("write polarity", cmdPolarity, 0); err != nil {
		return err
	}
	if suspects == 0 {
		return nil
	}
	return d.error(drivers.FaultMismatch, "look for a twin", fmt.Errorf(
		"channels %04x read low, and inverted low again: two chips answer at this address", suspects))
}
