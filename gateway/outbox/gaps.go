package outbox

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Cause says why a record will never be delivered.
type Cause uint8

// Causes, as gateway.events_dropped names them.
const (
	Evicted    Cause = iota + 1 // its space was needed
	Damaged                     // its bytes on disk are not what was written
	PowerCut                    // it was being written when the power went
	Poison                      // it killed every connection it was sent on
	Oversize                    // too large for a record
	Storage                     // it could not be written, and memory was full
	Renumbered                  // somebody else used its name: it got another one
)

func (c Cause) String() string {
	names := [...]string{"", "evicted", "damaged", "power_cut", "poison", "oversize", "storage", "renumbered"}
	if int(c) < len(names) {
		return names[c]
	}
	return ""
}

// Range of numbers, both ends included.
type Range struct{ From, To uint64 }

// Dropped names records of one run that will never be delivered. It may claim too much where damage or a full table
// hides the exact numbers: if a number was delivered too, delivered is right.
type Dropped struct {
	Epoch  string
	Run    uint32
	Queue  Queue // Unknown where the loss hid it
	Cause  Cause
	Ranges []Range
}

// gap is one entry of the table: numbers from..to of a run, until the record that tells about them is confirmed.
type gap struct {
	epoch, run uint32
	queue      Queue
	cause      Cause
	from, to   uint64
	teller     uint64 // position in the alarm queue of the record that names it; 0 = none yet
	told       bool   // Notify has been called for it by this process
}

const (
	gapBytes = 40
	gapSlot  = 32 << 10
	maxGaps  = (gapSlot - slotHead) / gapBytes
)

func (g *gap) sameRun(h *gap) bool { return g.epoch == h.epoch && g.run == h.run }

// gaps is the table that eviction cannot reach, sorted by run and number. Guarded by Outbox.mu.
type gaps []gap

func compareGaps(a, b gap) int {
	return cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.run, b.run), cmp.Compare(a.from, b.from))
}

// add enters a gap and returns how many numbers are new. A number that is there already keeps its first entry;
// neighbours that share everything else grow together.
func (t *gaps) add(g gap) (fresh uint64) {
	var known spans
	for i := range *t {
		if h := &(*t)[i]; h.sameRun(&g) {
			known.add(h.from, h.to+1)
		}
	}
	for _, part := range known.missing(g.from, g.to+1) {
		fresh += part.to - part.from
		t.insert(gap{
			epoch: g.epoch, run: g.run, queue: g.queue, cause: g.cause,
			from: part.from, to: part.to - 1, teller: g.teller, told: g.told,
		})
	}
	for len(*t) > maxGaps {
		t.squeeze()
	}
	return fresh
}

func (t *gaps) insert(g gap) {
	a := *t
	i, _ := slices.BinarySearchFunc(a, g, compareGaps)
	grows := func(h *gap) bool {
		return h.sameRun(&g) && h.queue == g.queue && h.cause == g.cause && h.teller == g.teller && h.told == g.told
	}
	if i > 0 && grows(&a[i-1]) && a[i-1].to+1 == g.from {
		a[i-1].to = g.to
		if i < len(a) && grows(&a[i]) && a[i].from == g.to+1 {
			a[i-1].to = a[i].to
			*t = slices.Delete(a, i, i+1)
		}
		return
	}
	if i < len(a) && grows(&a[i]) && a[i].from == g.to+1 {
		a[i].from = g.from
		return
	}
	*t = slices.Insert(a, i, g)
}

// squeeze gives up precision to free one entry: the two nearest gaps of one run become one, to be told again. With no
// two of one run the oldest entry that already has a teller goes, at last the first.
func (t *gaps) squeeze() {
	a := *t
	best, distance := -1, uint64(0)
	for i := range len(a) - 1 {
		if d := a[i+1].from - a[i].to; a[i].sameRun(&a[i+1]) && (best < 0 || d < distance) {
			best, distance = i, d
		}
	}
	if best < 0 {
		victim := max(0, slices.IndexFunc(a, func(g gap) bool { return g.teller != 0 }))
		*t = slices.Delete(a, victim, victim+1)
		return
	}
	g, h := &a[best], a[best+1]
	if g.queue != h.queue {
		g.queue = Unknown
	}
	g.to, g.teller, g.told = h.to, 0, false
	*t = slices.Delete(a, best+1, best+2)
}

// remove takes out what pick says and tells whether there was any.
func (t *gaps) remove(pick func(*gap) bool) bool {
	n := len(*t)
	*t = slices.DeleteFunc(*t, func(g gap) bool { return pick(&g) })
	return len(*t) != n
}

// numbers of a run that the table holds.
func (t gaps) numbers(epoch, run uint32) spans {
	var s spans
	for _, g := range t {
		if g.epoch == epoch && g.run == run {
			s.add(g.from, g.to+1)
		}
	}
	return s
}

func (t gaps) encode() []byte {
	b := make([]byte, 0, len(t)*gapBytes)
	le := binary.LittleEndian
	for _, g := range t {
		b = le.AppendUint32(b, g.epoch)
		b = le.AppendUint32(b, g.run)
		b = le.AppendUint64(b, g.from)
		b = le.AppendUint64(b, g.to)
		b = le.AppendUint64(b, g.teller)
		b = append(b, byte(g.queue), byte(g.cause), 0, 0, 0, 0, 0, 0)
	}
	return b
}

func decodeGaps(b []byte) gaps {
	var t gaps
	le := binary.LittleEndian
	for ; len(b) >= gapBytes; b = b[gapBytes:] {
		t = append(t, gap{
			epoch: le.Uint32(b), run: le.Uint32(b[4:]), from: le.Uint64(b[8:]), to: le.Uint64(b[16:]),
			teller: le.Uint64(b[24:]), queue: Queue(b[32]), cause: Cause(b[33]),
		})
	}
	slices.SortFunc(t, compareGaps)
	return t
}

// untold collects what nobody has been told of, one Dropped for each run, queue and cause, and marks it as told.
func (t gaps) untold() []Dropped {
	var out []Dropped
	for i := range t {
		g := &t[i]
		if g.told || g.teller != 0 {
			continue
		}
		g.told = true
		epoch := epochText(g.epoch)
		k := slices.IndexFunc(out, func(d Dropped) bool {
			return d.Epoch == epoch && d.Run == g.run && d.Queue == g.queue && d.Cause == g.cause
		})
		if k < 0 {
			k = len(out)
			out = append(out, Dropped{Epoch: epoch, Run: g.run, Queue: g.queue, Cause: g.cause})
		}
		out[k].Ranges = append(out[k].Ranges, Range{g.from, g.to})
	}
	return out
}
