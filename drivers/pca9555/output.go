package pca9555

import (
	"errors"
	"fmt"

	"lotusgate/drivers"
)

// Set drives an output to an electrical level and proves it: latch and direction are read back, so a chip that lost
// its supply, whose pins are inputs, is not taken for one that obeys.
//
// After an error the channel counts as inactive: Set has tried once to put it there, and whatever writes the latch
// next does so too. To switch it, call Set again. drivers.FaultReset asks for Init first.
func (d *Dev) Set(channel int, level bool) error {
	op := fmt.Sprintf("set channel %d", channel)
	if channel < 0 || channel > 15 || d.o.Outputs>>channel&1 == 0 {
		return d.error(drivers.FaultMismatch, op, errors.New("not configured as an output"))
	}
	bit := uint16(1) << channel
	d.latch &^= bit
	if level {
		d.latch |= bit
	}
	err := d.writeLatch()
	if err == nil {
		err = d.proveLatch(op)
	}
	if err == nil {
		return nil
	}
	d.latch = d.latch&^bit | d.o.Inactive&bit
	if back := d.writeLatch(); back != nil {
		return fmt.Errorf("%w; and making it inactive: %w", err, back)
	}
	return err
}

func (d *Dev) writeLatch() error { return d.write("write latches", cmdOutput, d.latch) }

func (d *Dev) proveLatch(op string) error {
	latch, err := d.read("read back latches", cmdOutputBackwards)
	if err != nil {
		return err
	}
	config, err := d.read("read back configuration", cmdConfigBackwards)
	switch {
	case err != nil:
		return err
	case latch == d.latch && config == ^d.o.Outputs:
		return nil
	case config == 0xffff:
		return d.error(drivers.FaultReset, op, errors.New("all pins are inputs: the chip lost its supply"))
	default:
		return d.error(drivers.FaultMismatch, op, fmt.Errorf(
			"latches read %04x after %04x was written, configuration %04x after %04x", latch, d.latch, config, ^d.o.Outputs))
	}
}
