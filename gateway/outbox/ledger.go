package outbox

import (
	"cmp"
	"slices"
	"time"
)

// Ledger says how far numbers were issued, and which runs are not fully confirmed.
type Ledger struct {
	Epoch       string
	Run         uint32
	Number      uint64 // last issued in this run; 0 = none
	Unconfirmed []Run  // oldest first, this run last
	Before      Run    // the run before this process; zero = none. What it issued beyond DurableTo was never on disk
}

// Run of the daemon. Every number up to DurableTo is on disk, confirmed, or named as dropped; beyond it a center may
// hold events that were delivered before a power cut.
type Run struct {
	Epoch     string
	Run       uint32
	DurableTo uint64
}

// NoticeKind says what a Notice is about.
type NoticeKind uint8

// Kinds of notices.
const (
	RecordsDropped   NoticeKind = iota + 1 // Dropped
	StorageDegraded                        // Err: records wait in memory and may not survive
	StorageRecovered                       // everything is durable again
	OutboxRestored                         // OldEpoch, Reason: a new epoch began, because numbers might have been used twice
)

// Notice is something the owner of the outbox has to publish.
type Notice struct {
	Kind     NoticeKind
	Dropped  Dropped
	Err      error
	OldEpoch string // "" = not known
	Reason   string
}

// Stats is a snapshot for page and metrics.
type Stats struct {
	Queues       [2]QueueStats // index Queue
	Commits      uint64
	CommitTime   time.Duration // of the last commit
	BytesWritten uint64
	Dropped      uint64 // numbers named by this process
	InFlight     int
	Degraded     string // why records are not durable; "" = they are
}

// QueueStats of one queue.
type QueueStats struct {
	Depth     uint64        // records not yet confirmed
	Bytes     uint64        // of files on disk, confirmed records included
	Limit     uint64        // of Bytes
	OldestAge time.Duration // of the oldest unconfirmed record; a record of an earlier run counts from Open
}

// Stats returns a snapshot.
func (o *Outbox) Stats() Stats {
	now := o.opt.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	s.InFlight = len(o.inFlight)
	if o.degraded != nil {
		s.Degraded = o.degraded.Error()
	}
	for i := range o.queues {
		q := &o.queues[i]
		s.Queues[i] = QueueStats{
			Depth: q.depth(),
			Bytes: uint64(len(q.segments)) * uint64(o.opt.Segment),
			Limit: uint64(q.limit) * uint64(o.opt.Segment),
		}
		if p := q.settled.low(); p < q.next {
			since := q.opened
			if p >= q.liveStart() {
				since = q.entry(p).at
			} else if seg := q.segmentOf(p); seg != nil && seg.made > since {
				since = seg.made
			}
			s.Queues[i].OldestAge = now - since
		}
	}
	return s
}

// Ledger returns a snapshot.
func (o *Outbox) Ledger() Ledger {
	o.mu.Lock()
	defer o.mu.Unlock()
	l := Ledger{Epoch: epochText(o.epoch), Run: o.run, Number: o.number}
	type known struct {
		run        Run
		epoch      uint32
		incomplete bool
	}
	var runs []known
	for i := range o.queues {
		q := &o.queues[i]
		for _, seg := range q.segments {
			for _, t := range seg.stretches {
				k := slices.IndexFunc(runs, func(r known) bool { return r.epoch == t.epoch && r.run.Run == t.run })
				if k < 0 {
					k = len(runs)
					runs = append(runs, known{run: Run{Epoch: epochText(t.epoch), Run: t.run}, epoch: t.epoch})
				}
				runs[k].run.DurableTo = max(runs[k].run.DurableTo, t.high)
				runs[k].incomplete = runs[k].incomplete || !q.settled.covers(t.first, t.last+1)
			}
		}
	}
	if o.before != (runKey{}) {
		l.Before = Run{Epoch: epochText(o.before.epoch), Run: o.before.run}
		for _, s := range o.gaps.numbers(o.before.epoch, o.before.run) {
			l.Before.DurableTo = s.to - 1
		}
		for _, r := range runs {
			if r.epoch == o.before.epoch && r.run.Run == o.before.run {
				l.Before.DurableTo = max(l.Before.DurableTo, r.run.DurableTo)
			}
		}
	}
	order := func(epoch uint32) int {
		if epoch == o.epoch {
			return len(runs)
		}
		return slices.IndexFunc(runs, func(r known) bool { return r.epoch == epoch })
	}
	rank := make(map[uint32]int)
	for _, r := range runs {
		rank[r.epoch] = order(r.epoch)
	}
	this := o.unwritten()
	slices.SortStableFunc(runs, func(a, b known) int {
		return cmp.Or(cmp.Compare(rank[a.epoch], rank[b.epoch]), cmp.Compare(a.run.Run, b.run.Run))
	})
	for _, r := range runs {
		if r.epoch == o.epoch && r.run.Run == o.run {
			this = this || r.incomplete
			continue
		}
		if !r.incomplete {
			continue
		}
		for _, s := range o.gaps.numbers(r.epoch, r.run.Run) {
			r.run.DurableTo = max(r.run.DurableTo, s.to-1)
		}
		l.Unconfirmed = append(l.Unconfirmed, r.run)
	}
	if this {
		l.Unconfirmed = append(l.Unconfirmed, Run{l.Epoch, l.Run, o.durableTo()})
	}
	return l
}

// unwritten tells whether a record that is not on disk is not confirmed either. mu is held.
func (o *Outbox) unwritten() bool {
	for i := range o.queues {
		if q := &o.queues[i]; !q.settled.covers(q.written, q.next) {
			return true
		}
	}
	return false
}

// durableTo is the number of this run up to which all is accounted for on disk. mu is held.
func (o *Outbox) durableTo() uint64 {
	if o.runError != nil {
		return 0
	}
	return min(o.number, o.queues[0].firstPending(o.runKey)-1, o.queues[1].firstPending(o.runKey)-1)
}
