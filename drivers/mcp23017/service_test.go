package mcp23017

import (
	"syscall"
	"testing"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/chip"
)

func TestEdge(t *testing.T) {
	b := newBench(t)
	b.after(ms, 3, true)
	at := b.now
	b.expect(kernel(3, true, at))
	if b.s.Levels != 1<<3 || b.s.Inputs != loops || b.s.At != at+ms {
		t.Errorf("%+v", b.s)
	}
	if !b.chip.Interrupt(0) {
		t.Error("INT is still low")
	}
	b.expect()
}

// A pulse that is over before the chip is read is found through INTCAP.
func TestPulseThatHasEnded(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	at := b.now
	b.after(50*ms, 0, false)
	b.expect(kernel(0, true, at), user(0, false, at+51*ms))
	if b.s.Levels != 0 {
		t.Errorf("levels %04x", b.s.Levels)
	}
}

// Without the INT wire the latch still holds the pulse; only its time is lost.
func TestPulseBetweenPolls(t *testing.T) {
	b := newBench(t)
	b.dev = b.open(Opts{Inputs: 0x0101})
	if err := b.dev.Init(); err != nil {
		t.Fatal(err)
	}
	b.intA = 0
	b.after(ms, 8, true)
	b.after(ms, 8, false)
	b.intA = 0
	b.expect(user(8, true, b.now+ms), user(8, false, b.now+ms))
}

// The documented limit: the second pulse on a latched port is gone, also on another pin of it.
func TestSecondPulseOnLatchedPort(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	at := b.now
	b.after(ms, 0, false)
	b.after(ms, 1, true)
	b.after(ms, 1, false)
	b.after(ms, 0, true)
	b.after(ms, 0, false)
	b.expect(kernel(0, true, at), user(0, false, b.now+ms))
}

func TestTwoPinsOfOnePort(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	at := b.now
	b.after(ms, 2, true) // after the latch: known from the level only
	b.expect(kernel(0, true, at), user(2, true, b.now+ms))
}

func TestChangeBetweenLatchAndRead(t *testing.T) {
	b := newBench(t)
	b.after(ms, 1, true)
	at := b.now
	b.bus.During(func(_ uint16, read bool, n int) {
		if read && n == atINTCAP+1 { // port A is clear again, its GPIO byte comes next
			b.chip.Drive(2, true)
		}
	})
	b.expect(kernel(1, true, at), user(2, true, at+ms))
	b.bus.During(nil)
	b.expect()
}

// A change inside the GPIO byte is neither in the byte nor signalled; the next look finds it.
func TestChangeInsideGPIOByte(t *testing.T) {
	b := newBench(t)
	b.after(ms, 1, true)
	at := b.now
	b.bus.During(func(_ uint16, read bool, n int) {
		if read && n == atGPIO {
			b.chip.Drive(2, true)
		}
	})
	b.expect(kernel(1, true, at))
	b.bus.During(nil)
	if !b.chip.Interrupt(0) {
		t.Fatal("the model signals a change that the read should have eaten")
	}
	b.intA = 0
	b.expect(user(2, true, b.now+ms))
}

// If the eaten change is undone before the next look, INTF proves an edge whose beginning nobody saw.
func TestChangeInsideGPIOByteUndone(t *testing.T) {
	b := newBench(t)
	b.bus.During(func(_ uint16, read bool, n int) {
		if read && n == atGPIO {
			b.chip.Drive(2, true)
		}
	})
	b.expect()
	b.bus.During(nil)
	b.after(ms, 2, false)
	at := b.now
	e := kernel(2, false, at)
	e.Lost = 1
	b.expect(e)
}

// An eaten change that lasts until another pin of the port is latched is in INTCAP; when it came is not known.
func TestChangeInsideGPIOByteInINTCAP(t *testing.T) {
	b := newBench(t)
	b.bus.During(func(_ uint16, read bool, n int) {
		if read && n == atGPIO {
			b.chip.Drive(2, true)
		}
	})
	b.expect()
	b.bus.During(nil)
	b.after(ms, 3, true)
	at := b.now
	b.after(ms, 2, false)
	b.expect(user(2, true, at), kernel(3, true, at), user(2, false, at+2*ms))
}

