package uplink

import (
	"encoding/json"
	"testing"
	"time"

	"lotusgate/gateway"
)

// Bounds of testClock: it knows nothing but that a week has passed, and that day 8 has come.
func (c *testClock) Bounds(_ string, at gateway.Mono) (notBefore, notAfter time.Time) {
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return day.Add(time.Duration(at)), day.AddDate(0, 0, 8)
}

// An event without a date carries what bounds are known; one that has a date carries none.
func TestBounds(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.clock.set(gateway.ClockUnset)
	g.out.add(1, gateway.Mono(36*time.Hour))
	g.start()
	p := b.accept()
	type bounds struct{ Time, Clock, NotBefore, NotAfter string }
	read := func() (got bounds) {
		t.Helper()
		m := p.events(1)[0]
		if err := json.Unmarshal(m.Payload, &got); err != nil {
			t.Fatal(err)
		}
		p.ack(m.MessageID)
		return got
	}
	if got, want := read(), (bounds{"", "unset", "2026-11-02T12:00:00.000000Z", "2026-11-09T00:00:00.000000Z"}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	g.clock.set(gateway.ClockSynced)
	g.out.add(1, gateway.Mono(36*time.Hour))
	if got := read(); got.Time == "" || got.NotBefore != "" || got.NotAfter != "" {
		t.Errorf("with a date: %+v", got)
	}
}

// Bounds of fixedClock: nothing is known.
func (fixedClock) Bounds(string, gateway.Mono) (notBefore, notAfter time.Time) {
	return time.Time{}, time.Time{}
}
