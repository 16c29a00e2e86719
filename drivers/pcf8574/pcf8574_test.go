package pcf8574

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/chip"

	"github.com/google/go-cmp/cmp"
	"periph.io/x/conn/v3/i2c/i2ctest"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

// bench is a chip with inputs P0..P3 and outputs P4..P6, its driver, and a clock that moves by hand.
type bench struct {
	t    testing.TB
	bus  *chip.Bus
	chip *chip.PCF8574
	dev  *Dev
	now  time.Duration
	intr time.Duration
	s    drivers.Sample
}

func newBench(t testing.TB) *bench {
	b := &bench{t: t, bus: chip.NewBus("I2C1"), now: time.Second}
	b.chip = chip.NewPCF8574(chip.PCF8574Wiring{Interrupt: func(high bool) {
		if !high {
			b.intr = b.now
		}
	}})
	if err := b.bus.Attach(0x3a, b.chip); err != nil {
		t.Fatal(err)
	}
	d, err := New(b.bus, 0x3a, Opts{Inputs: 0x0f, Outputs: 0x70, Now: func() time.Duration { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	b.dev = d
	return b
}

func (b *bench) after(d time.Duration, pin int, high bool) {
	b.now += d
	b.chip.Drive(pin, high)
}

func (b *bench) expect(want ...drivers.Edge) {
	b.t.Helper()
	b.now += ms
	b.s.Reset()
	if err := b.dev.Service(&b.s, b.intr); err != nil {
		b.t.Fatal(err)
	}
	b.intr = 0
	if diff := cmp.Diff(want, append([]drivers.Edge(nil), b.s.Edges...)); diff != "" {
		b.t.Errorf("edges (-want +got):\n%s", diff)
	}
}

func (b *bench) expectFault(err error, want drivers.Fault, text string) {
	b.t.Helper()
	var e *drivers.Error
	if drivers.Classify(err) != want || !errors.As(err, &e) || !strings.Contains(err.Error(), text) {
		b.t.Errorf("error %v, want %v with %q", err, want, text)
	}
}

func kernel(ch int, level bool, at time.Duration) drivers.Edge {
	return drivers.Edge{Channel: ch, Level: level, At: at, Clock: drivers.KernelClock}
}

func user(ch int, level bool, at time.Duration) drivers.Edge {
	return drivers.Edge{Channel: ch, Level: level, At: at}
}

func TestNew(t *testing.T) {
	now := func() time.Duration { return 0 }
	bus := chip.NewBus("I2C1")
	for _, c := range []struct {
		addr uint16
		o    Opts
		err  string
	}{
		{0x20, Opts{Inputs: 0xff, Now: now}, ""},
		{0x27, Opts{Outputs: 0xff, Now: now}, ""},
		{0x38, Opts{Inputs: 1, Now: now}, ""},
		{0x3f, Opts{Inputs: 1, Now: now}, ""},
		{0x28, Opts{Inputs: 1, Now: now}, "address"},
		{0x37, Opts{Inputs: 1, Now: now}, "address"},
		{0x40, Opts{Inputs: 1, Now: now}, "address"},
		{0x20, Opts{Inputs: 1}, "clock"},
		{0x20, Opts{Now: now}, "neither"},
		{0x20, Opts{Inputs: 3, Outputs: 2, Now: now}, "02 are inputs and outputs"},
	} {
		_, err := New(bus, c.addr, c.o)
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("New(%#02x, %+v): %v, want %q", c.addr, c.o, err, c.err)
		}
	}
	if _, err := New(nil, 0x20, Opts{Inputs: 1, Now: now}); err == nil {
		t.Error("New took no bus")
	}
}

func TestBytes(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x20, W: []byte{0xff}},
		{Addr: 0x20, R: []byte{0xff}},
		{Addr: 0x20, R: []byte{0xfd}}, // a service
		{Addr: 0x20, W: []byte{0x7f}}, // an output
		{Addr: 0x20, R: []byte{0x7d}},
	}}
	d, err := New(bus, 0x20, Opts{Inputs: 0x0f, Outputs: 0xf0, Now: func() time.Duration { return 5 * ms }})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	var s drivers.Sample
	if err := d.Service(&s, 5*ms); err != nil {
		t.Fatal(err)
	}
	want := drivers.Sample{Edges: []drivers.Edge{kernel(1, false, 5*ms)}, Levels: 0x0d, Inputs: 0x0f, At: 5 * ms}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
	if err := d.Set(7, false); err != nil {
		t.Fatal(err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

func TestService(t *testing.T) {
	b := newBench(t)
	b.expect()
	b.after(ms, 3, false)
	at := b.now
	b.expect(kernel(3, false, at))
	if b.s.Levels != 0x07 || b.s.Inputs != 0x0f || b.s.At != at+ms || !b.chip.Interrupt() {
		t.Errorf("%+v, INT %v", b.s, b.chip.Interrupt())
	}
	b.after(ms, 3, true)
	b.after(ms, 0, false)
	b.expect(user(0, false, b.now+ms), user(3, true, b.now+ms))
	b.after(ms, 0, true) // a poll
	stale := b.intr
	b.intr = 0
	b.expect(user(0, true, b.now+ms))
	b.intr = stale // whose INT edge arrives late
	b.expect()
	if b.dev.Missed() != 0 {
		t.Errorf("missed %d", b.dev.Missed())
	}
}

// The documented limit: a pulse that ended has never been. It is counted.
func TestPulseThatHasEnded(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, false)
	b.after(50*ms, 0, true)
	b.expect()
	if b.dev.Missed() != 1 {
		t.Errorf("missed %d", b.dev.Missed())
	}
}

// A write clears INT; the change before it is still found.
func TestChangeBeforeSet(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, false)
	b.now += ms
	if err := b.dev.Set(4, false); err != nil {
		t.Fatal(err)
	}
	if !b.chip.Interrupt() {
		t.Fatal("the model keeps INT over a write")
	}
	b.expect(user(0, false, b.now+ms))
}

