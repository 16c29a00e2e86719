package mcp23017

import (
	"errors"
	"fmt"
	"time"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
)

// OutputOnly are the channels that the datasheet's revision D (Table 1-1) allows as outputs only. New takes them as
// inputs, because older lots work; a configuration should refuse them or warn.
const OutputOnly uint16 = 0x8080

// Opts says how a chip is wired. In every mask bit 0 is GPA0 and bit 8 is GPB0.
type Opts struct {
	Inputs   uint16 // channels that are read
	PullUps  uint16 // of the inputs: those with the chip's own pull-up, 100 kΩ (§3.5.7)
	Outputs  uint16 // channels that are driven
	Inactive uint16 // of the outputs: those whose inactive level is high

	// Interrupt: INTA or INTB, open drain and shared by both ports, is wired to a line of the host with a pull-up.
	// Without it the caller polls; the latches work all the same.
	Interrupt bool
	// Separate: with Interrupt, INTA and INTB are each wired to a line of their own, so that two ports that change at
	// once are both stamped by the kernel. Hand their edges to ServicePorts.
	Separate bool

	Now func() time.Duration // CLOCK_MONOTONIC since the kernel booted
}

// Dev is one chip. It is not safe for concurrent use: the owner of the bus calls it.
type Dev struct {
	bus  i2c.Bus
	addr uint16
	o    Opts

	known  bool          // levels holds what the chip's pins were once
	levels uint16        // of the inputs, as last handed up
	latch  uint16        // what OLAT must hold
	at     time.Duration // when the last burst that may have cleared the latches began

	unexplained int // looks in a row that found a change which INTF does not name

	w [12]byte
	r [regCount]byte
}

// New checks the options. It does not talk to the chip: Init does.
func New(bus i2c.Bus, addr uint16, o Opts) (*Dev, error) {
	fail := func(format string, args ...any) (*Dev, error) {
		return nil, fmt.Errorf("mcp23017 at %#02x: %s", addr, fmt.Sprintf(format, args...))
	}
	switch {
	case bus == nil:
		return fail("no bus given")
	case o.Now == nil:
		return fail("no clock given")
	case addr < 0x20 || addr > 0x27:
		return fail("the address must be 0x20 to 0x27, as set by its pins A2 A1 A0")
	case o.Inputs|o.Outputs == 0:
		return fail("neither inputs nor outputs")
	case o.Inputs&o.Outputs != 0:
		return fail("channels %04x are inputs and outputs at once", o.Inputs&o.Outputs)
	case o.PullUps&^o.Inputs != 0:
		return fail("channels %04x have a pull-up and are no inputs", o.PullUps&^o.Inputs)
	case o.Inactive&^o.Outputs != 0:
		return fail("channels %04x have an inactive level and are no outputs", o.Inactive&^o.Outputs)
	case o.Separate && !o.Interrupt:
		return fail("INTA and INTB are separate and not wired")
	}
	return &Dev{bus: bus, addr: addr, o: o, latch: o.Inactive}, nil
}

// iocon is never 0, the power-on value: ODR is set even when nothing is wired to INT.
func (d *Dev) iocon() byte {
	if d.o.Interrupt && !d.o.Separate {
		return ioconMirror | ioconODR
	}
	return ioconODR
}

// Init sets the chip up, whatever state it was left in, and proves it by reading everything back. All outputs are
// inactive afterwards. Before the first write it makes sure that this can be an MCP23017, as far as that can be seen
// by reading; a part without registers (PCF8574) takes even the register address as data for its pins.
//
// Init clears what was latched. Levels known from before are kept, so that the next Service reports what changed
// over a loss of supply. A failed Init may be repeated as it is.
func (d *Dev) Init() error {
	if err := d.identify(); err != nil {
		return err
	}
	d.latch, d.unexplained = d.o.Inactive, 0
	if err := d.writeLatch(); err != nil { // first of all: the last owner may have died with a coil on
		return err
	}
	w := d.w[:2]
	w[0], w[1] = regIOCON, d.iocon() // byte mode, if it was on, ends here
	if err := d.write("write IOCON", w); err != nil {
		return err
	}
	w = d.w[:3]
	w[0] = regGPPU
	putPair(w[1:], d.o.PullUps)
	if err := d.write("write GPPU", w); err != nil {
		return err
	}
	w = d.w[:1+regIOCON]
	clear(w)
	w[0] = regIODIR // IPOL, DEFVAL and INTCON are 0: electrical levels, interrupt on any change
	putPair(w[1+regIODIR:], ^d.o.Outputs)
	putPair(w[1+regGPINTEN:], d.o.Inputs)
	if err := d.write("write IODIR..INTCON", w); err != nil {
		return err
	}
	if err := d.verify(); err != nil {
		return err
	}
	if err := d.alone(); err != nil {
		return err
	}
	return d.verify()
}

// identify makes sure by reading that an MCP23017 can be there, and leaves BANK = 0 behind.
func (d *Dev) identify() error {
	r := d.r[:2]
	if err := d.read("read IOCON", regIOCON, r); err != nil {
		return err
	}
	if r[0] == r[1] && r[0]&(ioconBank|ioconUnused) == 0 {
		return nil
	}
	if err := d.read("read IOCON", bank1IOCONA, r[:1]); err != nil {
		return err
	}
	if err := d.read("read IOCON", bank1IOCONB, r[1:]); err != nil {
		return err
	}
	if r[0] != r[1] || r[0]&(ioconBank|ioconUnused) != ioconBank {
		return d.error(drivers.FaultMismatch, "identify", errors.New(
			"no MCP23017 answers: compare the part and its address jumpers with the configuration"))
	}
	w := d.w[:2]
	w[0], w[1] = bank1IOCONA, 0
	return d.write("leave BANK 1", w)
}

// verify reads all registers, which also clears both latches, and compares those that were written.
func (d *Dev) verify() error {
	at := d.o.Now()
	d.at = at
	r := d.r[:regCount]
	if err := d.read("read back", regIODIR, r); err != nil {
		return err
	}
	var want [regCount]byte
	putPair(want[regIODIR:], ^d.o.Outputs)
	putPair(want[regGPINTEN:], d.o.Inputs)
	want[regIOCON], want[regIOCON+1] = d.iocon(), d.iocon()
	putPair(want[regGPPU:], d.o.PullUps)
	putPair(want[regOLAT:], d.latch)
	for n := range r {
		if n >= regINTF && n < regOLAT { // state, not settings
			continue
		}
		if r[n] != want[n] {
			return d.error(drivers.FaultMismatch, "read back", fmt.Errorf(
				"%s%c reads %#02x after %#02x was written: another part, or two chips at one address",
				registerNames[n/2], 'A'+rune(n%2), r[n], want[n]))
		}
	}
	if !d.known {
		d.known, d.levels = true, pair(r[regGPIO:])&d.o.Inputs
	}
	return nil
}

func (d *Dev) write(op string, w []byte) error {
	if err := d.bus.Tx(d.addr, w, nil); err != nil {
		return d.error(drivers.Classify(err), op, err)
	}
	return nil
}

func (d *Dev) read(op string, reg byte, r []byte) error {
	w := d.w[:1]
	w[0] = reg
	if err := d.bus.Tx(d.addr, w, r); err != nil {
		return d.error(drivers.Classify(err), op, err)
	}
	return nil
}

func (d *Dev) error(f drivers.Fault, op string, err error) error {
	return &drivers.Error{Fault: f, Op: fmt.Sprintf("mcp23017 at %#02x: %s", d.addr, op), Err: err}
}
