package device

import (
	"time"

	"lotusgate/gateway"
)

// Settle turns raw edges into levels that count. A level counts once it has been stable for the settle time, and it is
// dated with the first edge that led to it. A lock-out filter would do the opposite, trust the first edge and ignore
// what follows, and stay wrong when the last edge falls into the lock-out.
//
// The filter reasons with the times of the edges, not with the time of the call: a pulse longer than the settle time is
// found even if both its edges are read late and together.
type Settle struct {
	For time.Duration // settle time; 0 = every edge counts at once

	known   bool
	level   bool // settled
	raw     bool
	busy    bool         // raw changed and has not been stable for long enough since
	first   gateway.Mono // first edge away from the settled level in this burst
	last    gateway.Mono // last raw change
	since   gateway.Mono // when level became so
	bounces uint64
	pending uint32 // raw changes in this burst
}

// Level returns the settled level and since when it holds; ok is false until the first one has settled.
func (s Settle) Level() (level bool, since gateway.Mono, ok bool) { return s.level, s.since, s.known }

// Raw returns the last raw level.
func (s Settle) Raw() bool { return s.raw }

// Bounces counts the raw changes that settled into nothing.
func (s Settle) Bounces() uint64 { return s.bounces }

// Edge tells the filter that the raw level was found to be level at time at. changed reports that a level settled at or
// before at; a second one may be pending. wake is when to call Tick.
func (s Settle) Edge(at gateway.Mono, level bool) (next Settle, changed bool, wake gateway.Mono) {
	if at < s.last {
		at = s.last // two sources dated one wire; keep the order of arrival
	}
	s, changed, _ = s.Tick(at)
	if level != s.raw || !s.known && !s.busy {
		s.raw = level
		s.last = at
		s.pending++
		if !s.busy {
			s.busy, s.first = true, at
		}
		if s.For == 0 && !changed {
			return s.Tick(at)
		}
	}
	return s, changed, s.wake()
}

// Tick lets the settle time pass: now must not be before the last edge, and no earlier edge may still be unread.
func (s Settle) Tick(now gateway.Mono) (next Settle, changed bool, wake gateway.Mono) {
	if !s.busy || now.Sub(s.last) < s.For {
		return s, false, s.wake()
	}
	s.busy = false
	if s.known && s.raw == s.level {
		s.bounces += uint64(s.pending)
	} else {
		s.known, s.level, s.since, changed = true, s.raw, s.first, true
		s.bounces += uint64(s.pending - 1)
	}
	s.pending = 0
	return s, changed, 0
}

// Lose forgets the level: the source is gone. Counters stay.
func (s Settle) Lose() Settle { return Settle{For: s.For, last: s.last, bounces: s.bounces} }

func (s Settle) wake() gateway.Mono {
	if !s.busy {
		return 0
	}
	return s.last.Add(s.For)
}
