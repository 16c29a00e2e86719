package chip

import (
	"fmt"
	"slices"
	"testing"
)

// mcpHost is an MCP23017 at 20h whose INT edges are recorded as "A-" (INTA went low), "B+" and so on.
func mcpHost(t *testing.T, w MCP23017Wiring) (*host, *MCP23017, *[]string) {
	t.Helper()
	edges := &[]string{}
	w.Interrupt = func(pin int, high bool) {
		*edges = append(*edges, string("AB"[pin])+map[bool]string{true: "+", false: "-"}[high])
	}
	c := NewMCP23017(w)
	return attach(t, 0x20, c), c, edges
}

func expectEdges(t *testing.T, edges *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*edges, want) {
		t.Errorf("INT edges %v, want %v", *edges, want)
	}
	*edges = nil
}

// Table 3-5: values after power-on and reset, BANK = 0.
func TestMCP23017PowerOnValues(t *testing.T) {
	h, c, edges := mcpHost(t, MCP23017Wiring{})
	por := make([]byte, 22)
	por[0], por[1] = 0xff, 0xff
	h.expect(0x00, por...)

	h.write(0x02, 1, 2, 3, 4, 5, 6, 7, 8) // IPOL to INTCON
	h.write(0x14, 0xaa, 0x55)
	h.write(0x00, 0, 0)
	h.write(0x0a, 0x42)
	h.write(0x0c, 0xff, 0xff)
	c.Reset()
	h.expect(0x00, por...)
	if c.Output(0) != HiZ || !c.Interrupt(0) || !c.Interrupt(1) {
		t.Errorf("pins after reset: GPA0 %v, INTA %v, INTB %v", c.Output(0), c.Interrupt(0), c.Interrupt(1))
	}
	expectEdges(t, edges, "A-", "B-", "A+", "B+")
}

// Tables 3-1 and 3-4: with BANK = 1 the registers of a port are together.
func TestMCP23017Banks(t *testing.T) {
	h, _, _ := mcpHost(t, MCP23017Wiring{})
	h.write(0x00, 0xa0, 0xb0, 0xa1, 0xb1, 0xa2, 0xb2, 0xa3, 0xb3, 0xa4, 0xb4)
	h.write(0x0c, 0xa6, 0xb6)
	h.write(0x14, 0xaa, 0xba)
	h.write(0x0a, mcpBank)
	h.expect(0x00, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, mcpBank, 0xa6)
	h.expect(0x0a, 0xaa)
	h.expect(0x10, 0xb0, 0xb1, 0xb2, 0xb3, 0xb4, mcpBank, 0xb6)
	h.expect(0x1a, 0xba)
	h.expect(0x0b, 0)    // no register
	h.expect(0x1b, 0)    // no register
	h.write(0x15, 0)     // IOCON is shared by both ports
	h.expect(0x0a, 0, 0) // and is at 0Ah and 0Bh again
}

// Register 3-6: bit 0 of IOCON is unimplemented and reads as 0.
func TestMCP23017IOCON(t *testing.T) {
	h, _, _ := mcpHost(t, MCP23017Wiring{})
	h.write(0x0b, 0x5f)
	h.expect(0x0a, 0x5e, 0x5e)
}

// §3.2.1: sequential mode counts and rolls over; byte mode stays, or toggles within the pair with BANK = 0.
// §3.2.2.3: "roll over to address zero after reaching the last register address".
func TestMCP23017AddressPointer(t *testing.T) {
	for _, c := range []struct {
		name  string
		iocon byte
		from  byte
		want  []byte
	}{
		{"sequential", 0, 0x14, []byte{0x77, 0x88, 0xa0, 0xb0}}, // OLATA OLATB IODIRA IODIRB
		{"byte mode toggles", mcpSeqOp, 0x14, []byte{0x77, 0x88, 0x77, 0x88}},
		{"byte mode toggles from B", mcpSeqOp, 0x15, []byte{0x88, 0x77, 0x88}},
		{"byte mode, BANK=1", mcpSeqOp | mcpBank, 0x0a, []byte{0x77, 0x77}},
		{"sequential, BANK=1", mcpBank, 0x1a, []byte{0x88, 0xa0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, _, _ := mcpHost(t, MCP23017Wiring{})
			h.write(0x14, 0x77, 0x88)
			h.write(0x00, 0xa0, 0xb0)
			h.write(0x0a, c.iocon)
			h.expect(c.from, c.want...)
		})
	}
}

// Figure 3-3: a read without a register address goes on from the pointer.
func TestMCP23017ReadGoesOn(t *testing.T) {
	h, _, _ := mcpHost(t, MCP23017Wiring{})
	h.write(0x02, 0x12, 0x34)
	h.expect(0x02, 0x12)
	r := make([]byte, 1)
	if err := h.bus.Tx(0x20, nil, r); err != nil || r[0] != 0x34 {
		t.Errorf("%#02x, %v", r[0], err)
	}
}

