package chip

import (
	"sync"
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
	now func() time.Duration

	mu    sync.Mutex
	held  bool
	shunt physic.ElectricPotential
	bus   physic.ElectricPotential

	config      uint16
	shuntResult int16
	busResult   uint16 // 13 bits, not shifted
	power       uint16
	current     int16
	calibration uint16
	ready, over bool
	started     time.Duration // of the conversion under way
	converting  bool

	wire words
}

// Registers, Table 4, and bits of the configuration, p. 26.
const (
	inaConfig = iota
	inaShunt
	inaBus
	inaPower
	inaCurrent
	inaCalibration

	inaReset      = 0x8000
	inaUnused     = 0x4000
	inaBus32V     = 0x2000
	inaPowerOn    = 0x399f
	inaShuntMode  = 1
	inaBusMode    = 2
	inaContinuous = 4
)

var _ Device = (*INA219)(nil)

// NewINA219 makes a part that has just been powered up. now is the time that passes, since any moment.
func NewINA219(now func() time.Duration) *INA219 {
	c := &INA219{now: now}
	c.reset()
	return c
}

// Drive sets what is at the pins: IN+ against IN-, and IN- against ground.
func (c *INA219) Drive(shunt, bus physic.ElectricPotential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.catchUp() // what has been converted until now saw the old voltages
	c.shunt, c.bus = shunt, bus
}

// Reset is a loss of supply.
func (c *INA219) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.reset()
	c.reset()
}

// Hold takes the supply away until it is let go; meanwhile the part does not answer.
func (c *INA219) Hold(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = down
	c.wire.reset()
	c.reset()
}

func (c *INA219) reset() {
	c.shuntResult, c.busResult, c.power, c.current, c.calibration = 0, 0, 0, 0, 0
	c.ready, c.over = false, false
	c.config = inaPowerOn
	c.begin()
}

// begin starts converting as the mode bits say (Table 7).
func (c *INA219) begin() {
	c.started = c.now()
	c.converting = c.config&(inaShuntMode|inaBusMode) != 0
}

// inaConversion gives the time of one conversion by the four bits of BADC or SADC, Table 6.
func inaConversion(adc uint16) time.Duration {
	if adc&8 == 0 {
		return [...]time.Duration{84, 148, 276, 532}[adc&3] * time.Microsecond
	}
	return [...]time.Duration{532, 1060, 2130, 4260, 8510, 17020, 34050, 68100}[adc&7] * time.Microsecond
}

// catchUp finishes the conversions whose time has come.
func (c *INA219) catchUp() {
	if !c.converting {
		return
	}
	var period time.Duration
	if c.config&inaShuntMode != 0 {
		period += inaConversion(c.config >> 3 & 15)
	}
	if c.config&inaBusMode != 0 {
		period += inaConversion(c.config >> 7 & 15)
	}
	n := (c.now() - c.started) / period
	if n < 1 {
		return
	}
	c.started += n * period
	c.converting = c.config&inaContinuous != 0
	c.convert()
}

func (c *INA219) convert() {
	if c.config&inaShuntMode != 0 {
		limit := int64(4000) << (c.config >> 11 & 3) // Tables 5 and 8: 40 mV to 320 mV in steps of 10 µV
		c.shuntResult = int16(min(max(int64(c.shunt/(10*physic.MicroVolt)), -limit), limit))
	}
	if c.config&inaBusMode != 0 {
		limit := int64(4000) // p. 30: 16 V or 32 V in steps of 4 mV
		if c.config&inaBus32V != 0 {
			limit = 8000
		}
		c.busResult = uint16(min(max(int64(c.bus/(4*physic.MilliVolt)), 0), limit))
	}
	current := int64(c.shuntResult) * int64(c.calibration) / 4096 // p. 30
	power := max(current, -current) * int64(c.busResult) / 5000
	c.over = current != int64(int16(current)) || power != int64(uint16(power))
	c.current, c.power = int16(current), uint16(power)
	c.ready = true
}

func (c *INA219) store(reg byte, v uint16) {
	c.catchUp()
	switch reg {
	case inaConfig:
		if v&inaReset != 0 { // self-clearing: same as power-on reset
			c.reset()
			return
		}
		c.config = v &^ inaUnused
		if v&3 != 0 { // p. 30: not cleared by power-down and ADC off
			c.ready = false
		}
		c.begin()
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

// Start implements Device.
func (c *INA219) Start(bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wire.start(!c.held)
}

// Write implements Device.
func (c *INA219) Write(b byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wire.write(b, c.store)
}

// Read implements Device.
func (c *INA219) Read() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wire.read(c.load)
}

// Sent implements Device.
func (c *INA219) Sent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.sent()
}

// Stop implements Device.
func (c *INA219) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.stop()
}
