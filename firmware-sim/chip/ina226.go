package chip

import (
	"sync"
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
	now func() time.Duration

	mu    sync.Mutex
	held  bool
	shunt physic.ElectricPotential
	bus   physic.ElectricPotential

	config      uint16
	shuntResult int16
	busResult   uint16
	power       uint16
	current     int16
	calibration uint16
	mask        uint16 // without its flags
	limit       uint16
	ready, over bool
	started     time.Duration // of the conversion under way
	converting  bool

	wire words
}

// Registers, Table 2, and the bits that differ from the INA219's.
const (
	ina226Config = iota
	ina226Shunt
	ina226Bus
	ina226Power
	ina226Current
	ina226Calibration
	ina226Mask
	ina226Limit
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
	c := &INA226{now: now}
	c.reset()
	return c
}

// Drive sets what is at the pins: IN+ against IN-, and VBUS against ground.
func (c *INA226) Drive(shunt, bus physic.ElectricPotential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.catchUp() // what has been converted until now saw the old voltages
	c.shunt, c.bus = shunt, bus
}

// Reset is a loss of supply.
func (c *INA226) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.reset()
	c.reset()
}

// Hold takes the supply away until it is let go; meanwhile the part does not answer.
func (c *INA226) Hold(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = down
	c.wire.reset()
	c.reset()
}

func (c *INA226) reset() {
	c.shuntResult, c.busResult, c.power, c.current, c.calibration = 0, 0, 0, 0, 0
	c.mask, c.limit = 0, 0
	c.ready, c.over = false, false
	c.config = ina226PowerOn
	c.begin()
}

// begin starts converting as the mode bits say (Table 6).
func (c *INA226) begin() {
	c.started = c.now()
	c.converting = c.config&(inaShuntMode|inaBusMode) != 0
}

// period is the time of one result, Tables 3, 4 and 5: every sample of the average is converted for as long as its own
// bits say.
func (c *INA226) period() time.Duration {
	times := [...]time.Duration{140, 204, 332, 588, 1100, 2116, 4156, 8244} // µs, typical
	samples := [...]time.Duration{1, 4, 16, 64, 128, 256, 512, 1024}
	var one time.Duration
	if c.config&inaShuntMode != 0 {
		one += times[c.config>>3&7]
	}
	if c.config&inaBusMode != 0 {
		one += times[c.config>>6&7]
	}
	return one * samples[c.config>>9&7] * time.Microsecond
}

// catchUp finishes the conversions whose time has come.
func (c *INA226) catchUp() {
	if !c.converting {
		return
	}
	period := c.period()
	n := (c.now() - c.started) / period
	if n < 1 {
		return
	}
	c.started += n * period
	c.converting = c.config&inaContinuous != 0
	c.convert()
}

func (c *INA226) convert() {
	if c.config&inaShuntMode != 0 { // p. 20: 2.5 µV
		code := int64(c.shunt) / int64(2500*physic.NanoVolt)
		c.shuntResult = int16(min(max(code, -ina226VoltLimit-1), ina226VoltLimit))
	}
	if c.config&inaBusMode != 0 { // p. 20: 1.25 mV
		code := int64(c.bus) / int64(1250*physic.MicroVolt)
		c.busResult = uint16(min(max(code, 0), ina226VoltLimit))
	}
	current := int64(c.shuntResult) * int64(c.calibration) / 2048 // Equation 3
	power := max(current, -current) * int64(c.busResult) / 20000  // Equation 4
	c.over = current != int64(int16(current)) || power != int64(uint16(power))
	c.current, c.power = int16(current), uint16(power)
	c.ready = true
}

func (c *INA226) store(reg byte, v uint16) {
	c.catchUp()
	switch reg {
	case ina226Config:
		if v&inaReset != 0 { // self-clearing: same as power-on reset
			c.reset()
			return
		}
		c.config = v&^ina226Fixed | ina226PowerOn&ina226Fixed
		if v&(inaShuntMode|inaBusMode) != 0 { // p. 22: not cleared by power-down
			c.ready = false
		}
		c.begin()
	case ina226Calibration:
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
	case ina226Config:
		return c.config
	case ina226Shunt:
		return uint16(c.shuntResult)
	case ina226Bus:
		return c.busResult
	case ina226Power:
		return c.power
	case ina226Current:
		return uint16(c.current)
	case ina226Calibration:
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

// Start implements Device.
func (c *INA226) Start(bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wire.start(!c.held)
}

// Write implements Device.
func (c *INA226) Write(b byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wire.write(b, c.store)
}

// Read implements Device.
func (c *INA226) Read() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wire.read(c.load)
}

// Sent implements Device.
func (c *INA226) Sent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.sent()
}

// Stop implements Device.
func (c *INA226) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wire.stop()
}
