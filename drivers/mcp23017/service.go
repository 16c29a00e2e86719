package mcp23017

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"lotusgate/drivers"
)

// Service reads the chip in one burst, clears its latches, and hands up what happened since the last call: edges are
// appended to s, oldest first, and s.Levels, s.Inputs and s.At are set. On an error s is as it was.
//
// intAt is the kernel's time of the INT edge that led here, or 0 for a poll. If INT is still low afterwards,
// something has happened since: call again, with the time of the new edge or 0.
//
// Edges that were latched carry intAt; with KernelClock if only one port was latched, for otherwise INT tells no
// more than the earlier of the two. An edge that is known only from the level carries s.At. s.At is taken before
// the burst: levels are never older than they claim. Lost counts an edge that INTF proves and nothing else shows.
//
// A chip at its power-on values gives drivers.FaultReset: call Init, and report it. Registers that differ otherwise
// give drivers.FaultMismatch. Both come only when a second burst is wrong as well.
//
// On a chip whose ports have an INT line each, use ServicePorts.
func (d *Dev) Service(s *drivers.Sample, intAt time.Duration) error {
	return d.ServicePorts(s, [2]time.Duration{intAt, intAt})
}

// ServicePorts is Service with the INT edge of each port: INTA, then INTB. An edge that was latched carries that of its
// port. On a chip whose ports share one line the later of the two counts.
func (d *Dev) ServicePorts(s *drivers.Sample, intAt [2]time.Duration) error {
	if !d.known {
		return d.error(drivers.FaultReset, "service", errors.New("the chip is not set up yet"))
	}
	looked := d.unexplained >= unexplainedMost
	if looked {
		if err := d.alone(); err != nil {
			return err
		}
		d.unexplained = 0
	}
	at := d.o.Now()
	r := d.r[:burstLength]
	for attempt := 0; ; attempt++ {
		if err := d.read("read IOCON..IODIR", burstStart, r); err != nil {
			if drivers.Classify(err) != drivers.FaultNoAck {
				d.at = at // how far the burst came is not known: intAt must not be pinned on a later event
			}
			return err
		}
		err := d.check(r)
		if err == nil {
			break
		}
		d.at = at
		if attempt > 0 {
			return err
		}
		at = d.o.Now()
	}
	if !d.o.Separate {
		intAt[0] = max(intAt[0], intAt[1])
		intAt[1] = intAt[0]
	}
	for port := range intAt {
		if intAt[port] < d.at {
			intAt[port] = 0 // an earlier burst has cleared what that edge stood for
		}
	}
	d.at = at
	at = max(at, intAt[0], intAt[1])
	if looked { // what is latched now is the look's own inversion of the inputs
		clear(r[atINTF : atINTF+2])
	}
	d.edges(s, r, intAt, at)
	s.Levels, s.Inputs, s.At = uint32(d.levels), uint32(d.o.Inputs), at
	return nil
}

// check compares the registers around the inputs with what they must hold.
func (d *Dev) check(r []byte) error {
	iocon, gppu := pair(r[atIOCON:]), pair(r[atGPPU:])
	olat, iodir := pair(r[atOLAT:]), pair(r[atIODIR:])
	want := uint16(d.iocon())
	want |= want << 8
	switch {
	case iocon == want && gppu == d.o.PullUps && olat == d.latch && iodir == ^d.o.Outputs:
		return nil
	case iocon == 0 && gppu == 0 && (olat == 0 || olat == d.latch) && iodir == 0xffff: // Set may have written the latch since
		return d.error(drivers.FaultReset, "read IOCON..IODIR", errors.New(
			"registers are at their power-on values: look for a loose supply or a disturbed RESET pin"))
	default:
		return d.error(drivers.FaultMismatch, "read IOCON..IODIR", fmt.Errorf(
			"IOCON %04x, GPPU %04x, OLAT %04x, IODIR %04x; %04x, %04x, %04x, %04x were written: another program on the bus, or two chips at one address",
			iocon, gppu, olat, iodir, want, d.o.PullUps, d.latch, ^d.o.Outputs))
	}
}

// edges turns a burst into edges: from the levels known before over INTCAP, where a port was latched, to GPIO.
func (d *Dev) edges(s *drivers.Sample, r []byte, intAt [2]time.Duration, at time.Duration) {
	flags := pair(r[atINTF:]) & d.o.Inputs
	captured, now := pair(r[atINTCAP:]), pair(r[atGPIO:])&d.o.Inputs

	var latched uint16 // channels for which INTCAP is news
	for _, port := range [...]uint16{0x00ff, 0xff00} {
		if flags&port != 0 {
			latched |= port & d.o.Inputs
		}
	}
	// A shared INT tells the time of one latch; with both set, no more than the earlier of the two.
	certain := d.o.Separate || latched&0x00ff == 0 || latched&0xff00 == 0
	changed := (captured ^ d.levels) & latched
	for set := changed | flags; set != 0; set &= set - 1 {
		n := bits.TrailingZeros16(set)
		bit := uint16(1) << n
		e := drivers.Edge{Channel: n, Level: captured&bit != 0, At: at}
		announced := intAt[n/8] != 0
		if announced {
			e.At = intAt[n/8]
		}
		if flags&bit != 0 {
			if announced && certain {
				e.Clock = drivers.KernelClock
			}
			if changed&bit == 0 {
				e.Lost = 1 // it changed to where it had been: the way there was not seen
			}
		}
		s.Edges = append(s.Edges, e)
	}
	d.levels ^= changed
	switch {
	case flags != 0:
		d.unexplained = 0
	case now != d.levels:
		d.unexplained++
	}
	for set := now ^ d.levels; set != 0; set &= set - 1 {
		n := bits.TrailingZeros16(set)
		s.Edges = append(s.Edges, drivers.Edge{Channel: n, Level: now&(1<<n) != 0, At: at})
	}
	d.levels = now
}
