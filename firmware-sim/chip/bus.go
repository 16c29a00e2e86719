package chip

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// maxMessage is the kernel's limit for one message of I2C_RDWR (drivers/i2c/i2c-dev.c).
const maxMessage = 8192

// Message is one part of a transfer: everything between a (repeated) start and the next start or stop.
type Message struct {
	Addr uint16
	Read bool
	Data []byte // sent, or filled when Read
}

// Stats counts what has gone over the wire since the bus was made.
type Stats struct {
	Transfers uint64        // from start to stop
	Failed    uint64        // of these, ended with an error
	Bytes     uint64        // data bytes, address bytes not included
	Bits      uint64        // clock periods: start, stop and repeated start 1 each, every byte 9 with its acknowledge
	Held      time.Duration // time that injected faults held the bus
}

// Wire is the time that the bits took at the given speed: Stats.Wire divided by the elapsed time is the utilisation.
func (s Stats) Wire(speed physic.Frequency) time.Duration {
	return time.Duration(s.Bits)*speed.Period() + s.Held
}

// Bus is an I²C bus with models on it. It is safe for concurrent use; transfers are served one after another.
type Bus struct {
	name string

	speed atomic.Int64 // physic.Frequency

	mu     sync.Mutex
	noAck  syscall.Errno
	sleep  func(time.Duration)
	during func(addr uint16, read bool, n int)
	parts  [128]Device
	ears   []ear // in the order in which they were attached
	faults []*Fault
	stats  Stats
	closed bool
}

var _ i2c.BusCloser = (*Bus)(nil)

// NewBus makes an empty bus of 100 kHz. name is what String returns: "I2C1".
func NewBus(name string) *Bus {
	b := &Bus{name: name, noAck: syscall.ENXIO}
	b.speed.Store(int64(100 * physic.KiloHertz))
	return b
}

// Attach puts d on the bus. It fails when the address is taken or is no seven-bit address: the real bus would
// carry the wired AND of two parts, which no model here can give.
func (b *Bus) Attach(addr uint16, d Device) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if addr > 0x7f {
		return fmt.Errorf("attach to %s: %#x is no seven-bit address", b.name, addr)
	}
	if b.parts[addr] != nil {
		return fmt.Errorf("attach to %s: %#02x is taken", b.name, addr)
	}
	b.parts[addr] = d
	if l, ok := d.(Listener); ok {
		b.ears = append(b.ears, ear{addr, l})
	}
	return nil
}

// ear is a part that hears what is for others.
type ear struct {
	addr uint16
	Listener
}

// Detach takes the part at addr off the bus; its address is then not acknowledged.
func (b *Bus) Detach(addr uint16) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int(addr) < len(b.parts) {
		b.parts[addr] = nil
	}
	b.ears = slices.DeleteFunc(b.ears, func(e ear) bool { return e.addr == addr })
}

// NoAck sets the errno for an address that nobody acknowledges. Documentation/i2c/fault-codes.rst asks for ENXIO,
// the default; the controllers of every Raspberry Pi (i2c-bcm2835, and i2c-designware on the Pi 5) give EREMOTEIO.
func (b *Bus) NoAck(errno syscall.Errno) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noAck = errno
}

// Sleep sets how the bus waits out the delay of a fault. Without it delays are counted and not waited for.
func (b *Bus) Sleep(f func(time.Duration)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sleep = f
}

// During sets a function that is called while byte n of a message is on the wire: for a read after its first and
// before its last bit, for a write before the acknowledge. It may move the pins of models; it must not use the bus.
func (b *Bus) During(f func(addr uint16, read bool, n int)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.during = f
}

// Stats returns the counters.
func (b *Bus) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

// String implements i2c.Bus.
func (b *Bus) String() string { return b.name }

// SetSpeed implements i2c.Bus. The speed is kept for Speed and changes nothing else.
func (b *Bus) SetSpeed(f physic.Frequency) error {
	if f <= 0 {
		return fmt.Errorf("%s: set speed %s: not a frequency", b.name, f)
	}
	b.speed.Store(int64(f))
	return nil
}

// Speed returns the bus frequency.
func (b *Bus) Speed() physic.Frequency { return physic.Frequency(b.speed.Load()) }

// Close implements io.Closer; every later transfer fails.
func (b *Bus) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	return nil
}

