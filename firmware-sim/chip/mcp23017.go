package chip

// MCP23017 models Microchip's 16-bit I/O expander after DS20001952C (2005-2016). "§" below is a section of it.
// It is safe for concurrent use.
//
// Pins are numbered 0..7 for GPA0..GPA7 and 8..15 for GPB0..GPB7.
//
// Where the datasheet is silent:
//   - GPIO is sampled at the first bit of its byte, while the interrupt is cleared at the last: a change between
//     the two is neither in the byte nor in a later interrupt. This is the worst that §3.6.4 allows.
//   - INTCAP and both interrupt conditions see the value of GPIO, that is after IPOL.
//   - A latched interrupt survives any write, also one that disables the pin which caused it (§3.6.4 names reads only).
//   - With BANK = 1 the address pointer counts through the gap 0Bh..0Fh, which reads as 0.
//   - A write that changes BANK leaves the address pointer where it is.
//   - A floating input reads low. Two drivers on one pin: the chip wins.
type MCP23017 struct {
	wiring MCP23017Wiring

	socket
	world   pins
	held    bool // RESET pin low, or no supply
	port    [2]mcpPort
	iocon   byte
	pointer byte

	addressed bool   // between a start with our address and the stop
	pointed   bool   // the register address of this write has come
	reading   mcpReg // register of the last Read, for Sent

	ints [2]bool // levels of INTA and INTB as last reported
	outs [16]Output
}

// MCP23017Wiring says what hangs on the outputs of the chip. The functions are called with the chip locked, in the
// order of the changes: they return at once and do not call the chip. Nil functions are not called.
type MCP23017Wiring struct {
	// RevD makes GPA7 and GPB7 outputs only, as revision D of the datasheet does: as inputs they are not to be
	// relied upon. Here they then read 0 and never interrupt, so that a site built on them shows it.
	RevD bool
	// Interrupt tells the level of INTA (0) or INTB (1). An open drain that is off is high: the pull-up is there.
	Interrupt func(pin int, high bool)
	// Output tells what a pin now does to its wire.
	Output func(pin int, o Output)
}

// mcpReg numbers the eleven registers of a port in the order of Table 3-1.
type mcpReg byte

const (
	mcpIODIR mcpReg = iota
	mcpIPOL
	mcpGPINTEN
	mcpDEFVAL
	mcpINTCON
	mcpIOCON
	mcpGPPU
	mcpINTF
	mcpINTCAP
	mcpGPIO
	mcpOLAT
	mcpRegs // 11: also the first address of a port that has no register, with BANK = 1
)

// Bits of IOCON, Register 3-6.
const (
	mcpBank   = 0x80
	mcpMirror = 0x40
	mcpSeqOp  = 0x20
	mcpODR    = 0x04
	mcpIntPol = 0x02
	mcpUnused = 0x01 // reads as 0
)

type mcpPort struct {
	reg      [mcpRegs]byte // GPIO and IOCON are not kept here
	previous byte          // what an enabled pin is compared with while INTCON = 0
	latched  bool
}

// NewMCP23017 makes a chip that has just been powered up.
func NewMCP23017(w MCP23017Wiring) *MCP23017 {
	c := &MCP23017{wiring: w, ints: [2]bool{true, true}}
	c.wire = c
	c.reset()
	return c
}

// Drive puts a level on a pin from outside.
func (c *MCP23017) Drive(pin int, high bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.world.drive(pin, high)
	c.settle()
}

// Release takes the outside driver off a pin.
func (c *MCP23017) Release(pin int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.world.release(pin)
	c.settle()
}

// Level is what a meter would show at a pin.
func (c *MCP23017) Level(pin int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pinLevels(pin/8)>>(pin%8)&1 != 0
}

// Output is what the chip does to a pin.
func (c *MCP23017) Output(pin int) Output {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outs[pin]
}

// Interrupt is the level of INTA (0) or INTB (1).
func (c *MCP23017) Interrupt(pin int) (high bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ints[pin]
}

