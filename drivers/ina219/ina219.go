package ina219

import (
	"errors"
	"fmt"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// MaxSupply is the highest voltage that the part measures and stands, p. 2.
const MaxSupply = 26 * physic.Volt

// Registers, Table 4.
const (
	regConfig = iota
	regShunt
	regBus
	regPower
)

const (
	configPowerOn = 0x399f
	// 32 V range; 16 samples for bus and shunt (Table 6); both channels, continuous (Table 7).
	configBase = 1<<13 | 0b1100<<7 | 0b1100<<3 | 0b111

	shuntStep = 10 * physic.MicroVolt
	busStep   = 4 * physic.MilliVolt

	busReady  = 1 << 1 // CNVR
	busUnused = 1 << 2
)

// Opts says what is measured.
type Opts struct {
	Shunt  physic.ElectricResistance // 100 mΩ on most modules
	Max    physic.ElectricCurrent    // the largest current that must be told exactly; sets the range
	Supply physic.ElectricPotential  // nominal: 12 V, 24 V
}

// Reading is one measurement.
type Reading struct {
	Current physic.ElectricCurrent   // negative when it flows backwards
	Voltage physic.ElectricPotential // behind the shunt, at IN-
	Fresh   bool                     // from a conversion that ended after the last Read
	Clipped bool                     // at the end of the shunt range: the current may be larger
}

// Dev is one chip. It is not safe for concurrent use: the owner of the bus calls it.
type Dev struct {
	bus    i2c.Bus
	addr   uint16
	shunt  physic.ElectricResistance
	config uint16
	limit  int16 // shunt codes beyond which the chip clips

	w [3]byte
	r [2]byte
}

// New checks the options. It does not talk to the chip: Init does.
func New(bus i2c.Bus, addr uint16, o Opts) (*Dev, error) {
	fail := func(format string, args ...any) (*Dev, error) {
		return nil, fmt.Errorf("ina219 at %#02x: %s", addr, fmt.Sprintf(format, args...))
	}
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
	}
	d := &Dev{bus: bus, addr: addr, shunt: o.Shunt}
	for pg := range 4 { // Table 5: ±40, 80, 160, 320 mV
		d.config, d.limit = configBase|uint16(pg)<<11, 4000<<pg
		if d.current(d.limit) >= o.Max {
			return d, nil
		}
	}
	return fail("%s through %s is more than the 320 mV that the part measures: take a smaller shunt", o.Max, o.Shunt)
}

// Init configures the chip and proves it by reading back. The first Read after it is not Fresh for 17 ms.
func (d *Dev) Init() error {
	w := d.w[:]
	w[0], w[1], w[2] = regConfig, byte(d.config>>8), byte(d.config)
	if err := d.bus.Tx(d.addr, w, nil); err != nil {
		return d.error(drivers.Classify(err), "write configuration", err)
	}
	got, err := d.read("read back configuration", regConfig)
	if err != nil {
		return err
	}
	if got != d.config {
		return d.error(drivers.FaultMismatch, "read back configuration", fmt.Errorf(
			"%04x after %04x was written: another part (INA226, ADS1115), or two chips at one address", got, d.config))
	}
	return nil
}

// Read reads the last result. A configuration at its power-on value gives drivers.FaultReset: call Init, and report
// it. Registers that no INA219 can have give drivers.FaultMismatch.
func (d *Dev) Read() (Reading, error) {
	bus, err := d.read("read bus voltage", regBus)
	if err != nil {
		return Reading{}, err
	}
	shunt, err := d.read("read shunt voltage", regShunt)
	if err != nil {
		return Reading{}, err
	}
	if _, err := d.read("read power", regPower); err != nil { // clears CNVR
		return Reading{}, err
	}
	// Last, so that it vouches for what came before it.
	config, err := d.read("read configuration", regConfig)
	switch code := int16(shunt); {
	case err != nil:
		return Reading{}, err
	case config == configPowerOn:
		return Reading{}, d.error(drivers.FaultReset, "read configuration", errors.New(
			"it is at its power-on value: look for a loose supply"))
	case config != d.config || bus&busUnused != 0 || code > d.limit || code < -d.limit:
		return Reading{}, d.error(drivers.FaultMismatch, "read", fmt.Errorf(
			"configuration %04x after %04x was written, bus %04x, shunt %04x: another part, or two chips at one address",
			config, d.config, bus, shunt))
	default:
		return Reading{
			Current: d.current(code),
			Voltage: physic.ElectricPotential(bus>>3) * busStep,
			Fresh:   bus&busReady != 0,
			Clipped: code == d.limit || code == -d.limit,
		}, nil
	}
}

// current is that of a shunt code. The largest code, 32000, is 3.2e8 nV; times 1e9 it still fits.
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
	return &drivers.Error{Fault: f, Op: fmt.Sprintf("ina219 at %#02x: %s", d.addr, op), Err: err}
}
