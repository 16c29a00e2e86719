package mcp23017

import (
	"errors"
	"fmt"

	"lotusgate/drivers"
)

// Set drives an output to an electrical level and proves it: the latch is written and read back together with the
// direction, so a chip that lost its supply, whose pins are inputs, is not taken for one that obeys.
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

// writeLatch puts both output latches on the chip.
func (d *Dev) writeLatch() error {
	w := d.w[:3]
	w[0] = regOLAT
	putPair(w[1:], d.latch)
	return d.write("write OLAT", w)
}

// proveLatch reads OLAT and, over the roll-over, IODIR.
func (d *Dev) proveLatch(op string) error {
	r := d.r[:4]
	if err := d.read("read back OLAT", regOLAT, r); err != nil {
		return err
	}
	olat, iodir := pair(r), pair(r[2:])
	switch {
	case olat == d.latch && iodir == ^d.o.Outputs:
		return nil
	case olat == d.latch && iodir == 0xffff:
		return d.error(drivers.FaultReset, op, errors.New(
			"all pins are inputs: the chip lost its supply or was reset"))
	default:
		return d.error(drivers.FaultMismatch, op, fmt.Errorf(
			"OLAT reads %04x after %04x was written, IODIR %04x after %04x", olat, d.latch, iodir, ^d.o.Outputs))
	}
}