func TestSet(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		channel int
		level   bool
		want    chip.Output
	}{{4, false, chip.Low}, {6, false, chip.Low}, {4, true, chip.HiZ}, {6, true, chip.HiZ}} {
		if err := b.dev.Set(c.channel, c.level); err != nil {
			t.Fatal(err)
		}
		if got := b.chip.Output(c.channel); got != c.want {
			t.Errorf("channel %d is %v, want %v", c.channel, got, c.want)
		}
		if got := b.chip.Output(0); got != chip.HiZ {
			t.Errorf("input 0 is %v", got)
		}
		b.expect()
	}
	for _, n := range []int{-1, 0, 7, 8} {
		b.expectFault(b.dev.Set(n, true), drivers.FaultMismatch, "not configured as an output")
	}
}

func TestSetFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault []chip.Fault
		want  drivers.Fault
	}{
		{"not answered", []chip.Fault{{Errno: syscall.ENXIO}}, drivers.FaultNoAck},
		{"not read back", []chip.Fault{{}, {Errno: syscall.ETIMEDOUT}}, drivers.FaultTimeout},
		{"disturbed on the way", []chip.Fault{{Flip: 0x10}}, drivers.FaultReset},
		{"disturbed on another output", []chip.Fault{{Flip: 0x20}}, drivers.FaultMismatch},
		{"read back wrong twice", []chip.Fault{{}, {Flip: 0x10}, {Flip: 0x10}}, drivers.FaultReset},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			for _, f := range c.fault {
				f.Addr, f.Times = 0x3a, 1
				b.bus.Inject(f)
			}
			b.expectFault(b.dev.Set(4, false), c.want, "pcf8574 at 0x3a: ")
			if err := b.dev.Set(6, false); err != nil {
				t.Fatal(err)
			}
			if got := b.chip.Output(4); got != chip.HiZ {
				t.Errorf("after the failure it is %v", got)
			}
			b.expect()
		})
	}
	b := newBench(t) // read back wrong once is a disturbed read
	b.bus.Inject(chip.Fault{Addr: 0x3a, Times: 1})
	b.bus.Inject(chip.Fault{Addr: 0x3a, Times: 1, Flip: 0x10})
	if err := b.dev.Set(4, false); err != nil {
		t.Error(err)
	}
}

