package mcp23017

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
)

// bench is a chip on a bus, its driver, and a clock that moves by hand.
type bench struct {
	t    testing.TB
	bus  *chip.Bus
	chip *chip.MCP23017
	dev  *Dev
	now  time.Duration
	intA time.Duration // when INTA last fell; 0 = never
	s    drivers.Sample
}

const loops = 0x0f0f // inputs of the bench; 0x30c0 are outputs, of which 0x2040 are inactive high

func newBench(t testing.TB) *bench {
	b := &bench{t: t, bus: chip.NewBus("I2C1"), now: time.Second}
	b.chip = chip.NewMCP23017(chip.MCP23017Wiring{Interrupt: func(pin int, high bool) {
		if pin == 0 && !high {
			b.intA = b.now
		}
	}})
	if err := b.bus.Attach(0x20, b.chip); err != nil {
		t.Fatal(err)
	}
	b.dev = b.open(Opts{Inputs: loops, PullUps: 0x0f00, Outputs: 0x30c0, Inactive: 0x2040, Interrupt: true})
	for n := range 16 {
		if loops>>n&1 != 0 {
			b.chip.Drive(n, false)
		}
	}
	if err := b.dev.Init(); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) open(o Opts) *Dev {
	b.t.Helper()
	o.Now = func() time.Duration { return b.now }
	d, err := New(b.bus, 0x20, o)
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

// after lets time pass and then puts a level on a pin.
func (b *bench) after(d time.Duration, pin int, high bool) {
	b.now += d
	b.chip.Drive(pin, high)
}

// service calls Service a millisecond later, with the time of the last INT edge.
func (b *bench) service() []drivers.Edge {
	b.t.Helper()
	b.now += time.Millisecond
	b.s.Reset()
	if err := b.dev.Service(&b.s, b.intA); err != nil {
		b.t.Fatal(err)
	}
	b.intA = 0
	return b.s.Edges
}

func (b *bench) expect(want ...drivers.Edge) {
	b.t.Helper()
	got := b.service()
	if diff := cmp.Diff(want, append([]drivers.Edge(nil), got...)); diff != "" {
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

const ms = time.Millisecond

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
		{0x20, Opts{Inputs: 1, PullUps: 3, Now: now}, "0002 have a pull-up"},
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

// The exact bytes of the set-up, a burst and an output.
func TestBytes(t *testing.T) {
	bus := &i2ctest.Playback{DontPanic: true, Ops: []i2ctest.IO{
		{Addr: 0x21, W: []byte{0x0a}, R: []byte{0, 0}},                          // can it be one?
		{Addr: 0x21, W: []byte{0x14, 0x40, 0x20}},                               // latches inactive first
		{Addr: 0x21, W: []byte{0x0a, 0x44}},                                     // MIRROR, ODR
		{Addr: 0x21, W: []byte{0x0c, 0x00, 0x0f}},                               // pull-ups
		{Addr: 0x21, W: []byte{0x00, 0x3f, 0xcf, 0, 0, 0x0f, 0x0f, 0, 0, 0, 0}}, // IODIR .. INTCON
		{Addr: 0x21, W: []byte{0x00}, R: append([]byte{0x3f, 0xcf, 0, 0, 0x0f, 0x0f, 0}, // everything back
			0, 0, 0, 0x44, 0x44, 0x00, 0x0f, 0x01, 0, 0xff, 0, 0x41, 0x2f, 0x40, 0x20)},
		{Addr: 0x21, W: []byte{0x02, 0, 0}}, // alone: each input reads high once, as it is or inverted
		{Addr: 0x21, W: []byte{0x12}, R: []byte{0x41, 0x2f}},
		{Addr: 0x21, W: []byte{0x02, 0x0f, 0x0f}},
		{Addr: 0x21, W: []byte{0x12}, R: []byte{0x4e, 0x20}},
		{Addr: 0x21, W: []byte{0x02, 0, 0}},
		{Addr: 0x21, W: []byte{0x00}, R: append([]byte{0x3f, 0xcf, 0, 0, 0x0f, 0x0f, 0}, // everything back
			0, 0, 0, 0x44, 0x44, 0x00, 0x0f, 0x01, 0, 0xff, 0, 0x41, 0x2f, 0x40, 0x20)},
		{Addr: 0x21, W: []byte{0x0a}, R: []byte{
			0x44, 0x44, 0x00, 0x0f, // IOCON, GPPU
			0x01, 0x00, 0x40, 0x00, // INTF, INTCAP: GPA0 fell
			0x41, 0x2f, 0x40, 0x20, // GPIO: and rose again; OLAT
			0x3f, 0xcf,
		}},
		{Addr: 0x21, W: []byte{0x14, 0xc0, 0x20}},
		{Addr: 0x21, W: []byte{0x14}, R: []byte{0xc0, 0x20, 0x3f, 0xcf}},
	}}
	d, err := New(bus, 0x21, Opts{
		Inputs: 0x0f0f, PullUps: 0x0f00, Outputs: 0x30c0, Inactive: 0x2040, Interrupt: true,
		Now: func() time.Duration { return 5 * ms },
	})
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
	want := drivers.Sample{
		Edges:  []drivers.Edge{kernel(0, false, 5*ms), user(0, true, 5*ms)},
		Levels: 0x0f01, Inputs: 0x0f0f, At: 5 * ms,
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
	if err := d.Set(7, true); err != nil {
		t.Fatal(err)
	}
	if err := bus.Close(); err != nil {
		t.Error(err)
	}
}

func TestInit(t *testing.T) {
	iocon := func(b *bench, w ...byte) {
		for len(w) > 0 {
			if err := b.bus.Tx(0x20, w[:2], nil); err != nil {
				b.t.Fatal(err)
			}
			w = w[2:]
		}
	}
	for _, c := range []struct {
		name  string
		leave func(b *bench)
	}{
		{"after power-on", func(b *bench) { b.chip.Reset() }},
		{"as another program left it", func(b *bench) { iocon(b, 0x02, 0xff, 0x08, 0xff, 0x14, 0xff) }},
		{"in byte mode", func(b *bench) { iocon(b, 0x0a, 0x20) }},
		{"in BANK 1", func(b *bench) { iocon(b, 0x0a, 0x80) }},
		{"in BANK 1 and byte mode", func(b *bench) { iocon(b, 0x0a, 0xae, 0x0a, 0xff) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			c.leave(b)
			b.dev = b.open(b.dev.o)
			b.chip.Drive(1, true)
			if err := b.dev.Init(); err != nil {
				t.Fatal(err)
			}
			for pin, want := range map[int]chip.Output{6: chip.High, 7: chip.Low, 12: chip.Low, 13: chip.High, 0: chip.HiZ, 14: chip.HiZ} {
				if got := b.chip.Output(pin); got != want {
					t.Errorf("pin %d is %v, want %v", pin, got, want)
				}
			}
			b.expect() // what was so before is no edge
			if b.s.Levels != 0x0002 || b.s.Inputs != loops || b.s.At != b.now {
				t.Errorf("%+v", b.s)
			}
			b.after(ms, 8, true)
			b.expect(kernel(8, true, b.now))
		})
	}
}

// No output may be active for a moment while the chip is set up, from whatever state.
func TestInitKeepsOutputsInactive(t *testing.T) {
	var seen []string
	c := chip.NewMCP23017(chip.MCP23017Wiring{Output: func(pin int, o chip.Output) {
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
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0 high", "1 low"}, seen); diff != "" {
		t.Errorf("first set-up (-want +got):\n%s", diff)
	}
	if err := d.Set(1, true); err != nil {
		t.Fatal(err)
	}
	seen = nil
	if err := d.Init(); err != nil { // a new process finds the coil on
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1 low"}, seen); diff != "" {
		t.Errorf("second set-up (-want +got):\n%s", diff)
	}
}

// mute answers every read with one byte and keeps nothing: a PCF8574, or a chip whose SDA is stuck.
type mute struct {
	answer  byte
	written int
}

func (m *mute) Start(bool) bool { return true }
func (m *mute) Write(byte) bool { m.written++; return true }
func (m *mute) Read() byte      { return m.answer }
func (m *mute) Sent()           {}
func (m *mute) Stop()           {}

func TestInitWrongChip(t *testing.T) {
	for _, c := range []struct {
		answer byte
		text   string
	}{
		{0xff, "identify"},
		{0x5b, "identify"},
		{0x00, "read back"},                        // looks like a fresh MCP23017 and keeps nothing
		{0x84, "IODIRA reads 0x84 after 0xff was"}, // looks like one in BANK 1
	} {
		b := newBench(t)
		m := &mute{answer: c.answer}
		b.bus.Detach(0x20)
		if err := b.bus.Attach(0x20, m); err != nil {
			t.Fatal(err)
		}
		d := b.open(Opts{Inputs: 0x00ff})
		b.expectFault(d.Init(), drivers.FaultMismatch, c.text)
		if c.text == "identify" && m.written > 3 {
			t.Errorf("%#02x: %d bytes written before it was known", c.answer, m.written)
		}
		b.expectFault(d.Service(&b.s, 0), drivers.FaultReset, "not set up")
	}
}

func TestInitBusFaults(t *testing.T) {
	b := newBench(t)
	for n := range 12 { // each transfer of Init in turn
		b.chip.Reset()
		for range n {
			b.bus.Inject(chip.Fault{Addr: 0x20, Times: 1}) // passes
		}
		b.bus.Inject(chip.Fault{Addr: 0x20, Times: 1, Errno: syscall.ENXIO})
		b.expectFault(b.dev.Init(), drivers.FaultNoAck, "mcp23017 at 0x20: ")
		if err := b.dev.Init(); err != nil {
			t.Errorf("second attempt after a fault in transfer %d: %v", n, err)
		}
	}
}
