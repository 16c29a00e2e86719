package chip

import (
	"fmt"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"
)

func adsHost(t *testing.T, speed int) (*host, *ADS1115, *time.Duration) {
	t.Helper()
	now := new(time.Duration)
	c := NewADS1115(func() time.Duration { return *now }, speed)
	return attach(t, 0x48, c), c, now
}

// §8.1: reset values. The conversion register is 0 "until the first conversion is completed".
func TestADS1115PowerOnValues(t *testing.T) {
	h, c, now := adsHost(t, 1000)
	values := func() {
		t.Helper()
		h.expect(0, 0x00, 0x00)
		h.expect(1, 0x85, 0x83)
		h.expect(2, 0x80, 0x00)
		h.expect(3, 0x7f, 0xff)
	}
	values()
	c.Drive(0, physic.Volt)
	*now += time.Second
	values() // it sleeps
	h.write(2, 0x12, 0x34)
	h.write(3, 0x56, 0x78)
	h.expect(2, 0x12, 0x34)
	h.expect(3, 0x56, 0x78)
	h.write(1, 0xc5, 0x83)
	*now += time.Second
	c.Reset()
	values()
	c.Hold(true)
	if err := h.bus.Tx(0x48, []byte{1}, make([]byte, 2)); err == nil {
		t.Error("answered without supply")
	}
}

// Q1 Table 4: ideal codes, in every range of Table 8-1 (LSB 187.5 µV to 7.8125 µV).
func TestADS1115Codes(t *testing.T) {
	for pga, mv := range []int64{6144, 4096, 2048, 1024, 512, 256, 256, 256} {
		fullScale := mv * int64(physic.MilliVolt)
		for _, c := range []struct {
			v    int64
			want uint16
		}{
			{32768, 0x7fff},
			{40000, 0x7fff},
			{32767, 0x7fff},
			{32766, 0x7ffe},
			{1, 1},
			{0, 0},
			{-1, 0xffff},
			{-32767, 0x8001},
			{-32768, 0x8000},
			{-40000, 0x8000},
		} {
			h, chip, now := adsHost(t, 1000)
			chip.Drive(0, physic.ElectricPotential((c.v*fullScale+32767)>>15)) // the next whole nanovolt
			h.write(1, 0x81|byte(pga)<<1, 0x83)                                // AIN0 against AIN1
			*now += 8 * time.Millisecond
			h.expect(0, byte(c.want>>8), byte(c.want))
		}
	}
}

// §8.1.3: the multiplexer.
func TestADS1115Mux(t *testing.T) {
	for mux, mv := range []int{-100, -700, -600, -400, 100, 200, 400, 800} {
		h, c, now := adsHost(t, 1000)
		for ain, v := range []int{100, 200, 400, 800} {
			c.Drive(ain, physic.ElectricPotential(v)*physic.MilliVolt)
		}
		h.write(1, 0x85|byte(mux)<<4, 0x83)
		*now += 8 * time.Millisecond
		want := uint16(int16(mv * 16)) // 62.5 µV
		h.expect(0, byte(want>>8), byte(want))
	}
}

// §8.1.3: OS and the data rates; the oscillator may be 10 % off (§5.5).
func TestADS1115SingleShot(t *testing.T) {
	for _, speed := range []int{900, 1000, 1100} {
		for dr, rate := range []time.Duration{8, 16, 32, 64, 128, 250, 475, 860} {
			t.Run(fmt.Sprint(speed, rate), func(t *testing.T) {
				h, c, now := adsHost(t, speed)
				c.Drive(0, physic.Volt)
				low := byte(dr<<5 | 3)
				h.write(1, 0xc5, low)
				takes := time.Second * 1000 / rate / time.Duration(speed)
				*now += takes - 1
				h.expect(1, 0x45, low)
				h.expect(0, 0, 0)
				h.write(1, 0xc5, low) // "writing a 1 to the OS bit during a conversion has no effect"
				*now++
				h.expect(1, 0xc5, low)
				h.expect(0, 0x3e, 0x80)
				c.Drive(0, 0)
				*now += time.Second
				h.expect(0, 0x3e, 0x80) // powered down
				h.write(1, 0x45, low)   // without OS
				*now += time.Second
				h.expect(0, 0x3e, 0x80)
			})
		}
	}
}

// Q1, operating modes: continuous conversion begins the next one at once.
func TestADS1115Continuous(t *testing.T) {
	h, c, now := adsHost(t, 1000)
	c.Drive(0, physic.Volt)
	h.write(1, 0x44, 0x83)
	*now += 8 * time.Millisecond
	h.expect(0, 0x3e, 0x80)
	h.expect(1, 0x44, 0x83)
	c.Drive(0, 2*physic.Volt)
	*now += 8 * time.Millisecond
	h.expect(0, 0x7d, 0x00)
	h.write(1, 0x45, 0x83) // single-shot from now on: this one is finished, then it sleeps
	*now += 8 * time.Millisecond
	h.expect(1, 0xc5, 0x83)
}
