package chip

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// INA219 models TI's current and supply monitor (SBOS448F, 2011; its tables and pages unless G, 2015, is named). Its
// time comes from outside. It is safe for concurrent use.
//
// Where the datasheet is silent: the power of a negative current is that of its magnitude; bytes of a register read
// beyond the second repeat it; current and power follow a new calibration with the next conversion. Not modelled:
// noise, the coarser steps of the resolutions below 12 bits, high-speed mode, the SMBus time-out.
type INA219 struct {
	inaMonitor
}

// Bits of the configuration, p. 26, and what it is at power-on.
const (
	ina219Unused  = 0x4000
	ina219Bus32V  = 0x2000
	ina219PowerOn = 0x399f
)

var _ Device = (*INA219)(nil)

// NewINA219 makes a part that has just been powered up. now is the time that passes, since any moment.
func NewINA219(now func() time.Duration) *INA219 {
	c := &INA219{inaMonitor: inaMonitor{now: now}}
	c.registers, c.wire, c.part = c, &c.wordPart, c
	c.powerOn()
	return c
}

func (c *INA219) powerOn() { c.restart(ina219PowerOn) }

// period is the time of one result; the four bits of BADC and SADC say how long each takes, Table 6.
func (c *INA219) period() time.Duration {
	one := func(adc uint16) time.Duration {
		if adc&8 == 0 {
			return [...]time.Duration{84, 148, 276, 532}[adc&3] * time.Microsecond
		}
		return [...]time.Duration{532, 1060, 2130, 4260, 8510, 17020, 34050, 68100}[adc&7] * time.Microsecond
	}
	return c.times(one(c.config>>3&15), one(c.config>>7&15))
}

func (c *INA219) convert() {
	if c.config&inaShuntMode != 0 {
		limit := int64(4000) << (c.config >> 11 & 3) // Tables 5 and 8: 40 mV to 320 mV in steps of 10 µV
		c.shuntResult = int16(clamp(int64(c.shunt/(10*physic.MicroVolt)), -limit, limit))
	}
	if c.config&inaBusMode != 0 {
		limit := int64(4000) // p. 30: 16 V or 32 V in steps of 4 mV
		if c.config&ina219Bus32V != 0 {
			limit = 8000
		}
		c.busResult = uint16(clamp(int64(c.supply/(4*physic.MilliVolt)), 0, limit)) // 13 bits, not shifted
	}
	c.compute(4096, 5000) // p. 30
}

func (c *INA219) store(reg byte, v uint16) {
	c.catchUp()
	switch reg {
	case inaConfig:
		if v&inaReset != 0 { // self-clearing: same as power-on reset
			c.powerOn()
			return
		}
		c.configure(v &^ ina219Unused)
		if v&(inaShuntMode|inaBusMode) != 0 { // p. 30: not cleared by power-down and ADC off
			c.ready = false
		}
	case inaCalibration:
		c.calibration = v &^ 1 // p. 31: FS0 is void and reads 0
	}
}

func (c *INA219) load(reg byte) uint16 {
	c.catchUp()
	switch reg {
	case inaConfig:
		return c.config
	case inaShunt:
		return uint16(c.shuntResult)
	case inaBus:
		v := c.busResult << 3
		if c.ready {
			v |= 2
		}
		if c.over {
			v |= 1
		}
		return v
	case inaPower:
		c.ready = false // p. 30: CNVR is cleared by reading the power register
		return c.power
	case inaCurrent:
		return uint16(c.current)
	case inaCalibration:
		return c.calibration
	}
	return 0
}
