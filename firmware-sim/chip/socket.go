package chip

import (
	"sync"
	"syscall"
)

// socket is the wire side of a part with its lock: Device, byte by byte, for a part that has no lock of its own there. A bus
// on which nobody looks at what happens between two bytes locks it once for a transfer.
type socket struct {
	mu   sync.Mutex // guards the whole part
	wire wire
}

// wire is Device without the lock.
type wire interface {
	start(read bool) (ack bool)
	write(b byte) (ack bool)
	read() byte
	sent()
	stop()
}

// socketed is a part with a socket.
type socketed interface{ plug() *socket }

func (s *socket) plug() *socket { return s }

// Start implements Device.
func (s *socket) Start(read bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wire.start(read)
}

// Write implements Device.
func (s *socket) Write(b byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wire.write(b)
}

// Read implements Device.
func (s *socket) Read() byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wire.read()
}

// Sent implements Device.
func (s *socket) Sent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire.sent()
}

// Stop implements Device.
func (s *socket) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wire.stop()
}

// whole is the socket that all of a transfer is for; nil = there is none.
func (b *Bus) whole(msgs []Message) *socket {
	for _, m := range msgs[1:] {
		if m.Addr != msgs[0].Addr {
			return nil
		}
	}
	if p, ok := b.part(msgs[0].Addr).(socketed); ok {
		return p.plug()
	}
	return nil
}

// quick is a transfer that nothing disturbs: what transfer does, with the part locked once.
func (b *Bus) quick(s *socket, msgs []Message) syscall.Errno {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.wire.stop()
	defer func() { b.stats.Bits++ }() // stop
	for _, m := range msgs {
		b.stats.Bits += 1 + 9
		if !s.wire.start(m.Read) {
			return b.noAck
		}
		b.tellOthers(m)
		for n := range m.Data {
			b.stats.Bits += 9
			b.stats.Bytes++
			if m.Read {
				m.Data[n] = s.wire.read()
				s.wire.sent()
			} else if !s.wire.write(m.Data[n]) {
				return syscall.EREMOTEIO
			}
		}
	}
	return 0
}
