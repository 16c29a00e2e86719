package pca9555

import (
	"errors"
	"fmt"
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

// bench is a chip on a bus, its driver, and a clock that moves by hand.
type bench struct {
	t    testing.TB
	bus  *chip.Bus
	chip *chip.PCA9555
	dev  *Dev
	now  time.Duration
	intr time.Duration // when INT last fell
	s    drivers.Sample
}

const contacts = 0x0f0f // inputs of the bench; 0x3030 are outputs, of which 0x2010 are inactive high

func newBench(t testing.TB) *bench {
	b := &bench{t: t, bus: chip.NewBus("I2C1"), now: time.Second}
	b.chip = chip.NewPCA9555(chip.PCA9555Wiring{Interrupt: func(high bool) {
		if !high {
			b.intr = b.now
		}
	}})
	if err := b.bus.Attach(0x24, b.chip); err != nil {
		t.Fatal(err)
	}
	b.dev = b.open(Opts{Inputs: contacts, Outputs: 0x3030, Inactive: 0x2010})
	for n := range 16 {
		if contacts>>n&1 != 0 {
			b.chip.Drive(n, false)
		}
	}
	if err := b.dev.Init(); err != nil {
		t.Fatal(err)
	}
	b.intr = 0
	return b
}

func (b *bench) open(o Opts) *Dev {
	b.t.Helper()
	o.Now = func() time.Duration { return b.now }
	d, err := New(b.bus, 0x24, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
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
	if got := drivers.Classify(err); got != want {
		b.t.Errorf("fault %v, want %v: %v", got, want, err)
	}
	var e *drivers.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), text) {
		b.t.Errorf("error %q is no *drivers.Error with %q", err, text)
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
		{0x20, Opts{Inputs: 0xffff, Now: now}, ""},
		{0x27, Opts{Outputs: 0xffff, Inactive: 0xffff, Now: now}, ""},
		{0x1f, Opts{Inputs: 1, Now: now}, "address"},
		{0x28, Opts{Inputs: 1, Now: now}, "address"},
		{0x20, Opts{Inputs: 1}, "clock"},
		{0x20, Opts{Now: now}, "neither"},
		{0x20, Opts{Inputs: 3, Outputs: 2, Now: now}, "0002 are inputs and outputs"},
		{0x20, Opts{Outputs: 1, Inactive: 3, Now: now}, "0002 have an inactive level"},
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

// The exact bytes of the set-up, a service and an output.
func TestBytes(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x24, W: []byte{0x02}, R: []byte{0xff, 0xff, 0xff, 0xff}}, // can it be one?
		{Addr: 0x24, W: []byte{0x06}, R: []byte{0xff, 0xff, 0xff, 0xff}},
		{Addr: 0x24, W: []byte{0x02, 0x10, 0x20}}, // latches inactive first
		{Addr: 0x24, W: []byte{0x04, 0x00, 0x00}},
		{Addr: 0x24, W: []byte{0x06, 0xcf, 0xcf}},
		{Addr: 0x24, W: []byte{0x02}, R: []byte{0x10, 0x20, 0x10, 0x20}},
		{Addr: 0x24, W: []byte{0x06}, R: []byte{0xcf, 0xcf, 0xcf, 0xcf}},
		{Addr: 0x24, W: []byte{0x04, 0x00, 0x00}}, // alone: each input reads high once, as it is or inverted
		{Addr: 0x24, W: []byte{0x01}, R: []byte{0x2f, 0x1f}},
		{Addr: 0x24, W: []byte{0x04, 0x0f, 0x0f}},
		{Addr: 0x24, W: []byte{0x01}, R: []byte{0x20, 0x10}},
		{Addr: 0x24, W: []byte{0x04, 0x00, 0x00}},
		{Addr: 0x24, W: []byte{0x04}, R: []byte{0x00, 0x00, 0x00, 0x00}},
		{Addr: 0x24, W: []byte{0x01}, R: []byte{0x2f, 0x1f}}, // port 1 first
		{Addr: 0x24, W: []byte{0x01}, R: []byte{0x2f, 0x17}}, // a service
		{Addr: 0x24, W: []byte{0x03}, R: []byte{0x20, 0x10}},
		{Addr: 0x24, W: []byte{0x02, 0x30, 0x20}}, // an output
		{Addr: 0x24, W: []byte{0x03}, R: []byte{0x20, 0x30}},
		{Addr: 0x24, W: []byte{0x07}, R: []byte{0xcf, 0xcf}},
	}}
	d, err := New(bus, 0x24, Opts{Inputs: 0x0f0f, Outputs: 0x3030, Inactive: 0x2010, Now: func() time.Duration { return 5 * ms }})
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
	want := drivers.Sample{Edges: []drivers.Edge{kernel(3, false, 5*ms)}, Levels: 0x0f07, Inputs: 0x0f0f, At: 5 * ms}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
	if err := d.Set(5, true); err != nil {
		t.Fatal(err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

// No output may be active for a moment while the chip is set up, and none may stay so.
func TestInitKeepsOutputsInactive(t *testing.T) {
	var seen []string
	c := chip.NewPCA9555(chip.PCA9555Wiring{Output: func(pin int, o chip.Output) {
		seen = append(seen, fmt.Sprint(pin, " ", o))
	}})
	bus := chip.NewBus("I2C1")
	if err := bus.Attach(0x20, c); err != nil {
		t.Fatal(err)
	}
	d, err := New(bus, 0x20, Opts{Outputs: 0x0003, Inactive: 0x0001, Now: func() time.Duration { return 0 }})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{{"0 high", "1 low"}, {"1 low"}} {
		seen = nil
		if err := d.Init(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("set-up (-want +got):\n%s", diff)
		}
		if err := d.Set(1, true); err != nil { // and now a new process finds the coil on
			t.Fatal(err)
		}
	}
}

func TestInitWrongChip(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave []byte // register writes of two bytes
		text  string
	}{
		{"MCP23017 after power-on", nil, "identify"},
		{"MCP23017 in use", []byte{0x02, 0x00, 0x04, 0xff}, "identify"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.bus.Detach(0x24)
			if err := b.bus.Attach(0x24, chip.NewMCP23017(chip.MCP23017Wiring{})); err != nil {
				t.Fatal(err)
			}
			for w := c.leave; len(w) > 0; w = w[2:] {
				if err := b.bus.Tx(0x24, w[:2], nil); err != nil {
					t.Fatal(err)
				}
			}
			d := b.open(Opts{Inputs: 0x00ff, Outputs: 0x0100})
			b.expectFault(d.Init(), drivers.FaultMismatch, c.text)
			b.expectFault(d.Service(&b.s, 0), drivers.FaultReset, "not set up")
		})
	}
}

