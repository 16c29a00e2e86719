package ina226

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

const settled = 19 * time.Millisecond // longer than a conversion

var camera = Opts{Shunt: 100 * physic.MilliOhm, Max: 800 * physic.MilliAmpere, Supply: 12 * physic.Volt}

type bench struct {
	t    testing.TB
	bus  *chip.Bus
	chip *chip.INA226
	dev  *Dev
	now  time.Duration
}

func newBench(t testing.TB, o Opts) *bench {
	b := &bench{t: t, bus: chip.NewBus("I2C1")}
	b.chip = chip.NewINA226(func() time.Duration { return b.now })
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
		{"36 V", 0x4f, Opts{camera.Shunt, camera.Max, 36 * physic.Volt}, ""},
		{"just in range", 0x40, Opts{camera.Shunt, 819175 * physic.MicroAmpere, 12 * physic.Volt}, ""},
		{"beyond the range", 0x40, Opts{camera.Shunt, 819176 * physic.MicroAmpere, 12 * physic.Volt}, "take a smaller shunt"},
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

// The datasheet's example: 1F40h over 2 mΩ is 10 A, 2570h is 11.98 V. And the exact bytes.
func TestDatasheetExample(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x45, W: []byte{0xfe}, R: []byte{0x54, 0x49}},
		{Addr: 0x45, W: []byte{0xff}, R: []byte{0x22, 0x60}},
		{Addr: 0x45, W: []byte{0, 0x44, 0xdf}},
		{Addr: 0x45, W: []byte{0}, R: []byte{0x44, 0xdf}},
		{Addr: 0x45, W: []byte{6}, R: []byte{0x00, 0x08}},
		{Addr: 0x45, W: []byte{2}, R: []byte{0x25, 0x70}},
		{Addr: 0x45, W: []byte{1}, R: []byte{0x1f, 0x40}},
		{Addr: 0x45, W: []byte{0}, R: []byte{0x44, 0xdf}},
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

// Codes of the datasheet with negatives, and both ends of the range.
func TestRange(t *testing.T) {
	for _, c := range []struct {
		draws, want physic.ElectricCurrent
		clipped     bool
	}{
		{0, 0, false},
		{25 * physic.MicroAmpere, 25 * physic.MicroAmpere, false},
		{-25 * physic.MicroAmpere, -25 * physic.MicroAmpere, false},
		{-800 * physic.MilliAmpere, -800 * physic.MilliAmpere, false}, // 8300h
		{819150 * physic.MicroAmpere, 819150 * physic.MicroAmpere, false},
		{900 * physic.MilliAmpere, 819175 * physic.MicroAmpere, true},
		{-1 * physic.Ampere, -819200 * physic.MicroAmpere, true},
	} {
		b := newBench(t, camera)
		b.draw(c.draws, 24*physic.Volt)
		b.expect(Reading{c.want, 24 * physic.Volt, true, c.clipped})
	}
}

// A conversion is fresh once.
func TestFresh(t *testing.T) {
	b := newBench(t, camera)
	b.expect(Reading{})
	b.draw(150*physic.MilliAmpere, 12*physic.Volt)
	b.expect(Reading{150 * physic.MilliAmpere, 12 * physic.Volt, true, false})
	b.now += time.Millisecond
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
		if _, err := b.dev.Read(); drivers.Classify(err) == drivers.FaultNone {
			t.Errorf("lost in transfer %d: no fault", n)
		}
	}
}

// The INA219 shares addresses and registers 00h to 05h: it is told apart before anything is written to it.
func TestWrongChip(t *testing.T) {
	b := newBench(t, camera)
	b.bus.Detach(0x40)
	other := chip.NewINA219(func() time.Duration { return b.now })
	if err := b.bus.Attach(0x40, other); err != nil {
		t.Fatal(err)
	}
	wrote := b.bus.Stats().Bytes
	b.expectFault(b.dev.Init(), drivers.FaultMismatch, "register feh reads 0000, an INA226 has 5449")
	if got := b.bus.Stats().Bytes - wrote; got != 3 {
		t.Errorf("%d bytes for a part that is another one, want a pointer and two bytes read", got)
	}
	_, err := b.dev.Read()
	b.expectFault(err, drivers.FaultMismatch, "configuration 399f")
}

// Values that the part cannot give are no measurement.
func TestImpossibleValues(t *testing.T) {
	for name, c := range map[string]struct {
		before int
		fault  chip.Fault
	}{
		"unused flag":   {0, chip.Fault{After: 1, Flip: 0x80}},
		"bus bit 15":    {1, chip.Fault{After: 1, Flip: 0x80}},
		"configuration": {3, chip.Fault{After: 2, Flip: 0x01}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, camera)
			b.draw(150*physic.MilliAmpere, 12*physic.Volt)
			for range c.before {
				b.bus.Inject(chip.Fault{Addr: 0x40, Times: 1})
			}
			c.fault.Addr, c.fault.Times = 0x40, 1
			b.bus.Inject(c.fault)
			_, err := b.dev.Read()
			b.expectFault(err, drivers.FaultMismatch, "ina226 at 0x40: read")
		})
	}
}

func TestBusFaults(t *testing.T) {
	for n := range 8 { // Init, then Read, transfer by transfer
		for errno, want := range map[syscall.Errno]drivers.Fault{
			syscall.ENXIO: drivers.FaultNoAck, syscall.EAGAIN: drivers.FaultArbitration,
			syscall.EREMOTEIO: drivers.FaultRemoteIO, syscall.ETIMEDOUT: drivers.FaultTimeout,
		} {
			b := newBench(t, camera)
			for range n {
				b.bus.Inject(chip.Fault{Addr: 0x40, Times: 1})
			}
			b.bus.Inject(chip.Fault{Addr: 0x40, Times: 1, Errno: errno})
			err := b.dev.Init()
			if err == nil {
				_, err = b.dev.Read()
			}
			b.expectFault(err, want, "ina226 at 0x40: ")
		}
	}
}

// Any current in range comes back to within a step, and with its sign.
func TestPropertyCurrent(t *testing.T) {
	b := newBench(t, camera)
	rapid.Check(t, func(rt *rapid.T) {
		want := physic.ElectricCurrent(rapid.Int64Range(-819, 819).Draw(rt, "mA")) * physic.MilliAmpere
		volts := physic.ElectricPotential(rapid.Int64Range(0, 36000).Draw(rt, "mV")) * physic.MilliVolt
		b.draw(want, volts)
		got, err := b.dev.Read()
		if err != nil || !got.Fresh || got.Clipped {
			rt.Fatalf("%+v, %v", got, err)
		}
		if d := got.Current - want; d <= -25*physic.MicroAmpere || d >= 25*physic.MicroAmpere {
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
	b.ReportAllocs()
	for b.Loop() {
		if _, err := x.dev.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
