package sim

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway/uplink"
)

// broker is an MQTT broker, its link to the gateway and its one other subscriber, the center, as far as a gateway can tell
// them apart: what arrives, what is acknowledged, what is lost, and when.
//
// It keeps the order of what one client published. It acknowledges in order. What it has acknowledged and not yet passed
// on it loses when it is killed, unless it is durable: so do brokers (docs/decisions/0003).
type broker struct {
	agenda *agenda
	now    func() time.Duration
	chance *rand.Rand
	center *center

	durable bool                 // a kill loses nothing that was acknowledged
	slow    func() time.Duration // how long after a subscription has arrived it is in force; nil = it is at once
	down    bool                 // the process does not run
	cut     bool                 // the link is half open: packets vanish in both directions
	stopped bool                 // SIGSTOP: it takes packets and does nothing
	silent  bool                 // an access rule drops what is published as an event, and acknowledges it

	conn     *conn
	since    time.Duration // when it came, or went
	retained map[string][]byte
	born     int // processes so far
	arrived  time.Duration
	held     []func() // what a stopped broker will do
}

// lag is how long a packet takes.
var lag = plant.Span{Min: 5 * time.Millisecond, Max: 120 * time.Millisecond}

// deaf is after how long a client finds that nobody answers its pings: keep-alive and ping time-out.
const deaf = 30 * time.Second

var (
	errRefused = errors.New("connection refused")
	errReset   = errors.New("connection reset by peer")
	errSilent  = errors.New("pingresp not received")
)

// conn is one connection. What it says comes from the agenda, never from within a call.
type conn struct {
	b       *broker
	filters map[string]bool
	receive func(topic string, payload []byte, retained bool)
	lost    func(error)
	will    func() // what the broker does when the connection dies
	dead    bool   // for the client
	began   time.Duration
	sent    time.Duration // when the last packet arrives: packets do not overtake
	acked   time.Duration
}

// ack is a token: the acknowledgement of one packet.
type ack struct {
	done    chan struct{}
	granted map[string]byte // of a subscription
}

// Done implements uplink.Token.
func (a *ack) Done() <-chan struct{} { return a.done }

// Error implements uplink.Token.
func (a *ack) Error() error { return nil }

// Result is what a subscription was granted.
func (a *ack) Result() map[string]byte { return a.granted }

// connect opens a connection, or says why there is none. A half-open link makes the client wait in vain, which counts as
// refused.
func (b *broker) connect(receive func(string, []byte, bool), lost func(error), topic string, will []byte) (*conn, error) {
	if b.down || b.cut || b.stopped {
		return nil, errRefused
	}
	if b.conn != nil { // the newer one takes the client id over
		b.conn.die(errReset)
	}
	b.conn = &conn{
		b: b, began: b.now(), filters: map[string]bool{}, receive: receive, lost: lost, will: func() { b.take(topic, true, will) },
	}
	b.since = b.now()
	return b.conn, nil
}

// die ends a connection for the client, once it can know.
func (c *conn) die(why error) {
	after := lag.Draw(c.b.chance)
	if errors.Is(why, errSilent) {
		after = deaf
	}
	c.b.agenda.at(c.b.now()+after, func() {
		if !c.dead {
			c.dead = true
			c.lost(why)
		}
	})
	c.leave()
}

// leave is the end of a connection for the broker: it publishes the will.
func (c *conn) leave() {
	if c.b.conn != c {
		return
	}
	c.b.conn, c.b.since = nil, c.b.now()
	if !c.b.down {
		c.will()
	}
}

// Drop ends the connection on the client's side.
func (c *conn) Drop() {
	c.dead = true
	c.leave()
}

// later lets something happen at the broker when a packet that is sent now arrives.
func (c *conn) later(do func()) {
	c.sent = max(c.sent, c.b.now()+lag.Draw(c.b.chance))
	born := c.b.born
	c.b.agenda.at(c.sent, func() {
		if c.b.born == born {
			c.now(do)
		}
	})
}

// now lets something happen at the broker, if it still has the connection.
func (c *conn) now(do func()) {
	switch {
	case c.b.cut || c.b.down || c.b.conn != c:
	case c.b.stopped:
		c.b.held = append(c.b.held, do)
	default:
		do()
	}
}

// answer lets the client know something, in order.
func (c *conn) answer(tell func()) {
	c.acked = max(c.acked, c.b.now()+lag.Draw(c.b.chance))
	c.b.agenda.at(c.acked, func() {
		if !c.b.cut && !c.dead {
			tell()
		}
	})
}