// mute answers every read with one byte and keeps nothing.
type mute byte

func (m mute) Start(bool) bool { return true }
func (m mute) Write(byte) bool { return true }
func (m mute) Read() byte      { return byte(m) }
func (m mute) Sent()           {}
func (m mute) Stop()           {}

func TestInitMutePart(t *testing.T) {
	for answer, text := range map[mute]string{0x00: "configuration reads 0000 after feff", 0xff: "output reads ffff after 0000"} {
		b := newBench(t)
		b.bus.Detach(0x24)
		if err := b.bus.Attach(0x24, answer); err != nil {
			t.Fatal(err)
		}
		d := b.open(Opts{Inputs: 0x00ff, Outputs: 0x0100})
		b.expectFault(d.Init(), drivers.FaultMismatch, text)
	}
}

func TestInitBusFaults(t *testing.T) {
	b := newBench(t)
	for n := range 14 { // each transfer of Init in turn
		b.chip.Reset()
		for range n {
			b.bus.Inject(chip.Fault{Addr: 0x24, Times: 1}) // passes
		}
		b.bus.Inject(chip.Fault{Addr: 0x24, Times: 1, Errno: syscall.ENXIO})
		b.expectFault(b.dev.Init(), drivers.FaultNoAck, "pca9555 at 0x24: ")
		if err := b.dev.Init(); err != nil {
			t.Errorf("second attempt after a fault in transfer %d: %v", n, err)
		}
	}
}

func TestService(t *testing.T) {
	b := newBench(t)
	b.expect()
	b.after(ms, 3, true)
	at := b.now
	b.expect(kernel(3, true, at))
	if b.s.Levels != 1<<3 || b.s.Inputs != contacts || b.s.At != at+ms || !b.chip.Interrupt() {
		t.Errorf("%+v, INT %v", b.s, b.chip.Interrupt())
	}
	b.after(ms, 3, false) // two channels: INT tells the time of one of them
	b.after(ms, 9, true)
	b.expect(user(3, false, b.now+ms), user(9, true, b.now+ms))
	b.after(ms, 9, false) // a poll
	b.intr = 0
	b.expect(user(9, false, b.now+ms))
}

// The documented limit: a pulse that ended has never been. It is counted.
func TestPulseThatHasEnded(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	b.after(50*ms, 0, false)
	b.expect()
	if b.dev.Missed() != 1 {
		t.Errorf("missed %d", b.dev.Missed())
	}
}

// An INT edge from before the last read is neither news nor a missed pulse.
func TestStaleInterruptTime(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	stale := b.intr
	b.intr = 0
	b.expect(user(0, true, b.now+ms))
	b.intr = stale
	b.expect()
	b.after(ms, 0, false)
	b.intr = stale
	b.expect(user(0, false, b.now+ms))
	if b.dev.Missed() != 0 {
		t.Errorf("missed %d", b.dev.Missed())
	}
}

