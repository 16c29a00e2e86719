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

// Group steps models that don't touch each other, so that their truths come in the order of time. A model is asked when it
// is due, or after Touch.
type Group struct {
	models []Model
	due    []time.Duration
}

// Add takes a model in.
func (g *Group) Add(m Model) { g.models, g.due = append(g.models, m), append(g.due, 0) }

// Touch says that something was done to a model, so that it may be due sooner than it said.
func (g *Group) Touch() { clear(g.due) }

// Step brings to now every model that has something to do until then.
func (g *Group) Step(now time.Duration) (next time.Duration) {
	for {
		next = Never
		for _, due := range g.due {
			next = min(next, due)
		}
		if next > now {
			return next
		}
		for i, due := range g.due {
			if due <= next {
				g.due[i] = g.models[i].Step(next) // at the beginning of time, and after Touch: asks without moving
			}
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
