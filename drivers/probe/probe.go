// Package probe finds out what answers on an I²C bus and what it seems to be, on a live cabinet.
//
// It changes nothing, and this is how:
//
//   - Whether an address answers is asked by the address alone, without a data byte. No register, output or latch of any
//     part changes by that. A part that a kernel driver holds is not even asked.
//   - A part is identified by reading registers, which takes one byte that says which. To a PCF8574, which has no
//     registers, that byte is output data: it could move a relay. So at 20h to 27h and 38h to 3fh nothing more is asked
//     unless the caller says that no PCF8574 is there (Options.Ask).
//   - Registers whose reading clears something are never read: INTCAP and GPIO of an MCP23017 (a pulse that waits in its
//     latch stays there), the input ports of a PCA9555 (INT stays), power of an INA219 and mask/enable of an INA226
//     (their conversion-ready flags).
//   - A program that talks to the same parts is not confused: a register pointer is all that moves, and every driver here
//     sends its own with each transfer.
//
// It does not sleep, retry or log. What a part seems to be is a guess by its address and registers; two equal parts at
// one address look like one.
package probe

import (
	"fmt"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
)

// Bus is what a probe needs of a bus.
type Bus interface {
	i2c.Bus
	// Present asks an address without a data byte. nil = acknowledged; drivers.FaultNoAck or FaultRemoteIO = nobody
	// there; drivers.FaultBusy = a kernel driver holds it.
	Present(addr uint16) error
}

// Options of a scan.
type Options struct {
	// Ask identifies I/O expanders too. The caller vouches that no PCF8574 with outputs is on the bus.
	Ask bool
}

// Finding is one address that answers.
type Finding struct {
	Addr uint16
	Kind string // mcp23017; "" = not known, see May
	May  string // what the parts at this address are, when none was made out
	Note string // what was read, or why nothing was
}

// Addresses that are asked: all that are not reserved by the standard.
const (
	first = 0x08
	last  = 0x77
)

// Scan asks every address in turn. It ends early when the bus itself fails, and returns what was found until then.
func Scan(bus Bus, o Options) ([]Finding, error) {
	var found []Finding
	for addr := uint16(first); addr <= last; addr++ {
		err := bus.Present(addr)
		switch drivers.Classify(err) {
		case drivers.FaultNone:
			found = append(found, identify(bus, addr, o))
		case drivers.FaultNoAck, drivers.FaultRemoteIO: // the controllers of a Raspberry Pi say the latter
		case drivers.FaultBusy:
			found = append(found, Finding{Addr: addr, May: guess(addr), Note: "held by a driver of the kernel: not asked"})
		default:
			return found, fmt.Errorf("ask address %#02x: %w", addr, err)
		}
	}
	return found, nil
}

// guess names the parts of a gate cabinet that can have an address.
func guess(addr uint16) string {
	switch {
	case addr >= 0x20 && addr <= 0x27:
		return "MCP23017, PCA9555, PCF8574"
	case addr >= 0x38 && addr <= 0x3f:
		return "PCF8574A"
	case addr >= 0x48 && addr <= 0x4b:
		return "ADS1115, INA219, INA226"
	case addr >= 0x40 && addr <= 0x4f:
		return "INA219, INA226"
	case addr >= 0x50 && addr <= 0x57:
		return "EEPROM"
	case addr == 0x68:
		return "DS3231"
	}
	return ""
}

func identify(bus i2c.Bus, addr uint16, o Options) Finding {
	f := Finding{Addr: addr, May: guess(addr)}
	expander := addr >= 0x20 && addr <= 0x27 || addr >= 0x38 && addr <= 0x3f
	switch {
	case expander && !o.Ask:
		f.Note = "not asked which: to a PCF8574 the question is output data"
	case expander:
		identifyExpander(bus, &f)
	case addr >= 0x40 && addr <= 0x4f:
		identifyMonitor(bus, &f)
	case addr == 0x68:
		identifyClock(bus, &f)
	}
	return f
}

