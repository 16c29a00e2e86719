package chip

import (
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/physic"
)

// echo acknowledges limit written bytes and answers reads with 0, 1, 2, …
type echo struct {
	limit   int
	got     []byte
	next    byte
	stopped int
}

func (e *echo) Start(bool) bool { return true }

func (e *echo) Write(b byte) bool {
	if len(e.got) == e.limit {
		return false
	}
	e.got = append(e.got, b)
	return true
}
func (e *echo) Read() byte { e.next++; return e.next - 1 }
func (e *echo) Sent()      {}
func (e *echo) Stop()      { e.stopped++ }

func TestBusCountsBits(t *testing.T) {
	e := &echo{limit: 100}
	h := attach(t, 0x20, e)
	h.read(0x0e, 6)
	// S addr A reg A | Sr addr A 6 x data | P
	if got, want := h.bus.Stats(), (Stats{Transfers: 1, Bytes: 7, Bits: 1 + 9 + 9 + 1 + 9 + 6*9 + 1}); got != want {
		t.Errorf("after a burst: %+v, want %+v", got, want)
	}
	if e.stopped != 1 {
		t.Errorf("%d stops, want 1: a repeated start is no stop", e.stopped)
	}
	// 84 clocks of 400 kHz.
	if got := h.bus.Stats().Wire(400 * physic.KiloHertz); got != 210*time.Microsecond {
		t.Errorf("wire time %v", got)
	}
}

// A transfer may go on with another part after a repeated start; for the first one that is the end.
func TestBusTwoPartsInOneTransfer(t *testing.T) {
	first, second := &echo{limit: 100}, &echo{limit: 100}
	h := attach(t, 0x20, first)
	if err := h.bus.Attach(0x21, second); err != nil {
		t.Fatal(err)
	}
	if err := h.bus.Transfer([]Message{{Addr: 0x20, Data: []byte{1}}, {Addr: 0x21, Data: []byte{2}}}); err != nil {
		t.Fatal(err)
	}
	if first.stopped != 1 || second.stopped != 1 || string(first.got) != "\x01" || string(second.got) != "\x02" {
		t.Errorf("%+v, %+v", first, second)
	}
}

func TestBusMissingPart(t *testing.T) {
	b := NewBus("I2C1")
	err := b.Tx(0x21, []byte{0}, nil)
	if err == nil || !strings.HasSuffix(err.Error(), syscall.ENXIO.Error()) {
		t.Errorf("Tx: %v", err)
	}
	if errors.Is(err, syscall.ENXIO) {
		t.Error("Tx kept the errno; periph's Linux driver loses it")
	}
	msg := []Message{{Addr: 0x21, Data: []byte{0}}}
	if err := b.Transfer(msg); err != syscall.ENXIO {
		t.Errorf("Transfer: %v", err)
	}
	b.NoAck(syscall.EREMOTEIO)
	if err := b.Transfer(msg); err != syscall.EREMOTEIO {
		t.Errorf("Transfer on a Pi: %v", err)
	}
	if s := b.Stats(); s.Failed != 3 || s.Bits != 3*(1+9+1) {
		t.Errorf("%+v", s)
	}
}

