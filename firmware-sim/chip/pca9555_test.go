package chip

import (
	"fmt"
	"slices"
	"testing"
)

// pcaHost is a PCA9555 at 20h whose INT edges are recorded as "-" and "+".
func pcaHost(t *testing.T, w PCA9555Wiring) (*host, *PCA9555, *[]string) {
	t.Helper()
	edges := &[]string{}
	w.Interrupt = func(high bool) { *edges = append(*edges, map[bool]string{true: "+", false: "-"}[high]) }
	c := NewPCA9555(w)
	return attach(t, 0x20, c), c, edges
}

// Tables 5 to 12: defaults. Unconnected pins read 1 through the pull-ups (§6.2.2), of which the PCA9535 has none.
func TestPCA9555PowerOnValues(t *testing.T) {
	h, c, _ := pcaHost(t, PCA9555Wiring{})
	defaults := func() {
		t.Helper()
		h.expect(0, 0xff, 0xff)
		h.expect(2, 0xff, 0xff)
		h.expect(4, 0x00, 0x00)
		h.expect(6, 0xff, 0xff)
	}
	defaults()
	h.write(2, 0, 0)
	h.write(4, 1, 2)
	h.write(6, 3, 4)
	c.Reset()
	defaults()
	if c.Output(2) != HiZ {
		t.Errorf("after reset: %v", c.Output(2))
	}
	bare, _, _ := pcaHost(t, PCA9555Wiring{NoPullUps: true})
	bare.expect(0, 0x00, 0x00)
}

// §6.5: after one register of a pair comes the other, for writes and for reads, without end.
func TestPCA9555Pairs(t *testing.T) {
	h, _, _ := pcaHost(t, PCA9555Wiring{})
	h.write(3, 0x11, 0x22) // "if the first byte is sent to register 3, the next byte is stored in register 2"
	h.expect(2, 0x22, 0x11, 0x22, 0x11)
	h.expect(3, 0x11, 0x22, 0x11)
	h.write(4, 1, 2, 3)
	h.expect(4, 3, 2)
	h.expect(6, 0xff, 0xff) // never over the edge of the pair
}

// Figure 12: a read alone uses the last command byte, from its start.
func TestPCA9555ReadAgain(t *testing.T) {
	h, _, _ := pcaHost(t, PCA9555Wiring{})
	h.write(2, 0x11, 0x22)
	for range 2 {
		r := make([]byte, 1)
		if err := h.bus.Tx(0x20, nil, r); err != nil || r[0] != 0x11 {
			t.Errorf("%#02x, %v", r[0], err)
		}
	}
}

// §6.2.2 to §6.2.5.
func TestPCA9555Registers(t *testing.T) {
	var out []string
	h, c, _ := pcaHost(t, PCA9555Wiring{Output: func(pin int, o Output) { out = append(out, fmt.Sprint(pin, o)) }})
	c.Drive(0, false)
	c.Drive(9, false)
	h.expect(0, 0xfe, 0xfd)
	h.write(0, 0x55, 0x55) // writes to the input port have no effect
	h.expect(0, 0xfe, 0xfd)
	h.write(4, 0x01, 0x00) // inverted
	h.expect(0, 0xff, 0xfd)
	h.write(2, 0x0f, 0xff)
	h.expect(0, 0xff, 0xfd) // no effect on inputs
	h.write(6, 0x77, 0xff)
	h.expect(2, 0x0f, 0xff)
	h.expect(0, 0x7f, 0xfd) // the pin, also where it is an output
	if want := []string{"3 high", "7 low"}; !slices.Equal(out, want) {
		t.Errorf("outputs %v, want %v", out, want)
	}
}

// §6.5.3.
func TestPCA9555Interrupt(t *testing.T) {
	h, c, edges := pcaHost(t, PCA9555Wiring{})
	c.Drive(0, false)
	expectEdges(t, edges, "-")
	c.Drive(0, true)
	expectEdges(t, edges, "+") // "deactivated when the input returns to its previous state"
	h.expect(0, 0xff, 0xff)    // and nothing tells what it was

	c.Drive(0, false)
	c.Drive(8, false)
	expectEdges(t, edges, "-")
	h.expect(0, 0xfe) // "caused by port 0 is not cleared by a read of port 1 or vice versa"
	expectEdges(t, edges)
	h.expect(1, 0xfe)
	expectEdges(t, edges, "+")
	h.expect(2, 0xff)
	c.Drive(8, true)
	expectEdges(t, edges, "-")
	h.expect(3, 0xff, 0xff) // other registers clear nothing
	expectEdges(t, edges)
	c.Hold(true)
	expectEdges(t, edges, "+")
}

// §6.5.3: outputs cause no interrupt; from output to input may cause a false one.
func TestPCA9555FalseInterrupt(t *testing.T) {
	h, c, edges := pcaHost(t, PCA9555Wiring{})
	h.write(6, 0xfe, 0xff)
	h.write(2, 0xfe, 0xff)
	expectEdges(t, edges)
	h.expect(0, 0xfe)
	c.Drive(0, true)
	h.write(6, 0xff, 0xff)
	expectEdges(t, edges, "-")
}

// The interrupt goes at the acknowledge before the byte; a change while the byte is sent raises it again.
func TestPCA9555ChangeDuringByte(t *testing.T) {
	h, c, edges := pcaHost(t, PCA9555Wiring{})
	c.Drive(0, false)
	h.bus.During(func(_ uint16, read bool, _ int) {
		if read {
			c.Drive(1, false)
		}
	})
	h.expect(0, 0xfe)
	expectEdges(t, edges, "-", "+", "-")
}

// TI §8.4.1.1: with command byte 00h, a read of another part lets INT go.
func TestPCA9555Erratum(t *testing.T) {
	for _, c := range []struct {
		name  string
		wired bool
		last  byte
		other []byte
		lost  bool
	}{
		{"command 00h and a read elsewhere", true, 0, []byte{0}, true},
		{"a write elsewhere", true, 0, nil, false},
		{"command 01h", true, 1, []byte{0}, false},
		{"NXP", false, 0, []byte{0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, chip, edges := pcaHost(t, PCA9555Wiring{Erratum: c.wired})
			if err := h.bus.Attach(0x21, NewPCA9555(PCA9555Wiring{})); err != nil {
				t.Fatal(err)
			}
			h.read(c.last, 2)
			chip.Drive(0, false)
			expectEdges(t, edges, "-")
			if err := h.bus.Tx(0x21, []byte{2}, c.other); err != nil {
				t.Fatal(err)
			}
			if chip.Interrupt() != c.lost {
				t.Errorf("INT is high: %v, want %v", chip.Interrupt(), c.lost)
			}
		})
	}
}

func TestPCA9555WithoutSupply(t *testing.T) {
	h, c, _ := pcaHost(t, PCA9555Wiring{})
	c.Hold(true)
	if err := h.bus.Tx(0x20, []byte{0}, make([]byte, 1)); err == nil {
		t.Error("answered without supply")
	}
	c.Hold(false)
	h.bus.During(func(_ uint16, read bool, n int) {
		if read && n == 0 {
			c.Reset()
		}
	})
	h.expect(4, 0, 0xff) // lost in the middle of a read
}
