package uplink

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// inboxSize is how many messages wait for the session; more make paho wait.
const inboxSize = 64

// pipe is one connection to the broker, made once and never mended. Its methods belong to one goroutine, but for those
// that paho calls.
type pipe struct {
	client mqtt.Client
	conn   net.Conn     // TCP, below TLS
	out    *batcher     // to the broker
	lost   chan error   // receives why the connection died; capacity 1, the first reason stays
	inbox  chan message // what the broker sent; readers of paho wait for room or for the end
	ended  chan struct{}

	command func(m message) bool // takes a message that is a command, without waiting; nil = there are none

	mu   sync.Mutex // held while paho takes a packet
	dead bool       // paho must not be given anything more
}

// message is what arrived on a subscription.
type message struct {
	topic    string
	payload  []byte
	retained bool // was retained before we subscribed; false for what was published since
}

// receive is called by one goroutine of paho's, in the order of arrival: commands are taken there and then, so that
// neither a backlog nor its acknowledgements are before them. While it waits for room in the inbox paho reads no
// acknowledgements either, so whoever waits for one must empty the inbox meanwhile.
func (p *pipe) receive(_ mqtt.Client, m mqtt.Message) {
	got := message{topic: m.Topic(), payload: m.Payload(), retained: m.Retained()}
	if p.command != nil && p.command(got) {
		return
	}
	select {
	case p.inbox <- got:
	case <-p.ended:
	}
}

// take gives paho a packet; nil when the connection has died.
func (p *pipe) take(packet func() mqtt.Token) Token {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return nil
	}
	return packet()
}

// Publish sends with QoS 1.
func (p *pipe) Publish(topic string, retained bool, payload []byte) Token {
	return p.take(func() mqtt.Token { return p.client.Publish(topic, 1, retained, payload) })
}

// Subscribe asks for topics.
func (p *pipe) Subscribe(qos map[string]byte) Token {
	return p.take(func() mqtt.Token { return p.client.SubscribeMultiple(qos, nil) })
}

// Unsubscribe ends that.
func (p *pipe) Unsubscribe(filters ...string) Token {
	return p.take(func() mqtt.Token { return p.client.Unsubscribe(filters...) })
}

// Together has what send publishes leave as one piece, as far as paho is fast enough.
func (p *pipe) Together(send func() error) error { return p.out.batch(send) }

// tell keeps the first reason of the connection's death.
func (p *pipe) tell(err error) {
	select {
	case p.lost <- err:
	default:
	}
}

// drop ends the connection as if the cable had been cut: TCP is closed first, so that no DISCONNECT reaches the broker
// and it publishes the will.
func (p *pipe) drop() {
	close(p.ended)
	_ = p.conn.Close()
	p.client.Disconnect(250)
}

// bye ends the connection with a DISCONNECT: no will.
func (p *pipe) bye() {
	close(p.ended)
	p.client.Disconnect(250)
	_ = p.conn.Close()
}

// wire is what paho reads from and writes to. It decides when paho learns that the connection is dead, and how:
//
//   - Never while paho takes a packet: Publish would then wait for its whole write timeout, because the goroutine that
//     should receive from it has gone. So a failed write is not reported; it closes the connection, the read fails, and
//     that is reported when no Publish is under way.
//   - Not as "use of closed network connection": paho keeps silent about that and would only notice at the next ping.
//     This also catches a CONNACK with an unknown code, after which paho closes the connection and calls it a success.
//
// It also saves system calls. paho reads a packet in three pieces, the first two of one byte, and writes each packet by
// itself.
type wire struct {
	net.Conn
	pipe *pipe
	in   *bufio.Reader // of Conn
}

func newWire(conn net.Conn, p *pipe) wire {
	p.out = &batcher{conn: conn, fail: func(err error) {
		p.tell(err)
		_ = p.conn.Close()
	}}
	return wire{conn, p, bufio.NewReader(conn)}
}

var errDropped = errors.New("connection dropped by this side")

func (w wire) Read(b []byte) (int, error) {
	n, err := w.in.Read(b)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, net.ErrClosed) {
		err = errDropped // whoever closed it knows the reason
	} else {
		w.pipe.tell(err)
	}
	_ = w.pipe.conn.Close() // a write that hangs ends now
	w.pipe.mu.Lock()
	w.pipe.dead = true
	w.pipe.mu.Unlock()
	return n, err
}

func (w wire) Write(b []byte) (int, error) {
	w.pipe.out.write(b)
	return len(b), nil
}

// SetWriteDeadline is the batcher's business.
func (w wire) SetWriteDeadline(time.Time) error { return nil }
