package faults

import (
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// acks: a broker that acknowledges as none should. Only one that never does costs anything: the connection.
func acks(t *testing.T) {
	for name, c := range map[string]struct {
		change change
		hold   time.Duration
	}{
		"broker acknowledges every event twice":        {change: func(ids []uint16) []uint16 { return append(ids, ids...) }},
		"broker acknowledges ids that were never sent": {change: func(ids []uint16) []uint16 { return append(ids, ids[0]+30_000) }},
		"broker acknowledges in reverse order":         {hold: 20 * time.Millisecond, change: reversed},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			center, b := newCenter(t)
			m := newMeddler(t, strings.TrimPrefix(center.url, "mqtt://"), c.change, c.hold)
			g := newGateway(t, "mqtt://"+m.addr)
			g.start()
			flowing(t, b, 100*repeat(5))
			r := settle(t, g, b)
			nothing(t, r)
			if n := m.connections.Load(); n != 1 {
				t.Errorf("%d connections", n)
			}
			verdict(t, name, int(m.acks.Load()), r, 0, "times: acknowledgements")
		})
	}
}

// ackNever: no event is acknowledged for a while, everything else is.
func ackNever(t *testing.T) {
	t.Parallel()
	center, b := newCenter(t)
	var mute atomic.Bool
	m := newMeddler(t, strings.TrimPrefix(center.url, "mqtt://"), func(ids []uint16) []uint16 {
		if mute.Load() {
			return nil
		}
		return ids
	}, 0)
	g := newGateway(t, "mqtt://"+m.addr)
	g.start()
	times := repeat(2)
	for range times {
		flowing(t, b, 100)
		mute.Store(true)
		for before := m.connections.Load(); m.connections.Load() < before+2; time.Sleep(10 * time.Millisecond) {
			if t.Failed() || t.Context().Err() != nil {
				return
			}
		}
		mute.Store(false)
	}
	flowing(t, b, 100)
	r := settle(t, g, b)
	nothing(t, r)
	if r.Dropped > 0 {
		t.Errorf("%d events were given up", r.Dropped)
	}
	verdict(t, "broker acknowledges no event on two connections", times, r, 0, "")
}

// poison: something between gateway and broker cannot bear one event. It is found, named, and nothing else is lost.
func poison(t *testing.T) {
	t.Parallel()
	center, b := newCenter(t)
	m := newMeddler(t, strings.TrimPrefix(center.url, "mqtt://"), func(ids []uint16) []uint16 { return ids }, 0)
	m.kills = func(p *packets.PublishPacket) bool {
		return strings.Contains(string(p.Payload), "-00000001-0000000100\"")
	}
	g := newGateway(t, "mqtt://"+m.addr)
	g.start()
	flowing(t, b, 500)
	r := settle(t, g, b)
	nothing(t, r)
	if r.Dropped != 1 || r.Runs[0].Dropped["poison"] != 1 {
		t.Errorf("named: %v, want one poison", r.Runs[0].Dropped)
	}
	verdict(t, "connections die of one event", int(m.connections.Load())-1, r, 0, "named as `poison`; `resend` can ask for it")
}

// change makes of acknowledgements those that go out instead.
type change func(ids []uint16) []uint16

func reversed(ids []uint16) []uint16 {
	slices.Reverse(ids)
	return ids
}

// meddler stands between gateway and broker and changes the acknowledgements of events.
type meddler struct {
	addr        string
	change      change
	hold        time.Duration                     // acknowledgements are gathered for so long; 0 = each goes at once
	kills       func(*packets.PublishPacket) bool // ends the connection at this one; nil = at none
	connections atomic.Int32
	acks        atomic.Int32
}

func newMeddler(t *testing.T, to string, change change, hold time.Duration) *meddler {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	m := &meddler{addr: l.Addr().String(), change: change, hold: hold}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			m.connections.Add(1)
			events := make(chan uint16, 4096)
			go m.up(near, far, events)
			go m.down(far, near, events)
		}
	}()
	return m
}

// up passes on what the gateway sends, and notes the ids of events.
func (m *meddler) up(from, to net.Conn, events chan<- uint16) {
	defer to.Close()
	defer from.Close()
	defer close(events)
	for {
		c, err := packets.ReadPacket(from)
		if err != nil {
			return
		}
		if p, ok := c.(*packets.PublishPacket); ok && strings.Contains(p.TopicName, "/event/") {
			if m.kills != nil && m.kills(p) {
				return
			}
			events <- p.MessageID
		}
		if c.Write(to) != nil {
			return
		}
	}
}

// down passes on what the broker answers, and meddles with the acknowledgements of events.
func (m *meddler) down(from, to net.Conn, events <-chan uint16) {
	defer to.Close()
	defer from.Close()
	open := map[uint16]bool{}
	var writing sync.Mutex // guards what follows and to
	var held []uint16
	write := func(c packets.ControlPacket) error {
		writing.Lock()
		defer writing.Unlock()
		return c.Write(to)
	}
	flush := func() {
		writing.Lock()
		defer writing.Unlock()
		for _, id := range m.change(held) {
			ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			ack.MessageID = id
			_ = ack.Write(to) // the reader notices
		}
		held = nil
	}
	for {
		c, err := packets.ReadPacket(from)
		if err != nil {
			return
		}
		for more := true; more; {
			select {
			case id, ok := <-events:
				if more = ok; ok {
					open[id] = true
				}
			default:
				more = false
			}
		}
		ack, ok := c.(*packets.PubackPacket)
		if !ok || !open[ack.MessageID] {
			if write(c) != nil {
				return
			}
			continue
		}
		delete(open, ack.MessageID)
		m.acks.Add(1)
		writing.Lock()
		held = append(held, ack.MessageID)
		first := len(held) == 1
		writing.Unlock()
		switch {
		case m.hold == 0:
			flush()
		case first:
			time.AfterFunc(m.hold, flush)
		}
	}
}