// TI's erratum: after any of the driver's operations, a read elsewhere must not let INT go.
func TestErratum(t *testing.T) {
	b := newBench(t)
	b.bus.Detach(0x24)
	b.chip = chip.NewPCA9555(chip.PCA9555Wiring{Erratum: true})
	if err := errors.Join(b.bus.Attach(0x24, b.chip), b.bus.Attach(0x27, chip.NewPCA9555(chip.PCA9555Wiring{}))); err != nil {
		t.Fatal(err)
	}
	for pin, c := range []struct {
		name string
		do   func() error
	}{
		{"Init", b.dev.Init},
		{"Service", func() error { return b.dev.Service(&b.s, 0) }},
		{"Set", func() error { return b.dev.Set(5, true) }},
	} {
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		b.after(ms, pin, false)
		if err := b.bus.Tx(0x27, []byte{2}, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		if b.chip.Interrupt() {
			t.Errorf("after %s INT was let go by a read elsewhere", c.name)
		}
	}
}

func TestPowerLoss(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	b.intr = 0
	b.expect(user(0, true, b.now+ms))
	b.chip.Drive(0, false)
	b.chip.Drive(8, true)
	b.chip.Reset()
	before := b.s
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "loose supply")
	if b.s.Levels != before.Levels || len(b.s.Edges) != len(before.Edges) || b.s.At != before.At {
		t.Errorf("an error changed the sample: %+v", b.s)
	}
	b.expectFault(b.dev.Set(5, true), drivers.FaultReset, "all pins are inputs")
	if err := b.dev.Init(); err != nil {
		t.Fatal(err)
	}
	b.intr = 0
	b.expect(user(0, false, b.now+ms), user(8, true, b.now+ms))
}

// Every mix of channels must show a loss of supply.
func TestPowerLossAlwaysShows(t *testing.T) {
	for _, o := range []Opts{
		{Inputs: 0xffff},
		{Inputs: 0x0001},
		{Inputs: 0x0001, Outputs: 0xfffe, Inactive: 0xfffe},
		{Outputs: 0x0001, Inactive: 0x0001},
		{Outputs: 0xffff},
		{Outputs: 0xffff, Inactive: 0xffff},
	} {
		b := newBench(t)
		b.dev = b.open(o)
		if err := b.dev.Init(); err != nil {
			t.Fatal(err)
		}
		b.expect()
		b.chip.Reset()
		b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "power-on values")
	}
}

// A supply that fails while the inputs are read: ones must not become edges.
func TestPowerLossInRead(t *testing.T) {
	b := newBench(t)
	lost := false
	b.bus.During(func(_ uint16, read bool, n int) {
		if read && n == 0 && !lost {
			lost = true
			b.chip.Reset()
		}
	})
	b.s.Reset()
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "power-on values")
	if len(b.s.Edges) != 0 {
		t.Errorf("%v", b.s.Edges)
	}
}

func TestDisturbedLatchRead(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	b.bus.Inject(chip.Fault{Addr: 0x24, Times: 1})
	b.bus.Inject(chip.Fault{Addr: 0x24, Times: 1, After: 1, Flip: 1})
	b.expect(user(0, true, b.now+ms))
	if err := b.bus.Tx(0x24, []byte{0x02, 0xff}, nil); err != nil {
		t.Fatal(err)
	}
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultMismatch, "latches 20ff")
}

// A failed service loses no change.
func TestServiceBusFaults(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENXIO, syscall.EAGAIN, syscall.EREMOTEIO, syscall.ETIMEDOUT} {
		for n := range 2 {
			b := newBench(t)
			b.after(ms, 0, true)
			if n == 1 {
				b.bus.Inject(chip.Fault{Addr: 0x24, Times: 1})
			}
			b.bus.Inject(chip.Fault{Addr: 0x24, Times: 1, Errno: errno})
			b.s.Reset()
			b.now += ms
			b.expectFault(b.dev.Service(&b.s, b.intr), drivers.Classify(errno), "pca9555 at 0x24: read ")
			b.expect(user(0, true, b.now+ms))
		}
	}
}

func TestSet(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		channel int
		level   bool
		want    chip.Output
	}{{5, true, chip.High}, {13, false, chip.Low}, {5, false, chip.Low}, {13, true, chip.High}} {
		if err := b.dev.Set(c.channel, c.level); err != nil {
			t.Fatal(err)
		}
		if got := b.chip.Output(c.channel); got != c.want {
			t.Errorf("channel %d is %v, want %v", c.channel, got, c.want)
		}
		b.expect()
	}
	for _, n := range []int{-1, 0, 14, 16} {
		b.expectFault(b.dev.Set(n, true), drivers.FaultMismatch, "not configured as an output")
	}
}