// With both ports latched INT cannot say which came first.
func TestBothPorts(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	at := b.now
	b.after(ms, 9, true)
	b.intA = at
	b.expect(user(0, true, at), user(9, true, at))
	if !b.chip.Interrupt(0) {
		t.Error("INT is still low: one port was not cleared")
	}
}

// An INT edge from before the last burst stands for something that is already reported.
func TestStaleInterruptTime(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	stale := b.intA
	b.intA = 0
	b.expect(user(0, true, b.now+ms)) // a poll was quicker than the INT line
	b.after(ms, 0, false)
	b.intA = stale
	b.expect(user(0, false, b.now+ms))
}

func TestSampleIsAppendedTo(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	b.service()
	b.after(ms, 1, true)
	b.now += ms
	if err := b.dev.Service(&b.s, b.intA); err != nil {
		t.Fatal(err)
	}
	if len(b.s.Edges) != 2 || b.s.Edges[1].Channel != 1 || b.s.Levels != 3 {
		t.Errorf("%+v", b.s)
	}
}

// Loss of supply: reported, not believed, and after Init the changes meanwhile are found.
func TestPowerLoss(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	b.service()
	b.chip.Drive(0, false)
	b.chip.Drive(8, true)
	b.chip.Reset()
	before := b.s
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "loose supply")
	if b.s.Levels != before.Levels || len(b.s.Edges) != len(before.Edges) || b.s.At != before.At {
		t.Errorf("an error changed the sample: %+v", b.s)
	}
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "power-on values") // until Init
	b.expectFault(b.dev.Set(7, true), drivers.FaultReset, "all pins are inputs")
	if err := b.dev.Init(); err != nil {
		t.Fatal(err)
	}
	b.intA = 0
	b.expect(user(0, false, b.now+ms), user(8, true, b.now+ms))
}

// A chip with inputs only, without INT and without pull-ups, must show a loss of supply too.
func TestPowerLossOfPlainInputs(t *testing.T) {
	b := newBench(t)
	b.dev = b.open(Opts{Inputs: 0xffff})
	if err := b.dev.Init(); err != nil {
		t.Fatal(err)
	}
	b.expect()
	b.chip.Reset()
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultReset, "power-on values")
}

// The chip drops out in mid-burst: the rest reads as ones, which must not become sixteen edges.
func TestPowerLossInBurst(t *testing.T) {
	for n := range burstLength {
		b := newBench(t)
		b.dev = b.open(Opts{Inputs: 0xffff})
		if err := b.dev.Init(); err != nil {
			t.Fatal(err)
		}
		b.s.Reset()
		lost := false
		b.bus.During(func(_ uint16, read bool, i int) {
			if read && i == n && !lost {
				lost = true
				b.chip.Reset()
			}
		})
		err := b.dev.Service(&b.s, 0)
		if n > atOLAT && err == nil {
			err = b.dev.Service(&b.s, 0) // OLAT had been sampled, so the inputs were good; the next burst shows it
		}
		b.expectFault(err, drivers.FaultReset, "power-on values")
		if len(b.s.Edges) != 0 {
			t.Errorf("reset in byte %d: %v", n, b.s.Edges)
		}
	}
}

func TestForeignWrite(t *testing.T) {
	b := newBench(t)
	if err := b.bus.Tx(0x20, []byte{0x14, 0xff, 0xff}, nil); err != nil {
		t.Fatal(err)
	}
	b.expectFault(b.dev.Service(&b.s, 0), drivers.FaultMismatch, "OLAT ffff")
}

