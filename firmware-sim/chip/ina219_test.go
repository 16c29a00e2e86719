package chip

import (
	"fmt"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"
)

func inaHost(t *testing.T) (*host, *INA219, *time.Duration) {
	t.Helper()
	now := new(time.Duration)
	c := NewINA219(func() time.Duration { return *now })
	return attach(t, 0x40, c), c, now
}

// Table 4: power-on values.
func TestINA219PowerOnValues(t *testing.T) {
	h, _, _ := inaHost(t)
	for reg, want := range [][2]byte{{0x39, 0x9f}, {}, {}, {}, {}, {}} {
		h.expect(byte(reg), want[:]...)
	}
}

// Table 3, the example of page 24: 10 A through 2 mΩ at 12 V.
func TestINA219Example(t *testing.T) {
	h, c, now := inaHost(t)
	c.Drive(20*physic.MilliVolt, 11980*physic.MilliVolt)
	h.write(0, 0x01, 0x9f)
	h.write(5, 0x50, 0x00)
	*now += 1064 * time.Microsecond // two conversions of 12 bits
	h.expect(1, 0x07, 0xd0)
	h.expect(2, 0x5d, 0x98|2) // and CNVR
	h.expect(4, 0x27, 0x10)
	h.expect(3, 0x17, 0x66)
	h.expect(0, 0x01, 0x9f)
}

// Table 8: shunt voltage codes of each range, with their limits; Table 5: the ranges.
func TestINA219ShuntVoltage(t *testing.T) {
	for _, c := range []struct {
		pg   byte
		uv   int64
		want uint16
	}{
		{3, 320020, 0x7d00},
		{3, 320000, 0x7d00},
		{3, 319990, 0x7cff},
		{3, 10, 1},
		{3, 0, 0},
		{3, -10, 0xffff},
		{3, -20, 0xfffe},
		{3, -320000, 0x8300},
		{3, -320020, 0x8300},
		{2, 160020, 0x3e80},
		{2, -160020, 0xc180},
		{1, 80020, 0x1f40},
		{1, -80020, 0xe0c0},
		{0, 40020, 0x0fa0},
		{0, -40020, 0xf060},
		{0, 39990, 0x0f9f},
	} {
		t.Run(fmt.Sprint(c.pg, c.uv), func(t *testing.T) {
			h, chip, now := inaHost(t)
			h.write(0, 0x21|c.pg<<3, 0x9f)
			chip.Drive(physic.ElectricPotential(c.uv)*physic.MicroVolt, 0)
			*now += 2 * time.Millisecond
			h.expect(1, byte(c.want>>8), byte(c.want))
		})
	}
}

// Page 30: 4 mV, in bits 15 to 3, up to 16 V or 32 V.
func TestINA219BusVoltage(t *testing.T) {
	for _, c := range []struct {
		config byte
		mv     int64
		want   uint16
	}{{0x39, 24000, 6000}, {0x39, 33000, 8000}, {0x19, 12000, 3000}, {0x19, 24000, 4000}, {0x39, 3, 0}, {0x39, 4, 1}} {
		h, chip, now := inaHost(t)
		h.write(0, c.config, 0x9f)
		chip.Drive(0, physic.ElectricPotential(c.mv)*physic.MilliVolt)
		*now += 2 * time.Millisecond
		v := c.want<<3 | 2
		h.expect(2, byte(v>>8), byte(v))
	}
}

// Page 30: what clears CNVR, and what does not.
func TestINA219ConversionReady(t *testing.T) {
	h, _, now := inaHost(t)
	ready := func(want bool) {
		t.Helper()
		if got := h.read(2, 2)[1]&2 != 0; got != want {
			t.Errorf("CNVR %v, want %v", got, want)
		}
	}
	ready(false)
	*now += 1063 * time.Microsecond
	ready(false)
	*now += time.Microsecond
	ready(true)
	ready(true) // reading the bus voltage does not clear it
	h.read(1, 2)
	h.read(4, 2)
	ready(true)
	h.read(3, 2)
	ready(false)
	*now += 1064 * time.Microsecond
	ready(true)
	h.write(0, 0x39, 0x98) // power-down
	ready(true)
	h.write(0, 0x39, 0x9f)
	ready(false)
}

