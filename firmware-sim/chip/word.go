package chip

// wordPart is the wire side of a part with a pointer and 16-bit registers, most significant byte first, and its supply:
// TI's monitors and converters embed it. The first byte of a write is the pointer, which stays; bytes read beyond the
// second repeat.
type wordPart struct {
	socket
	registers registers
	held      bool

	pointer   byte
	addressed bool
	index     int // bytes since the (repeated) start
	value     uint16
}

// registers is what is behind the wire of a wordPart.
type registers interface {
	powerOn()
	store(reg byte, v uint16)
	load(reg byte) uint16 // once for both bytes, so that they belong together
}

// Reset is a loss of supply.
func (p *wordPart) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose()
}

// Hold takes the supply away until it is let go; meanwhile the part does not answer.
func (p *wordPart) Hold(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = down
	p.lose()
}

// lose puts everything back; the transfer under way loses the part.
func (p *wordPart) lose() {
	p.pointer, p.addressed, p.index, p.value = 0, false, 0, 0
	p.registers.powerOn()
}

// start implements wire.
func (p *wordPart) start(bool) bool {
	p.addressed, p.index = !p.held, 0
	return p.addressed
}

// write implements wire.
func (p *wordPart) write(b byte) bool {
	if !p.addressed {
		return false
	}
	switch p.index {
	case 0:
		p.pointer = b
	case 1:
		p.value = uint16(b) << 8
	case 2:
		p.registers.store(p.pointer, p.value|uint16(b))
	}
	p.index++
	return true
}

// read implements wire.
func (p *wordPart) read() byte {
	if !p.addressed {
		return 0xff
	}
	if p.index%2 == 0 {
		p.value = p.registers.load(p.pointer)
		return byte(p.value >> 8)
	}
	return byte(p.value)
}

// sent implements wire.
func (p *wordPart) sent() {
	p.index++
}

// stop implements wire.
func (p *wordPart) stop() {
	p.addressed = false
}