// §3.5.2, §3.5.7, §3.5.10: what GPIO reads.
func TestMCP23017Inputs(t *testing.T) {
	h, c, _ := mcpHost(t, MCP23017Wiring{})
	h.expect(0x12, 0, 0)
	h.write(0x0c, 0x0f, 0xf0)
	h.expect(0x12, 0x0f, 0xf0) // unconnected: high only with the pull-up
	c.Drive(0, false)
	c.Drive(4, true)
	c.Drive(15, false)
	h.expect(0x12, 0x1e, 0x70)
	h.write(0x02, 0xff, 0x00)
	h.expect(0x12, 0xe1, 0x70) // IPOL inverts
	c.Release(0)
	c.Release(4)
	h.expect(0x12, 0xf0)
	if c.Level(4) || !c.Level(0) {
		t.Error("Level is not the electrical level")
	}
}

// §3.5.10, §3.5.11: a write to GPIO modifies OLAT; a read of OLAT is not a read of the port.
func TestMCP23017Outputs(t *testing.T) {
	var out []string
	h, c, _ := mcpHost(t, MCP23017Wiring{Output: func(pin int, o Output) { out = append(out, fmt.Sprint(pin, o)) }})
	h.write(0x12, 0x01, 0x80)
	h.expect(0x14, 0x01, 0x80)
	h.expect(0x12, 0, 0) // still inputs
	h.write(0x00, 0xfc, 0x7f)
	h.expect(0x12, 0x01, 0x80)
	h.write(0x14, 0x02)
	c.Drive(1, false) // the chip wins
	h.expect(0x12, 0x02)
	if want := []string{"0 high", "1 low", "15 high", "0 low", "1 high"}; !slices.Equal(out, want) {
		t.Errorf("outputs %v, want %v", out, want)
	}
}

// §3.5.8, §3.5.9: INTF and INTCAP are read-only.
func TestMCP23017ReadOnly(t *testing.T) {
	h, _, _ := mcpHost(t, MCP23017Wiring{})
	h.write(0x0e, 0xff, 0xff, 0xff, 0xff)
	h.expect(0x0e, 0, 0, 0, 0)
}

// §3.6.4: "The first interrupt event causes the port contents to be copied into the INTCAP register. Subsequent
// interrupt conditions on the port will not cause an interrupt to occur as long as the interrupt is not cleared".
func TestMCP23017FirstEventLatches(t *testing.T) {
	for _, clear := range []struct {
		name string
		reg  byte
	}{{"INTCAP", 0x10}, {"GPIO", 0x12}} {
		t.Run(clear.name, func(t *testing.T) {
			h, c, edges := mcpHost(t, MCP23017Wiring{})
			h.write(0x04, 0xff)
			c.Drive(0, true)
			expectEdges(t, edges, "A-")
			c.Drive(0, false)
			c.Drive(3, true)
			expectEdges(t, edges)
			h.expect(0x0e, 0x01)
			h.write(0x12, 0x00) // "Writing to these registers does not affect the interrupt"
			h.write(0x10, 0x00)
			expectEdges(t, edges)
			h.read(clear.reg, 1)
			expectEdges(t, edges, "A+")
			h.expect(0x0e, 0x00)
			h.expect(0x10, 0x01) // §3.5.9: INTCAP stays what it was
			c.Drive(3, false)    // the state at the clear is what is compared with now
			expectEdges(t, edges, "A-")
			h.expect(0x0e, 0x08)
			h.expect(0x10, 0x00)
		})
	}
}

// §3.6.5 case 1 with the example of AN1043 page 3: back at the old level before the read, the old level is the
// new default.
func TestMCP23017PulseBeforeRead(t *testing.T) {
	h, c, edges := mcpHost(t, MCP23017Wiring{})
	c.Drive(2, true)
	h.write(0x04, 0xff)
	c.Drive(2, false)
	c.Drive(2, true)
	expectEdges(t, edges, "A-")
	h.expect(0x0e, 0x04, 0x00, 0x00, 0x00, 0x04, 0x00) // INTF, INTCAP low, GPIO high: the pulse is found
	expectEdges(t, edges, "A+")
	c.Drive(2, false)
	expectEdges(t, edges, "A-")
}

