package ina226

import (
	"errors"
	"fmt"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// MaxSupply is the highest voltage that the part measures and stands, p. 2.
const MaxSupply = 36 * physic.Volt

// Registers, Table 2.
const (
	regConfig       = 0x00
	regShunt        = 0x01
	regBus          = 0x02
	regMask         = 0x06
	regManufacturer = 0xfe
	regDie          = 0xff
)

const (
	manufacturer  = 0x5449 // "TI"
	die           = 0x2260
	configPowerOn = 0x4127
	// 16 samples (Table 3) of 588 µs each for bus and shunt (Tables 4 and 5), both continuous (Table 6).
	config = 0b100<<12 | 0b010<<9 | 0b011<<6 | 0b011<<3 | 0b111

	shuntStep = 2500 * physic.NanoVolt
	busStep   = 1250 * physic.MicroVolt
	clip      = 0x7fff

	maskReady = 1 << 3     // CVRF
	maskFlags = 0b111 << 2 // AFF, CVRF, OVF; the rest is what was written: nothing
	busUnused = uint16(1) << 15
)

// Opts says what is measured.
type Opts struct {
	Shunt  physic.ElectricResistance // 100 mΩ on most modules
	Max    physic.ElectricCurrent    // the largest current that must be told exactly
	Supply physic.ElectricPotential  // nominal: 12 V, 24 V
}

// Reading is one measurement.
type Reading struct {
	Current physic.ElectricCurrent   // negative when it flows backwards
	Voltage physic.ElectricPotential // at VBUS
	Fresh   bool                     // from a conversion that ended after the last Read
	Clipped bool                     // at the end of the shunt range: the current may be larger
}

// Dev is one chip. It is not safe for concurrent use: the owner of the bus calls it.
type Dev struct {
	bus   i2c.Bus
	addr  uint16
	shunt physic.ElectricResistance

	w [3]byte
	r [2]byte
}

// New checks the options. It does not talk to the chip: Init does.
func New(bus i2c.Bus, addr uint16, o Opts) (*Dev, error) {
	fail := func(format string, args ...any) (*Dev, error) {
		return nil, fmt.Errorf("ina226 at %#02x: %s", addr, fmt.Sprintf(format, args...))
	}
	d := &Dev{bus: bus, addr: addr, shunt: o.Shunt}
	switch {
	case bus == nil:
		return fail("no bus given")
	case addr < 0x40 || addr > 0x4f:
		return fail("the address must be 0x40 to 0x4f, as set by its pins A1 A0")
	case o.Shunt < 100*physic.MicroOhm || o.Shunt > 100*physic.Ohm:
		return fail("a shunt of %s: give 100 µΩ to 100 Ω", o.Shunt)
	case o.Max <= 0:
		return fail("no largest current given")
	case o.Supply <= 0 || o.Supply > MaxSupply:
		return fail("a supply of %s: the part stands 0 to %s, so no 48 V PoE", o.Supply, MaxSupply)
	case d.current(clip) < o.Max:
		return fail("%s through %s is more than the 81.9 mV that the part measures: take a smaller shunt", o.Max, o.Shunt)
	}
	return d, nil
}

// Init makes sure that an INA226 answers, configures it and proves it by reading back. The first Read after it is not
// Fresh for 19 ms.
func (d *Dev) Init() error {
	for _, id := range [...]struct {
		reg  byte
		want uint16
	}{{regManufacturer, manufacturer}, {regDie, die}} {
		got, err := d.read("identify", id.reg)
		if err != nil {
			return err
		}
		if got != id.want {
			return d.error(drivers.FaultMismatch, "identify", fmt.Errorf(
				"register %02xh reads %04x, an INA226 has %04x there: another part (INA219, ADS1115) has this address", id.reg, got, id.want))
		}
	}
	w := d.w[:]
	w[0], w[1], w[2] = regConfig, byte(config>>8), byte(config&0xff)
	if err := d.bus.Tx(d.addr, w, nil); err != nil {
		return d.error(drivers.Classify(err), "write configuration", err)
	}
	got, err := d.read("read back configuration", regConfig)
	if err != nil {
		return err
	}
	if got != config {
		return d.error(drivers.FaultMismatch, "read back configuration", fmt.Errorf(
			"%04x after %04x was written: two chips at one address", got, uint16(config)))
	}
	return nil
}

// Read reads the last result. A configuration at its power-on value gives drivers.FaultReset: call Init, and report
// it. Registers that no INA226 can have give drivers.FaultMismatch.
func (d *Dev) Read() (Reading, error) {
	mask, err := d.read("read flags", regMask) // clears CVRF
	if err != nil {
		return Reading{}, err
	}
	bus, err := d.read("read bus voltage", regBus)
	if err != nil {
		return Reading{}, err
	}
	shunt, err := d.read("read shunt voltage", regShunt)
	if err != nil {
		return Reading{}, err
	}
	// Last, so that it vouches for what came before it.
	got, err := d.read("read configuration", regConfig)
	switch code := int16(shunt); {
	case err != nil:
		return Reading{}, err
	case got == configPowerOn:
		return Reading{}, d.error(drivers.FaultReset, "read configuration", errors.New(
			"it is at its power-on value: look for a loose supply"))
	case got != config || bus&busUnused != 0 || mask&^maskFlags != 0:
		return Reading{}, d.error(drivers.FaultMismatch, "read", fmt.Errorf(
			"configuration %04x after %04x was written, bus %04x, flags %04x: another part, or two chips at one address",
			got, uint16(config), bus, mask))
	default:
		return Reading{
			Current: d.current(code),
			Voltage: physic.ElectricPotential(bus) * busStep,
			Fresh:   mask&maskReady != 0,
			Clipped: code == clip || code == -clip-1,
		}, nil
	}
}

// current is that of a shunt code. The largest code is 8.2e7 nV; times 1e9 it still fits.
func (d *Dev) current(code int16) physic.ElectricCurrent {
	v := int64(code) * int64(shuntStep)
	return physic.ElectricCurrent(v * int64(physic.Ohm) / int64(d.shunt))
}

func (d *Dev) read(op string, reg byte) (uint16, error) {
	w, r := d.w[:1], d.r[:]
	w[0] = reg
	if err := d.bus.Tx(d.addr, w, r); err != nil {
		return 0, d.error(drivers.Classify(err), op, err)
	}
	return uint16(r[0])<<8 | uint16(r[1]), nil
}

func (d *Dev) error(f drivers.Fault, op string, err error) error {
	return &drivers.Error{Fault: f, Op: fmt.Sprintf("ina226 at %#02x: %s", d.addr, op), Err: err}
}
