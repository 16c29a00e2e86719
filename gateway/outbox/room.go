package outbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const wantedSpares = 2

func spareName(i int) string { return fmt.Sprintf("spare-%d", i) }

// roll ends the active segment of q and begins the next one, making room first where the queue is full. Committer only.
func (o *Outbox) roll(q *queue) error {
	if err := o.endSegment(q); err != nil {
		return err
	}
	f, name, err := o.nextFile(q)
	if err != nil {
		return err
	}
	o.mu.Lock()
	seg := &segment{queue: q.kind, index: o.nextIndex[q.kind], file: f, off: segmentHead, made: o.opt.Now()}
	seg.first = q.durable()
	seg.end, seg.low = seg.first, min(q.settled.low(), seg.first)
	o.mu.Unlock()
	o.nextIndex[q.kind]++
	if _, err = f.WriteAt(seg.identity(o.opt.Segment), 0); err == nil {
		if err = o.fs.Rename(o.path(name), seg.path(o.opt.Dir)); err == nil {
			err = o.fs.SyncDir(o.opt.Dir)
		}
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("extend the %s queue: %w", q.kind, err)
	}
	o.mu.Lock()
	q.segments = append(q.segments, seg)
	o.mu.Unlock()
	return nil
}

// nextFile returns the file for the next segment of q, zero-filled, under a temporary name. A queue at its limit uses its
// own space again; one beyond it, because the limit was lowered, gives the rest back.
func (o *Outbox) nextFile(q *queue) (File, string, error) {
	for {
		o.mu.Lock()
		over := len(q.segments) - q.limit
		o.mu.Unlock()
		if over < 0 {
			f, name, err := o.freshFile(q)
			if err != nil {
				return nil, "", fmt.Errorf("extend the %s queue: %w", q.kind, err)
			}
			return f, name, nil
		}
		f, name, err := o.evict(o.victimOf(q))
		if err != nil {
			return nil, "", fmt.Errorf("make room in the %s queue: %w", q.kind, err)
		}
		if over == 0 {
			return f, name, nil
		}
		f.Close()
		if err := o.fs.Remove(o.path(name)); err != nil {
			return nil, "", fmt.Errorf("make room in the %s queue: %w", q.kind, err)
		}
	}
}

// endSegment seals and closes the active segment. The seal only spares the next start a scan, so that its failure does
// no harm. A segment without a record is removed.
func (o *Outbox) endSegment(q *queue) error {
	o.mu.Lock()
	seg := q.active()
	o.mu.Unlock()
	if seg == nil || seg.file == nil {
		return nil
	}
	if !seg.failed {
		if _, err := seg.file.WriteAt(seg.seal(), sectorBytes); err == nil {
			seg.sealed = seg.file.Sync() == nil
		}
	}
	seg.file.Close()
	seg.file = nil
	if seg.end > seg.first {
		return nil
	}
	if err := o.fs.Remove(seg.path(o.opt.Dir)); err != nil {
		return fmt.Errorf("remove an empty segment: %w", err)
	}
	o.mu.Lock()
	q.segments = q.segments[:len(q.segments)-1]
	o.mu.Unlock()
	return nil
}

// freshFile returns a zero-filled file under a temporary name. The last spare is for alarms. On a full disk the space
// of the least needed segment is used again: the oldest confirmed one, the oldest normal one, and for an alarm the
// oldest alarm one. Normal records wait in memory first, until half of that is used: the disk may have room again. A disk
// that refuses for another reason than space costs nothing that somebody still waits for.
func (o *Outbox) freshFile(q *queue) (File, string, error) {
	if o.spares > 1 || o.spares == 1 && q.kind == Alarm {
		o.spares--
		name := spareName(o.spares)
		o.spareAt = 0
		if f, err := o.fs.Open(o.path(name)); err == nil {
			if n, err := f.Size(); err == nil && n == o.opt.Segment {
				return f, name, nil
			}
			f.Close()
		}
	}
	const name = "new.tmp"
	f, err := newSegmentFile(o.fs, o.path(name), o.opt.Segment)
	if err == nil {
		return f, name, nil
	}
	owner, seg := o.victim(q, errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT))
	if seg == nil {
		return nil, "", err
	}
	return o.evict(owner, seg)
}

