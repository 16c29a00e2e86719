package mcp23017

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/chip"
)

// twoWires is a chip whose INTA and INTB are stamped by the kernel each on its own.
type twoWires struct {
	chip *chip.MCP23017
	bus  *chip.Bus
	now  time.Duration
	fell [2]time.Duration
}

func newTwoWires(t *testing.T) *twoWires {
	t.Helper()
	w := &twoWires{bus: chip.NewBus("I2C1"), now: time.Second}
	w.chip = chip.NewMCP23017(chip.MCP23017Wiring{Interrupt: func(pin int, high bool) {
		if !high {
			w.fell[pin] = w.now
		}
	}})
	for pin := range 16 {
		w.chip.Drive(pin, true)
	}
	if err := w.bus.Attach(0x20, w.chip); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *twoWires) open(t *testing.T, separate bool) *Dev {
	t.Helper()
	d, err := New(w.bus, 0x20, Opts{Inputs: loops, Interrupt: true, Separate: separate, Now: func() time.Duration { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init(); err != nil {
		t.Fatal(err)
	}
	w.fell = [2]time.Duration{}
	w.now += time.Millisecond
	return d
}

// Both ports change before the chip is read. With one wire only the first is certain, so neither is called so; with two
// each has the kernel's time.
func TestBothPortsAtOnce(t *testing.T) {
	for _, c := range []struct {
		separate bool
		want     []drivers.Edge
	}{
		{false, []drivers.Edge{
			{Channel: 0, At: time.Second + 1*time.Millisecond}, {Channel: 8, At: time.Second + 1*time.Millisecond},
		}},
		{true, []drivers.Edge{
			{Channel: 0, At: time.Second + 1*time.Millisecond, Clock: drivers.KernelClock},
			{Channel: 8, At: time.Second + 3*time.Millisecond, Clock: drivers.KernelClock},
		}},
	} {
		w := newTwoWires(t)
		d := w.open(t, c.separate)
		w.chip.Drive(0, false)
		w.now += 2 * time.Millisecond
		w.chip.Drive(8, false)
		w.now += time.Millisecond
		at := w.fell
		if !c.separate {
			at = [2]time.Duration{w.fell[0], 0}
		}
		var s drivers.Sample
		if err := d.ServicePorts(&s, at); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, s.Edges); diff != "" {
			t.Errorf("separate %v (-want +got):\n%s", c.separate, diff)
		}
		for pin := range 2 {
			if !w.chip.Interrupt(pin) {
				t.Errorf("separate %v: INT%c is still low", c.separate, 'A'+pin)
			}
		}
	}
}

// Each port has its own INT with Separate, and the other one stays quiet; without it either pin tells of both.
func TestMirror(t *testing.T) {
	for _, separate := range []bool{false, true} {
		for pin, port := range map[int]int{0: 0, 8: 1} {
			w := newTwoWires(t)
			w.open(t, separate)
			w.chip.Drive(pin, false)
			for i := range 2 {
				if low := !w.chip.Interrupt(i); low != (!separate || i == port) {
					t.Errorf("separate %v, pin %d: INT%c low is %v", separate, pin, 'A'+i, low)
				}
			}
		}
	}
}

// The DEFVAL trap: a chip that another program left comparing with DEFVAL says once that a contact is closed, then holds
// INT low for as long as that lasts, whatever is read: no edge ever comes again. Init ends it in either bank.
func TestDefvalTrap(t *testing.T) {
	w := newTwoWires(t)
	tx := func(b ...byte) {
		t.Helper()
		if err := w.bus.Tx(0x20, b, nil); err != nil {
			t.Fatal(err)
		}
	}
	tx(0x04, 0xff, 0xff)             // GPINTEN
	tx(0x06, 0xff, 0xff, 0xff, 0xff) // DEFVAL, INTCON: normally high
	w.chip.Drive(0, false)
	for range 3 { // it cannot be read away
		if err := w.bus.Tx(0x20, []byte{0x12}, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
	}
	if w.chip.Interrupt(0) {
		t.Fatal("the model has no trap: INT is high while the pin differs from DEFVAL")
	}
	d := w.open(t, false)
	if !w.chip.Interrupt(0) {
		t.Error("INT is still low after Init")
	}
	for _, level := range []bool{true, false, true} {
		w.fell = [2]time.Duration{}
		w.chip.Drive(0, level)
		if w.fell[0] == 0 {
			t.Errorf("no INT edge when the pin became %v", level)
		}
		var s drivers.Sample
		if err := d.Service(&s, w.fell[0]); err != nil || len(s.Edges) != 1 || s.Edges[0].Level != level {
			t.Errorf("%+v, %v", s.Edges, err)
		}
		w.now += time.Millisecond
	}
}
