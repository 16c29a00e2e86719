package chip

import (
	"syscall"
	"time"
)

// AnyAddr is the address of a fault that hits the whole bus.
const AnyAddr uint16 = 0xffff

// Forever is the Times of a fault that stays until it is cleared.
const Forever = -1

// Fault is one way in which transfers go wrong:
//
//	no answer                Fault{Addr: a, Times: n, Errno: syscall.ENXIO}
//	arbitration lost         Fault{Addr: a, Times: n, Errno: syscall.EAGAIN}
//	failed half way          Fault{Addr: a, Times: n, Errno: syscall.EREMOTEIO, After: 2}
//	SDA or SCL held low      Fault{Addr: AnyAddr, Times: Forever, Errno: syscall.ETIMEDOUT, Delay: time.Second}
//	clock stretched          Fault{Addr: a, Times: n, Delay: 20 * time.Millisecond}
//	disturbed byte           Fault{Addr: a, Times: n, After: 3, Flip: 0x10}
type Fault struct {
	Addr  uint16        // the first message's address, or AnyAddr
	Times int           // how many transfers it hits; Forever
	Errno syscall.Errno // 0: the transfer completes
	After int           // data bytes of the transfer, written and read together, that pass unharmed
	Flip  byte          // without Errno: the bits of byte number After that arrive inverted
	Delay time.Duration // how long the bus is held first
}

// Inject adds a fault behind those already waiting. A transfer meets at most one: the oldest that fits.
// The returned function removes it again.
func (b *Bus) Inject(f Fault) (clear func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &f
	b.faults = append(b.faults, p)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.remove(p)
	}
}

// fault takes the fault that the next transfer to addr meets. b.mu is held.
func (b *Bus) fault(addr uint16) *Fault {
	for _, f := range b.faults {
		if f.Times == 0 || (f.Addr != AnyAddr && f.Addr != addr) {
			continue
		}
		if f.Times > 0 {
			f.Times--
			if f.Times == 0 {
				b.remove(f)
			}
		}
		return f
	}
	return nil
}

func (b *Bus) remove(f *Fault) {
	for i, x := range b.faults {
		if x == f {
			b.faults = append(b.faults[:i], b.faults[i+1:]...)
			return
		}
	}
}
