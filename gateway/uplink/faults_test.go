package uplink

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

func TestBrokerNeverAcknowledges(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.opt.AckTimeout = 300 * time.Millisecond
	g.out.add(5, g.clock.Now())
	g.start()

	p := b.accept()
	p.subscribed()
	if _, ok := p.closed().(*packets.DisconnectPacket); ok {
		t.Error("DISCONNECT on a connection in doubt: the broker would not publish the will")
	}
	l := g.link("failed", func(l hub.Link) bool { return l.Error != "" })
	if !strings.Contains(l.Error, "no acknowledgement of") {
		t.Errorf("error %q", l.Error)
	}
	if c := g.out.confirmations(); slices.Max(c) != 0 || slices.Min(c) != 0 {
		t.Errorf("confirmations %v without a single PUBACK", c)
	}

	p = b.accept()
	for _, m := range p.events(5) {
		p.ack(m.MessageID)
	}
	wait(t, "events confirmed", g.out.drained())
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
}

func TestStrangeAcknowledgements(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	const n = 20
	g.out.add(n, g.clock.Now())
	g.start()

	p := b.accept()
	events := p.events(n)
	p.ack(60000) // never sent
	slices.Reverse(events)
	for _, m := range events {
		p.ack(m.MessageID)
		p.ack(m.MessageID)
	}
	wait(t, "events confirmed", g.out.drained())
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
	// The connection has survived it.
	g.out.add(1, g.clock.Now())
	p.ack(p.events(1)[0].MessageID)
	wait(t, "one more event confirmed", g.out.drained())
	if l := g.hub.View().Link; l.Connects != 1 {
		t.Errorf("%d connections", l.Connects)
	}
}

func TestLinkLost(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	const n = 10
	g.out.add(n, g.clock.Now())
	g.start()

	p := b.accept()
	first := p.events(n)
	p.ack(first[2].MessageID) // 3 and 7 arrive, though others before them do not
	p.ack(first[6].MessageID)
	_ = p.conn.Close()

	p = b.accept()
	second := p.events(n - 2)
	var again []uint64
	for _, m := range second {
		id := eventID(t, m.Payload)
		again = append(again, id.Number)
		if !equalEvents(m.Payload, first[id.Number-1].Payload) {
			t.Errorf("event changed:\nfirst  %s\nsecond %s", first[id.Number-1].Payload, m.Payload)
		}
		p.ack(m.MessageID)
	}
	wait(t, "events confirmed", g.out.drained())
	if want := []uint64{1, 2, 4, 5, 6, 8, 9, 10}; !slices.Equal(again, want) {
		t.Errorf("sent again: %v, want %v", again, want)
	}
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
	g.link("counts", func(l hub.Link) bool { return l.Published == n && l.Resent == n-2 && l.InFlight == 0 })
}

// equalEvents compares what is immutable in two CloudEvents: all but time, clock, late and the bounds.
func equalEvents(a, b []byte) bool {
	cut := func(b []byte) string {
		s := string(b)
		i, j := strings.Index(s, `"clock":`), strings.Index(s, `"severitynumber":`)
		if i < 0 || j < 0 {
			return s + fmt.Sprint(i, j)
		}
		return s[:i] + s[j:]
	}
	return cut(a) == cut(b)
}

func TestWindowBoundsWhatIsInFlight(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.opt.Window = 8
	g.out.add(100, g.clock.Now())
	g.start()
	p := b.accept()
	held := p.events(8)
	g.link("full", func(l hub.Link) bool { return l.InFlight == 8 })
	if n := g.taken(); n != 8 {
		t.Errorf("%d records taken with a window of 8", n)
	}
	for len(held) < 100 {
		p.ack(held[len(held)-8].MessageID)
		held = append(held, p.events(1)...)
	}
	for i, m := range held {
		if n := eventID(t, m.Payload).Number; n != uint64(i+1) {
			t.Fatalf("event %d came as number %d", n, i+1)
		}
	}
}

func (g *gatewayUnderTest) taken() (n int) {
	g.out.mu.Lock()
	defer g.out.mu.Unlock()
	for _, taken := range g.out.taken {
		if taken {
			n++
		}
	}
	return n
}

func TestPoisonDoesNotBlock(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	bad := []string{
		``, `{`, `null`, `[]`, `{"t":"lane.x","i":"a"}`,
		`{"t":"lane.x","i":"a/b","b":"","s":"info","d":{}}`,
		`{"t":"lane.x","i":"#","b":"","s":"info","d":{}}`,
		`{"t":"+.x","i":"a","b":"","s":"info","d":{}}`,
		`{"t":"lane","i":"a","b":"","s":"info","d":{}}`,
		`{"t":"lane.x","i":"a","b":"","s":"loud","d":{}}`,
	}
	var named []uint64
	g.opt.Poison = func(id gateway.EventID, err error) {
		if err == nil {
			t.Error("no reason")
		}
		named = append(named, id.Number)
	}
	for _, payload := range bad {
		g.out.addRaw(g.out.run, []byte(payload))
	}
	g.out.add(1, g.clock.Now())
	g.start()
	p := b.accept()
	m := p.events(1)[0]
	p.ack(m.MessageID)
	if n := eventID(t, m.Payload).Number; n != uint64(len(bad)+1) {
		t.Errorf("first event is number %d", n)
	}
	wait(t, "all confirmed", g.out.drained())
	_ = p.conn.Close()
	g.stop()
	if len(named) != len(bad) {
		t.Errorf("poison named: %v, want all of 1 to %d", named, len(bad))
	}
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
}

func TestLate(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.out.add(1, g.clock.Now())                         // just now
	g.out.add(1, g.clock.Now().Add(-31*time.Second))    // waited
	g.out.addRaw(g.out.run-1, g.out.records[0].Payload) // of an earlier run
	g.start()
	var late []bool
	for _, m := range b.accept().events(3) {
		late = append(late, strings.Contains(string(m.Payload), `"late":true`))
	}
	if want := []bool{false, true, true}; !slices.Equal(late, want) {
		t.Errorf("late %v, want %v", late, want)
	}
}

func TestBacklogRate(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.opt.BacklogRate = 1
	g.out.add(2, g.clock.Now().Add(-time.Hour)) // the first may go at once, the second a second later
	g.start()
	p := b.accept()
	first := p.events(1)[0]
	g.out.add(5, g.clock.Now()) // live: not limited, and past the second
	var order []uint64
	for _, m := range append([]*packets.PublishPacket{first}, p.events(6)...) {
		order = append(order, eventID(t, m.Payload).Number)
		p.ack(m.MessageID)
	}
	if want := []uint64{1, 3, 4, 5, 6, 7, 2}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	wait(t, "events confirmed", g.out.drained())
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
}
