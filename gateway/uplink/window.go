package uplink

import (
	"time"

	"lotusgate/gateway"
)

// slot is one packet that waits for its acknowledgement. Exactly one of event, history, topic and granted is set, or none where
// the acknowledgement itself is all that is wanted.
type slot struct {
	token    Token
	what     string          // topic, for the error message
	deadline time.Time       // no acknowledgement by then ends the connection
	event    gateway.EventID // to be confirmed
	history  *History        // was confirmed before
	topic    *retained       // published
	granted  func(Token)
}

// window is what is in flight on one connection, oldest first. A broker must acknowledge in order, so the oldest is
// the one to wait for; what was acknowledged out of order is found when its turn comes, or at the end.
type window struct {
	ring    []slot // grows beyond the configured window only by the few subscriptions
	head, n int
	limit   int
}

// subscriptionsMost is how many packets may be in flight beside publishes.
const subscriptionsMost = 8

func newWindow(limit int) window {
	return window{ring: make([]slot, limit+subscriptionsMost), limit: limit}
}

// room is how many more publishes may go out now.
func (w *window) room() int { return max(0, w.limit-w.n) }

func (w *window) push(s slot) {
	if w.n == len(w.ring) {
		grown := make([]slot, 2*w.n)
		copied := copy(grown, w.ring[w.head:])
		copy(grown[copied:], w.ring[:w.head])
		w.ring, w.head = grown, 0
	}
	w.ring[(w.head+w.n)%len(w.ring)] = s
	w.n++
}

// events counts those of the packets that are events of the outbox.
func (w *window) events() (n int) {
	for i := range w.n {
		if !w.ring[(w.head+i)%len(w.ring)].event.IsZero() {
			n++
		}
	}
	return n
}

// oldest is nil when nothing is in flight.
func (w *window) oldest() *slot {
	if w.n == 0 {
		return nil
	}
	return &w.ring[w.head]
}

func (w *window) pop() slot {
	s := w.ring[w.head]
	w.ring[w.head] = slot{} // let go of payload and token
	w.head = (w.head + 1) % len(w.ring)
	w.n--
	return s
}

// done tells whether the token is complete, without waiting.
func done(t Token) bool {
	select {
	case <-t.Done():
		return true
	default:
		return false
	}
}
