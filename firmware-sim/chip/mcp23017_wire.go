package chip

var _ Device = (*MCP23017)(nil)

// start implements wire. The address pointer stays as it is: a read may follow a write after a repeated start,
// or come alone (Figure 3-3).
func (c *MCP23017) start(read bool) bool {
	c.addressed = !c.held
	c.pointed = read
	return c.addressed
}

// write implements wire: the first byte is the register address, the others go into registers (§3.2.2.1).
func (c *MCP23017) write(b byte) bool {
	if !c.addressed {
		return false
	}
	if !c.pointed {
		c.pointer, c.pointed = b, true
		return true
	}
	port, reg := c.register(c.pointer)
	bank := c.iocon & mcpBank
	c.store(port, reg, b)
	if c.iocon&mcpBank == bank {
		c.advance()
	}
	c.settle()
	return true
}

// read implements wire. A part that was reset in the middle of a transfer lets SDA go: the host reads ones.
func (c *MCP23017) read() byte {
	if !c.addressed {
		return 0xff
	}
	port, reg := c.register(c.pointer)
	c.reading = reg
	switch reg {
	case mcpRegs:
		return 0
	case mcpIOCON:
		return c.iocon
	case mcpGPIO:
		return c.gpio(port)
	default:
		return c.port[port].reg[reg]
	}
}

// sent implements wire: the interrupt is cleared "after the LSb of the data is clocked out during a read command
// of GPIO or INTCAP" (§3.6.4).
func (c *MCP23017) sent() {
	if !c.addressed {
		return
	}
	port, _ := c.register(c.pointer)
	c.advance()
	if c.reading == mcpINTCAP || c.reading == mcpGPIO {
		c.clear(port)
	}
}

// stop implements wire.
func (c *MCP23017) stop() {
	c.addressed = false
}

// register maps an address to a port and a register, Tables 3-1, 3-4 (BANK = 1) and 3-5 (BANK = 0). mcpRegs stands
// for an address without a register.
func (c *MCP23017) register(addr byte) (port int, reg mcpReg) {
	if c.iocon&mcpBank == 0 {
		port, reg = int(addr&1), mcpReg(addr>>1)
	} else {
		port, reg = int(addr>>4&1), mcpReg(addr&0x0f)
		if addr > 0x1a {
			reg = mcpRegs
		}
	}
	return port, min(reg, mcpRegs)
}

// advance moves the address pointer after a data byte, §3.2.1.
func (c *MCP23017) advance() {
	last := byte(0x15)
	if c.iocon&mcpBank != 0 {
		last = 0x1a
	}
	switch {
	case c.iocon&(mcpSeqOp|mcpBank) == mcpSeqOp:
		c.pointer ^= 1 // byte mode with BANK = 0 toggles within the pair
	case c.iocon&mcpSeqOp != 0:
	case c.pointer >= last:
		c.pointer = 0
	default:
		c.pointer++
	}
}

func (c *MCP23017) store(port int, reg mcpReg, b byte) {
	switch reg {
	case mcpRegs, mcpINTF, mcpINTCAP: // §3.5.8, §3.5.9: read-only
	case mcpIOCON:
		c.iocon = b &^ mcpUnused
	case mcpGPIO: // §3.5.10: a write goes to the output latch
		c.port[port].reg[mcpOLAT] = b
	default:
		c.port[port].reg[reg] = b
	}
}
