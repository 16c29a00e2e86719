package audit

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"lotusgate/gateway"
)

// Book collects what is known about numbers. Make it with New; it belongs to one goroutine.
type Book struct {
	runs   map[runID]*run
	order  []runID // as met
	fresh  uint64  // events that arrived
	repeat uint64  // deliveries beyond the first of each
	other  uint64  // lines that are no event and say nothing about numbers
	damage []string

	past map[runID]uint64  // numbers up to here may have made room in the outbox
	gone map[string]uint32 // by epoch: runs before this one may have made room, whole
}

type runID struct {
	epoch string
	run   uint32
}

type run struct {
	delivered ranges
	waiting   ranges // in the outbox, not confirmed
	kept      ranges // in the outbox, confirmed
	dropped   map[string]*ranges
	repeat    uint64
	high      uint64 // the highest number that was certainly issued
	ended     bool   // a later run has said how far this one was saved:
	saved     uint64 // up to here
}

// New makes an empty book.
func New() *Book {
	return &Book{runs: map[runID]*run{}, past: map[runID]uint64{}, gone: map[string]uint32{}}
}

func (b *Book) run(epoch string, number uint32) *run {
	id := runID{epoch, number}
	r := b.runs[id]
	if r == nil {
		r = &run{dropped: map[string]*ranges{}}
		b.runs[id] = r
		b.order = append(b.order, id)
	}
	return r
}

// Deliver enters an event that arrived.
func (b *Book) Deliver(id gateway.EventID) {
	r := b.run(id.Epoch, id.Run)
	r.high = max(r.high, id.Number)
	if !r.delivered.add(id.Number, id.Number) {
		r.repeat++
		b.repeat++
		return
	}
	b.fresh++
}

// Drop enters numbers that were named as lost.
func (b *Book) Drop(d gateway.DroppedData) {
	r := b.run(d.Epoch, d.Run)
	of := r.dropped[d.Cause]
	if of == nil {
		of = new(ranges)
		r.dropped[d.Cause] = of
	}
	for _, n := range d.Ranges {
		of.add(n.From, n.To)
		r.high = max(r.high, n.To)
	}
}

// Issued enters that a run has reached a number.
func (b *Book) Issued(epoch string, number uint32, to uint64) {
	if to > 0 {
		r := b.run(epoch, number)
		r.high = max(r.high, to)
	}
}

// Ended enters what a later run says about one: that it was saved up to a number, and no further.
func (b *Book) Ended(epoch string, number uint32, saved uint64) {
	r := b.run(epoch, number)
	r.ended, r.saved, r.high = true, max(r.saved, saved), max(r.high, saved)
}

// Watermark is how far a center with this book has stored everything of an epoch, without a hole; zero = nothing.
func (b *Book) Watermark(epoch string) (run uint32, number uint64) {
	var runs []uint32
	for id := range b.runs {
		if id.epoch == epoch {
			runs = append(runs, id.run)
		}
	}
	slices.Sort(runs)
	for _, n := range runs {
		r := b.runs[runID{epoch, n}]
		known := slices.Clone(r.delivered)
		for _, d := range r.dropped {
			for _, x := range *d {
				known.add(x.From, x.To)
			}
		}
		if len(known) == 0 || known[0].From != 1 {
			break
		}
		run, number = n, known[0].To
		if number < r.high {
			break
		}
	}
	return run, number
}

// Arrived is how many events were delivered so far, and how many deliveries were repetitions.
func (b *Book) Arrived() (events, repetitions uint64) { return b.fresh, b.repeat }

// Epoch is the one that was met last.
func (b *Book) Epoch() string {
	if len(b.order) == 0 {
		return ""
	}
	return b.order[len(b.order)-1].epoch
}

