package pca9555

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"lotusgate/drivers"
)

// Missed counts the INT edges that were followed by no change: pulses that ended before they could be read.
func (d *Dev) Missed() uint64 { return d.missed }

// Service reads the inputs, proves that the chip still has its settings, and hands up what changed since the last
// call: edges are appended to s, and s.Levels, s.Inputs and s.At are set. On an error s is as it was.
//
// intAt is the kernel's time of the last falling edge of INT, or 0 for a poll. If INT is still low afterwards,
// something has changed since: call again.
//
// If a single channel differs its edge carries intAt and KernelClock: INT fell when it changed, unless another
// channel had a pulse around that moment. Several edges carry s.At, which is taken before the read: levels are never
// older than they claim.
//
// A chip at its power-on values gives drivers.FaultReset: call Init, and report it. Registers that differ otherwise
// give drivers.FaultMismatch. Both come only when a second look is wrong as well.
func (d *Dev) Service(s *drivers.Sample, intAt time.Duration) error {
	if !d.known {
		return d.error(drivers.FaultReset, "service", errors.New("the chip is not set up yet"))
	}
	if intAt < d.at {
		intAt = 0 // an earlier read has taken what that edge stood for
	}
	d.at = d.o.Now()
	now, err := d.look()
	if f := drivers.Classify(err); f == drivers.FaultMismatch || f == drivers.FaultReset {
		d.at, intAt = d.o.Now(), 0
		now, err = d.look()
	}
	if err != nil {
		return err
	}
	at := max(d.at, intAt)
	changed := now ^ d.levels
	switch {
	case changed == 0 && intAt != 0:
		if d.missed++; d.missed%missedMost == 0 {
			if err := d.alone(); err != nil {
				return err
			}
		}
	case changed != 0 && changed&(changed-1) == 0 && intAt != 0:
		n := bits.TrailingZeros16(changed)
		s.Edges = append(s.Edges, drivers.Edge{
			Channel: n, Level: now&changed != 0, At: intAt, Clock: drivers.KernelClock,
		})
	default:
		for set := changed; set != 0; set &= set - 1 {
			n := bits.TrailingZeros16(set)
			s.Edges = append(s.Edges, drivers.Edge{Channel: n, Level: now&(1<<n) != 0, At: at})
		}
	}
	d.levels = now
	s.Levels, s.Inputs, s.At = uint32(now), uint32(d.o.Inputs), at
	return nil
}

// look reads the inputs and then a register that a loss of supply changes.
func (d *Dev) look() (inputs uint16, err error) {
	config := ^d.o.Outputs
	if d.o.Inputs == 0 {
		config, err = d.read("read configuration", cmdConfigBackwards)
	} else {
		inputs, err = d.read("read inputs", cmdInputBackwards)
	}
	if err != nil {
		return 0, err
	}
	latch, err := d.read("read latches", cmdOutputBackwards)
	switch {
	case err != nil:
		return 0, err
	case latch == d.latch && config == ^d.o.Outputs:
		return inputs & d.o.Inputs, nil
	case latch == 0xffff && (config == 0xffff || d.o.Inputs != 0):
		return 0, d.error(drivers.FaultReset, "read latches", errors.New(
			"registers are at their power-on values: look for a loose supply"))
	default:
		return 0, d.error(drivers.FaultMismatch, "read latches", fmt.Errorf(
			"latches %04x, configuration %04x; %04x, %04x were written: another program on the bus, or two chips at one address",
			latch, config, d.latch, ^d.o.Outputs))
	}
}
