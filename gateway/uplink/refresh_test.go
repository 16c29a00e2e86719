package uplink

import (
	"slices"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// TestRefresh asks for everything retained: it comes once more, and is told when the broker has all of it.
func TestRefresh(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	refresh := make(chan func())
	g.opt.Refresh = refresh
	g.start()
	p := b.accept()
	p.on("state/entry-gate")
	told := make(chan struct{})
	refresh <- func() { close(told) }
	want := []string{testRoot + "/status", testRoot + "/meta", testRoot + "/state/entry-gate"}
	var held *packets.PublishPacket
	for len(want) > 0 {
		m := p.published()
		if i := slices.Index(want, m.TopicName); i >= 0 {
			want = slices.Delete(want, i, i+1)
		}
		if len(want) == 0 {
			held = m
			break
		}
		p.ack(m.MessageID)
	}
	select {
	case <-told:
		t.Error("told before the broker has all of it")
	default:
	}
	p.ack(held.MessageID)
	go func() { // whatever else changes
		for p.read() != nil {
		}
	}()
	wait(t, "told", told)
}

// TestHistory sends confirmed events once more, those too whose connection died.
func TestHistory(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	history := make(chan History)
	g.opt.History = history
	g.out.add(3, g.clock.Now())
	g.start()
	p := b.accept()
	for _, m := range p.events(3) {
		p.ack(m.MessageID)
	}
	wait(t, "events confirmed", g.out.drained())
	sent := make(chan uint64, 3)
	go func() {
		for _, r := range g.out.records {
			history <- History{Record: r, Sent: func() { sent <- r.ID.Number }}
		}
	}()
	again := p.events(3)
	p.ack(again[0].MessageID)
	if n := <-sent; n != 1 {
		t.Errorf("%d was told first", n)
	}
	_ = p.conn.Close()
	p = b.accept()
	for i, m := range p.events(2) {
		if n := eventID(t, m.Payload).Number; n != uint64(i+2) {
			t.Errorf("event %d came", n)
		}
		p.ack(m.MessageID)
	}
	for range 2 {
		<-sent
	}
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
}
