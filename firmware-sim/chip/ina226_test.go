package chip

import (
	"fmt"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"
)

// oneResult is longer than a result takes with the power-on configuration: 1.1 ms for each of the two.
const oneResult = 2200 * time.Microsecond

func ina226Host(t *testing.T) (*host, *INA226, *time.Duration) {
	t.Helper()
	now := new(time.Duration)
	c := NewINA226(func() time.Duration { return *now })
	return attach(t, 0x40, c), c, now
}

// Table 2: power-on values, and who made it.
func TestINA226PowerOnValues(t *testing.T) {
	h, _, _ := ina226Host(t)
	for reg, want := range [][2]byte{{0x41, 0x27}, {}, {}, {}, {}, {}, {}, {}} {
		h.expect(byte(reg), want[:]...)
	}
	h.expect(0xfe, 0x54, 0x49)
	h.expect(0xff, 0x22, 0x60)
}

// The datasheet's example: 10 A through 2 mΩ at 11.98 V, calibration A00h, 1 mA and 25 mW a step.
func TestINA226Example(t *testing.T) {
	h, c, now := ina226Host(t)
	c.Drive(20*physic.MilliVolt, 11980*physic.MilliVolt)
	h.write(5, 0x0a, 0x00)
	*now += oneResult
	h.expect(1, 0x1f, 0x40) // 8000
	h.expect(2, 0x25, 0x70) // 9584
	h.expect(4, 0x27, 0x10) // 10000
	h.expect(3, 0x12, 0xb8) // 4792 · 25 mW = 119.8 W
}

// Page 20: 2.5 µV a step in two's complement, full scale 7FFFh = 81.9175 mV.
func TestINA226ShuntVoltage(t *testing.T) {
	for _, c := range []struct {
		nv   int64
		want uint16
	}{
		{0, 0},
		{2500, 1},
		{-2500, 0xffff},
		{-80_000_000, 0x8300}, // the datasheet's example of a negative value
		{80_000_000, 0x7d00},
		{81_917_500, 0x7fff},
		{82_000_000, 0x7fff},
		{-81_920_000, 0x8000},
		{-90_000_000, 0x8000},
	} {
		t.Run(fmt.Sprint(c.nv), func(t *testing.T) {
			h, chip, now := ina226Host(t)
			chip.Drive(physic.ElectricPotential(c.nv)*physic.NanoVolt, 0)
			*now += oneResult
			h.expect(1, byte(c.want>>8), byte(c.want))
		})
	}
}

// Page 20: 1.25 mV a step, never negative, full scale 7FFFh = 40.96 V.
func TestINA226BusVoltage(t *testing.T) {
	for _, c := range []struct {
		uv   int64
		want uint16
	}{{1249, 0}, {1250, 1}, {24_000_000, 19200}, {36_000_000, 28800}, {50_000_000, 0x7fff}, {-1_000_000, 0}} {
		h, chip, now := ina226Host(t)
		chip.Drive(0, physic.ElectricPotential(c.uv)*physic.MicroVolt)
		*now += oneResult
		h.expect(2, byte(c.want>>8), byte(c.want))
	}
}

// Page 22: what clears CVRF, and what does not.
func TestINA226ConversionReady(t *testing.T) {
	h, _, now := ina226Host(t)
	ready := func(want bool) {
		t.Helper()
		if got := h.read(6, 2)[1]&8 != 0; got != want {
			t.Errorf("CVRF %v, want %v", got, want)
		}
	}
	ready(false)
	*now += oneResult - 1
	ready(false)
	*now++
	for _, reg := range []byte{0, 1, 2, 3, 4, 5} {
		h.read(reg, 2)
	}
	ready(true)
	ready(false) // reading it has cleared it
	*now += oneResult
	h.write(0, 0x41, 0x20) // power-down
	ready(true)
	h.write(0, 0x41, 0x27)
	*now += oneResult
	h.write(0, 0x41, 0x27)
	ready(false)
}

// Tables 3 to 6: averages, conversion times, modes.
func TestINA226Modes(t *testing.T) {
	for _, c := range []struct {
		name   string
		config uint16
		takes  time.Duration
		again  bool
	}{
		{"fastest", 0x4007, 280 * time.Microsecond, true},
		{"4 samples", 0x4327, 8800 * time.Microsecond, true},
		{"16 samples, 588 µs", 0x44df, 18816 * time.Microsecond, true},
		{"slowest", 0x4fff, 1024 * 2 * 8244 * time.Microsecond, true},
		{"shunt only", 0x4e3d, 1024 * 8244 * time.Microsecond, true},
		{"triggered", 0x4123, 2200 * time.Microsecond, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, chip, now := ina226Host(t)
			h.write(0, byte(c.config>>8), byte(c.config))
			chip.Drive(2500*physic.NanoVolt, 0)
			*now += c.takes - 1
			h.expect(1, 0, 0)
			*now++
			h.expect(1, 0, 1)
			chip.Drive(5000*physic.NanoVolt, 0)
			*now += c.takes
			want := byte(1)
			if c.again {
				want = 2
			}
			h.expect(1, 0, want)
		})
	}
}

// RST, bits that cannot be written, read-only registers, overflow.
func TestINA226Writes(t *testing.T) {
	h, c, now := ina226Host(t)
	h.write(0, 0x3e, 0x67)
	h.expect(0, 0x4e, 0x67)
	h.write(5, 0xff, 0xff)
	h.expect(5, 0x7f, 0xff)
	h.write(6, 0xff, 0xff)
	h.expect(6, 0xfc, 0x03)
	h.write(7, 0x12, 0x34)
	h.expect(7, 0x12, 0x34)
	for _, reg := range []byte{1, 2, 0xfe} {
		before := h.read(reg, 2)
		h.write(reg, 0x12, 0x34)
		h.expect(reg, before...)
	}
	h.write(0, 0x41, 0x27)
	c.Drive(80*physic.MilliVolt, 36*physic.Volt)
	*now += oneResult
	if h.read(6, 2)[1]&4 == 0 {
		t.Error("no OVF")
	}
	h.write(0, 0x80, 0x00)
	h.expect(0, 0x41, 0x27)
	h.expect(5, 0, 0)
	c.Hold(true)
	if err := h.bus.Tx(0x40, []byte{0}, make([]byte, 2)); err == nil {
		t.Error("answered without supply")
	}
}
