package pcf8574

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
)

// Opts says how a chip is wired. Bit 0 is P0.
type Opts struct {
	Inputs  uint8 // channels that are read
	Outputs uint8 // channels that are driven; low is active

	Now func() time.Duration // CLOCK_MONOTONIC since the kernel booted
}

// Dev is one chip. It is not safe for concurrent use: the owner of the bus calls it.
type Dev struct {
	bus  i2c.Bus
	addr uint16
	o    Opts

	known  bool          // levels holds what the chip's pins were once
	levels byte          // of the inputs, as last handed up
	latch  byte          // as written; 1 for every channel that is no output
	at     time.Duration // when the last transfer that may have cleared INT began
	missed uint64

	b [1]byte
}

// New checks the options. It does not talk to the chip: Init does.
func New(bus i2c.Bus, addr uint16, o Opts) (*Dev, error) {
	fail := func(format string, args ...any) (*Dev, error) {
		return nil, fmt.Errorf("pcf8574 at %#02x: %s", addr, fmt.Sprintf(format, args...))
	}
	switch {
	case bus == nil:
		return fail("no bus given")
	case o.Now == nil:
		return fail("no clock given")
	case addr&^0x07 != 0x20 && addr&^0x07 != 0x38:
		return fail("the address must be 0x20 to 0x27 (PCF8574) or 0x38 to 0x3f (PCF8574A)")
	case o.Inputs|o.Outputs == 0:
		return fail("neither inputs nor outputs")
	case o.Inputs&o.Outputs != 0:
		return fail("channels %02x are inputs and outputs at once", o.Inputs&o.Outputs)
	}
	return &Dev{bus: bus, addr: addr, o: o, latch: 0xff}, nil
}

// Init makes all outputs inactive and reads the pins. Levels known from before are kept, so that the next Service
// reports what changed over a loss of supply. A failed Init may be repeated as it is.
func (d *Dev) Init() error {
	d.latch = 0xff
	if err := d.write(); err != nil {
		return err
	}
	pins, err := d.look()
	if err != nil {
		return err
	}
	if !d.known {
		d.known, d.levels = true, pins&d.o.Inputs
	}
	return nil
}

// Missed counts the INT edges that were followed by no change: pulses that ended before they could be read.
func (d *Dev) Missed() uint64 { return d.missed }

// Service reads the pins and hands up what changed since the last call: edges are appended to s, and s.Levels,
// s.Inputs and s.At are set. On an error s is as it was.
//
// intAt is the kernel's time of the last falling edge of INT, or 0 for a poll. If a single channel differs its edge
// carries intAt and KernelClock: INT fell when it changed, unless another channel had a pulse around that moment.
// Several edges carry s.At, which is taken before the read: levels are never older than they claim.
//
// An active output whose pin is high gives drivers.FaultReset: the chip has let go of it. Call Init, and report it.
// An inactive output whose pin is low gives drivers.FaultMismatch.
func (d *Dev) Service(s *drivers.Sample, intAt time.Duration) error {
	if !d.known {
		return d.error(drivers.FaultReset, "service", errors.New("the chip is not set up yet"))
	}
	if intAt < d.at {
		intAt = 0 // an earlier transfer has taken what that edge stood for
	}
	d.at = d.o.Now()
	pins, err := d.look()
	if err != nil {
		return err
	}
	at := max(d.at, intAt)
	now := pins & d.o.Inputs
	changed := now ^ d.levels
	switch {
	case changed == 0 && intAt != 0:
		d.missed++
	case changed != 0 && changed&(changed-1) == 0 && intAt != 0:
		n := bits.TrailingZeros8(changed)
		s.Edges = append(s.Edges, drivers.Edge{
			Channel: n, Level: now&changed != 0, At: intAt, Clock: drivers.KernelClock,
		})
	default:
		for set := changed; set != 0; set &= set - 1 {
			n := bits.TrailingZeros8(set)
			s.Edges = append(s.Edges, drivers.Edge{Channel: n, Level: now&(1<<n) != 0, At: at})
		}
	}
	d.levels = now
	s.Levels, s.Inputs, s.At = uint32(now), uint32(d.o.Inputs), at
	return nil
}

// Set drives an output to an electrical level, low being active, and reads its pin back. After an error the channel
// counts as inactive: Set has tried once to put it there, and whatever writes next does so too. Call Service after
// Set: INT may have been cleared.
func (d *Dev) Set(channel int, level bool) error {
	if channel < 0 || channel > 7 || d.o.Outputs>>channel&1 == 0 {
		return d.error(drivers.FaultMismatch, fmt.Sprintf("set channel %d", channel), errors.New("not configured as an output"))
	}
	bit := byte(1) << channel
	d.latch |= bit
	if !level {
		d.latch &^= bit
	}
	d.at = d.o.Now()
	err := d.write()
	if err == nil {
		_, err = d.look()
	}
	if err == nil {
		return nil
	}
	d.latch |= bit
	if back := d.write(); back != nil {
		return fmt.Errorf("%w; and making it inactive: %w", err, back)
	}
	return err
}

// look reads the pins, once more if an output is not where its latch is.
func (d *Dev) look() (pins byte, err error) {
	for range 2 {
		pins, err = d.read()
		if err != nil {
			return 0, err
		}
		if (pins^d.latch)&d.o.Outputs == 0 {
			return pins, nil
		}
	}
	if loose := pins &^ d.latch & d.o.Outputs; loose != 0 {
		return 0, d.error(drivers.FaultReset, "read pins", fmt.Errorf(
			"active outputs %02x are high: the chip lost its supply, or another part has this address", loose))
	}
	return 0, d.error(drivers.FaultMismatch, "read pins", fmt.Errorf(
		"inactive outputs %02x are held low: look for a short circuit or a load that needs more than 100 µA",
		d.latch&^pins&d.o.Outputs))
}

func (d *Dev) write() error {
	d.b[0] = d.latch
	if err := d.bus.Tx(d.addr, d.b[:], nil); err != nil {
		return d.error(drivers.Classify(err), "write latches", err)
	}
	return nil
}

func (d *Dev) read() (byte, error) {
	if err := d.bus.Tx(d.addr, nil, d.b[:]); err != nil {
		return 0, d.error(drivers.Classify(err), "read pins", err)
	}
	return d.b[0], nil
}

func (d *Dev) error(f drivers.Fault, op string, err error) error {
	return &drivers.Error{Fault: f, Op: fmt.Sprintf("pcf8574 at %#02x: %s", d.addr, op), Err: err}
}
