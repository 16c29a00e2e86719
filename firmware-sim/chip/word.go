package chip

// words is the wire side of a part with a pointer and 16-bit registers, most significant byte first: TI's monitors
// and converters. The first byte of a write is the pointer, which stays; bytes read beyond the second repeat.
type words struct {
	pointer   byte
	addressed bool
	index     int // bytes since the (repeated) start
	value     uint16
}

func (w *words) start(answers bool) bool {
	w.addressed, w.index = answers, 0
	return answers
}

// write takes a byte; store is called when a register has come completely.
func (w *words) write(b byte, store func(reg byte, v uint16)) bool {
	if !w.addressed {
		return false
	}
	switch w.index {
	case 0:
		w.pointer = b
	case 1:
		w.value = uint16(b) << 8
	case 2:
		store(w.pointer, w.value|uint16(b))
	}
	w.index++
	return true
}

// read gives a byte; load is called once for both bytes of a register, so that they belong together.
func (w *words) read(load func(reg byte) uint16) byte {
	if !w.addressed {
		return 0xff
	}
	if w.index%2 == 0 {
		w.value = load(w.pointer)
		return byte(w.value >> 8)
	}
	return byte(w.value)
}

func (w *words) sent() { w.index++ }

func (w *words) stop() { w.addressed = false }

// reset puts the pointer back; the transfer under way loses the part.
func (w *words) reset() { *w = words{} }
