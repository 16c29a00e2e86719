package intake

import (
	"sync"
	"time"

	"lotusgate/gateway"
)

// nonceTime is how long a nonce is the newest one; it is good for as long again.
const nonceTime = 30 * time.Second

// nonces stand in for a clock: a command that quotes one was made within the last minute.
type nonces struct {
	text func() string

	mu                sync.Mutex
	current, previous string
	since             gateway.Mono
}

// newest is the nonce to quote, and how long it is the newest.
func (n *nonces) newest(now gateway.Mono) (string, time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renew(now)
	return n.current, n.since.Add(nonceTime).Sub(now)
}

func (n *nonces) valid(nonce string, now gateway.Mono) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.renew(now)
	return nonce != "" && (nonce == n.current || nonce == n.previous)
}

func (n *nonces) renew(now gateway.Mono) {
	age := now.Sub(n.since)
	switch {
	case n.current == "" || age >= 2*nonceTime: // both are too old
		n.current, n.previous, n.since = n.text(), "", now
	case age >= nonceTime:
		n.current, n.previous, n.since = n.text(), n.current, n.since.Add(nonceTime)
	}
}
