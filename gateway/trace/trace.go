// Package trace keeps the last edges of every input, raw and settled: what a logic analyser at the terminals would have
// seen. The signal strips, the walk test and recordings are read from it.
//
// Promises: memory is bounded, per input, so that one chattering wire takes nothing from the others; writing costs a
// lock that nobody holds for longer than a copy of one input's marks. One writer (the core) and any readers.
//
// What it does not do: interpret. It knows electrical levels, not what is active, and no device.
package trace

import (
	"sync"
	"time"

	"lotusgate/gateway"
)

// Marks kept of one input. A wire that chatters at 100 Hz is remembered for 20 s, any healthy one for minutes.
const (
	RawKept     = 2048
	SettledKept = 512
)

// Window is how far back a reader may look; what is older is kept only as long as nothing needs its place.
const Window = time.Minute

// Level of a wire.
type Level uint8

const (
	Low     Level = iota
	High          //
	Unknown       // its source could not be read
)

// LevelOf turns a level that was read into a Level.
func LevelOf(high bool) Level {
	if high {
		return High
	}
	return Low
}

// Mark says that a wire had a level from a point in time on.
type Mark struct {
	At    gateway.Mono
	Level Level
}

// Trace holds the marks of a fixed set of inputs. A nil Trace keeps nothing.
type Trace struct {
	index  map[string]int
	inputs []*input
}

type input struct {
	mu           sync.Mutex
	raw, settled ring
}

// New makes an empty trace of the inputs ids; writers name them by their position.
func New(ids []string) *Trace {
	t := &Trace{index: make(map[string]int, len(ids)), inputs: make([]*input, len(ids))}
	for n, id := range ids {
		t.index[id], t.inputs[n] = n, new(input)
	}
	return t
}

// Keep makes input n of t go on where input m of other ends: the same wire in another configuration. It is for the writer of
// both, before t has readers.
func (t *Trace) Keep(n int, other *Trace, m int) {
	if t != nil && other != nil {
		t.inputs[n] = other.inputs[m]
	}
}

// Raw notes an edge of input n, or a level that was found without one.
func (t *Trace) Raw(n int, at gateway.Mono, level bool) {
	if t == nil {
		return
	}
	in := t.inputs[n]
	in.mu.Lock()
	in.raw.add(RawKept, at, LevelOf(level))
	in.mu.Unlock()
}

// Settled notes that input n counts as level since at.
func (t *Trace) Settled(n int, at gateway.Mono, level bool) {
	if t == nil {
		return
	}
	in := t.inputs[n]
	in.mu.Lock()
	in.settled.add(SettledKept, at, LevelOf(level))
	in.mu.Unlock()
}

// Lose notes that input n cannot be read any more.
func (t *Trace) Lose(n int, at gateway.Mono) {
	if t == nil {
		return
	}
	in := t.inputs[n]
	in.mu.Lock()
	in.raw.add(RawKept, at, Unknown)
	in.settled.add(SettledKept, at, Unknown)
	in.mu.Unlock()
}

// Holdings are the most marks that any input has, beside the most that it may have.
func (t *Trace) Holdings() []gateway.Holding {
	raw, settled := gateway.Holding{What: "raw marks of an input", Most: RawKept}, gateway.Holding{What: "settled marks of an input", Most: SettledKept}
	if t == nil {
		return nil
	}
	for _, in := range t.inputs {
		in.mu.Lock()
		raw.Held, settled.Held = max(raw.Held, len(in.raw.marks)), max(settled.Held, len(in.settled.marks))
		in.mu.Unlock()
	}
	return []gateway.Holding{raw, settled}
}

// Cursor remembers what a reader has of one input. Zero = nothing.
type Cursor struct{ raw, settled uint64 }

// Signal is what happened on one input.
type Signal struct {
	Raw, Settled []Mark // in order of time
	Whole        bool   // begins anew: it does not continue what the reader has
}

// Read returns what came after c, and the cursor behind it. A reader who has nothing, or who was overtaken, gets the
// marks since from and the one before, which tells the level at from. ok is false for an input that does not exist.
func (t *Trace) Read(id string, c Cursor, from gateway.Mono) (s Signal, next Cursor, ok bool) {
	if t == nil {
		return s, c, false
	}
	n, ok := t.index[id]
	if !ok {
		return s, c, false
	}
	in := t.inputs[n]
	in.mu.Lock()
	defer in.mu.Unlock()
	s.Whole = c == Cursor{} || !in.raw.has(c.raw) || !in.settled.has(c.settled)
	if s.Whole {
		s.Raw, s.Settled = in.raw.since(from), in.settled.since(from)
	} else {
		s.Raw, s.Settled = in.raw.after(c.raw), in.settled.after(c.settled)
	}
	return s, Cursor{in.raw.n, in.settled.n}, true
}

// Since tells from which moment on all that happened on an input is known: what was before is forgotten, or was never
// seen. It is zero as long as the input was not read, and ok is false for one that does not exist.
func (t *Trace) Since(id string) (since gateway.Mono, ok bool) {
	if t == nil {
		return 0, false
	}
	n, ok := t.index[id]
	if !ok {
		return 0, false
	}
	in := t.inputs[n]
	in.mu.Lock()
	defer in.mu.Unlock()
	return max(in.raw.oldest(), in.settled.oldest()), true
}

// ring of marks. A mark is one word: time, and the level in the two lowest bits.
type ring struct {
	n     uint64 // marks ever added
	marks []uint64
}

// add grows the ring up to most marks, then overwrites the oldest.
func (r *ring) add(most uint64, at gateway.Mono, level Level) {
	m := uint64(at)<<2 | uint64(level)
	if uint64(len(r.marks)) < most {
		r.marks = append(r.marks, m)
	} else {
		r.marks[r.n%most] = m
	}
	r.n++
}

// has tells whether everything after number n is still there.
func (r *ring) has(n uint64) bool { return n <= r.n && r.n-n <= uint64(len(r.marks)) }

// after copies the marks behind number n, which the ring has.
func (r *ring) after(n uint64) []Mark {
	out := make([]Mark, 0, r.n-n)
	for ; n < r.n; n++ {
		out = append(out, r.at(n))
	}
	return out
}

// oldest is when the first mark that is still there was made; zero if there is none.
func (r *ring) oldest() gateway.Mono {
	if r.n == 0 {
		return 0
	}
	return r.at(r.n - uint64(len(r.marks))).At
}

// since copies the marks from a point in time on, and the one before.
func (r *ring) since(from gateway.Mono) []Mark {
	n := r.n
	for oldest := r.n - uint64(len(r.marks)); n > oldest; {
		n--
		if r.at(n).At <= from {
			break
		}
	}
	return r.after(n)
}

func (r *ring) at(n uint64) Mark {
	m := r.marks[n%uint64(len(r.marks))]
	return Mark{At: gateway.Mono(m >> 2), Level: Level(m & 3)}
}
