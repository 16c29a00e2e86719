package outbox

import (
	"errors"
	"math"
	"time"
)

// committer is what only its goroutine uses (and Open before it, Close after it).
type committer struct {
	runs, cursor, gapFile slots
	writes                [2]write
	nextIndex             [2]uint64     // of segment files
	spares                int           // ready files
	spareAt               time.Duration // not before
	since                 time.Duration // first sight of normal records that wait; zero = none
	cursorAt, tellAt      time.Duration // not before
	gapsAt                time.Duration // not before, after a failure
	closeError            error
	runAt                 time.Duration // next attempt to make the run durable
	renumber              *History      // of stale, while it is being renumbered
	renumberAt            time.Duration // not before
	renumbered            []place       // appended again, and perhaps not yet durable
	copiedTo              [2]uint64     // positions behind the newest of them
}

func (c *committer) init(opt Options) {
	c.runs = slots{fs: opt.FS, dir: opt.Dir, name: "runs", magic: "lg-runs\n", size: 4096}
	c.cursor = slots{fs: opt.FS, dir: opt.Dir, name: "cursor", magic: "lg-curs\n", size: cursorSlot}
	c.gapFile = slots{fs: opt.FS, dir: opt.Dir, name: "gaps", magic: "lg-gaps\n", size: gapSlot}
}

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

const (
	batchRecords = 512 // a commit starts without waiting when that many records wait,
	batchBytes   = 256 << 10
	maxBatch     = 1024 // and takes at most that many of each queue

	cursorEvery = time.Second
	tellEvery   = time.Second
	retryFirst  = time.Second
	retryMost   = 30 * time.Second
	idle        = time.Hour
)

func (o *Outbox) batchFull(q *queue) bool {
	return q.next-q.written >= batchRecords || q.pending >= batchBytes
}

// commitLoop is the committer: the only goroutine that writes.
func (o *Outbox) commitLoop() {
	defer close(o.done)
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		select {
		case <-o.kick:
		case <-timer.C:
		case <-o.stop:
			o.closeError = o.finish()
			return
		}
		timer.Reset(o.turn())
	}
}

// Step does what is due, in place of the committer, and returns how long it may be left alone if nothing else is called
// meanwhile. It is for an outbox that was opened as Stepped: one goroutine and a clock of its own make it repeat itself
// exactly, which simulations want.
func (o *Outbox) Step() time.Duration {
	select {
	case <-o.kick:
	default:
	}
	return o.turn()
}

// turn does what is due and returns how long to wait at the most.
func (o *Outbox) turn() time.Duration {
	more := o.renew()
	if o.storageGone() {
		o.tell()
		return o.sleep(o.tellAt)
	}
	o.retryRun()
	wait := o.commitWait()
	if wait <= 0 {
		o.commit()
		wait = o.commitWait()
	}
	if o.due(o.gapsAt) && o.saveGaps() != nil {
		o.gapsAt = o.in(retryFirst)
	}
	o.tell()
	if o.due(o.cursorAt) {
		_ = o.saveCursor(false) // costs duplicates after a cut, which are allowed; tried again
	}
	if more || wait > 0 && o.makeSpare() {
		wait = 0 // perhaps the next one too
	}
	return min(max(wait, 0), o.sleep(o.tellAt), o.sleep(o.gapsAt), o.sleep(o.cursorAt), o.sleep(o.runAt), o.sleep(o.spareAt),
		o.sleep(o.renumberAt))
}

// due tells whether at has come; zero has.
func (o *Outbox) due(at time.Duration) bool { return at <= o.opt.Now() }

// in is the time after d.
func (o *Outbox) in(d time.Duration) time.Duration { return o.opt.Now() + d }

// sleep until at; a zero or past time needs no waking up.
func (o *Outbox) sleep(at time.Duration) time.Duration {
	if d := at - o.opt.Now(); d > 0 {
		return d
	}
	return idle
}

func (o *Outbox) storageGone() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.noStorage
}

// finish writes what can be written.
func (o *Outbox) finish() error {
	if o.storageGone() {
		return nil
	}
	o.retryRun()
	o.mu.Lock()
	o.flush = true
	for i := range o.queues {
		o.queues[i].retryAt = 0
	}
	o.mu.Unlock()
	o.commit()
	return errors.Join(o.saveGaps(), o.saveCursor(true))
}

// commitWait tells how long the next commit may wait; 0 = it is due.
func (o *Outbox) commitWait() time.Duration {
	now := o.opt.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.runError != nil {
		return idle
	}
	wait := idle
	waiting := false
	for i := range o.queues {
		q := &o.queues[i]
		switch {
		case q.written == q.next:
		case q.stuck != nil && now < q.retryAt:
			wait = min(wait, q.retryAt-now)
		case q.kind == Alarm || o.flush || q.stuck != nil || o.batchFull(q):
			return 0
		default:
			waiting = true
		}
	}
	if !waiting {
		o.since = 0
		return wait
	}
	if o.since == 0 {
		o.since = now
	}
	return max(0, min(wait, o.since+o.opt.CommitWait-now))
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
	return s.off+o.preamble(q)+int64(recordSize(len(q.entry(q.written).payload))) <= o.opt.segment
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
		if off > o.opt.segment || p-q.written >= maxBatch {
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

// saveGaps makes the table durable.
func (o *Outbox) saveGaps() error {
	o.mu.Lock()
	dirty, table := o.gapsDirty, o.gaps.encode()
	o.gapsDirty = false
	o.mu.Unlock()
	if !dirty {
		return nil
	}
	err := o.gapFile.store(table, true)
	if err != nil {
		o.mu.Lock()
		o.gapsDirty = true
		o.mu.Unlock()
	}
	return err
}

// saveCursor writes what is settled.
func (o *Outbox) saveCursor(durable bool) error {
	o.mu.Lock()
	if !o.moved && !durable {
		o.mu.Unlock()
		return nil
	}
	b := encodeCursor(&o.queues)
	o.moved = false
	o.mu.Unlock()
	o.cursorAt = o.in(cursorEvery)
	err := o.cursor.store(b, durable)
	if err != nil {
		o.mu.Lock()
		o.moved = true
		o.mu.Unlock()
	}
	return err
}

// tell delivers notices, those about drops at most once a second: what tells about them may be dropped itself.
func (o *Outbox) tell() {
	if o.opt.Notify == nil {
		return
	}
	o.mu.Lock()
	notices := o.notices
	o.notices = nil
	if o.due(o.tellAt) {
		for _, d := range o.gaps.untold() {
			notices = append(notices, Notice{Kind: RecordsDropped, Dropped: d})
			o.tellAt = o.in(tellEvery)
		}
	}
	o.mu.Unlock()
	for _, n := range notices {
		o.opt.Notify(n)
	}
}
