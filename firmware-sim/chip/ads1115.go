package chip

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// ADS1115 models TI's 16-bit converter (SBAS444E, 2024; "§" is a section, Q1 the tables of SBAS563, 2011). Its time
// comes from outside. It is safe for concurrent use.
//
// Where the datasheet is silent: a configuration written during a conversion takes effect after it, and an OS bit
// written with it is lost (§8.1.3 says "no effect"). Not modelled: comparator and ALERT/RDY pin (the thresholds only
// store), the general-call reset, noise, offset, the input impedance, the wake-up time of 25 µs.
type ADS1115 struct {
	wordPart
	now   func() time.Duration
	speed int // of the oscillator, in per mille of nominal
	ain   [4]physic.ElectricPotential

	config     uint16 // without OS
	result     uint16
	thresholds [2]uint16 // low, high

	converting bool
	running    uint16 // configuration of the conversion under way
	started    time.Duration
}

// Registers and bits of the configuration, §8.1.
const (
	adsConversion = iota
	adsConfig
	adsLow
	adsHigh

	adsOS      = 0x8000
	adsSingle  = 0x0100
	adsPowerOn = 0x8583
)

var _ Device = (*ADS1115)(nil)

// NewADS1115 makes a part that has just been powered up. now is the time that passes, since any moment; its
// oscillator runs at speed per mille of nominal, 900 to 1100 in a good part (§5.5).
func NewADS1115(now func() time.Duration, speed int) *ADS1115 {
	c := &ADS1115{now: now, speed: speed}
	c.registers, c.wire = c, &c.wordPart
	c.powerOn()
	return c
}

// Drive puts a voltage on an input.
func (c *ADS1115) Drive(ain int, v physic.ElectricPotential) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.catchUp()
	c.ain[ain] = v
}

func (c *ADS1115) powerOn() {
	c.config, c.result = adsPowerOn&^adsOS, 0
	c.thresholds = [2]uint16{0x8000, 0x7fff}
	c.converting = false
}

// begin starts a conversion at a moment.
func (c *ADS1115) begin(at time.Duration) {
	c.converting, c.running, c.started = true, c.config, at
}

// catchUp finishes the conversions whose time has come.
func (c *ADS1115) catchUp() {
	for now := c.now(); c.converting; {
		rate := [...]time.Duration{8, 16, 32, 64, 128, 250, 475, 860}[c.running>>5&7]
		end := c.started + time.Second*1000/rate/time.Duration(c.speed)
		if now < end {
			return
		}
		c.convert()
		c.converting = false
		if c.config&adsSingle == 0 {
			c.begin(end)
		}
	}
}

// convert makes a code of the inputs: Q1 Table 4, ends included.
func (c *ADS1115) convert() {
	pair := [8][2]int{{0, 1}, {0, 3}, {1, 3}, {2, 3}, {0, -1}, {1, -1}, {2, -1}, {3, -1}}[c.running>>12&7]
	v := c.ain[pair[0]]
	if pair[1] >= 0 {
		v -= c.ain[pair[1]]
	}
	fullScale := [8]int64{6144, 4096, 2048, 1024, 512, 256, 256, 256}[c.running>>9&7] * int64(physic.MilliVolt)
	code := (int64(v)*32768 + int64(v)>>63*(fullScale-1)) / fullScale // rounded down, also below zero
	c.result = uint16(int16(min(max(code, -32768), 32767)))
}

func (c *ADS1115) store(reg byte, v uint16) {
	c.catchUp()
	switch reg & 3 {
	case adsConfig:
		c.config = v &^ adsOS
		switch {
		case c.converting: // OS has no effect
		case v&adsSingle == 0, v&adsOS != 0:
			c.begin(c.now())
		}
	case adsLow:
		c.thresholds[0] = v
	case adsHigh:
		c.thresholds[1] = v
	}
}

func (c *ADS1115) load(reg byte) uint16 {
	c.catchUp()
	switch reg & 3 {
	case adsConversion:
		return c.result
	case adsConfig:
		if c.converting {
			return c.config
		}
		return c.config | adsOS
	default:
		return c.thresholds[reg&1]
	}
}