// §3.6.4: "cleared after the LSb of the data is clocked out".
func TestMCP23017ClearsAfterLastBit(t *testing.T) {
	h, c, edges := mcpHost(t, MCP23017Wiring{})
	h.write(0x04, 0xff)
	c.Drive(0, true)
	expectEdges(t, edges, "A-")
	h.bus.During(func(_ uint16, read bool, _ int) {
		if read && c.Interrupt(0) {
			t.Error("INTA let go while the byte is on the wire")
		}
		c.Drive(1, read) // comes too late for the byte, and too early for an interrupt
	})
	h.expect(0x12, 0x01)
	h.bus.During(nil)
	expectEdges(t, edges, "A+")
	h.expect(0x12, 0x03)
}

// §3.6.4: only inputs with GPINTEN interrupt.
func TestMCP23017WhoInterrupts(t *testing.T) {
	h, c, edges := mcpHost(t, MCP23017Wiring{})
	h.write(0x00, 0xfe) // GPA0 is an output
	h.write(0x04, 0x03)
	h.write(0x14, 0x01)
	c.Drive(2, true)
	expectEdges(t, edges)
	c.Drive(1, true)
	expectEdges(t, edges, "A-")
	h.expect(0x0e, 0x02)
	h.expect(0x10, 0x07) // but INTCAP holds the whole port
}

// §3.6.3 and §3.6.5 case 2: against DEFVAL the condition remains as long as it exists, reads or not.
func TestMCP23017DefaultCompare(t *testing.T) {
	h, c, edges := mcpHost(t, MCP23017Wiring{})
	h.write(0x06, 0x01) // DEFVAL: normally high
	h.write(0x08, 0x01)
	c.Drive(0, true)
	h.write(0x04, 0x01)
	expectEdges(t, edges)
	c.Drive(0, false)
	expectEdges(t, edges, "A-")
	h.expect(0x10, 0x00)
	h.expect(0x12, 0x00)
	h.expect(0x0e, 0x01)
	expectEdges(t, edges) // not one edge: a host that waits for edges hears nothing more
	c.Drive(0, true)
	expectEdges(t, edges) // latched until read
	h.expect(0x10, 0x00)  // the level at the last interrupt
	expectEdges(t, edges, "A+")
}

// §3.6.1, §3.6.1.1 and Table 3-6: mirrored pins are the OR; each port is cleared by its own registers only.
func TestMCP23017Mirror(t *testing.T) {
	h, c, edges := mcpHost(t, MCP23017Wiring{})
	h.write(0x04, 0xff, 0xff)
	c.Drive(0, true)
	c.Drive(8, true)
	expectEdges(t, edges, "A-", "B-")
	h.read(0x12, 1)
	expectEdges(t, edges, "A+")
	h.read(0x13, 1)
	expectEdges(t, edges, "B+")

	h.write(0x0a, mcpMirror)
	c.Drive(8, false)
	expectEdges(t, edges, "A-", "B-")
	c.Drive(0, false)
	h.read(0x11, 1)
	expectEdges(t, edges) // port A is still pending
	h.read(0x10, 1)
	expectEdges(t, edges, "A+", "B+")
}

// Register 3-6: INTPOL sets the polarity, ODR overrides it.
func TestMCP23017InterruptPolarity(t *testing.T) {
	h, c, edges := mcpHost(t, MCP23017Wiring{})
	h.write(0x04, 0xff, 0x00)
	h.write(0x0a, mcpIntPol)
	expectEdges(t, edges, "A-", "B-") // inactive is low now
	c.Drive(0, true)
	expectEdges(t, edges, "A+")
	h.write(0x0a, mcpIntPol|mcpODR)
	expectEdges(t, edges, "A-", "B+") // open drain: active pulls down, inactive lets go
}

// Revision D: GPA7 and GPB7 are outputs only.
func TestMCP23017RevD(t *testing.T) {
	h, c, edges := mcpHost(t, MCP23017Wiring{RevD: true})
	h.write(0x04, 0xff, 0xff)
	for _, pin := range []int{7, 15} {
		c.Drive(pin, true)
	}
	h.expect(0x12, 0, 0)
	expectEdges(t, edges)
	h.write(0x14, 0x80, 0x80)
	h.write(0x00, 0x7f, 0x7f)
	h.expect(0x12, 0x80, 0x80)
}

// §3.1 and the RESET pin: held, the part does not answer; reset in the middle of a read, it lets SDA go.
func TestMCP23017ResetPin(t *testing.T) {
	h, c, _ := mcpHost(t, MCP23017Wiring{})
	h.write(0x00, 0x00, 0x00)
	c.Hold(true)
	if err := h.bus.Tx(0x20, []byte{0x00}, make([]byte, 1)); err == nil {
		t.Error("answered while in reset")
	}
	c.Hold(false)
	h.expect(0x00, 0xff, 0xff)

	h.bus.During(func(_ uint16, read bool, n int) {
		if read && n == 1 {
			c.Reset()
		}
	})
	h.expect(0x12, 0, 0, 0xff, 0xff)
}