func TestPowerLoss(t *testing.T) {
	b := newBench(t)
	b.chip.Reset()
	b.expect() // nothing was active: the power-on state is the wanted one
	if err := b.dev.Set(4, false); err != nil {
		t.Fatal(err)
	}
	b.chip.Reset()
	b.chip.Drive(0, false)
	before := b.s
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "active outputs 10 are high")
	if b.s.At != before.At || len(b.s.Edges) != len(before.Edges) {
		t.Errorf("an error changed the sample: %+v", b.s)
	}
	if err := b.dev.Init(); err != nil {
		t.Fatal(err)
	}
	b.intr = 0
	b.expect(user(0, false, b.now+ms))
}

func TestShortedOutput(t *testing.T) {
	b := newBench(t)
	b.chip.Drive(5, false)
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultMismatch, "inactive outputs 20 are held low")
	b.expectFault(b.dev.Init(), drivers.FaultMismatch, "held low")
}

func TestInitFails(t *testing.T) {
	for n := range 2 {
		b := newBench(t)
		b.dev.known = false
		if n == 1 {
			b.bus.Inject(chip.Fault{Addr: 0x3a, Times: 1})
		}
		b.bus.Inject(chip.Fault{Addr: 0x3a, Times: 1, Errno: syscall.EREMOTEIO})
		b.expectFault(b.dev.Init(), drivers.FaultRemoteIO, "pcf8574 at 0x3a: ")
		b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "not set up")
		b.bus.Inject(chip.Fault{Addr: 0x3a, Times: 2})
		if err := b.dev.Init(); err != nil {
			t.Error(err)
		}
		b.bus.Inject(chip.Fault{Addr: 0x3a, Times: 1, Errno: syscall.ENXIO})
		b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultNoAck, "read pins")
	}
}

// Whatever the pins do between reads: levels are right after each, edges alternate, none is made up.
func TestProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		level := [4]bool{true, true, true, true}
		last := level
		for range rapid.IntRange(1, 30).Draw(rt, "rounds") {
			flips := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 6).Draw(rt, "flips")
			for _, pin := range flips {
				level[pin] = !level[pin]
				b.after(ms, pin, level[pin])
			}
			b.now += ms
			b.s.Reset()
			if err := b.dev.Service(&b.s, b.intr); err != nil {
				rt.Fatal(err)
			}
			b.intr = 0
			for _, e := range b.s.Edges {
				if e.Level == last[e.Channel] {
					rt.Fatalf("%+v after %v", e, last[e.Channel])
				}
				last[e.Channel] = e.Level
			}
			if last != level {
				rt.Fatalf("edges lead to %v, pins are %v", last, level)
			}
		}
	})
}

func TestServiceAllocatesNothing(t *testing.T) {
	b := newBench(t)
	level := true
	if n := testing.AllocsPerRun(200, func() {
		level = !level
		b.after(ms, 0, level)
		b.s.Reset()
		if err := b.dev.Service(&b.s, b.intr); err != nil || len(b.s.Edges) != 1 {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in a Service", n)
	}
}

func BenchmarkService(b *testing.B) {
	x := newBench(b)
	for i := 0; b.Loop(); i++ {
		x.after(ms, 0, i%2 == 1)
		x.s.Reset()
		if err := x.dev.Service(&x.s, x.intr); err != nil || len(x.s.Edges) != 1 {
			b.Fatal(err, x.s.Edges)
		}
	}
}