// Publish sends a message with QoS 1.
func (c *conn) Publish(topic string, retained bool, payload []byte) uplink.Token {
	a := &ack{done: make(chan struct{})}
	payload = slices.Clone(payload)
	c.later(func() {
		c.b.take(topic, retained, payload)
		c.answer(func() { close(a.done) })
	})
	return a
}

// Subscribe asks for topics, and gets what is retained there. A broker may pass on what the client publishes after it before
// the subscription is in force: then somebody who has heard that can publish before it, retained.
func (c *conn) Subscribe(filters map[string]byte) uplink.Token {
	a := &ack{done: make(chan struct{}), granted: filters}
	grant := func() {
		for f := range filters {
			c.filters[f] = true
		}
		c.answer(func() { close(a.done) })
		for _, topic := range slices.Sorted(maps.Keys(c.b.retained)) {
			if payload := c.b.retained[topic]; c.wants(topic) {
				c.answer(func() { c.receive(topic, payload, true) })
			}
		}
	}
	c.later(func() {
		if c.b.slow == nil {
			grant()
			return
		}
		c.b.agenda.at(c.b.now()+c.b.slow(), func() { c.now(grant) })
	})
	return a
}

// Together needs no pieces.
func (c *conn) Together(send func() error) error { return send() }

// Unsubscribe ends that.
func (c *conn) Unsubscribe(filters ...string) uplink.Token {
	a := &ack{done: make(chan struct{})}
	c.later(func() {
		for _, f := range filters {
			delete(c.filters, f)
		}
		c.answer(func() { close(a.done) })
	})
	return a
}

func (c *conn) wants(topic string) bool {
	for f := range c.filters {
		if matches(f, topic) {
			return true
		}
	}
	return false
}

// matches tells whether a topic is in a filter of MQTT.
func matches(filter, topic string) bool {
	for {
		want, wants, deeper := strings.Cut(filter, "/")
		have, rest, more := strings.Cut(topic, "/")
		switch {
		case want == "#":
			return true
		case want != "+" && want != have || deeper != more:
			return false
		case !more:
			return true
		}
		filter, topic = wants, rest
	}
}

// take is a message that has arrived: the broker keeps what is to be retained and passes it on.
func (b *broker) take(topic string, retained bool, payload []byte) {
	if retained {
		b.retained[topic] = payload
		if len(payload) == 0 {
			delete(b.retained, topic)
		}
	}
	if c := b.conn; c != nil && c.wants(topic) { // it hears itself
		c.answer(func() { c.receive(topic, payload, false) })
	}
	if b.silent && !retained {
		return
	}
	born := b.born
	b.arrived = max(b.arrived, b.now()+lag.Draw(b.chance))
	b.agenda.at(b.arrived, func() {
		if b.durable || b.born == born {
			b.center.hear(topic, payload)
		}
	})
}

// kill ends the process at once. It comes back after a while, with what was retained: brokers keep that.
func (b *broker) kill() {
	b.down, b.stopped, b.held = true, false, nil
	b.born++
	if b.conn != nil {
		b.conn.die(errReset)
	}
}

func (b *broker) start() { b.down = false }

// part makes the link half open; join mends it. The connection does not survive it.
func (b *broker) part() {
	b.cut = true
	if b.conn != nil {
		b.conn.die(errSilent)
	}
}

func (b *broker) join() { b.cut = false }

// stop is SIGSTOP, cont SIGCONT. A client notices a long stop by its pings.
func (b *broker) stop() {
	b.stopped = true
	if c := b.conn; c != nil {
		b.agenda.at(b.now()+deaf, func() {
			if b.stopped && b.conn == c {
				c.die(errReset)
			}
		})
	}
}

func (b *broker) cont() {
	b.stopped = false
	held := b.held
	b.held = nil
	for _, do := range held {
		do()
	}
}

// send publishes a message of some other client for the gateway. A broker that is stopped delivers it when it goes on.
func (b *broker) send(topic string, payload []byte, retained bool) {
	deliver := func() {
		if retained {
			b.retained[topic] = payload
		}
		b.say(topic, payload)
	}
	switch {
	case b.down:
	case b.stopped:
		b.held = append(b.held, deliver)
	default:
		deliver()
	}
}

// forget takes back what is retained. The gateway gets an empty message, too.
func (b *broker) forget(topic string) {
	delete(b.retained, topic)
	b.say(topic, nil)
}

// say publishes a message for the gateway on behalf of the center.
func (b *broker) say(topic string, payload []byte) {
	if c := b.conn; b.heard(topic) {
		c.answer(func() { c.receive(topic, payload, false) })
	}
}

// heard tells whether the gateway would hear now of what is said.
func (b *broker) heard(topic string) bool {
	return b.conn != nil && !b.down && !b.cut && !b.stopped && b.conn.wants(topic)
}