// Tables 6 and 7: conversion times with averaging, triggered and power-down modes.
func TestINA219Modes(t *testing.T) {
	for _, c := range []struct {
		name   string
		config [2]byte
		takes  time.Duration
		again  bool
	}{
		{"9 bits", [2]byte{0x38, 0x07}, 168 * time.Microsecond, true},
		{"16 samples", [2]byte{0x3e, 0x67}, 17020 * time.Microsecond, true},
		{"128 samples, shunt only", [2]byte{0x3f, 0xfd}, 68100 * time.Microsecond, true},
		{"triggered", [2]byte{0x39, 0x9b}, 1064 * time.Microsecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, chip, now := inaHost(t)
			h.write(0, c.config[0], c.config[1])
			if got := h.read(2, 2)[1] & 2; got != 0 {
				t.Fatal("ready at once")
			}
			h.write(0, c.config[0], c.config[1])
			chip.Drive(10*physic.MicroVolt, 0)
			*now += c.takes - 1
			h.expect(1, 0, 0)
			*now++
			h.expect(1, 0, 1)
			chip.Drive(20*physic.MicroVolt, 0)
			*now += c.takes
			want := byte(1)
			if c.again {
				want = 2
			}
			h.expect(1, 0, want)
		})
	}
}

// A conversion sees the voltage of its own time, not that of the moment when it is read.
func TestINA219LateRead(t *testing.T) {
	h, c, now := inaHost(t)
	c.Drive(10*physic.MicroVolt, 0)
	*now += 1064 * time.Microsecond
	c.Drive(20*physic.MicroVolt, 0)
	h.expect(1, 0, 1)
	*now += 1064 * time.Microsecond
	h.expect(1, 0, 2)
}

// Page 26 and page 31: RST, the unused bit, FS0; result registers are read-only; overflow shows.
func TestINA219Writes(t *testing.T) {
	h, c, now := inaHost(t)
	h.write(0, 0x7e, 0x67)
	h.expect(0, 0x3e, 0x67)
	h.write(5, 0xff, 0xff)
	h.expect(5, 0xff, 0xfe)
	h.write(1, 0x12, 0x34)
	h.expect(1, 0, 0)
	c.Drive(300*physic.MilliVolt, 26*physic.Volt)
	*now += 20 * time.Millisecond
	if h.read(2, 2)[1]&1 == 0 {
		t.Error("no OVF")
	}
	h.write(0, 0x80, 0x00)
	h.expect(0, 0x39, 0x9f)
	h.expect(5, 0, 0)
	c.Hold(true)
	if err := h.bus.Tx(0x40, []byte{0}, make([]byte, 2)); err == nil {
		t.Error("answered without supply")
	}
}

// A conversion sees what the pins had when it ended, not what they had when somebody last looked, nor what they have now.
func TestINA219FollowsItsPins(t *testing.T) {
	h, c, now := inaHost(t)
	const period = 1064 * time.Microsecond // of both, at power-on
	pins := func(ago time.Duration) (shunt, supply physic.ElectricPotential) {
		return physic.ElectricPotential((*now-ago)/period) * 10 * physic.MicroVolt, 12 * physic.Volt
	}
	c.Follow(pins)
	*now = 1000*period + period/2
	c.Follow(pins)
	h.expect(1, 0x03, 0xe8) // 1000
	*now = 1000*period + period - 1
	h.expect(1, 0x03, 0xe8)
	*now = 3001 * period
	c.Follow(pins)
	h.expect(1, 0x0b, 0xb9) // 3001

	h.write(0, 0x39, 0x9b) // triggered: once, and no more
	*now = 3005 * period
	c.Follow(pins)
	h.expect(1, 0x0b, 0xba) // 3002
}