// identifyExpander tells parts with registers by how their addresses go on.
func identifyExpander(bus i2c.Bus, f *Finding) {
	// Command 06h: configuration of a PCA9555, whose pair repeats; of an MCP23017 DEFVAL, INTCON, IOCON twice, GPPU: none
	// of these changes by being read.
	r := make([]byte, 8)
	if !read(bus, f, 0x06, r) {
		return
	}
	same := true
	for _, b := range r {
		same = same && b == r[0]
	}
	pairs := r[0] == r[2] && r[0] == r[4] && r[0] == r[6] && r[1] == r[3] && r[1] == r[5] && r[1] == r[7]
	iocon := r[4]
	switch {
	case same && r[0] != 0xff && r[0] != 0:
		f.May, f.Note = "PCF8574", fmt.Sprintf("reads %02x whatever is asked", r[0])
	case pairs && r[0]|r[1] != 0:
		f.Kind, f.Note = "pca9555", fmt.Sprintf("inputs by its configuration: %02x%02x (a PCF8574 with this on its pins looks alike)", r[1], r[0])
	case r[4] == r[5] && iocon&0x81 == 0:
		f.Kind, f.Note = "mcp23017", fmt.Sprintf("IOCON %02x", iocon)
	default:
		f.Note = fmt.Sprintf("registers 06h.. read % x: none of these, or two parts at one address", r)
	}
}

func identifyMonitor(bus i2c.Bus, f *Finding) {
	maker, die := make([]byte, 2), make([]byte, 2)
	if !read(bus, f, 0xfe, maker) || !read(bus, f, 0xff, die) {
		return
	}
	if word(maker) == 0x5449 && word(die) == 0x2260 {
		f.Kind, f.Note = "ina226", "maker 5449, die 2260"
		return
	}
	if f.Addr >= 0x48 && f.Addr <= 0x4b {
		low, config := make([]byte, 2), make([]byte, 2)
		if !read(bus, f, 0x02, low) || !read(bus, f, 0x01, config) {
			return
		}
		if word(low) == 0x8000 && word(config)&3 == 3 { // threshold at its power-on value, comparator off
			f.Kind, f.Note = "ads1115", fmt.Sprintf("configuration %04x", word(config))
			return
		}
	}
	config, calibration := make([]byte, 2), make([]byte, 2)
	if !read(bus, f, 0x00, config) || !read(bus, f, 0x05, calibration) {
		return
	}
	if c := word(config); c&0xc000 == 0 && c != 0 && word(calibration)&1 == 0 { // bits that always read 0
		f.Kind, f.Note = "ina219", fmt.Sprintf("configuration %04x", c)
		return
	}
	f.Note = fmt.Sprintf("register 00h reads %04x: none of these, or two parts at one address", word(config))
}

func identifyClock(bus i2c.Bus, f *Finding) {
	r := make([]byte, 0x13)
	if !read(bus, f, 0x00, r) {
		return
	}
	for n, zeros := range map[int]byte{0x00: 0x80, 0x01: 0x80, 0x02: 0x80, 0x03: 0xf8, 0x04: 0xc0, 0x05: 0x60, 0x0f: 0x70, 0x12: 0x3f} {
		if r[n]&zeros != 0 {
			f.Note = fmt.Sprintf("register %02xh reads %02x, which no DS3231 has", n, r[n])
			return
		}
	}
	f.Kind, f.Note = "ds3231", "its oscillator has run since it was set"
	if r[0x0f]&0x80 != 0 {
		f.Note = "its oscillator has stopped (OSF): the time is not to be trusted"
	}
}

// read reads registers from reg on; a failure is the note.
func read(bus i2c.Bus, f *Finding, reg byte, r []byte) bool {
	if err := bus.Tx(f.Addr, []byte{reg}, r); err != nil {
		f.Note = fmt.Sprintf("answers, but reading fails: %v", err)
		return false
	}
	return true
}

func word(r []byte) uint16 { return uint16(r[0])<<8 | uint16(r[1]) }
