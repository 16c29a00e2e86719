package outbox

import (
	"hash/maphash"
	"maps"
	"math"
)

// Renew begins a new epoch: somebody else has issued numbers of this one, or will. Until the new epoch is durable nothing
// is handed out. Then what this run had issued and nobody has confirmed is appended again, under new names; the old ones
// are told as dropped (Renumbered), which is not true of what arrives late: delivered is right then.
func (o *Outbox) Renew(reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.renewal == "" {
		o.renewal = reason
		o.signal(o.kick)
	}
}

// renumberBatch is how many records are renumbered between two commits.
const renumberBatch = 512

// renew does the next piece of what Renew asked for, and tells whether there is more to do at once. Committer only.
func (o *Outbox) renew() (more bool) {
	o.mu.Lock()
	asked, stale := o.renewal != "", o.stale
	o.mu.Unlock()
	if stale == (runKey{}) {
		if !asked {
			return false
		}
		stale = o.beginEpoch()
	}
	if !o.due(o.renumberAt) {
		return false
	}
	if o.renumber == nil && !o.beginRenumbering(stale) {
		o.renumberAt = o.in(retryFirst)
		return false
	}
	done, stuck := false, !o.replaced() // what the last attempt could not finish
	if !stuck {
		done, stuck = o.renumberSome(stale)
		stuck = !o.replaced() || stuck
	}
	if done && !stuck {
		stuck = !o.endRenumbering()
	}
	o.renumberAt = 0
	if stuck {
		o.renumberAt = o.in(retryFirst)
	}
	return !done && !stuck
}

// beginRenumbering looks for the records to renumber, and for those that an earlier process had appended again when it
// died. false = the disk can't be read now.
func (o *Outbox) beginRenumbering(stale runKey) bool {
	o.mu.Lock()
	again := o.run > 1
	here := o.history(key{runKey{o.epoch, 1}, 0}, key{runKey{o.epoch, o.run - 1}, math.MaxUint64})
	old := o.history(key{stale, 0}, key{stale, math.MaxUint64})
	o.mu.Unlock()
	o.copies = copies{seed: maphash.MakeSeed(), left: map[uint64]int{}}
	for again {
		l, err := here.first()
		if err != nil {
			return false
		}
		if l == nil {
			break
		}
		o.copies.left[o.copies.sum(&l.ahead)]++
		l.loaded = false
	}
	o.renumber = old
	return true
}

// copies are records by their content: an event says when it happened, to the nanosecond, so that two of the same content
// are one event, or cannot be told apart.
type copies struct {
	seed maphash.Seed
	left map[uint64]int
}

func (c *copies) sum(r *Record) uint64 {
	return maphash.Bytes(c.seed, r.Payload)<<1 | uint64(r.Queue)
}

// take tells whether there is one of a record, and takes it out.
func (c *copies) take(r *Record) bool {
	if len(c.left) == 0 {
		return false
	}
	sum := c.sum(r)
	if c.left[sum] == 0 {
		return false
	}
	c.left[sum]--
	return true
}

// replaced makes durable what was appended again, first that the old names are void, and only then lets go of the old
// records: after a power cut before that, the next process finds the new ones and makes no second ones.
func (o *Outbox) replaced() bool {
	o.mu.Lock()
	memory := o.noStorage || o.runError != nil
	o.mu.Unlock()
	if !memory {
		if o.saveGaps() != nil {
			return false
		}
		o.commit()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.queues {
		if !memory && o.queues[i].written < o.copiedTo[i] {
			return false
		}
	}
	for _, at := range o.renumbered {
		o.settle(&o.queues[at.queue], at.position, at.position+1, true)
	}
	o.renumbered = o.renumbered[:0]
	return true
}

// beginEpoch makes a new epoch durable, and keeps the records of the run so far back until they are renumbered. Where
// that is impossible the new epoch lives in memory.
func (o *Outbox) beginEpoch() (stale runKey) {
	gone := o.storageGone()
	if !gone {
		o.commit() // the last one of the run: only it could have holes after a power cut
	}
	next := runKey{o.opt.Chance(epochs), 1}
	o.mu.Lock()
	stale = o.runKey
	err, id := o.runError, runIdentity{next, o.opt.Board, stale}
	o.mu.Unlock()
	if !gone {
		err = o.runs.store(id.encode(), true)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.notices = append(o.notices, Notice{Kind: OutboxRestored, OldEpoch: epochText(stale.epoch), Reason: o.renewal})
	o.runKey, o.number, o.runError, o.stale, o.renewal = next, 0, err, stale, ""
	maps.DeleteFunc(o.inFlight, func(k key, _ place) bool { return k.runKey == stale })
	for i := range o.queues {
		q := &o.queues[i]
		q.held = span{q.begun, q.next}
		q.taken.clip(q.begun)
		q.begun = q.next
	}
	o.judgeStorage()
	o.signal(o.ready)
	return stale
}

// renumberSome appends the next records of a run again. stuck = memory has no room for more until some are on disk, or
// the disk can't be read.
func (o *Outbox) renumberSome(stale runKey) (done, stuck bool) {
	for range renumberBatch {
		l, err := o.renumber.first()
		if err != nil || l == nil {
			return err == nil, err != nil
		}
		r := l.ahead
		o.mu.Lock()
		q := &o.queues[r.Queue]
		if !q.settled.has(l.position) {
			copied := o.copies.take(&r)
			if !copied && !o.hasRoom(q, len(r.Payload)) {
				o.mu.Unlock()
				return false, len(o.renumbered) == 0
			}
			if !copied {
				o.number++
				q.push(entry{run: o.runKey, number: o.number, at: o.opt.Now(), payload: o.keep(r.Payload)})
				o.copiedTo[r.Queue] = q.next
			}
			o.name(gap{epoch: stale.epoch, run: stale.run, queue: r.Queue, cause: Renumbered, from: r.ID.Number, to: r.ID.Number})
			o.renumbered = append(o.renumbered, place{r.Queue, l.position})
		}
		o.mu.Unlock()
		l.loaded = false
	}
	return false, false
}

// endRenumbering lets go of what was held back: only what can't be read is left of it, and is named when it is met.
// false = it has to be tried again.
func (o *Outbox) endRenumbering() bool {
	o.mu.Lock()
	gone := o.noStorage
	waits := o.queues[0].written < o.copiedTo[0] || o.queues[1].written < o.copiedTo[1]
	o.mu.Unlock()
	if !gone && (waits || o.saveCursor(true) != nil) {
		return false
	}
	o.mu.Lock()
	o.stale = runKey{}
	for i := range o.queues {
		o.queues[i].held = span{}
	}
	identity := o.identity()
	o.mu.Unlock()
	o.copies = copies{}
	if o.renumber = nil; !gone {
		_ = o.runs.store(identity, true) // if it fails, the next start finds nothing to renumber
	}
	o.signal(o.ready)
	return true
}

// holdStale goes on with what an earlier process did not finish.
func (o *Outbox) holdStale() {
	for i := range o.queues {
		q := &o.queues[i]
		for _, seg := range q.segments {
			for _, t := range seg.stretches {
				if (runKey{t.epoch, t.run}) != o.stale {
					continue
				}
				if q.held.to == 0 {
					q.held.from = t.first
				}
				q.held.to = t.last + 1
			}
		}
	}
}
