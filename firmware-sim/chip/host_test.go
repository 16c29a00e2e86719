package chip

import (
	"bytes"
	"testing"
)

// host is a test's hand on a bus with one part.
type host struct {
	t    *testing.T
	bus  *Bus
	addr uint16
}

func attach(t *testing.T, addr uint16, d Device) *host {
	t.Helper()
	b := NewBus("I2C1")
	if err := b.Attach(addr, d); err != nil {
		t.Fatal(err)
	}
	return &host{t, b, addr}
}

func (h *host) write(w ...byte) {
	h.t.Helper()
	if err := h.bus.Tx(h.addr, w, nil); err != nil {
		h.t.Fatalf("write % x: %v", w, err)
	}
}

func (h *host) read(reg byte, n int) []byte {
	h.t.Helper()
	r := make([]byte, n)
	if err := h.bus.Tx(h.addr, []byte{reg}, r); err != nil {
		h.t.Fatalf("read %#02x: %v", reg, err)
	}
	return r
}

func (h *host) expect(reg byte, want ...byte) {
	h.t.Helper()
	if got := h.read(reg, len(want)); !bytes.Equal(got, want) {
		h.t.Errorf("register %#02x: % x, want % x", reg, got, want)
	}
}
