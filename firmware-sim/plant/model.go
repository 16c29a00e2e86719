package plant

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// Never is the time of a change that will not come by itself.
const Never time.Duration = math.MaxInt64

// Model is a thing that changes by itself.
type Model interface {
	// Step brings the model to now, through everything that was due before, and returns when it is due next: later
	// than now, or Never. A now earlier than the last one is taken as the last one.
	Step(now time.Duration) (next time.Duration)
}

// Group steps models that don't touch each other, so that their truths come in the order of time.
type Group []Model

// Step brings all models to now.
func (g Group) Step(now time.Duration) (next time.Duration) {
	// The first round, at the beginning of time, asks without moving.
	for at := time.Duration(0); ; {
		next = Never
		for _, m := range g {
			next = min(next, m.Step(at))
		}
		switch {
		case next <= now:
			at = next
		case at < now:
			at = now
		default:
			return next
		}
	}
}

// Seed decides every chance of a simulation.
type Seed uint64

// For returns the chance of one thing. Each name has its own, so adding a thing does not change the others.
func (s Seed) For(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(uint64(s), h.Sum64()))
}

// Span is a duration that varies: anything from Min to Max, both included.
type Span struct{ Min, Max time.Duration }

// Draw picks one duration of the span.
func (s Span) Draw(r *rand.Rand) time.Duration {
	if s.Max <= s.Min {
		return s.Min
	}
	return s.Min + time.Duration(r.Int64N(int64(s.Max-s.Min)+1))
}
