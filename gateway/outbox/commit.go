package outbox

import (
	"errors"
	"math"
	"time"
)

// write is what one commit puts into one queue.
type write struct {
	segment *segment
	run     runKey
	from    uint64 // position
	last    uint64 // number before the first entry in this queue and run; 0 = none
	entries []entry
	buf     []byte
	err     error
}

func (o *Outbox) batchFull(q *queue) bool {
	return q.next-q.written >= batchRecords || q.pending >= batchBytes
}

// commit writes everything that waits, in as few pieces as segments allow. Each piece takes the records of both queues
// up to one number, so that only the last piece before a power cut can leave holes.
func (o *Outbox) commit() {
	var failures [2]int
	for o.prepare(&failures) {
		started := o.opt.Now()
		written := o.writeAll()
		o.mu.Lock()
		for i := range o.writes {
			w, q := &o.writes[i], &o.queues[i]
			switch {
			case len(w.entries) == 0:
			case w.err != nil:
				w.segment.failed = true // what the kernel still holds of it can't be trusted: a new segment
				if failures[i]++; failures[i] > 1 {
					q.block(w.err, o.opt.Now())
				}
			default:
				o.account(q, w)
			}
		}
		o.stats.Commits++
		o.stats.CommitTime = o.opt.Now() - started
		o.stats.BytesWritten += uint64(written)
		o.wake()
		o.mu.Unlock()
	}
	o.mu.Lock()
	o.since = 0
	if o.queues[0].written == o.queues[0].next && o.queues[1].written == o.queues[1].next {
		o.flush = false
	}
	o.judgeStorage()
	o.mu.Unlock()
}

// account takes a successful write into the books. mu is held.
func (o *Outbox) account(q *queue, w *write) {
	to := w.from + uint64(len(w.entries))
	for _, i := range [...]int{0, len(w.entries) - 1} {
		w.segment.note(&record{
			kind: kindEvent, position: w.from + uint64(i), number: w.entries[i].number, epoch: w.run.epoch, run: w.run.run,
		})
	}
	w.segment.end = to
	w.segment.off += int64(len(w.buf))
	if len(q.unfirm) > 0 {
		o.signal(o.ready)
	}
	q.advance(to)
	q.stuck, q.backoff = nil, 0
	q.trim(keptBytes, false)
}

// block puts a queue aside for a while. mu is held.
func (q *queue) block(err error, now time.Duration) {
	q.backoff = min(max(2*q.backoff, retryFirst), retryMost)
	q.stuck, q.retryAt = err, now+q.backoff
}

// wake tells those who wait for a commit. mu is held.
func (o *Outbox) wake() {
	if o.committed != nil {
		close(o.committed)
		o.committed = nil
	}
}

// judgeStorage tells when records stop, or begin again, to be durable. mu is held.
func (o *Outbox) judgeStorage() {
	err := errors.Join(o.runError, o.queues[Alarm].stuck, o.queues[Normal].stuck)
	switch {
	case err != nil && o.degraded == nil:
		o.notices = append(o.notices, Notice{Kind: StorageDegraded, Err: err})
		o.loosen()
	case err == nil && o.degraded != nil:
		o.notices = append(o.notices, Notice{Kind: StorageRecovered})
	}
	o.degraded = err
}

// prepare finds room and copies what the next piece writes; false = nothing can be written.
func (o *Outbox) prepare(failures *[2]int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.runError != nil {
		return false
	}
	var able [2]bool
	for i := range o.queues {
		q := &o.queues[i]
		if q.written == q.next || q.stuck != nil && !o.due(q.retryAt) {
			continue
		}
		if !o.fits(q) {
			o.mu.Unlock()
			err := o.roll(q)
			o.mu.Lock()
			if err != nil {
				failures[i]++
				q.block(err, o.opt.Now())
				continue
			}
		}
		able[i] = true
	}
	run := o.nextRun(able) // from here on mu stays held
	cut := uint64(math.MaxUint64)
	for i := range o.queues {
		if able[i] {
			cut = min(cut, o.firstUnfit(&o.queues[i], run))
		}
	}
	work := false
	for i := range o.queues {
		q, w := &o.queues[i], &o.writes[i]
		*w = write{segment: q.active(), run: run, from: q.written, entries: w.entries[:0], buf: w.buf[:0]}
		if q.lastRun == run {
			w.last = q.last
		}
		for p := q.written; able[i] && p < q.next; p++ {
			e := q.entry(p)
			if e.run != run || e.number >= cut {
				break
			}
			w.entries = append(w.entries, *e)
		}
		work = work || len(w.entries) > 0
	}
	if work {
		o.encode(min(o.queues[0].firstPending(run), o.queues[1].firstPending(run)) - 1)
	}
	return work
}

