package chip

import "sync"

// PCF8574 models the 8-bit expander PCF8574 and PCF8574A (NXP, Rev. 5, 2013; TI SCPS068K, 2024); the two differ in
// their addresses only. "§" below is a section of NXP's datasheet unless TI is named. It is safe for concurrent use.
//
// It has no registers: a write sets eight latches, a read gives eight pins. A latch of 1 is a current source of
// 100 µA, so that the pin can be read; a latch of 0 pulls the pin down.
//
// Not modelled: a change within the acknowledge clock, whose interrupt can be lost; the strong pull-up of half a
// clock after a 1 is written; more data bytes in one write, which NXP's part takes (as here) and TI's ignores.
type PCF8574 struct {
	wiring PCF8574Wiring

	mu    sync.Mutex
	world pins
	held  bool
	latch byte
	seen  byte // the pins at the last read or write

	addressed bool
	intr      bool
	outs      [8]Output
}

// PCF8574Wiring says what hangs on the chip. The functions are called with the chip locked, in the order of the
// changes: they return at once and do not call the chip. A latch of 1 is HiZ to Output: 100 µA drive no relay.
type PCF8574Wiring struct {
	Interrupt func(high bool) // open drain: off is high
	Output    func(pin int, o Output)
}

var _ Device = (*PCF8574)(nil)

// NewPCF8574 makes a chip that has just been powered up.
func NewPCF8574(w PCF8574Wiring) *PCF8574 {
	c := &PCF8574{wiring: w, intr: true}
	c.reset()
	return c
}

// Drive puts a level on a pin from outside.
func (c *PCF8574) Drive(pin int, high bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.world.drive(pin, high)
	c.settle()
}

// Release takes the outside driver off a pin.
func (c *PCF8574) Release(pin int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.world.release(pin)
	c.settle()
}

// Output is what the chip does to a pin.
func (c *PCF8574) Output(pin int) Output {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outs[pin]
}

// Interrupt is the level of INT.
func (c *PCF8574) Interrupt() (high bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.intr
}

// Reset is a loss of supply; there is no reset pin.
func (c *PCF8574) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

// Hold takes the supply away until it is let go; meanwhile the part does not answer.
func (c *PCF8574) Hold(down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = down
	c.reset()
}

// reset: all latches are 1 at power-on (§8.4).
func (c *PCF8574) reset() {
	c.latch, c.addressed = 0xff, false
	c.seen = c.levels()
	c.settle()
}

func (c *PCF8574) levels() byte {
	return c.latch & (byte(c.world.level) | ^byte(c.world.driven))
}

func (c *PCF8574) settle() {
	for n := range c.outs {
		o := HiZ
		if c.latch>>n&1 == 0 {
			o = Low
		}
		if o != c.outs[n] {
			c.outs[n] = o
			if c.wiring.Output != nil {
				c.wiring.Output(n, o)
			}
		}
	}
	// TI §7.3.2: reset "when data on the port is changed to the original setting" or read from or written to.
	if high := c.levels() == c.seen; high != c.intr {
		c.intr = high
		if c.wiring.Interrupt != nil {
			c.wiring.Interrupt(high)
		}
	}
}

// Start implements Device.
func (c *PCF8574) Start(bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addressed = !c.held
	return c.addressed
}

// Write implements Device: the byte is on the pins with its acknowledge, and the interrupt is gone (§8.2).
func (c *PCF8574) Write(b byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.addressed {
		return false
	}
	c.latch = b
	c.seen = c.levels()
	c.settle()
	return true
}

// Read implements Device: pins are taken, and the interrupt is gone, at the acknowledge before the byte (§8.3).
func (c *PCF8574) Read() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.addressed {
		return 0xff
	}
	c.seen = c.levels()
	c.settle()
	return c.seen
}

// Sent implements Device.
func (c *PCF8574) Sent() {}

// Stop implements Device.
func (c *PCF8574) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addressed = false
}
