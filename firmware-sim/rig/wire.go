package rig

import (
	"lotusgate/firmware-sim/plant"
)

// wireFault is what is wrong with a wire.
type wireFault uint8

const (
	wireWhole wireFault = iota
	wireCut
	wireGrounded
	wirePowered
	wireCorroded
)

// on is what arrives at the far end of a wire that is driven with d.
func (f wireFault) on(d Drive) Drive {
	switch f {
	case wireCut:
		return Open
	case wireGrounded:
		return ToGnd
	case wirePowered:
		return ToPower
	}
	return d
}

// end is where a wire ends: a pin of the board, or one of a chip.
type end interface {
	set(Drive)
	fail(wireFault)
	arrives() Drive // what is left of the wire's drive at its end
}

// wire leads from a contact of the plant to an end.
type wire struct {
	Wire
	contact *plant.Contact
	end     end
	last    Drive
}

// carry brings the contact's position to the end and tells whether it has changed.
func (w *wire) carry() (changed bool) {
	d := Open
	if w.contact.Closed() != w.NormallyClosed {
		d = ToGnd
		if w.ActiveHigh {
			d = ToPower
		}
	}
	if d == w.last {
		return false
	}
	w.last = d
	w.end.set(d)
	return true
}

// chipEnd is a wire's end at an expander. The board's lock guards it.
type chipEnd struct {
	chip  expander
	pin   int
	wire  Drive
	fault wireFault
}

func (c *chipEnd) set(d Drive) {
	c.wire = d
	c.settle()
}

func (c *chipEnd) arrives() Drive { return c.fault.on(c.wire) }

func (c *chipEnd) fail(f wireFault) {
	c.fault = f
	c.settle()
}

func (c *chipEnd) settle() {
	switch c.fault.on(c.wire) {
	case Open:
		c.chip.Release(c.pin)
	case ToGnd:
		c.chip.Drive(c.pin, false)
	case ToPower:
		c.chip.Drive(c.pin, true)
	}
}
