package ds3231

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/chip"

	"periph.io/x/conn/v3/i2c/i2ctest"
	"periph.io/x/conn/v3/physic"
	"pgregory.net/rapid"
)

func newBench(t testing.TB) (*Dev, *chip.DS3231, *chip.Bus, *time.Duration) {
	now := new(time.Duration)
	c, bus := chip.NewDS3231(func() time.Duration { return *now }, 0), chip.NewBus("I2C1")
	if err := bus.Attach(Addr, c); err != nil {
		t.Fatal(err)
	}
	d, err := New(bus)
	if err != nil {
		t.Fatal(err)
	}
	return d, c, bus, now
}

func expectFault(t *testing.T, err error, want drivers.Fault, text string) {
	t.Helper()
	var e *drivers.Error
	if drivers.Classify(err) != want || !errors.As(err, &e) || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want %v with %q", err, want, text)
	}
}

var christmas = time.Date(2026, 12, 25, 17, 59, 58, 0, time.UTC)

// The state after the first power (pp. 11 to 15): a time that nobody may believe.
func TestPowerOn(t *testing.T) {
	d, _, _, _ := newBench(t)
	got, err := d.Read()
	if err != nil {
		t.Fatal(err)
	}
	if want := (Reading{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), false, physic.ZeroCelsius}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Figure 1 and Table 3 (p. 15) against exact bytes.
func TestDecode(t *testing.T) {
	date := func(y, mo, d, h, m, s int) time.Time { return time.Date(y, time.Month(mo), d, h, m, s, 0, time.UTC) }
	for _, c := range []struct {
		name string
		regs []byte // 00h to 06h
		want time.Time
	}{
		{"24 hours", []byte{0x58, 0x59, 0x23, 1, 0x31, 0x12, 0x99}, date(2099, 12, 31, 23, 59, 58)},
		{"12 hours, noon", []byte{0x00, 0x30, 0x72, 2, 0x29, 0x02, 0x28}, date(2028, 2, 29, 12, 30, 0)},
		{"12 hours, midnight", []byte{0x00, 0x30, 0x52, 2, 0x29, 0x02, 0x28}, date(2028, 2, 29, 0, 30, 0)},
		{"12 hours, evening", []byte{0x00, 0x30, 0x71, 7, 0x01, 0x10, 0x26}, date(2026, 10, 1, 23, 30, 0)},
		{"12 hours, morning", []byte{0x00, 0x30, 0x51, 7, 0x01, 0x10, 0x26}, date(2026, 10, 1, 11, 30, 0)},
		{"digit above 9", []byte{0x0a, 0x30, 0x10, 7, 0x01, 0x10, 0x26}, time.Time{}},
		{"second 60", []byte{0x60, 0x30, 0x10, 7, 0x01, 0x10, 0x26}, time.Time{}},
		{"hour 24", []byte{0x00, 0x30, 0x24, 7, 0x01, 0x10, 0x26}, time.Time{}},
		{"hour 0 of 12", []byte{0x00, 0x30, 0x40, 7, 0x01, 0x10, 0x26}, time.Time{}},
		{"hour 13 of 12", []byte{0x00, 0x30, 0x53, 7, 0x01, 0x10, 0x26}, time.Time{}},
		{"31 April", []byte{0x00, 0x30, 0x10, 7, 0x31, 0x04, 0x26}, time.Time{}},
		{"29 February 2027", []byte{0x00, 0x30, 0x10, 7, 0x29, 0x02, 0x27}, time.Time{}},
		{"month 0", []byte{0x00, 0x30, 0x10, 7, 0x01, 0x00, 0x26}, time.Time{}},
		{"day of week 0", []byte{0x00, 0x30, 0x10, 0, 0x01, 0x10, 0x26}, time.Time{}},
		{"century", []byte{0x00, 0x30, 0x10, 7, 0x01, 0x90, 0x26}, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := append(append(c.regs, make([]byte, 7)...), 0x1c, 0x08, 0x00, 0x19, 0x40)
			bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{{Addr: 0x68, W: []byte{0}, R: r}}}
			d, err := New(bus)
			if err != nil {
				t.Fatal(err)
			}
			got, err := d.Read()
			if c.want.IsZero() {
				expectFault(t, err, drivers.FaultMismatch, "are no time")
				return
			}
			// +25.25 °C is the datasheet's own example.
			if want := (Reading{c.want, true, physic.ZeroCelsius + 25250*physic.MilliKelvin}); err != nil || got != want {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestTemperature(t *testing.T) {
	d, c, _, _ := newBench(t)
	for quarters, want := range map[int]physic.Temperature{
		-1: -250 * physic.MilliKelvin, -160: -40 * physic.Kelvin, 340: 85 * physic.Kelvin, 1: 250 * physic.MilliKelvin,
	} {
		c.SetTemperature(quarters)
		if got, err := d.Read(); err != nil || got.Temperature != physic.ZeroCelsius+want {
			t.Errorf("%d quarters: %v, %v", quarters, got.Temperature, err)
		}
	}
}

func TestSet(t *testing.T) {
	d, c, bus, now := newBench(t)
	if err := bus.Tx(Addr, []byte{0x0e, 0x9c}, nil); err != nil { // EOSC, as some modules come
		t.Fatal(err)
	}
	zone := time.FixedZone("CST", 8*3600)
	if err := d.Set(christmas.In(zone).Add(-300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	*now += 5 * time.Second
	c.Supply(false, true) // the gateway is off for a day
	*now += 24 * time.Hour
	c.Supply(true, true)
	got, err := d.Read()
	if want := christmas.Add(24*time.Hour + 5*time.Second); err != nil || !got.Trusted || got.Time != want {
		t.Errorf("%+v, %v, want %v", got, err, want)
	}
	r := make([]byte, 1)
	if err := bus.Tx(Addr, []byte{3}, r); err != nil || r[0] != byte(time.Saturday)+1 {
		t.Errorf("day of week %d, %v", r[0], err)
	}
	c.Supply(false, false) // and then the battery is taken out
	c.Supply(true, true)
	if got, err := d.Read(); err != nil || got.Trusted {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestOscillatorStopped(t *testing.T) {
	d, c, _, _ := newBench(t)
	if err := d.Set(christmas); err != nil {
		t.Fatal(err)
	}
	c.StopOscillator()
	if got, err := d.Read(); err != nil || got.Trusted {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSetRefuses(t *testing.T) {
	d, _, _, _ := newBench(t)
	expectFault(t, d.Set(time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)), drivers.FaultMismatch, "year 1999")
	expectFault(t, d.Set(time.Date(2099, 12, 31, 23, 59, 59, 6e8, time.UTC)), drivers.FaultMismatch, "year 2100")
}

// Nonsense in the time registers does not keep a clock from being set.
func TestSetRepairs(t *testing.T) {
	d, _, bus, _ := newBench(t)
	if err := bus.Tx(Addr, []byte{5, 0x81}, nil); err != nil { // century
		t.Fatal(err)
	}
	_, err := d.Read()
	expectFault(t, err, drivers.FaultMismatch, "are no time")
	if err := d.Set(christmas); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Read(); err != nil || got.Time != christmas || !got.Trusted {
		t.Errorf("%+v, %v", got, err)
	}
}

// Another part at 68h (an MPU-6050, say) is neither believed nor written to.
func TestWrongChip(t *testing.T) {
	r := make([]byte, regCount)
	for n := range r {
		r[n] = 0xff
	}
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{{Addr: 0x68, W: []byte{0}, R: r}, {Addr: 0x68, W: []byte{0}, R: r}}}
	d, err := New(bus)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Read()
	expectFault(t, err, drivers.FaultMismatch, "no DS3231 has that")
	expectFault(t, d.Set(christmas), drivers.FaultMismatch, "no DS3231 has that")
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// A Set that fails anywhere leaves a clock that is not trusted, unless all but the last look had succeeded.
func TestSetBusFaults(t *testing.T) {
	for n := range 5 {
		d, _, bus, _ := newBench(t)
		for range n {
			bus.Inject(chip.Fault{Addr: Addr, Times: 1}) // passes
		}
		bus.Inject(chip.Fault{Addr: Addr, Times: 1, Errno: syscall.EREMOTEIO})
		expectFault(t, d.Set(christmas), drivers.FaultRemoteIO, "ds3231: ")
		if got, err := d.Read(); err != nil || got.Trusted != (n == 4) {
			t.Errorf("fault in transfer %d: %+v, %v", n, got, err)
		}
	}
	d, _, bus, _ := newBench(t)
	bus.Inject(chip.Fault{Addr: Addr, Times: 1})
	bus.Inject(chip.Fault{Addr: Addr, Times: 1, After: 7, Flip: 0x01}) // the year is disturbed on the way
	expectFault(t, d.Set(christmas), drivers.FaultMismatch, "was written")
	if got, err := d.Read(); err != nil || got.Trusted {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSetProvesTrust(t *testing.T) {
	d, _, bus, _ := newBench(t)
	for range 3 {
		bus.Inject(chip.Fault{Addr: Addr, Times: 1})
	}
	bus.Inject(chip.Fault{Addr: Addr, Times: 1, After: 1, Flip: 0x80}) // a one leaves OSF as it is
	expectFault(t, d.Set(christmas), drivers.FaultMismatch, "OSF cannot be cleared")
}

// Any second of the century survives the way through the chip, and the next second comes after it.
func TestPropertyRoundTrip(t *testing.T) {
	first := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	last := time.Date(2099, 12, 31, 23, 59, 58, 0, time.UTC).Unix()
	rapid.Check(t, func(rt *rapid.T) {
		want := time.Unix(rapid.Int64Range(first, last).Draw(rt, "second"), 0).UTC()
		d, _, _, now := newBench(t)
		if err := d.Set(want); err != nil {
			rt.Fatal(err)
		}
		for range 2 {
			if got, err := d.Read(); err != nil || got.Time != want {
				rt.Fatalf("%v, %v, want %v", got.Time, err, want)
			}
			*now += time.Second
			want = want.Add(time.Second)
		}
	})
}

func TestReadAllocatesNothing(t *testing.T) {
	d, _, _, _ := newBench(t)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := d.Read(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in a Read", n)
	}
}

func BenchmarkRead(b *testing.B) {
	d, _, _, _ := newBench(b)
	for b.Loop() {
		if _, err := d.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