// One disturbed byte among the known registers: read again, nothing is lost but the exact time.
func TestDisturbedByte(t *testing.T) {
	for n := range burstLength {
		if n >= atINTF && n < atOLAT {
			continue
		}
		b := newBench(t)
		b.after(ms, 0, true)
		b.bus.Inject(chip.Fault{Addr: 0x20, Times: 1, After: 1 + n, Flip: 0x20})
		b.expect(user(0, true, b.now+ms))
	}
}

// The time of the INT edge belongs to the latch that the disturbed burst has cleared, not to the next one.
func TestDisturbedByteThenNextEvent(t *testing.T) {
	b := newBench(t)
	b.after(ms, 0, true)
	b.bus.Inject(chip.Fault{Addr: 0x20, Times: 1, After: 1, Flip: 0x20})
	bursts := 0
	b.bus.During(func(_ uint16, read bool, _ int) {
		if !read {
			if bursts++; bursts == 2 {
				b.chip.Drive(1, true)
			}
		}
	})
	b.expect(user(0, true, b.now+ms), user(1, true, b.now+ms))
}

func TestBusFaults(t *testing.T) {
	for _, c := range []struct {
		errno syscall.Errno
		after int
		fault drivers.Fault
		exact bool // the latch was not touched, so the kernel's time still holds
	}{
		{syscall.ENXIO, 0, drivers.FaultNoAck, true},
		{syscall.EAGAIN, 0, drivers.FaultArbitration, false},
		{syscall.ETIMEDOUT, 0, drivers.FaultTimeout, false},
		{syscall.EREMOTEIO, 1 + atIODIR, drivers.FaultRemoteIO, false},
	} {
		t.Run(c.fault.String(), func(t *testing.T) {
			b := newBench(t)
			b.s.Reset()
			b.after(ms, 0, true)
			at := b.now
			b.now += ms
			b.bus.Inject(chip.Fault{Addr: 0x20, Times: 1, Errno: c.errno, After: c.after})
			b.expectFault(b.dev.Service(&b.s, b.intA), c.fault, "read IOCON..IODIR")
			if len(b.s.Edges) != 0 || b.s.Inputs != 0 {
				t.Errorf("an error changed the sample: %+v", b.s)
			}
			if c.exact {
				b.expect(kernel(0, true, at))
			} else {
				b.expect(user(0, true, b.now+ms))
			}
		})
	}
}

func BenchmarkService(b *testing.B) {
	x := newBench(b)
	before := x.bus.Stats()
	for i := 0; b.Loop(); i++ {
		x.after(ms, 0, i%2 == 0)
		x.s.Reset()
		if err := x.dev.Service(&x.s, x.intA); err != nil || len(x.s.Edges) != 1 {
			b.Fatal(err, x.s.Edges)
		}
	}
	after := x.bus.Stats()
	bits := float64(after.Bits-before.Bits) / float64(b.N)
	b.ReportMetric(float64(after.Transfers-before.Transfers)/float64(b.N), "transfers/edge")
	b.ReportMetric(bits, "clocks/edge")
	b.ReportMetric(bits/leastClocks, "x-least")
}

func TestServiceAllocatesNothing(t *testing.T) {
	b := newBench(t)
	level := false
	if n := testing.AllocsPerRun(200, func() {
		level = !level
		b.after(ms, 0, level)
		b.after(ms, 9, level)
		b.service()
	}); n != 0 {
		t.Errorf("%v allocations in a Service", n)
	}
}

// leastClocks is the least that carries what a service needs: one transfer, no proof.
const leastClocks = 1 + 9 + 9 + 1 + 9 + 6*9 + 1

// What one edge costs on the wire, beside the least that carries INTF, INTCAP and GPIO of both ports.
func TestWireCost(t *testing.T) {
	b := newBench(t)
	before := b.bus.Stats()
	b.after(ms, 0, true)
	b.service()
	after := b.bus.Stats()
	bits := after.Bits - before.Bits
	if after.Transfers-before.Transfers != 1 || bits != leastClocks+8*9 {
		t.Errorf("%d transfers, %d bits; the least is %d", after.Transfers-before.Transfers, bits, leastClocks)
	}
}
