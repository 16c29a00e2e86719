package mcp23017

import (
	"syscall"
	"testing"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/chip"
)

func TestSet(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		channel int
		level   bool
		want    chip.Output
	}{{7, true, chip.High}, {13, false, chip.Low}, {7, false, chip.Low}, {13, true, chip.High}} {
		if err := b.dev.Set(c.channel, c.level); err != nil {
			t.Fatal(err)
		}
		if got := b.chip.Output(c.channel); got != c.want {
			t.Errorf("channel %d is %v, want %v", c.channel, got, c.want)
		}
		b.expect() // outputs are no inputs
	}
}

func TestSetRefuses(t *testing.T) {
	b := newBench(t)
	for _, n := range []int{-1, 0, 14, 16} {
		b.expectFault(b.dev.Set(n, true), drivers.FaultMismatch, "not configured as an output")
	}
}

// An eaten interrupt would be the price of a careless read-back.
func TestSetKeepsInterrupts(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	at := b.now
	if err := b.dev.Set(7, true); err != nil {
		t.Fatal(err)
	}
	b.expect(kernel(0, true, at))
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
		{"direction wrong", []chip.Fault{{}, {After: 3, Flip: 0x80}}, drivers.FaultMismatch},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			for _, f := range c.fault {
				f.Addr, f.Times = 0x20, 1
				b.bus.Inject(f)
			}
			b.expectFault(b.dev.Set(7, true), c.want, "mcp23017 at 0x20: ")
			if got := b.chip.Output(7); got != chip.Low {
				t.Errorf("after the failure it is %v", got)
			}
			if err := b.dev.Set(12, true); err != nil {
				t.Fatal(err)
			}
			if got := b.chip.Output(7); got != chip.Low {
				t.Errorf("another channel brought it %v", got)
			}
			b.expect()
		})
	}
}

// The bus dies with the relay on and comes back: nothing switches it on again.
func TestSetFailsWithBusDead(t *testing.T) {
	b := newBench(t)
	b.bus.Inject(chip.Fault{Addr: 0x20, Times: 1})
	clear := b.bus.Inject(chip.Fault{Addr: chip.AnyAddr, Times: chip.Forever, Errno: syscall.ETIMEDOUT})
	b.expectFault(b.dev.Set(7, true), drivers.FaultTimeout, "and making it inactive")
	if got := b.chip.Output(7); got != chip.High {
		t.Fatalf("the latch should still hold the relay: %v", got)
	}
	clear()
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultMismatch, "OLAT 20c0") // not what it should be
	if err := b.dev.Set(12, false); err != nil {
		t.Fatal(err)
	}
	if got := b.chip.Output(7); got != chip.Low {
		t.Errorf("relay is %v", got)
	}
	b.expect()
}

// What a failed Set writes to a chip that was reset hides nothing: it still asks to be set up.
func TestSetOnAChipThatWasReset(t *testing.T) {
	b := newBench(t)
	b.chip.Reset()
	b.expectFault(b.dev.Set(7, true), drivers.FaultReset, "lost its supply")
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "power-on")
}
