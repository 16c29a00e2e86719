package uplink

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"lotusgate/gateway"
)

type mqttPublish = packets.PublishPacket

// cable is a TCP connection to the broker that can be cut, and that writes down which events the broker acknowledged.
type cable struct {
	t    testing.TB
	to   string
	addr string
	url  string

	mu           sync.Mutex
	l            net.Listener
	conns        []net.Conn
	working      sync.WaitGroup
	published    int
	acknowledged map[gateway.EventID]int
}

func newCable(t testing.TB, to string) *cable {
	c := &cable{t: t, to: to, acknowledged: make(map[gateway.EventID]int)}
	c.plug("127.0.0.1:0")
	c.url = "mqtt://" + c.addr
	t.Cleanup(c.cut)
	return c
}

func (c *cable) plug(addr string) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.l, c.addr = l, l.Addr().String()
	c.working.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", c.to)
			if err != nil {
				_ = near.Close()
				continue
			}
			c.carry(near, far)
		}
	})
}

// cut closes every connection; nothing gets through until mend.
func (c *cable) cut() {
	_ = c.l.Close()
	c.mu.Lock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
	c.mu.Unlock()
	c.working.Wait()
}

func (c *cable) mend() { c.plug(c.addr) }

// carry copies both ways. Both copiers see whole packets.
func (c *cable) carry(near, far net.Conn) {
	c.mu.Lock()
	c.conns = append(c.conns, near, far)
	c.mu.Unlock()
	sent := make(map[uint16]gateway.EventID)
	c.working.Go(func() {
		defer near.Close()
		defer far.Close()
		copyPackets(far, near, func(p packets.ControlPacket) {
			if m, ok := p.(*packets.PublishPacket); ok && strings.Contains(m.TopicName, "/event/") {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.published++
				sent[m.MessageID] = eventID(c.t, m.Payload)
			}
		})
	})
	c.working.Go(func() {
		defer near.Close()
		defer far.Close()
		copyPackets(near, far, func(p packets.ControlPacket) {
			if a, ok := p.(*packets.PubackPacket); ok {
				c.mu.Lock()
				defer c.mu.Unlock()
				if id, ok := sent[a.MessageID]; ok {
					c.acknowledged[id]++
					delete(sent, a.MessageID)
				}
			}
		})
	})
}

func copyPackets(to io.Writer, from io.Reader, see func(packets.ControlPacket)) {
	for {
		p, err := packets.ReadPacket(from)
		if err != nil {
			return
		}
		see(p)
		if p.Write(to) != nil {
			return
		}
	}
}
