package outbox

import (
	"errors"
	"time"
)

// committer is what only its goroutine uses (and Open before it, Close after it).
type committer struct {
	sweep                 sweep
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
	copies                copies        // that an earlier process made
}

func (c *committer) init(opt Options) {
	c.runs = slots{fs: opt.FS, dir: opt.Dir, name: "runs", magic: "lg-runs\n", size: 4096}
	c.cursor = slots{fs: opt.FS, dir: opt.Dir, name: "cursor", magic: "lg-curs\n", size: cursorSlot}
	c.gapFile = slots{fs: opt.FS, dir: opt.Dir, name: "gaps", magic: "lg-gaps\n", size: gapSlot}
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
		o.sleep(o.renumberAt), o.sweepWhenIdle(wait))
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