// makeSpare prepares one file if one is missing and tells whether it did.
func (o *Outbox) makeSpare() bool {
	if o.spares >= wantedSpares || !o.due(o.spareAt) {
		return false
	}
	name := spareName(o.spares)
	f, err := newSegmentFile(o.fs, o.path(name+".tmp"), o.opt.Segment)
	if err == nil {
		f.Close()
		if err = o.fs.Rename(o.path(name+".tmp"), o.path(name)); err == nil {
			err = o.fs.SyncDir(o.opt.Dir)
		}
	}
	if err != nil {
		o.spareAt = o.in(retryMost)
		return false
	}
	o.spares++
	return true
}

// victimOf returns the segment of q to give up for another one of q: the oldest confirmed, else the oldest.
func (o *Outbox) victimOf(q *queue) (*queue, *segment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if seg := q.oldest(true); seg != nil {
		return q, seg
	}
	return q, q.oldest(false)
}

// victim returns the segment to give up for one of q when there is no fresh one; nil = none. Unconfirmed ones are given up
// only when the disk is full.
func (o *Outbox) victim(q *queue, full bool) (*queue, *segment) {
	o.mu.Lock()
	defer o.mu.Unlock()
	normal, alarm := &o.queues[Normal], &o.queues[Alarm]
	for _, q := range [...]*queue{normal, alarm} {
		if seg := q.oldest(true); seg != nil {
			return q, seg
		}
	}
	if !full || q.kind == Normal && q.memory(0) <= o.opt.memory/2 {
		return nil, nil
	}
	if seg := normal.oldest(false); seg != nil || q.kind == Normal {
		return normal, seg
	}
	return alarm, alarm.oldest(false)
}

// oldest returns the oldest segment that is not being written; with confirmed, one that nobody waits for. mu is held.
func (q *queue) oldest(confirmed bool) *segment {
	for _, s := range q.segments {
		if s.file == nil && (!confirmed || q.settled.covers(s.first, s.end)) {
			return s
		}
	}
	return nil
}

// evict gives up a segment and returns its file, zero-filled, under a temporary name. What was unconfirmed in it is
// named first, then the cursor is moved past it, both durably: a power cut in between costs nothing but a claim too
// much.
func (o *Outbox) evict(q *queue, seg *segment) (File, string, error) {
	if seg == nil {
		return nil, "", fmt.Errorf("no segment can be given up")
	}
	if err := o.nameEvicted(q, seg); err != nil {
		return nil, "", err
	}
	o.mu.Lock()
	kept := append(spans(nil), q.settled...)
	q.settled.add(seg.first, seg.end)
	b := encodeCursor(&o.queues)
	q.settled = kept
	o.mu.Unlock()
	if err := o.cursor.store(b, true); err != nil {
		return nil, "", err
	}
	const name = "old.tmp"
	if err := o.fs.Rename(seg.path(o.opt.Dir), o.path(name)); err != nil {
		return nil, "", err
	}
	o.mu.Lock()
	o.settle(q, seg.first, seg.end, true)
	for i, s := range q.segments {
		if s == seg {
			q.segments = append(q.segments[:i:i], q.segments[i+1:]...)
			break
		}
	}
	o.mu.Unlock()
	f, err := o.fs.Open(o.path(name))
	if err == nil {
		if err = fillZero(f, 0, o.opt.Segment); err != nil {
			f.Close()
		}
	}
	return f, name, err
}

// nameEvicted enters what is not settled of a segment into the gap table, durably.
func (o *Outbox) nameEvicted(q *queue, seg *segment) error {
	o.mu.Lock()
	settled := q.settled.covers(seg.first, seg.end)
	o.mu.Unlock()
	if settled {
		return nil
	}
	records, err := o.recordsOf(seg)
	o.mu.Lock()
	if err != nil { // then by what the seal says
		for _, t := range seg.stretches {
			o.name(gap{epoch: t.epoch, run: t.run, queue: q.kind, cause: Evicted, from: t.lowest, to: t.high})
		}
	}
	for _, r := range records {
		if !q.settled.has(r.position) {
			o.name(gap{epoch: r.epoch, run: r.run, queue: q.kind, cause: Evicted, from: r.number, to: r.number})
		}
	}
	o.mu.Unlock()
	return o.saveGaps()
}
