package ads1115

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

var contact = Opts{Max: 3300 * physic.MilliVolt, Rate: 250}

type bench struct {
	t    testing.TB
	bus  *chip.Bus
	chip *chip.ADS1115
	dev  *Dev
	now  time.Duration
}

func newBench(t testing.TB, o Opts, speed int) *bench {
	b := &bench{t: t, bus: chip.NewBus("I2C1")}
	b.chip = chip.NewADS1115(func() time.Duration { return b.now }, speed)
	if err := b.bus.Attach(0x48, b.chip); err != nil {
		t.Fatal(err)
	}
	d, err := New(b.bus, 0x48, o)
	if err != nil {
		t.Fatal(err)
	}
	b.dev = d
	return b
}

// convert starts a conversion and waits as long as Start says.
func (b *bench) convert(channel int) (Reading, error) {
	takes, err := b.dev.Start(channel)
	if err != nil {
		return Reading{}, err
	}
	b.now += takes
	return b.dev.Read()
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
		addr uint16
		o    Opts
		err  string
	}{
		{0x48, contact, ""},
		{0x4b, Opts{6143 * physic.MilliVolt, 8}, ""},
		{0x47, contact, "address"},
		{0x4c, contact, "address"},
		{0x48, Opts{contact.Max, 100}, "rate 100: allowed are [8 16"},
		{0x48, Opts{0, 128}, "largest voltage"},
		{0x48, Opts{6144 * physic.MilliVolt, 128}, "less than 6.144V"},
	} {
		_, err := New(bus, c.addr, c.o)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("New(%#02x, %+v): %v, want %q", c.addr, c.o, err, c.err)
		}
	}
	if _, err := New(nil, 0x48, contact); err == nil {
		t.Error("New took no bus")
	}
}

// Exact bytes: AIN2 against ground, ±4.096 V, single-shot, 250 a second, no comparator.
func TestBytes(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x49, W: []byte{1, 0xe3, 0xa3}},
		{Addr: 0x49, W: []byte{1}, R: []byte{0xe3, 0xa3}},
		{Addr: 0x49, W: []byte{0}, R: []byte{0x33, 0x90}},
		{Addr: 0x49, W: []byte{1}, R: []byte{0xe3, 0xa3}},
	}}
	d, err := New(bus, 0x49, contact)
	if err != nil {
		t.Fatal(err)
	}
	if takes, err := d.Start(2); err != nil || takes != time.Second*1000/900/250+50*time.Microsecond {
		t.Fatal(takes, err)
	}
	want := Reading{Channel: 2, Voltage: 1650 * physic.MilliVolt}
	if got, err := d.Read(); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// The ranges of §8.1.3 and the ideal codes (SBAS563 Table 4), with negatives and clipping.
func TestRanges(t *testing.T) {
	for _, c := range []struct {
		max     physic.ElectricPotential
		step    physic.ElectricPotential // the datasheet's LSB
		clipsAt physic.ElectricPotential
	}{
		{5 * physic.Volt, 187500 * physic.NanoVolt, 6144 * physic.MilliVolt},
		{3300 * physic.MilliVolt, 125 * physic.MicroVolt, 4096 * physic.MilliVolt},
		{2 * physic.Volt, 62500 * physic.NanoVolt, 2048 * physic.MilliVolt},
		{1 * physic.Volt, 31250 * physic.NanoVolt, 1024 * physic.MilliVolt},
		{500 * physic.MilliVolt, 15625 * physic.NanoVolt, 512 * physic.MilliVolt},
	} {
		b := newBench(t, Opts{c.max, 860}, 1000)
		for v, want := range map[physic.ElectricPotential]Reading{
			0:                  {},
			c.step:             {Voltage: c.step},
			-c.step:            {Voltage: -c.step},
			1000 * c.step:      {Voltage: 1000 * c.step},
			c.clipsAt - c.step: {Voltage: c.clipsAt - c.step, Clipped: true},
			2 * c.clipsAt:      {Voltage: c.clipsAt - c.step, Clipped: true},
			-2 * c.clipsAt:     {Voltage: -c.clipsAt, Clipped: true},
		} {
			b.chip.Drive(0, v)
			if got, err := b.convert(0); err != nil || got != want {
				t.Errorf("%v in ±%v: %+v, %v, want %+v", v, c.clipsAt, got, err, want)
			}
		}
	}
	b := newBench(t, Opts{200 * physic.MilliVolt, 860}, 1000) // 7.8125 µV is no whole nanovolt
	b.chip.Drive(0, 125*physic.MilliVolt)
	if got, err := b.convert(0); err != nil || got.Voltage != 125*physic.MilliVolt {
		t.Errorf("%+v, %v", got, err)
	}
}

// The wait that Start names is enough for the slowest oscillator, at every rate; half of it is not.
func TestWait(t *testing.T) {
	for _, rate := range rates {
		b := newBench(t, Opts{contact.Max, rate}, 900)
		b.chip.Drive(1, physic.Volt)
		if got, err := b.convert(1); err != nil || got.Voltage != physic.Volt {
			t.Errorf("%d a second: %+v, %v", rate, got, err)
		}
		takes, err := b.dev.Start(1)
		if err != nil {
			t.Fatal(err)
		}
		b.now += takes / 2
		_, err = b.dev.Read()
		if !errors.Is(err, ErrBusy) {
			t.Errorf("%d a second, half of the time: %v", rate, err)
		}
		b.now += takes / 2
		if got, err := b.dev.Read(); err != nil || got.Voltage != physic.Volt {
			t.Errorf("%d a second, then: %+v, %v", rate, got, err)
		}
	}
}

