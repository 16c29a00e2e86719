package chip

import (
	"fmt"
	"slices"
	"testing"
)

func pcfHost(t *testing.T) (h *host, c *PCF8574, edges, outs *[]string) {
	t.Helper()
	edges, outs = &[]string{}, &[]string{}
	c = NewPCF8574(PCF8574Wiring{
		Interrupt: func(high bool) { *edges = append(*edges, map[bool]string{true: "+", false: "-"}[high]) },
		Output:    func(pin int, o Output) { *outs = append(*outs, fmt.Sprint(pin, o)) },
	})
	return attach(t, 0x38, c), c, edges, outs
}

func (h *host) pins(want byte) {
	h.t.Helper()
	r := make([]byte, 1)
	if err := h.bus.Tx(h.addr, nil, r); err != nil || r[0] != want {
		h.t.Errorf("pins %#02x, %v, want %#02x", r[0], err, want)
	}
}

// §8.4: at power-on all I/Os are high, with the weak source only; a low from outside wins.
func TestPCF8574PowerOn(t *testing.T) {
	h, c, _, outs := pcfHost(t)
	h.pins(0xff)
	c.Drive(3, false)
	h.pins(0xf7)
	c.Release(3)
	h.pins(0xff)
	h.write(0x0f)
	h.pins(0x0f)
	c.Reset()
	h.pins(0xff)
	if want := []string{"4 low", "5 low", "6 low", "7 low", "4 hi-z", "5 hi-z", "6 hi-z", "7 hi-z"}; !slices.Equal(*outs, want) {
		t.Errorf("outputs %v, want %v", *outs, want)
	}
}

// §8.2: a latch of 0 pulls down whatever is outside; only a pin whose latch is 1 can be read.
func TestPCF8574QuasiBidirectional(t *testing.T) {
	h, c, _, _ := pcfHost(t)
	c.Drive(0, true)
	c.Drive(1, false)
	h.write(0xfe)
	h.pins(0xfc)
	h.write(0xff)
	h.pins(0xfd)
}

// §8.2: each further byte of a write overwrites the last.
func TestPCF8574ManyBytes(t *testing.T) {
	h, _, _, outs := pcfHost(t)
	h.write(0xfe, 0xff, 0x7f)
	if want := []string{"0 low", "0 hi-z", "7 low"}; !slices.Equal(*outs, want) {
		t.Errorf("outputs %v, want %v", *outs, want)
	}
}

// TI §7.3.2: INT on any change; reset by return, by a read, and by a write.
func TestPCF8574Interrupt(t *testing.T) {
	h, c, edges, _ := pcfHost(t)
	c.Drive(0, false)
	expectEdges(t, edges, "-")
	c.Drive(0, true)
	expectEdges(t, edges, "+")
	c.Drive(0, false)
	h.pins(0xfe)
	expectEdges(t, edges, "-", "+")
	c.Drive(0, true)
	c.Drive(1, false)
	expectEdges(t, edges, "-")
	h.write(0xff) // the change has been eaten by a write
	expectEdges(t, edges, "+")
	h.write(0x7f) // and the part's own output is no change
	expectEdges(t, edges)
}

func TestPCF8574WithoutSupply(t *testing.T) {
	h, c, _, _ := pcfHost(t)
	c.Hold(true)
	if err := h.bus.Tx(0x38, nil, make([]byte, 1)); err == nil {
		t.Error("answered without supply")
	}
	c.Hold(false)
	h.pins(0xff)
}