// A Set that fails at any point leaves the relay off, and it stays off when another channel is set.
func TestSetFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault []chip.Fault
		want  drivers.Fault
	}{
		{"not answered", []chip.Fault{{Errno: syscall.ENXIO}}, drivers.FaultNoAck},
		{"broken off after the first latch", []chip.Fault{{Errno: syscall.EREMOTEIO, After: 2}}, drivers.FaultRemoteIO},
		{"disturbed on the way", []chip.Fault{{After: 1, Flip: 0x01}}, drivers.FaultMismatch},
		{"not read back", []chip.Fault{{}, {Errno: syscall.ETIMEDOUT}}, drivers.FaultTimeout},
		{"read back wrong", []chip.Fault{{}, {After: 1, Flip: 0x80}}, drivers.FaultMismatch},
		{"direction wrong", []chip.Fault{{}, {}, {After: 2, Flip: 0x80}}, drivers.FaultMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			for _, f := range c.fault {
				f.Addr, f.Times = 0x24, 1
				b.bus.Inject(f)
			}
			b.expectFault(b.dev.Set(5, true), c.want, "pca9555 at 0x24: ")
			if err := b.dev.Set(12, true); err != nil {
				t.Fatal(err)
			}
			if got := b.chip.Output(5); got != chip.Low {
				t.Errorf("after the failure it is %v", got)
			}
			b.expect()
		})
	}
}

// Whatever the pins do between reads: levels are right after each, edges alternate, none is made up.
func TestProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		var level, last [16]bool
		var changes, reported [16]int
		var missed uint64
		for range rapid.IntRange(1, 30).Draw(rt, "rounds") {
			flips := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 2, 8, 9}), 0, 6).Draw(rt, "flips")
			for _, pin := range flips {
				level[pin] = !level[pin]
				changes[pin]++
				b.after(ms, pin, level[pin])
			}
			b.now += ms
			b.s.Reset()
			if err := b.dev.Service(&b.s, b.intr); err != nil {
				rt.Fatal(err)
			}
			b.intr = 0
			for _, e := range b.s.Edges {
				if e.Level == last[e.Channel] || e.Lost != 0 {
					rt.Fatalf("%+v after %v", e, last[e.Channel])
				}
				last[e.Channel] = e.Level
				if reported[e.Channel]++; reported[e.Channel] > changes[e.Channel] {
					rt.Fatalf("made up: %+v", e)
				}
			}
			if last != level {
				rt.Fatalf("edges lead to %v, pins are %v", last, level)
			}
			for n := range level {
				if contacts>>n&1 != 0 && (b.s.Levels>>n&1 != 0) != level[n] {
					rt.Fatalf("levels %04x, pins %v", b.s.Levels, level)
				}
			}
			if len(flips) > 0 && len(b.s.Edges) == 0 {
				missed++
			}
			if b.dev.Missed() != missed {
				rt.Fatalf("missed %d, want %d", b.dev.Missed(), missed)
			}
		}
	})
}

func TestServiceAllocatesNothing(t *testing.T) {
	b := newBench(t)
	level := false
	if n := testing.AllocsPerRun(200, func() {
		level = !level
		b.after(ms, 0, level)
		b.after(ms, 9, level)
		b.s.Reset()
		if err := b.dev.Service(&b.s, b.intr); err != nil || len(b.s.Edges) != 2 {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in a Service", n)
	}
}

// leastClocks is the least that carries what a service needs: one transfer, no proof.
const leastClocks = 1 + 9 + 9 + 1 + 9 + 2*9 + 1

// What one edge costs on the wire, beside the least that carries both ports.
func TestWireCost(t *testing.T) {
	b := newBench(t)
	before := b.bus.Stats()
	b.after(ms, 0, true)
	b.expect(kernel(0, true, b.now))
	after := b.bus.Stats()
	if bits := after.Bits - before.Bits; after.Transfers-before.Transfers != 2 || bits != 2*leastClocks {
		t.Errorf("%d transfers, %d bits; the least is %d", after.Transfers-before.Transfers, bits, leastClocks)
	}
}

func BenchmarkService(b *testing.B) {
	x := newBench(b)
	before := x.bus.Stats()
	for i := 0; b.Loop(); i++ {
		x.after(ms, 0, i%2 == 0)
		x.s.Reset()
		if err := x.dev.Service(&x.s, x.intr); err != nil || len(x.s.Edges) != 1 {
			b.Fatal(err, x.s.Edges)
		}
	}
	after := x.bus.Stats()
	bits := float64(after.Bits-before.Bits) / float64(b.N)
	b.ReportMetric(float64(after.Transfers-before.Transfers)/float64(b.N), "transfers/edge")
	b.ReportMetric(bits, "clocks/edge")
	b.ReportMetric(bits/leastClocks, "x-least")
}
