package uplink

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstWait   = 50 * time.Millisecond
	longestWait = 30 * time.Second
	steadyAfter = 30 * time.Second // a connection that held this long makes the next wait short again

	// A connection that held so long was worth having: on a link that flaps, the next wait is no longer than it held, or
	// flappingWait. One that is refused or thrown out at once is not.
	usefulAfter  = 500 * time.Millisecond
	flappingWait = 2 * time.Second
)

// backoff says how long to wait before the next connection.
type backoff struct {
	longest time.Duration
	ceiling time.Duration // of the last wait
}

// next is the wait after a connection that was up for up, 0 if it never was. random returns a value in [0, n): half of
// the wait is left to chance, so that a thousand gateways do not come back in the same second.
func (b *backoff) next(up time.Duration, random func(n int64) int64) time.Duration {
	if up >= steadyAfter {
		b.ceiling = 0
	}
	b.ceiling = min(max(2*b.ceiling, firstWait), b.longest)
	if up >= usefulAfter {
		b.ceiling = min(b.ceiling, max(up, flappingWait))
	}
	half := b.ceiling / 2
	return half + time.Duration(random(int64(half)+1))
}

// retry runs attempt until ctx ends, with at most longest between two. attempt returns how long it was connected and why it no longer is; failed hears of
// it before the wait.
func retry(ctx context.Context, longest time.Duration, attempt func(context.Context) (time.Duration, error), failed func(error, time.Duration)) {
	b := backoff{longest: longest}
	for ctx.Err() == nil {
		up, err := attempt(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := b.next(up, rand.Int64N)
		failed(err, wait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}
