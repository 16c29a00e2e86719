package uplink

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"lotusgate/gateway"
)

// scripted is a broker that does what a test tells it, right or wrong.
type scripted struct {
	t   testing.TB
	l   net.Listener
	url string
}

func newScripted(t testing.TB, secure *tls.Config) *scripted {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{t: t, l: l, url: "mqtt://" + l.Addr().String()}
	if secure != nil {
		s.l = tls.NewListener(l, secure)
		s.url = "mqtts://" + l.Addr().String()
	}
	t.Cleanup(func() { _ = l.Close() })
	return s
}

// peer is the broker's side of one connection.
type peer struct {
	t       testing.TB
	conn    net.Conn
	connect *packets.ConnectPacket
}

// knock waits for a connection and its CONNECT.
func (s *scripted) knock() *peer {
	s.t.Helper()
	if d, ok := s.l.(interface{ SetDeadline(time.Time) error }); ok {
		_ = d.SetDeadline(time.Now().Add(patience))
	}
	conn, err := s.l.Accept()
	if err != nil {
		s.t.Fatal("no connection:", err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	p := &peer{t: s.t, conn: conn}
	p.connect = as[*packets.ConnectPacket](p)
	return p
}

// accept waits for a connection and welcomes it.
func (s *scripted) accept() *peer {
	s.t.Helper()
	p := s.knock()
	p.answer(packets.Accepted)
	return p
}

// acceptUnless is accept for a goroutine that outlives the gateway: nil once stop is closed and nobody connects.
func (s *scripted) acceptUnless(stop <-chan struct{}) *peer {
	for {
		_ = s.l.(*net.TCPListener).SetDeadline(time.Now().Add(50 * time.Millisecond))
		conn, err := s.l.Accept()
		if err == nil {
			p := &peer{t: s.t, conn: conn}
			if _, ok := p.read().(*packets.ConnectPacket); ok {
				p.answer(packets.Accepted)
				return p
			}
		}
		select {
		case <-stop:
			return nil
		default:
		}
	}
}

func (p *peer) answer(code byte) {
	ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	ack.ReturnCode = code
	p.send(ack)
}

func (p *peer) send(c packets.ControlPacket) {
	p.t.Helper()
	if err := c.Write(p.conn); err != nil {
		p.t.Fatal("broker cannot write:", err)
	}
}

// read returns the next packet; nil when the other side closed the connection.
func (p *peer) read() packets.ControlPacket {
	p.t.Helper()
	for {
		_ = p.conn.SetReadDeadline(time.Now().Add(patience))
		c, err := packets.ReadPacket(p.conn)
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			p.t.Fatal("broker got no packet")
		}
		if err != nil {
			return nil
		}
		p.echo(c)
		if _, ping := c.(*packets.PingreqPacket); !ping {
			return c
		}
		p.send(packets.NewControlPacket(packets.Pingresp))
	}
}

// echo sends the gateway its own status, to which it has subscribed.
func (p *peer) echo(c packets.ControlPacket) {
	if m, ok := c.(*packets.PublishPacket); ok && m.TopicName == testRoot+"/status" {
		back := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		back.TopicName, back.Payload = m.TopicName, m.Payload
		_ = back.Write(p.conn) // it may have gone
	}
}

// answerTo answers a subscription or its end.
func (p *peer) answerTo(c packets.ControlPacket) {
	switch c := c.(type) {
	case *packets.SubscribePacket:
		ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		ack.MessageID = c.MessageID
		ack.ReturnCodes = make([]byte, len(c.Topics))
		p.send(ack)
	case *packets.UnsubscribePacket:
		ack := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
		ack.MessageID = c.MessageID
		p.send(ack)
	}
}

// parted acknowledges everything until the gateway says DISCONNECT.
func (p *peer) parted() {
	p.t.Helper()
	for {
		switch c := p.read().(type) {
		case *packets.PublishPacket:
			p.ack(c.MessageID)
		case *packets.DisconnectPacket:
			return
		case nil:
			p.t.Fatal("no DISCONNECT: the broker would publish the will")
		default:
			p.answerTo(c)
		}
	}
}

func (p *peer) isEvent(m *packets.PublishPacket) bool {
	return strings.HasPrefix(m.TopicName, testRoot+"/event/")
}

// as reads a packet of one kind.
func as[P packets.ControlPacket](p *peer) P {
	p.t.Helper()
	c := p.read()
	got, ok := c.(P)
	if !ok {
		p.t.Fatalf("broker wanted %T, got %v", *new(P), c)
	}
	return got
}

// subscribed answers the SUBSCRIBE.
func (p *peer) subscribed() *packets.SubscribePacket {
	p.t.Helper()
	s := as[*packets.SubscribePacket](p)
	ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	ack.MessageID = s.MessageID
	ack.ReturnCodes = make([]byte, len(s.Topics))
	p.send(ack)
	return s
}

func (p *peer) ack(id uint16) {
	a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	a.MessageID = id
	p.send(a)
}

// say publishes to the gateway.
func (p *peer) say(topic, payload string, retained bool) {
	m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	m.TopicName, m.Payload, m.Retain = topic, []byte(payload), retained
	p.send(m)
}

// events reads until n events were published and acknowledges everything else.
func (p *peer) events(n int) []*packets.PublishPacket {
	p.t.Helper()
	var found []*packets.PublishPacket
	for len(found) < n {
		m := p.published()
		if strings.HasPrefix(m.TopicName, testRoot+"/event/") {
			found = append(found, m)
		} else {
			p.ack(m.MessageID)
		}
	}
	return found
}

// published reads the next publish, answering subscriptions.
func (p *peer) published() *packets.PublishPacket {
	p.t.Helper()
	for {
		switch c := p.read().(type) {
		case *packets.PublishPacket:
			return c
		case *packets.SubscribePacket:
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID = c.MessageID
			ack.ReturnCodes = make([]byte, len(c.Topics))
			p.send(ack)
		case *packets.UnsubscribePacket:
			ack := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
			ack.MessageID = c.MessageID
			p.send(ack)
		default:
			p.t.Fatalf("broker wanted a publish, got %v", c)
		}
	}
}

// on reads publishes, acknowledging all, until one of the topic below the root comes.
func (p *peer) on(topic string) *packets.PublishPacket {
	p.t.Helper()
	for {
		m := p.published()
		p.ack(m.MessageID)
		if m.TopicName == testRoot+"/"+topic {
			return m
		}
	}
}

// unsubscribed reads until reading back has ended, acknowledging everything.
func (p *peer) unsubscribed() {
	p.t.Helper()
	for {
		switch c := p.read().(type) {
		case *packets.PublishPacket:
			p.ack(c.MessageID)
		case *packets.UnsubscribePacket:
			ack := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
			ack.MessageID = c.MessageID
			p.send(ack)
			return
		default:
			p.t.Fatalf("broker wanted an unsubscribe, got %v", c)
		}
	}
}

// closed reads what comes until the other side closes the connection; it returns the last packet.
func (p *peer) closed() (last packets.ControlPacket) {
	p.t.Helper()
	for {
		c := p.read()
		if c == nil {
			return last
		}
		last = c
	}
}

// eventID reads the id of a published event.
func eventID(t testing.TB, payload []byte) gateway.EventID {
	t.Helper()
	var e struct {
		ID gateway.EventID `json:"id"`
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		t.Fatalf("event %s: %v", payload, err)
	}
	return e.ID
}

// listen is a scripted broker at a given address.
func listen(t testing.TB, addr string) *scripted {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &scripted{t: t, l: l, url: "mqtt://" + addr}
}