// nextRun is the run of the oldest record that waits: a piece holds records of one run. mu is held.
func (o *Outbox) nextRun(able [2]bool) runKey {
	var oldest *entry
	for i := range o.queues {
		if q := &o.queues[i]; able[i] {
			if e := q.entry(q.written); oldest == nil || e.at < oldest.at {
				oldest = e
			}
		}
	}
	if oldest == nil {
		return o.runKey
	}
	return oldest.run
}

// fits tells whether the next record of q can go into its active segment. mu is held.
func (o *Outbox) fits(q *queue) bool {
	s := q.active()
	if s == nil || s.file == nil || s.failed || s.full(q.entry(q.written).run) {
		return false
	}
	return s.off+o.preamble(q)+int64(recordSize(len(q.entry(q.written).payload))) <= o.opt.Segment
}

// markEvery is how far the low mark moves until a commit tells of it. The cursor is not synced: after a power cut that
// is all a start knows about what was confirmed.
const markEvery = 32

// preamble is what a commit writes before its events: a record for positions released without being written, and a mark.
// mu is held.
func (o *Outbox) preamble(q *queue) (size int64) {
	if q.written > q.active().end {
		size += int64(recordSize(8))
	}
	if _, due := o.mark(q); due {
		size += int64(recordSize(8))
	}
	return size
}

// mark is the low mark that the next commit may tell of, and whether it should: never of a loss whose name is not on
// disk, nor of positions that are not. mu is held.
func (o *Outbox) mark(q *queue) (low uint64, due bool) {
	low = min(q.settled.low(), q.active().end)
	return low, low >= q.marked+markEvery && !o.gapsDirty
}

// firstUnfit is the number of the first waiting record of a run that has to go into a later piece. mu is held.
func (o *Outbox) firstUnfit(q *queue, run runKey) uint64 {
	off := q.active().off + o.preamble(q)
	for p := q.written; p < q.next; p++ {
		e := q.entry(p)
		if e.run != run {
			break
		}
		off += int64(recordSize(len(e.payload)))
		if off > o.opt.Segment || p-q.written >= maxBatch {
			return e.number
		}
	}
	return math.MaxUint64
}

// encode fills the buffers. base: every number up to it is accounted for. mu is held: encoding 400 bytes takes less
// than a microsecond, and the entries need not be copied twice.
func (o *Outbox) encode(base uint64) {
	for i := range o.writes {
		w := &o.writes[i]
		if len(w.entries) == 0 {
			continue
		}
		seed, last := w.segment.seed(), w.last
		if expected := w.segment.end; w.from > expected {
			w.buf = appendVoid(w.buf, seed, expected, w.from-expected, record{number: w.entries[0].number, run: w.run.run, epoch: w.run.epoch})
		}
		q := &o.queues[i]
		if low, due := o.mark(q); due {
			w.buf = appendMark(w.buf, seed, w.from, low, record{number: w.entries[0].number, run: w.run.run, epoch: w.run.epoch})
			q.marked = low
		}
		for k, e := range w.entries {
			r := record{
				kind: kindEvent, position: w.from + uint64(k), number: e.number, run: w.run.run, epoch: w.run.epoch,
				behind: narrow(e.number-base, math.MaxUint32), payload: e.payload,
			}
			if last != 0 {
				r.since = narrow(e.number-last, 0)
			}
			w.buf = appendRecord(w.buf, seed, &r)
			last = e.number
		}
	}
}

// writeAll does the I/O of one piece: one write and one sync for each file. It returns the bytes written.
func (o *Outbox) writeAll() int {
	n := 0
	for i := range o.writes {
		if w := &o.writes[i]; len(w.entries) > 0 {
			_, w.err = w.segment.file.WriteAt(w.buf, w.segment.off)
			n += len(w.buf)
		}
	}
	for _, i := range [...]Queue{Alarm, Normal} {
		if w := &o.writes[i]; len(w.entries) > 0 && w.err == nil {
			w.err = w.segment.file.Sync()
		}
	}
	return n
}
