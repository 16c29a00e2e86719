package chip

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// INA226 models TI's current and supply monitor (SBOS547, 2011; tables and pages are its own). Its time comes from
// outside. It is safe for concurrent use.
//
// Where the datasheet is silent: bits 14 to 12 of the configuration keep what they are at power-on whatever is
// written; the power of a negative current is that of its magnitude; bytes of a register read beyond the second repeat
// it; a triggered conversion is not repeated by anything but a write. Not modelled: noise, the alert pin and its
// limits, high-speed mode, the SMBus time-out and alert response.
type INA226 struct {
	inaMonitor
	mask  uint16 // without its flags
	limit uint16
}

// Registers beyond the common ones, Table 2, and bits that differ from the INA219's.
const (
	ina226Mask         = 0x06
	ina226Limit        = 0x07
	ina226Manufacturer = 0xfe
	ina226Die          = 0xff

	ina226PowerOn   = 0x4127
	ina226Fixed     = 0x7000 // of the configuration: reads 100
	ina226Writable  = 0xfc03 // of mask/enable: functions, APOL, LEN
	ina226Ready     = 1 << 3 // CVRF
	ina226Overflow  = 1 << 2 // OVF
	ina226VoltLimit = 0x7fff // p. 20: full scale 81.9175 mV and 40.96 V
)

var _ Device = (*INA226)(nil)

// NewINA226 makes a part that has just been powered up. now is the time that passes, since any moment.
func NewINA226(now func() time.Duration) *INA226 {
	c := &INA226{inaMonitor: inaMonitor{now: now}}
	c.registers, c.wire, c.part = c, &c.wordPart, c
	c.powerOn()
	return c
}

func (c *INA226) powerOn() {
	c.mask, c.limit = 0, 0
	c.restart(ina226PowerOn)
}

// period is the time of one result, Tables 3, 4 and 5: every sample of the average is converted for as long as its own
// bits say.
func (c *INA226) period() time.Duration {
	times := [...]time.Duration{140, 204, 332, 588, 1100, 2116, 4156, 8244} // µs, typical
	samples := [...]time.Duration{1, 4, 16, 64, 128, 256, 512, 1024}
	return c.times(times[c.config>>3&7], times[c.config>>6&7]) * samples[c.config>>9&7] * time.Microsecond
}

func (c *INA226) convert() {
	if c.config&inaShuntMode != 0 { // p. 20: 2.5 µV
		code := int64(c.shunt) / int64(2500*physic.NanoVolt)
		c.shuntResult = int16(clamp(code, -ina226VoltLimit-1, ina226VoltLimit))
	}
	if c.config&inaBusMode != 0 { // p. 20: 1.25 mV
		code := int64(c.supply) / int64(1250*physic.MicroVolt)
		c.busResult = uint16(clamp(code, 0, ina226VoltLimit))
	}
	c.compute(2048, 20000) // Equations 3 and 4
}

func (c *INA226) store(reg byte, v uint16) {
	c.catchUp()
	switch reg {
	case inaConfig:
		if v&inaReset != 0 { // self-clearing: same as power-on reset
			c.powerOn()
			return
		}
		c.configure(v&^ina226Fixed | ina226PowerOn&ina226Fixed)
		if v&(inaShuntMode|inaBusMode) != 0 { // p. 22: not cleared by power-down
			c.ready = false
		}
	case inaCalibration:
		c.calibration = v & 0x7fff
	case ina226Mask:
		c.mask = v & ina226Writable
	case ina226Limit:
		c.limit = v
	}
}

func (c *INA226) load(reg byte) uint16 {
	c.catchUp()
	switch reg {
	case inaConfig:
		return c.config
	case inaShunt:
		return uint16(c.shuntResult)
	case inaBus:
		return c.busResult
	case inaPower:
		return c.power
	case inaCurrent:
		return uint16(c.current)
	case inaCalibration:
		return c.calibration
	case ina226Mask:
		v := c.mask
		if c.ready {
			v |= ina226Ready
		}
		if c.over {
			v |= ina226Overflow
		}
		c.ready = false // p. 22: CVRF is cleared by reading this register
		return v
	case ina226Limit:
		return c.limit
	case ina226Manufacturer:
		return 0x5449 // "TI"
	case ina226Die:
		return 0x2260
	}
	return 0
}
