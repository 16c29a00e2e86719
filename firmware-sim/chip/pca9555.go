package chip

// PCA9555 models the 16-bit I/O expander that NXP (PCA9555_8, Rev. 08, 2009) and TI (SCPS131J, 2021; TCA9555, SCPS200)
// make, and its siblings without pull-ups. "§" below is a section of NXP's datasheet unless TI is named. It is safe
// for concurrent use.
//
// Pins are numbered 0..7 for IO0_0..IO0_7 and 8..15 for IO1_0..IO1_7.
//
// It keeps no latch of a change: INT says that some input differs now from what was last read, and nothing says
// what was between.
//
// Not modelled: a change within the acknowledge clock of a read, whose interrupt "can be lost or be very short"
// (TI §8.4.1). Where the datasheets are silent: bits 7..3 of the command byte are ignored; a floating input
// without pull-up reads low; two drivers on one pin: the chip wins.
type PCA9555 struct {
	wiring PCA9555Wiring

	socket
	world   pins
	held    bool
	out     uint16 // output port registers
	invert  uint16 // polarity inversion registers
	config  uint16 // configuration registers: 1 is input
	seen    uint16 // pin levels when each port was last read: the input port registers before polarity
	command byte   // last command byte, Table 4
	next    byte   // register that the next data byte is for: toggles within the pair, §6.5

	addressed bool
	commanded bool

	intr  bool // level of INT as last reported
	outs  [16]Output
	shown [2]uint16 // output port and configuration registers that outs was made of
}

// PCA9555Wiring says what hangs on the chip and which variant it is. The functions are called with the chip locked,
// in the order of the changes: they return at once and do not call the chip.
type PCA9555Wiring struct {
	NoPullUps bool // PCA9535, TCA9535
	// Erratum is TI §8.4.1.1: INT is let go, with nothing read, when the last command byte was 00h and another
	// part on the bus acknowledges a read.
	Erratum   bool
	Interrupt func(high bool) // open drain: off is high
	Output    func(pin int, o Output)
}

// Register pairs, Table 4: the command byte without its lowest bit, which is the port.
const (
	pcaInput = iota
	pcaOutput
	pcaPolarity
	pcaConfig
)

var (
	_ Device   = (*PCA9555)(nil)
	_ Listener = (*PCA9555)(nil)
)

// NewPCA9555 makes a chip that has just been powered up.
func NewPCA9555(w PCA9555Wiring) *PCA9555 {
	c := &PCA9555{wiring: w, intr: true}
	c.wire = c
	c.reset()
	return c
}

// Drive puts a level on a pin from outside.
func (c *PCA9555) Drive(pin int, high bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.world.drive(pin, high)
	c.settle()
}

// Release takes the outside driver off a pin.
func (c *PCA9555) Release(pin int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.world.release(pin)
	c.settle()
}

// Output is what the chip does to a pin.
func (c *PCA9555) Output(pin int) Output {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outs[pin]
}

// Interrupt is the level of INT.
func (c *PCA9555) Interrupt() (high bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.intr
}

// Reset is a loss of supply; there is no reset pin.
func (c *PCA9555) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

// Hold takes the supply away until it is let go; meanwhile the part does not answer.
func (c *PCA9555) Hold(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = down
	c.reset()
}

// reset sets the defaults of Tables 5 to 12: outputs 1, polarity 0, configuration 1 (inputs).
func (c *PCA9555) reset() {
	c.out, c.invert, c.config = 0xffff, 0, 0xffff
	c.command, c.next, c.addressed = 0, 0, false
	c.seen = c.levels()
	c.settle()
}

// levels is the electrical level of all pins.
func (c *PCA9555) levels() uint16 {
	in := c.world.level & c.world.driven
	if !c.wiring.NoPullUps {
		in |= ^c.world.driven
	}
	return in&c.config | c.out&^c.config
}

func (c *PCA9555) settle() {
	if p := [2]uint16{c.out, c.config}; p != c.shown {
		c.shown = p
		c.drivePins()
	}
	// §6.5.3: active while an input differs from the input port register; an output cannot cause an interrupt.
	c.setInterrupt((c.levels()^c.seen)&c.config == 0)
}

func (c *PCA9555) drivePins() {
	for n := range c.outs {
		o := HiZ
		if c.config>>n&1 == 0 {
			o = Low
			if c.out>>n&1 != 0 {
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

func (c *PCA9555) setInterrupt(high bool) {
	if high == c.intr {
		return
	}
	c.intr = high
	if c.wiring.Interrupt != nil {
		c.wiring.Interrupt(high)
	}
}

// start implements wire. A read begins at the register of the last command byte (Figure 12).
func (c *PCA9555) start(read bool) bool {
	c.addressed = !c.held
	c.commanded = read
	c.next = c.command
	return c.addressed
}

// write implements wire.
func (c *PCA9555) write(b byte) bool {
	if !c.addressed {
		return false
	}
	if !c.commanded {
		c.command, c.commanded = b&7, true
		c.next = c.command
		return true
	}
	shift := 8 * (c.next & 1)
	set := func(r *uint16) { *r = *r&^(0xff<<shift) | uint16(b)<<shift }
	switch c.next >> 1 {
	case pcaInput: // §6.2.2: writes have no effect
	case pcaOutput:
		set(&c.out)
	case pcaPolarity:
		set(&c.invert)
	case pcaConfig:
		set(&c.config)
	}
	c.next ^= 1
	c.settle()
	return true
}

// read implements wire. An input port is sampled, and its interrupt let go, at the acknowledge before its byte
// (Figures 13 and 14; TI §8.4.1).
func (c *PCA9555) read() byte {
	if !c.addressed {
		return 0xff
	}
	shift := 8 * (c.next & 1)
	var v uint16
	switch c.next >> 1 {
	case pcaInput:
		port := uint16(0xff) << shift
		c.seen = c.seen&^port | c.levels()&port
		v = c.seen ^ c.invert
		c.settle()
	case pcaOutput: // §6.2.3: the flip-flop, not the pin
		v = c.out
	case pcaPolarity:
		v = c.invert
	case pcaConfig:
		v = c.config
	}
	c.next ^= 1
	return byte(v >> shift)
}

// sent implements wire.
func (c *PCA9555) sent() {}

// stop implements wire.
func (c *PCA9555) stop() {
	c.addressed = false
}

// Heard implements Listener, for TI's erratum. INT stays off until the inputs move again.
func (c *PCA9555) Heard(read bool) {
	if !c.wiring.Erratum || !read {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.command == 0 {
		c.setInterrupt(true)
	}
}
