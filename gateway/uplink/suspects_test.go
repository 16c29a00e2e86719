package uplink

import (
	"slices"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// poisoned is a broker that ends the connection at one event, and acknowledges all others.
func poisoned(b *scripted, kills func(gateway.EventID) bool, stop <-chan struct{}) (order [][]uint64) {
	for {
		p := b.acceptUnless(stop)
		if p == nil {
			return order
		}
		var seen []uint64
		for {
			c := p.read()
			if c == nil {
				break
			}
			m, ok := c.(*packets.PublishPacket)
			if !ok {
				p.answerTo(c)
				continue
			}
			if p.isEvent(m) {
				id := eventID(b.t, m.Payload)
				seen = append(seen, id.Number)
				if kills(id) {
					_ = p.conn.Close()
					break
				}
			}
			p.ack(m.MessageID)
		}
		order = append(order, seen)
	}
}

// TestQuarantine has one event that every connection dies of. It is found, sent alone, named, and all others arrive.
func TestQuarantine(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.longest = 1 // nothing depends on how long it waits
	named := make(chan gateway.EventID, 10)
	g.opt.Poison = func(id gateway.EventID, _ error) { named <- id }
	const bad, n = 7, 20
	g.out.add(n, g.clock.Now())
	stop := make(chan struct{})
	ended := make(chan [][]uint64)
	go func() {
		ended <- poisoned(b, func(id gateway.EventID) bool { return id.Number == bad }, stop)
	}()
	g.start()
	wait(t, "everything dealt with", g.out.drained())
	if id := <-named; id.Number != bad || len(named) > 0 {
		t.Errorf("named %v and %d more", id, len(named))
	}
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
	close(stop)
	g.stop()
	var order [][]uint64
	select {
	case order = <-ended:
	case <-time.After(patience):
		t.Fatal("the broker does not end")
	}
	alone := 0
	for _, seen := range order {
		if slices.Contains(seen, bad) && seen[len(seen)-1] == bad {
			alone++
		}
	}
	if alone < suspectAfter+guiltyAfter {
		t.Errorf("%d connections died of it, want at least %d", alone, suspectAfter+guiltyAfter)
	}
}

// TestNoPoisonWhereNothingPasses has a broker that dies of every event, as an access rule makes some do. None of them is
// poison, and all arrive when it is put right.
func TestNoPoisonWhereNothingPasses(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.longest = 1
	g.opt.Poison = func(id gateway.EventID, err error) { t.Errorf("%v is poison: %v", id, err) }
	const n = 20
	g.out.add(n, g.clock.Now())
	stop := make(chan struct{})
	ended := make(chan [][]uint64)
	dead := 0
	go func() {
		ended <- poisoned(b, func(gateway.EventID) bool { dead++; return dead < 40 }, stop)
	}()
	g.start()
	wait(t, "everything confirmed", g.out.drained())
	g.link("counts", func(l hub.Link) bool { return l.Published == n })
	close(stop)
	g.stop()
	<-ended
}
