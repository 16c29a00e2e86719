package ina219

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

const (
	ms      = time.Millisecond
	settled = 18 * ms // longer than a conversion
)

var camera = Opts{Shunt: 100 * physic.MilliOhm, Max: 2 * physic.Ampere, Supply: 12 * physic.Volt}

type bench struct {
	t    testing.TB
	bus  *chip.Bus
	chip *chip.INA219
	dev  *Dev
	now  time.Duration
}

func newBench(t testing.TB, o Opts) *bench {
	b := &bench{t: t, bus: chip.NewBus("I2C1")}
	b.chip = chip.NewINA219(func() time.Duration { return b.now })
	if err := b.bus.Attach(0x40, b.chip); err != nil {
		t.Fatal(err)
	}
	d, err := New(b.bus, 0x40, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	b.dev = d
	return b
}

// draw lets a current flow through a shunt of 100 mΩ, and time pass until it has been converted.
func (b *bench) draw(i physic.ElectricCurrent, v physic.ElectricPotential) {
	b.chip.Drive(physic.ElectricPotential(i/10), v)
	b.now += 2 * settled
}

func (b *bench) expect(want Reading) {
	b.t.Helper()
	if got, err := b.dev.Read(); err != nil || got != want {
		b.t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

func (b *bench) expectFault(err error, want drivers.Fault, text string) {
	b.t.Helper()
	var e *drivers.Error
	if drivers.Classify(err) != want || !errors.As(err, &e) || !strings.Contains(err.Error(), text) {
		b.t.Errorf("error %v, want %v with %q", err, want, text)
	}
}

func TestNew(t *testing.T) {
	bus := chip.NewBus("I2C1")
	for _, c := range []struct {
		name string
		addr uint16
		o    Opts
		err  string
	}{
		{"camera", 0x40, camera, ""},
		{"24 V", 0x4f, Opts{camera.Shunt, camera.Max, 24 * physic.Volt}, ""},
		{"just in range", 0x40, Opts{camera.Shunt, 3200 * physic.MilliAmpere, 12 * physic.Volt}, ""},
		{"beyond the range", 0x40, Opts{camera.Shunt, 3201 * physic.MilliAmpere, 12 * physic.Volt}, "take a smaller shunt"},
		{"48 V PoE", 0x40, Opts{camera.Shunt, camera.Max, 48 * physic.Volt}, "no 48 V PoE"},
		{"no supply", 0x40, Opts{camera.Shunt, camera.Max, 0}, "supply"},
		{"no shunt", 0x40, Opts{0, camera.Max, camera.Supply}, "shunt"},
		{"no current", 0x40, Opts{camera.Shunt, 0, camera.Supply}, "largest current"},
		{"address", 0x50, camera, "address"},
	} {
		_, err := New(bus, c.addr, c.o)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
	}
	if _, err := New(nil, 0x40, camera); err == nil {
		t.Error("New took no bus")
	}
}

// The datasheet's example (Table 3): 07D0h over 2 mΩ is 10 A, 5D98h is 11.98 V. And the exact bytes.
func TestDatasheetExample(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x45, W: []byte{0, 0x26, 0x67}},
		{Addr: 0x45, W: []byte{0}, R: []byte{0x26, 0x67}},
		{Addr: 0x45, W: []byte{2}, R: []byte{0x5d, 0x9a}},
		{Addr: 0x45, W: []byte{1}, R: []byte{0x07, 0xd0}},
		{Addr: 0x45, W: []byte{3}, R: []byte{0x00, 0x00}},
		{Addr: 0x45, W: []byte{0}, R: []byte{0x26, 0x67}},
	}}
	d, err := New(bus, 0x45, Opts{Shunt: 2 * physic.MilliOhm, Max: 15 * physic.Ampere, Supply: 12 * physic.Volt})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	want := Reading{Current: 10 * physic.Ampere, Voltage: 11980 * physic.MilliVolt, Fresh: true}
	if got, err := d.Read(); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// Tables 5 and 8: each range with its ends, negatives, and clipping.
func TestRanges(t *testing.T) {
	for _, c := range []struct {
		max, draws, want physic.ElectricCurrent
		clipped          bool
	}{
		{400 * physic.MilliAmpere, 399900 * physic.MicroAmpere, 399900 * physic.MicroAmpere, false},
		{400 * physic.MilliAmpere, 400200 * physic.MicroAmpere, 400 * physic.MilliAmpere, true},
		{400 * physic.MilliAmpere, -1 * physic.Ampere, -400 * physic.MilliAmpere, true},
		{800 * physic.MilliAmpere, 900 * physic.MilliAmpere, 800 * physic.MilliAmpere, true},
		{1600 * physic.MilliAmpere, -1700 * physic.MilliAmpere, -1600 * physic.MilliAmpere, true},
		{3200 * physic.MilliAmpere, 3300 * physic.MilliAmpere, 3200 * physic.MilliAmpere, true},
		{3200 * physic.MilliAmpere, -100 * physic.MicroAmpere, -100 * physic.MicroAmpere, false},
		{3200 * physic.MilliAmpere, 0, 0, false},
	} {
		b := newBench(t, Opts{camera.Shunt, c.max, camera.Supply})
		b.draw(c.draws, 12*physic.Volt)
		b.expect(Reading{c.want, 12 * physic.Volt, true, c.clipped})
	}
}

// A conversion is fresh once.
func TestFresh(t *testing.T) {
	b := newBench(t, camera)
	b.expect(Reading{})
	b.draw(150*physic.MilliAmpere, 12*physic.Volt)
	b.expect(Reading{150 * physic.MilliAmpere, 12 * physic.Volt, true, false})
	b.now += 5 * ms
	b.expect(Reading{150 * physic.MilliAmpere, 12 * physic.Volt, false, false})
	b.now += settled
	b.expect(Reading{150 * physic.MilliAmpere, 12 * physic.Volt, true, false})
}

func TestPowerLoss(t *testing.T) {
	b := newBench(t, camera)
	b.draw(150*physic.MilliAmpere, 12*physic.Volt)
	b.chip.Reset()
	got, err := b.dev.Read()
	b.expectFault(err, drivers.FaultReset, "power-on value")
	if got != (Reading{}) {
		t.Errorf("a reading beside an error: %+v", got)
	}
	if err := b.dev.Init(); err != nil {
		t.Fatal(err)
	}
	b.now += settled
	b.expect(Reading{150 * physic.MilliAmpere, 12 * physic.Volt, true, false})
}

// Supply lost between two of the transfers: zeros must not become a dead camera.
func TestPowerLossInRead(t *testing.T) {
	for n := range 4 {
		b := newBench(t, camera)
		b.draw(150*physic.MilliAmpere, 12*physic.Volt)
		transfers := 0
		b.bus.During(func(_ uint16, read bool, _ int) {
			if !read {
				if transfers == n {
					b.chip.Reset()
				}
				transfers++
			}
		})
		_, err := b.dev.Read()
		if f := drivers.Classify(err); f == drivers.FaultNone {
			t.Errorf("lost in transfer %d: no fault", n)
		}
	}
}

func TestWrongChip(t *testing.T) {
	b := newBench(t, camera)
	b.bus.Detach(0x40)
	if err := b.bus.Attach(0x40, mute{}); err != nil {
		t.Fatal(err)
	}
	b.expectFault(b.dev.Init(), drivers.FaultMismatch, "0000 after 3e67")
	_, err := b.dev.Read()
	b.expectFault(err, drivers.FaultMismatch, "configuration 0000")
}

type mute struct{}

func (mute) Start(bool) bool { return true }
func (mute) Write(byte) bool { return true }
func (mute) Read() byte      { return 0 }
func (mute) Sent()           {}
func (mute) Stop()           {}

// Values that the part cannot give are no measurement.
func TestImpossibleValues(t *testing.T) {
	for name, f := range map[string]chip.Fault{
		"bus bit 2":          {After: 2, Flip: 0x04},
		"shunt beyond range": {After: 1, Flip: 0x40},
	} {
		b := newBench(t, Opts{camera.Shunt, 400 * physic.MilliAmpere, camera.Supply})
		b.draw(150*physic.MilliAmpere, 12*physic.Volt)
		if name != "bus bit 2" {
			b.bus.Inject(chip.Fault{Addr: 0x40, Times: 1})
		}
		f.Addr, f.Times = 0x40, 1
		b.bus.Inject(f)
		_, err := b.dev.Read()
		b.expectFault(err, drivers.FaultMismatch, "ina219 at 0x40: read")
	}
}

func TestBusFaults(t *testing.T) {
	for n := range 6 { // Init, then Read, transfer by transfer
		b := newBench(t, camera)
		for range n {
			b.bus.Inject(chip.Fault{Addr: 0x40, Times: 1})
		}
		b.bus.Inject(chip.Fault{Addr: 0x40, Times: 1, Errno: syscall.ETIMEDOUT})
		err := b.dev.Init()
		if err == nil {
			_, err = b.dev.Read()
		}
		b.expectFault(err, drivers.FaultTimeout, "ina219 at 0x40: ")
	}
}

// Any current in range comes back to within a step, and with its sign.
func TestPropertyCurrent(t *testing.T) {
	b := newBench(t, camera)
	rapid.Check(t, func(rt *rapid.T) {
		want := physic.ElectricCurrent(rapid.Int64Range(-3199, 3199).Draw(rt, "mA")) * physic.MilliAmpere
		volts := physic.ElectricPotential(rapid.Int64Range(0, 26000).Draw(rt, "mV")) * physic.MilliVolt
		b.draw(want, volts)
		got, err := b.dev.Read()
		if err != nil || !got.Fresh || got.Clipped {
			rt.Fatalf("%+v, %v", got, err)
		}
		if d := got.Current - want; d <= -100*physic.MicroAmpere || d >= 100*physic.MicroAmpere {
			rt.Fatalf("current %v, want %v", got.Current, want)
		}
		if d := volts - got.Voltage; d < 0 || d >= busStep {
			rt.Fatalf("voltage %v, want %v", got.Voltage, volts)
		}
	})
}

func TestReadAllocatesNothing(t *testing.T) {
	b := newBench(t, camera)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := b.dev.Read(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in a Read", n)
	}
}

func BenchmarkRead(b *testing.B) {
	x := newBench(b, camera)
	for b.Loop() {
		if _, err := x.dev.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