// Reset is a loss of supply, or a pulse on the RESET pin: every register is at its power-on value afterwards. A
// transfer that is under way loses the part.
func (c *MCP23017) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

// Hold keeps the RESET pin low (or the supply away) until it is let go; meanwhile the part does not answer.
func (c *MCP23017) Hold(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = down
	c.reset()
}

// reset sets the power-on values of Table 3-5.
func (c *MCP23017) reset() {
	c.port = [2]mcpPort{}
	c.iocon, c.pointer, c.addressed = 0, 0, false
	for p := range c.port {
		c.port[p].reg[mcpIODIR] = 0xff
	}
	for p := range c.port {
		c.port[p].previous = c.gpio(p)
	}
	c.settle()
}

// pinLevels is the electrical level of the eight pins of a port.
func (c *MCP23017) pinLevels(p int) byte {
	r := &c.port[p].reg
	driven, level := byte(c.world.driven>>(8*p)), byte(c.world.level>>(8*p))
	in := level&driven | r[mcpGPPU]&^driven // §3.5.7: the pull-up acts on pins that are inputs
	return in&r[mcpIODIR] | r[mcpOLAT]&^r[mcpIODIR]
}

// gpio is the value of the port register, §3.5.10.
func (c *MCP23017) gpio(p int) byte {
	v := c.pinLevels(p)
	if c.wiring.RevD {
		v &^= 0x80 & c.port[p].reg[mcpIODIR]
	}
	return v ^ c.port[p].reg[mcpIPOL]
}

// settle lets everything that follows from a change happen: interrupt conditions, then the output pins.
func (c *MCP23017) settle() {
	for p := range c.port {
		c.latch(p)
	}
	c.drivePins()
	c.driveInterrupts()
}

// latch is the interrupt logic of one port, §3.6.2 to §3.6.5.
func (c *MCP23017) latch(p int) {
	port := &c.port[p]
	if port.latched {
		return // §3.6.4: no further interrupt until INTCAP or GPIO is read
	}
	v, r := c.gpio(p), &port.reg
	differs := (v^port.previous)&^r[mcpINTCON] | (v^r[mcpDEFVAL])&r[mcpINTCON]
	if cause := differs & r[mcpGPINTEN] & r[mcpIODIR]; cause != 0 {
		port.latched = true
		r[mcpINTF], r[mcpINTCAP] = cause, v
		return
	}
	port.previous = v
}

// clear ends the interrupt of a port: INTCAP or GPIO has been clocked out. The state now is what the pins are next
// compared with (§3.6.5 case 1); a pin that still differs from DEFVAL interrupts again before the INT pin has
// moved (case 2: "the interrupt condition will remain as long as the condition exists").
func (c *MCP23017) clear(p int) {
	port := &c.port[p]
	port.latched = false
	port.reg[mcpINTF] = 0
	port.previous = c.gpio(p)
	c.settle()
}

func (c *MCP23017) drivePins() {
	for n := range c.outs {
		r, bit := &c.port[n/8].reg, byte(1)<<(n%8)
		o := HiZ
		if r[mcpIODIR]&bit == 0 {
			o = Low
			if r[mcpOLAT]&bit != 0 {
				o = High
			}
		}
		if o != c.outs[n] {
			c.outs[n] = o
			if c.wiring.Output != nil {
				c.wiring.Output(n, o)
			}
		}
	}
}

// driveInterrupts sets INTA and INTB: §3.6.1.1 mirroring, Register 3-6 for ODR and INTPOL (ODR overrides it).
func (c *MCP23017) driveInterrupts() {
	active := [2]bool{c.port[0].latched, c.port[1].latched}
	if c.iocon&mcpMirror != 0 {
		both := active[0] || active[1]
		active = [2]bool{both, both}
	}
	activeHigh := c.iocon&mcpIntPol != 0 && c.iocon&mcpODR == 0
	for n, a := range active {
		if high := a == activeHigh; high != c.ints[n] {
			c.ints[n] = high
			if c.wiring.Interrupt != nil {
				c.wiring.Interrupt(n, high)
			}
		}
	}
}