// The result of another channel is never taken for this one: a conversion was still running when Start came.
func TestStartTooEarly(t *testing.T) {
	b := newBench(t, contact, 1000)
	b.chip.Drive(0, physic.Volt)
	b.chip.Drive(1, 2*physic.Volt)
	if _, err := b.dev.Start(0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.dev.Start(1); err != nil {
		t.Fatal(err)
	}
	_, err := b.dev.Read()
	if !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
}

func TestReadWithoutStart(t *testing.T) {
	b := newBench(t, contact, 1000)
	_, err := b.dev.Read()
	b.expectFault(err, drivers.FaultMismatch, "no conversion was started")
	_, err = b.dev.Start(4)
	b.expectFault(err, drivers.FaultMismatch, "no channel 4")
	_, err = b.dev.Start(-1)
	b.expectFault(err, drivers.FaultMismatch, "no channel -1")
}

// A supply lost at any point of Read never gives a reading: zero would be a short circuit.
func TestPowerLoss(t *testing.T) {
	for n := range 3 {
		b := newBench(t, contact, 1000)
		b.chip.Drive(0, physic.Volt)
		takes, err := b.dev.Start(0)
		if err != nil {
			t.Fatal(err)
		}
		b.now += takes
		transfers := 0
		b.bus.During(func(_ uint16, read bool, i int) {
			if !read {
				transfers++
			}
			if read && i == 1 && transfers == n {
				b.chip.Reset()
			}
		})
		if n == 0 {
			b.chip.Reset()
		}
		got, err := b.dev.Read()
		b.expectFault(err, drivers.FaultReset, "power-on value")
		if got != (Reading{}) {
			t.Errorf("a reading beside an error: %+v", got)
		}
		b.bus.During(nil)
		if got, err := b.convert(0); err != nil || got.Voltage != physic.Volt {
			t.Errorf("after a new start: %+v, %v", got, err)
		}
	}
}

func TestWrongChip(t *testing.T) {
	b := newBench(t, contact, 1000)
	b.bus.Detach(0x48)
	if err := b.bus.Attach(0x48, chip.NewINA219(func() time.Duration { return b.now })); err != nil {
		t.Fatal(err)
	}
	_, err := b.convert(0)
	b.expectFault(err, drivers.FaultMismatch, "another part")
}

func TestBusFaults(t *testing.T) {
	for n := range 4 { // Start, then Read, transfer by transfer
		b := newBench(t, contact, 1000)
		for range n {
			b.bus.Inject(chip.Fault{Addr: 0x48, Times: 1})
		}
		b.bus.Inject(chip.Fault{Addr: 0x48, Times: 1, Errno: syscall.EREMOTEIO})
		_, err := b.convert(0)
		b.expectFault(err, drivers.FaultRemoteIO, "ads1115 at 0x48: ")
	}
}

// After a Start that failed there is nothing to read, whatever was started before.
func TestStartFails(t *testing.T) {
	b := newBench(t, contact, 1000)
	if _, err := b.convert(0); err != nil {
		t.Fatal(err)
	}
	b.bus.Inject(chip.Fault{Addr: 0x48, Times: 1, Errno: syscall.ENXIO})
	_, err := b.dev.Start(1)
	b.expectFault(err, drivers.FaultNoAck, "start")
	_, err = b.dev.Read()
	b.expectFault(err, drivers.FaultMismatch, "no conversion was started")
}

// The resistors of a supervised contact, 4.7 kΩ pull-up: short, 2.2 kΩ, 10.4 kΩ, open.
func TestPerMille(t *testing.T) {
	for _, c := range []struct {
		v, ref physic.ElectricPotential
		want   int
		ok     bool
	}{
		{0, 3300 * physic.MilliVolt, 0, true},
		{3300 * physic.MilliVolt * 22 / 69, 3300 * physic.MilliVolt, 318, true},
		{3300 * physic.MilliVolt * 104 / 151, 3300 * physic.MilliVolt, 688, true},
		{3300 * physic.MilliVolt, 3300 * physic.MilliVolt, 1000, true},
		{-3 * physic.MilliVolt, 3 * physic.Volt, -1, true},
		{physic.Volt, 0, 0, false},
		{physic.Volt, -physic.MilliVolt, 0, false},
	} {
		if got, ok := PerMille(c.v, c.ref); got != c.want || ok != c.ok {
			t.Errorf("%v of %v: %d, %v, want %d, %v", c.v, c.ref, got, ok, c.want, c.ok)
		}
	}
}

// Any voltage in range comes back from its own channel to within a step.
func TestPropertyVoltage(t *testing.T) {
	b := newBench(t, contact, 950)
	rapid.Check(t, func(rt *rapid.T) {
		var want [4]physic.ElectricPotential
		for n := range want {
			want[n] = physic.ElectricPotential(rapid.Int64Range(-300000, 3300000).Draw(rt, "µV")) * physic.MicroVolt
			b.chip.Drive(n, want[n])
		}
		n := rapid.IntRange(0, 3).Draw(rt, "channel")
		got, err := b.convert(n)
		if err != nil || got.Channel != n || got.Clipped {
			rt.Fatalf("%+v, %v", got, err)
		}
		if d := want[n] - got.Voltage; d < 0 || d >= 125*physic.MicroVolt {
			rt.Fatalf("%v, want %v", got.Voltage, want[n])
		}
	})
}

func TestAllocatesNothing(t *testing.T) {
	b := newBench(t, contact, 1000)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := b.convert(0); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in Start and Read", n)
	}
}

func BenchmarkConvert(b *testing.B) {
	x := newBench(b, contact, 1000)
	for b.Loop() {
		if _, err := x.convert(0); err != nil {
			b.Fatal(err)
		}
	}
}