// Report is the verdict.
type Report struct {
	Complete   bool     `json:"complete"` // nothing is missing
	Issued     uint64   `json:"issued"`   // numbers that are accounted for below
	Delivered  uint64   `json:"delivered"`
	Duplicates uint64   `json:"duplicates"` // arrivals beyond the first of each
	Dropped    uint64   `json:"dropped"`    // by name
	Waiting    uint64   `json:"waiting"`    // in the outbox, not confirmed
	Kept       uint64   `json:"kept"`       // in the outbox, confirmed; only where no subscriber was read
	Past       uint64   `json:"past"`       // made room in the outbox; only where no subscriber was read
	Unsaved    uint64   `json:"unsaved"`    // issued right before the power went, and neither saved nor sent
	Missing    uint64   `json:"missing"`
	Other      uint64   `json:"other"` // lines that are no event
	Damage     []string `json:"damage,omitempty"`
	Runs       []Run    `json:"runs"`
}

// Run is the verdict about one run of the daemon.
type Run struct {
	Epoch      string                `json:"epoch"`
	Run        uint32                `json:"run"`
	Highest    uint64                `json:"highest"`
	Delivered  uint64                `json:"delivered"`
	Duplicates uint64                `json:"duplicates"`
	Dropped    map[string]uint64     `json:"dropped,omitempty"` // by cause
	Waiting    uint64                `json:"waiting"`
	Kept       uint64                `json:"kept"`
	Past       uint64                `json:"past"`
	Unsaved    uint64                `json:"unsaved"`
	Missing    []gateway.NumberRange `json:"missing,omitempty"`
	// Confirmed lists what of Missing the outbox still holds as confirmed: the broker had acknowledged it.
	Confirmed []gateway.NumberRange `json:"confirmed,omitempty"`
}

// Report adds up. heard tells whether a subscriber was among the sources: then what the outbox holds as confirmed must
// have arrived.
func (b *Book) Report(heard bool) Report {
	out := Report{Other: b.other, Damage: b.damage, Runs: []Run{}}
	for _, id := range b.order {
		r := b.judge(id, heard)
		out.Runs = append(out.Runs, r)
		out.Issued += r.Highest
		out.Delivered += r.Delivered
		out.Duplicates += r.Duplicates
		for _, n := range r.Dropped {
			out.Dropped += n
		}
		out.Waiting += r.Waiting
		out.Kept += r.Kept
		out.Past += r.Past
		out.Unsaved += r.Unsaved
		for _, m := range r.Missing {
			out.Missing += m.To - m.From + 1
		}
	}
	first := map[string]int{} // epochs in the order in which they were met
	for i, id := range b.order {
		if _, ok := first[id.epoch]; !ok {
			first[id.epoch] = i
		}
	}
	slices.SortStableFunc(out.Runs, func(x, y Run) int {
		return cmp.Or(cmp.Compare(first[x.Epoch], first[y.Epoch]), cmp.Compare(x.Run, y.Run))
	})
	out.Complete = out.Missing == 0
	return out
}

// judge takes the numbers of a run apart, each into the first class that claims it.
func (b *Book) judge(id runID, heard bool) Run {
	r := b.runs[id]
	out := Run{Epoch: id.epoch, Run: id.run, Highest: r.high, Duplicates: r.repeat}
	var known ranges
	claim := func(s ranges) uint64 {
		n := known.size()
		for _, x := range s {
			known.add(x.From, x.To)
		}
		return known.size() - n
	}
	out.Delivered = claim(r.delivered)
	for _, cause := range slices.SortedFunc(maps.Keys(r.dropped), strings.Compare) {
		if n := claim(*r.dropped[cause]); n > 0 {
			if out.Dropped == nil {
				out.Dropped = map[string]uint64{}
			}
			out.Dropped[cause] = n
		}
	}
	out.Waiting = claim(r.waiting)
	if !heard {
		out.Kept = claim(r.kept)
		out.Past = claim(b.forgotten(id, r.high))
	}
	if r.ended && r.saved < r.high {
		out.Unsaved = claim(ranges{{From: r.saved + 1, To: r.high}})
	}
	out.Missing = known.missing(1, r.high)
	if heard {
		out.Confirmed = r.kept.common(out.Missing)
	}
	return out
}

// forgotten are the numbers of a run whose records may have made room in the outbox.
func (b *Book) forgotten(id runID, high uint64) ranges {
	to := b.past[id]
	if before, ok := b.gone[id.epoch]; ok && id.run < before {
		to = high
	}
	if to = min(to, high); to == 0 {
		return nil
	}
	return ranges{{From: 1, To: to}}
}
