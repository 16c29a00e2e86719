package chip

import (
	"testing"
	"time"
)

func dsHost(t *testing.T, drift int64) (*host, *DS3231, *time.Duration) {
	t.Helper()
	now := new(time.Duration)
	c := NewDS3231(func() time.Duration { return *now }, drift)
	return attach(t, 0x68, c), c, now
}

// Page 11: "01/01/00 01 00:00:00"; pages 13 and 14: control 1Ch, status OSF and EN32kHz; page 15: 0 degrees.
func TestDS3231PowerOnValues(t *testing.T) {
	h, _, _ := dsHost(t, 0)
	h.expect(0x00, 0, 0, 0, 1, 0x01, 0x01, 0x00)
	h.expect(0x0e, 0x1c, 0x88, 0, 0, 0)
}

// Figure 1: BCD, 24 and 12 hours, century.
func TestDS3231Calendar(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   []byte
		after time.Duration
		want  []byte
	}{
		{"a second", []byte{0x58, 0x59, 0x08, 3, 0x15, 0x07, 0x26}, time.Second, []byte{0x59, 0x59, 0x08, 3, 0x15, 0x07, 0x26}},
		{"midnight moves the day of week", []byte{0x59, 0x59, 0x23, 7, 0x15, 0x07, 0x26}, time.Second, []byte{0, 0, 0, 1, 0x16, 0x07, 0x26}},
		{"leap year", []byte{0, 0, 0x23, 1, 0x28, 0x02, 0x28}, time.Hour, []byte{0, 0, 0, 2, 0x29, 0x02, 0x28}},
		{"no leap year", []byte{0, 0, 0x23, 1, 0x28, 0x02, 0x27}, time.Hour, []byte{0, 0, 0, 2, 0x01, 0x03, 0x27}},
		{"century", []byte{0x59, 0x59, 0x23, 1, 0x31, 0x12, 0x99}, time.Second, []byte{0, 0, 0, 2, 0x01, 0x81, 0x00}},
		{"12 hours, noon", []byte{0x59, 0x59, 0x51, 1, 0x01, 0x01, 0x26}, time.Second, []byte{0, 0, 0x72, 1, 0x01, 0x01, 0x26}},
		{"12 hours, midnight", []byte{0x59, 0x59, 0x71, 1, 0x01, 0x01, 0x26}, time.Second, []byte{0, 0, 0x52, 2, 0x02, 0x01, 0x26}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, _, now := dsHost(t, 0)
			h.write(append([]byte{0}, c.set...)...)
			h.expect(0, c.set...)
			*now += c.after
			h.expect(0, c.want...)
		})
	}
}

// Page 12: the countdown chain is reset whenever the seconds register is written, and only then.
func TestDS3231CountdownChain(t *testing.T) {
	h, c, now := dsHost(t, 0)
	*now = 900 * time.Millisecond
	h.write(0x01, 0x30)
	if got := c.Time().Nanosecond(); got != 9e8 {
		t.Errorf("minutes written: %d ns", got)
	}
	h.write(0x00, 0x05)
	if got := c.Time().Nanosecond(); got != 0 {
		t.Errorf("seconds written: %d ns", got)
	}
}

// Page 11: the time read in one transfer is that of its START; it is taken again when the pointer wraps to 00h.
func TestDS3231SecondaryRegisters(t *testing.T) {
	h, _, now := dsHost(t, 0)
	h.write(0x00, 0x59, 0x59)
	h.bus.During(func(_ uint16, read bool, n int) {
		if read && n == 0 {
			*now += time.Second
		}
	})
	h.expect(0x00, 0x59, 0x59, 0x00)
	h.expect(0x12, 0x00, 0x01) // one second later, and one more inside this read
}

// Page 14: what sets OSF; it stays until it is written to 0 and cannot be written to 1.
func TestDS3231OscillatorStopFlag(t *testing.T) {
	h, c, now := dsHost(t, 0)
	h.write(0x0f, 0x08)
	h.expect(0x0f, 0x08)
	h.write(0x0f, 0x88)
	h.expect(0x0f, 0x08)

	c.Supply(false, true) // battery keeps it going
	*now += time.Hour
	if err := h.bus.Tx(0x68, []byte{0}, make([]byte, 1)); err == nil {
		t.Error("answered on battery")
	}
	c.Supply(true, true)
	h.expect(0x0f, 0x08)
	h.expect(0x02, 0x01)

	h.write(0x0e, 0x9c) // EOSC
	c.Supply(false, true)
	*now += time.Hour
	c.Supply(true, true)
	h.expect(0x0f, 0x88)
	h.expect(0x02, 0x01) // it stood still
	h.write(0x0f, 0x08)

	c.StopOscillator()
	h.expect(0x0f, 0x88)
	h.write(0x0f, 0x08)

	h.write(0x06, 0x26)
	c.Supply(false, false)
	c.Supply(true, false)
	h.expect(0x0f, 0x88)
	h.expect(0x06, 0x00)
}

// Table 3: ten bits, a quarter of a degree. +25.25 is 0001 1001, 01.
func TestDS3231Temperature(t *testing.T) {
	h, c, _ := dsHost(t, 0)
	for quarters, want := range map[int][2]byte{
		101: {0x19, 0x40}, 0: {0x00, 0x00}, -1: {0xff, 0xc0}, -160: {0xd8, 0x00}, 340: {0x55, 0x00},
	} {
		c.SetTemperature(quarters)
		h.expect(0x11, want[:]...)
	}
	c.SetTemperature(101)
	h.write(0x11, 0, 0)
	h.expect(0x11, 0x19, 0x40) // read-only
}

func TestDS3231Drift(t *testing.T) {
	_, c, now := dsHost(t, 2000) // 2 ppm
	before := c.Time()
	*now += 1e6 * time.Second
	if got := c.Time().Sub(before) - 1e6*time.Second; got != 2*time.Second {
		t.Errorf("fast by %v", got)
	}
}
