package uplink

import (
	"net"
	"sync"
	"time"
)

// batchBytes is how much a batch gathers before it leaves.
const batchBytes = 32 << 10

// batcher writes to a connection, one packet after the other or a batch at once: a batch costs one system call and wakes the
// broker once. Each write has its own deadline.
type batcher struct {
	conn net.Conn
	fail func(error) // told of a failed write, after which nothing is written any more

	mu     sync.Mutex // held while something is written
	open   bool       // packets are gathered
	packed []byte     // gathered, or about to be written
	broken bool
}

// write takes one packet.
func (b *batcher) write(packet []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case !b.open:
		b.send(packet)
	case len(b.packed)+len(packet) > batchBytes:
		b.flush()
		b.send(packet)
	default:
		b.packed = append(b.packed, packet...)
	}
}

// batch gathers what is written while run runs. What comes from other goroutines only after that leaves by itself, behind it.
func (b *batcher) batch(run func() error) error {
	b.mu.Lock()
	b.open = true
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.open = false
		b.flush()
	}()
	return run()
}

// flush sends what was gathered. mu is held.
func (b *batcher) flush() {
	b.send(b.packed)
	b.packed = b.packed[:0]
}

// send writes to the connection. mu is held.
func (b *batcher) send(p []byte) {
	if b.broken || len(p) == 0 {
		return
	}
	err := b.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil {
		_, err = b.conn.Write(p)
	}
	if err != nil {
		b.broken = true
		b.fail(err)
	}
}
