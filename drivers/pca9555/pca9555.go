package pca9555

import (
	"errors"
	"fmt"
	"time"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
)

// Command bytes, Table 4. The other port of the pair follows; then the first again.
const (
	cmdInputBackwards  = 0x01 // port 1 first: 00h must not be the last command, see the package comment
	cmdOutput          = 0x02
	cmdPolarity        = 0x04
	cmdConfig          = 0x06
	cmdOutputBackwards = cmdOutput + 1
	cmdConfigBackwards = cmdConfig + 1
)

// Opts says how a chip is wired. In every mask bit 0 is IO0_0 and bit 8 is IO1_0.
type Opts struct {
	Inputs   uint16 // channels that are read
	Outputs  uint16 // channels that are driven
	Inactive uint16 // of the outputs: those whose inactive level is high

	Now func() time.Duration // CLOCK_MONOTONIC since the kernel booted
}

// Dev is one chip. It is not safe for concurrent use: the owner of the bus calls it.
type Dev struct {
	bus  i2c.Bus
	addr uint16
	o    Opts

	known  bool          // levels holds what the chip's pins were once
	levels uint16        // of the inputs, as last handed up
	latch  uint16        // what the output registers must hold
	at     time.Duration // when the last read that may have cleared INT began
	missed uint64

	w [3]byte
	r [4]byte
}

// New checks the options. It does not talk to the chip: Init does.
func New(bus i2c.Bus, addr uint16, o Opts) (*Dev, error) {
	fail := func(format string, args ...any) (*Dev, error) {
		return nil, fmt.Errorf("pca9555 at %#02x: %s", addr, fmt.Sprintf(format, args...))
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
	case o.Inactive&^o.Outputs != 0:
		return fail("channels %04x have an inactive level and are no outputs", o.Inactive&^o.Outputs)
	}
	return &Dev{bus: bus, addr: addr, o: o, latch: o.Inactive}, nil
}

// Init sets the chip up, whatever state it was left in, and proves it by reading everything back. All outputs are
// inactive afterwards. Before the first write it makes sure that this can be such a part, as far as that can be seen
// by reading; a part without registers (PCF8574) takes even the command byte as data for its pins.
//
// Levels known from before are kept, so that the next Service reports what changed over a loss of supply. A failed
// Init may be repeated as it is.
func (d *Dev) Init() error {
	for _, cmd := range [...]byte{cmdOutput, cmdConfig} {
		if _, err := d.readTwice(cmd); err != nil {
			return err
		}
	}
	d.latch = d.o.Inactive
	if err := d.writeLatch(); err != nil { // first of all: the last owner may have died with a coil on
		return err
	}
	if err := d.write("write polarity", cmdPolarity, 0); err != nil {
		return err
	}
	if err := d.write("write configuration", cmdConfig, ^d.o.Outputs); err != nil {
		return err
	}
	for _, reg := range [...]struct {
		name string
		cmd  byte
		want uint16
	}{{"output", cmdOutput, d.latch}, {"configuration", cmdConfig, ^d.o.Outputs}, {"polarity", cmdPolarity, 0}} {
		if reg.cmd == cmdPolarity {
			if err := d.alone(); err != nil {
				return err
			}
		}
		got, err := d.readTwice(reg.cmd)
		if err != nil {
			return err
		}
		if got != reg.want {
			return d.error(drivers.FaultMismatch, "read back", fmt.Errorf(
				"%s reads %04x after %04x was written: another part, or two chips at one address", reg.name, got, reg.want))
		}
	}
	d.at = d.o.Now()
	in, err := d.read("read inputs", cmdInputBackwards)
	if err != nil {
		return err
	}
	if !d.known {
		d.known, d.levels = true, in&d.o.Inputs
	}
	return nil
}

// readTwice reads a pair twice in one transfer: here the third byte is the first register again, in a part whose
// address counts on it is another one.
func (d *Dev) readTwice(cmd byte) (uint16, error) {
	w, r := d.w[:1], d.r[:4]
	w[0] = cmd
	if err := d.bus.Tx(d.addr, w, r); err != nil {
		return 0, d.error(drivers.Classify(err), "identify", err)
	}
	if r[0] != r[2] || r[1] != r[3] {
		return 0, d.error(drivers.FaultMismatch, "identify", errors.New(
			"no PCA9555 answers: compare the part and its address jumpers with the configuration"))
	}
	return uint16(r[0]) | uint16(r[1])<<8, nil
}

// read reads a pair from a command byte of port 1, which comes first then.
func (d *Dev) read(op string, cmd byte) (uint16, error) {
	w, r := d.w[:1], d.r[:2]
	w[0] = cmd
	if err := d.bus.Tx(d.addr, w, r); err != nil {
		return 0, d.error(drivers.Classify(err), op, err)
	}
	return uint16(r[0])<<8 | uint16(r[1]), nil
}

func (d *Dev) write(op string, cmd byte, v uint16) error {
	w := d.w[:3]
	w[0], w[1], w[2] = cmd, byte(v), byte(v>>8)
	if err := d.bus.Tx(d.addr, w, nil); err != nil {
		return d.error(drivers.Classify(err), op, err)
	}
	return nil
}

func (d *Dev) error(f drivers.Fault, op string, err error) error {
	return &drivers.Error{Fault: f, Op: fmt.Sprintf("pca9555 at %#02x: %s", d.addr, op), Err: err}
}
