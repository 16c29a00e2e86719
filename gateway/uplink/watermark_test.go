package uplink

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/gateway"
)

// TestConfirmer runs the rules of the ledger on virtual time.
func TestConfirmer(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var told []string
	words := [...]string{ConfirmationResumed: "resumed", ConfirmationStalled: "stalled", WatermarkRejected: "rejected"}
	c := confirmer{byCenter: true, stall: 10 * time.Minute, tell: func(k Confirmation, d gateway.ConfirmationData) {
		told = append(told, fmt.Sprintf("%s %d", words[k], d.Waiting))
	}, renew: func(string) { told = append(told, "renew") }}
	ledger := gateway.Ledger{Epoch: "bbbbbb", Run: 3, Number: 100}
	ids := func(epoch string, run uint32, numbers ...uint64) (out []gateway.EventID) {
		for _, n := range numbers {
			out = append(out, gateway.EventID{Epoch: epoch, Run: run, Number: n})
		}
		return out
	}
	acked := func(want int, in ...gateway.EventID) {
		t.Helper()
		if got := c.acknowledged(in, now); len(got) != want {
			t.Errorf("released %v, want %d", got, want)
		}
	}
	mark := func(payload string, want ...gateway.EventID) {
		t.Helper()
		w, err := plainWatermark([]byte(payload))
		if err != nil {
			c.reject(payload, err.Error(), now)
			return
		}
		if got := c.watermark(w, ledger, now); !slices.Equal(got, want) {
			t.Errorf("%s released %v, want %v", payload, got, want)
		}
	}
	say := func(want ...string) {
		t.Helper()
		c.check(now)
		if !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
		told = nil
	}

	acked(0, ids("bbbbbb", 3, 1, 2, 3)...)
	acked(0, ids("bbbbbb", 2, 7, 900)...)
	acked(0, ids("aaaaaa", 9, 5)...)
	mark(`{"epoch":"bbbbbb","run":2,"number":800}`, append(ids("bbbbbb", 2, 7), ids("aaaaaa", 9, 5)...)...)
	mark(`{"epoch":"bbbbbb","run":2,"number":10}`) // lower: old news
	mark(`{"epoch":"bbbbbb","run":3,"number":2}`, append(ids("bbbbbb", 3, 1, 2), ids("bbbbbb", 2, 900)...)...)
	acked(2, ids("bbbbbb", 2, 900, 1000)...) // covered when it is acknowledged
	say()

	for range 2 { // told once
		mark(`{"epoch":"aaaaaa","run":9,"number":6}`)
	}
	mark(`{"epoch":"bbbbbb","run":3,"number":101}`)
	mark(`{"epoch":"bbbbbb","run":4,"number":1}`)
	mark(`hello`) // one a minute at most
	now = now.Add(rejectGap)
	mark(`hello`)
	say("rejected 1", "renew", "renew", "rejected 1")
	mark(`{"epoch":"bbbbbb","run":3,"number":3}`, ids("bbbbbb", 3, 3)...)
	say("resumed 0")

	now = now.Add(time.Hour)
	say() // nothing awaits
	acked(0, ids("bbbbbb", 3, 4)...)
	now = now.Add(9 * time.Minute)
	say()
	c.rewind(now) // the link flaps
	now = now.Add(time.Hour)
	say()
	acked(0, ids("bbbbbb", 3, 4)...)
	say()
	now = now.Add(time.Minute)
	say("stalled 1")
	now = now.Add(time.Hour)
	say()
	mark(`{"epoch":"bbbbbb","run":3,"number":50}`, ids("bbbbbb", 3, 4)...)
	say("resumed 0")
}

// TestWatermark has a broker that acknowledges and a center that stores, or not.
func TestWatermark(t *testing.T) { synctest.Test(t, watermarked) }

func watermarked(t *testing.T) {
	g, b := newPiped(t)
	g.opt.AckByCenter, g.opt.Stall = true, 5*time.Second
	told := make(chan Confirmation, 10)
	g.opt.Confirmation = func(c Confirmation, _ gateway.ConfirmationData) { told <- c }
	g.out.add(4, g.clock.Now())
	g.start()
	expect := func(want Confirmation) {
		t.Helper()
		select {
		case got := <-told:
			if got != want {
				t.Errorf("told %v, want %v", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("never told %v", want)
		}
	}
	p := b.accept()
	for _, m := range p.events(4) {
		p.ack(m.MessageID)
	}
	p.parted()
	expect(ConfirmationStalled)
	if c := g.out.confirmations(); slices.Max(c) != 0 {
		t.Errorf("confirmed %v without a word of the center", c)
	}

	// It may be the broker that drops them: all are sent once more.
	p = b.accept()
	for _, m := range p.events(4) {
		p.ack(m.MessageID)
	}
	p.say(testRoot+"/watermark", `{"epoch":"zzzzzz","run":1,"number":1}`, true)
	expect(WatermarkRejected)
	p.say(testRoot+"/watermark", `{"epoch":"k3v9q2","run":12,"number":2}`, true)
	expect(ConfirmationResumed)
	_ = p.conn.Close()

	// Only what the center has not confirmed is sent again.
	p = b.accept()
	var again []uint64
	for _, m := range p.events(2) {
		again = append(again, eventID(t, m.Payload).Number)
		p.ack(m.MessageID)
	}
	p.say(testRoot+"/watermark", `{"epoch":"k3v9q2","run":12,"number":4}`, false)
	wait(t, "all confirmed", g.out.drained())
	if err := once(g.out.confirmations()); err != nil || !slices.Equal(again, []uint64{3, 4}) {
		t.Errorf("sent again %v, error %v", again, err)
	}
	_ = p.conn.Close()
	g.stop()
}

// What earlier runs have published and the center has stored need not be published again to be released.
func TestWatermarkReleasesEarlierRuns(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.opt.AckByCenter, g.opt.Window = true, 2
	g.out.add(5, g.clock.Now())
	for i := range 4 {
		g.out.records[i].ID.Run = g.out.run - 1
	}
	g.start()
	p := b.accept()
	first := p.events(1) // never acknowledged
	p.say(testRoot+"/watermark", `{"epoch":"k3v9q2","run":11,"number":3}`, true)
	for deadline := time.Now().Add(patience); !slices.Equal(g.out.confirmations(), []int{1, 1, 1, 0, 0}); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("confirmed %v, published %d", g.out.confirmations(), len(first))
		}
	}
}