// Tx implements i2c.Bus the way periph's Linux driver does it: at most two messages, nothing at all for two empty
// buffers, and errors as text only, so errors.Is finds no errno in them (host/v3 sysfs/i2c.go).
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	if addr > 0x7f {
		return errors.New("sysfs-i2c: invalid address")
	}
	var buf [2]Message
	msgs := buf[:0]
	if len(w) != 0 {
		msgs = append(msgs, Message{Addr: addr, Data: w})
	}
	if len(r) != 0 {
		msgs = append(msgs, Message{Addr: addr, Read: true, Data: r})
	}
	if err := b.Transfer(msgs); err != nil {
		return fmt.Errorf("sysfs-i2c: %v", err) //nolint:errorlint // the loss of the errno is what is modelled
	}
	return nil
}

// Transfer carries messages from one start to one stop and returns the bare syscall.Errno, as the adapter driver
// in the kernel does. No message means nothing to do.
func (b *Bus) Transfer(msgs []Message) error {
	if len(msgs) == 0 {
		return nil
	}
	for _, m := range msgs {
		if len(m.Data) > maxMessage {
			return syscall.EINVAL
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return syscall.EBADF
	}
	b.stats.Transfers++
	if errno := b.transfer(msgs); errno != 0 {
		b.stats.Failed++
		return errno
	}
	return nil
}

// transfer runs with b.mu held.
func (b *Bus) transfer(msgs []Message) syscall.Errno {
	f := b.fault(msgs[0].Addr)
	if f != nil && f.Delay > 0 {
		b.stats.Held += f.Delay
		if b.sleep != nil {
			b.sleep(f.Delay)
		}
	}
	if p := b.whole(msgs); p != nil && f == nil && b.during == nil {
		return b.quick(p, msgs)
	}
	total := 0 // data bytes of all messages that have passed: the index that a Fault counts with
	for i, m := range msgs {
		if prev := msgs[max(i-1, 0)].Addr; prev != m.Addr {
			b.part(prev).Stop() // to the part before, a repeated start for another is the end
		}
		b.stats.Bits += 1 + 9 // start or repeated start, address with direction and acknowledge
		if f != nil && f.Errno != 0 && total >= f.After {
			return b.abort(m.Addr, f.Errno)
		}
		d := b.part(m.Addr)
		if d == nil || !d.Start(m.Read) {
			return b.abort(m.Addr, b.noAck)
		}
		b.tellOthers(m)
		for n := range m.Data {
			if f != nil && f.Errno != 0 && total >= f.After {
				return b.abort(m.Addr, f.Errno)
			}
			var flip byte
			if f != nil && f.Errno == 0 && total == f.After {
				flip = f.Flip
			}
			b.stats.Bits += 9
			b.stats.Bytes++
			if !b.move(d, m, n, flip) {
				// A byte that is not acknowledged after the address was: fault-codes.rst leaves the code to
				// the adapter; EREMOTEIO is what the Pi's give.
				return b.abort(m.Addr, syscall.EREMOTEIO)
			}
			total++
		}
	}
	b.stats.Bits++ // stop
	if d := b.part(msgs[len(msgs)-1].Addr); d != nil {
		d.Stop()
	}
	return 0
}

// part is what has an address; nil = nothing.
func (b *Bus) part(addr uint16) Device {
	if int(addr) >= len(b.parts) {
		return nil
	}
	return b.parts[addr]
}

// tellOthers lets the other parts hear that the address of m has been acknowledged.
func (b *Bus) tellOthers(m Message) {
	for _, e := range b.ears {
		if e.addr != m.Addr {
			e.Heard(m.Read)
		}
	}
}

// move carries byte n of m, some of its bits flipped on the way.
func (b *Bus) move(d Device, m Message, n int, flip byte) (ack bool) {
	if m.Read {
		m.Data[n] = d.Read() ^ flip
	}
	if b.during != nil {
		b.during(m.Addr, m.Read, n)
	}
	if m.Read {
		d.Sent()
		return true
	}
	return d.Write(m.Data[n] ^ flip)
}

// abort ends a failed transfer with a stop, which every controller sends.
func (b *Bus) abort(addr uint16, errno syscall.Errno) syscall.Errno {
	b.stats.Bits++
	if d := b.part(addr); d != nil {
		d.Stop()
	}
	return errno
}