func TestBusRefuses(t *testing.T) {
	b := NewBus("I2C1")
	if err := b.Attach(0x20, &echo{}); err != nil {
		t.Fatal(err)
	}
	if b.Attach(0x20, &echo{}) == nil {
		t.Error("two parts at one address")
	}
	if b.Attach(0x80, &echo{}) == nil {
		t.Error("an address of eight bits")
	}
	if err := b.Tx(0x80, []byte{0}, nil); err == nil {
		t.Error("Tx to an address of eight bits")
	}
	if err := b.Tx(0x55, nil, nil); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
	if err := b.Transfer([]Message{{Addr: 0x20, Data: make([]byte, 9000)}}); err != syscall.EINVAL {
		t.Errorf("9000 bytes: %v", err)
	}
	b.Detach(0x20)
	if err := b.Transfer([]Message{{Addr: 0x20, Data: []byte{1}}}); err != syscall.ENXIO {
		t.Errorf("detached: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Transfer([]Message{{Addr: 0x20, Data: []byte{1}}}); err != syscall.EBADF {
		t.Errorf("closed: %v", err)
	}
}

func TestFaults(t *testing.T) {
	transfer := func(b *Bus) error { return b.Transfer([]Message{{Addr: 0x20, Data: []byte{1, 2, 3}}}) }
	for _, c := range []struct {
		name  string
		fault Fault
		err   error
		got   string // bytes that reached the part
	}{
		{"no answer", Fault{Addr: 0x20, Times: 1, Errno: syscall.ENXIO}, syscall.ENXIO, ""},
		{"another part", Fault{Addr: 0x21, Times: 1, Errno: syscall.ENXIO}, nil, "\x01\x02\x03"},
		{"half way", Fault{Addr: 0x20, Times: 1, Errno: syscall.EREMOTEIO, After: 2}, syscall.EREMOTEIO, "\x01\x02"},
		{"bus hung", Fault{Addr: AnyAddr, Times: Forever, Errno: syscall.ETIMEDOUT, Delay: time.Second}, syscall.ETIMEDOUT, ""},
		{"stretch", Fault{Addr: 0x20, Times: 1, Delay: 20 * time.Millisecond}, nil, "\x01\x02\x03"},
		{"disturbed byte", Fault{Addr: 0x20, Times: 1, After: 1, Flip: 0x80}, nil, "\x01\x82\x03"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &echo{limit: 100}
			h := attach(t, 0x20, e)
			var slept time.Duration
			h.bus.Sleep(func(d time.Duration) { slept += d })
			clear := h.bus.Inject(c.fault)
			err := transfer(h.bus)
			if c.err == nil && err != nil || c.err != nil && err != c.err {
				t.Errorf("error %v, want %v", err, c.err)
			}
			if string(e.got) != c.got {
				t.Errorf("part got % x, want % x", e.got, c.got)
			}
			if slept != c.fault.Delay || h.bus.Stats().Held != c.fault.Delay {
				t.Errorf("held for %v, counted %v, want %v", slept, h.bus.Stats().Held, c.fault.Delay)
			}
			if c.fault.Times == Forever {
				if err := transfer(h.bus); err != c.err {
					t.Errorf("second transfer: %v", err)
				}
				clear()
			}
			if err := transfer(h.bus); err != nil {
				t.Errorf("after the fault: %v", err)
			}
		})
	}
}

func TestFaultsInOrder(t *testing.T) {
	h := attach(t, 0x20, &echo{limit: 100})
	h.bus.Inject(Fault{Addr: 0x20, Times: 2, Errno: syscall.EAGAIN})
	h.bus.Inject(Fault{Addr: AnyAddr, Times: 1, Errno: syscall.ETIMEDOUT})
	for i, want := range []error{syscall.EAGAIN, syscall.EAGAIN, syscall.ETIMEDOUT, nil} {
		if err := h.bus.Transfer([]Message{{Addr: 0x20, Data: []byte{1}}}); err != want {
			t.Errorf("transfer %d: %v, want %v", i, err, want)
		}
	}
}

func TestFaultFlipsRead(t *testing.T) {
	h := attach(t, 0x20, &echo{limit: 100})
	h.bus.Inject(Fault{Addr: 0x20, Times: 1, After: 2, Flip: 0xff}) // one byte written, then the second byte read
	h.expect(0x00, 0, 1^0xff, 2)
}

func TestByteNotAcknowledged(t *testing.T) {
	h := attach(t, 0x20, &echo{limit: 1})
	if err := h.bus.Transfer([]Message{{Addr: 0x20, Data: []byte{1, 2}}}); err != syscall.EREMOTEIO {
		t.Errorf("%v", err)
	}
}

func TestBusIsConcurrent(t *testing.T) {
	c := NewMCP23017(MCP23017Wiring{})
	h := attach(t, 0x20, c)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 200 {
				c.Drive(i, n%2 == 0)
				if err := h.bus.Tx(0x20, []byte{0x12}, make([]byte, 2)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if s := h.bus.Stats(); s.Transfers != 800 {
		t.Errorf("%d transfers", s.Transfers)
	}
}
