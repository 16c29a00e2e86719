package outbox

import (
	"errors"
	"io/fs"
)

// History reads again what the outbox still holds of one epoch, confirmed or not, in the order of the numbers: a center
// asks for it when it has lost something. It hides nothing from Take and takes nothing from it. It belongs to one
// goroutine and keeps up to two segments in memory, so let go of it when done.
type History struct {
	box      *Outbox
	epoch    uint32
	from, to key
	lanes    [2]lane
}

// lane is the way of a History through one queue.
type lane struct {
	next     uint64 // position to look at
	end      uint64 // positions from here on were issued after the History was made
	ahead    Record
	position uint64 // of ahead
	loaded   bool   // ahead is the next record of this queue
	segment  *segment
	limit    uint64 // positions below it are in the image
	walk     walker
}

// History begins to read what lies from from to to, both included; both are of one epoch.
func (o *Outbox) History(from, to ID) *History {
	first, okFirst := keyOf(from)
	last, okLast := keyOf(to)
	if !okFirst || !okLast || first.epoch != last.epoch {
		return &History{box: o} // nothing lies between
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.history(first, last)
}

// history is History. mu is held.
func (o *Outbox) history(from, to key) *History {
	h := &History{box: o, epoch: from.epoch, from: from, to: to}
	for i := range o.queues {
		q := &o.queues[i]
		h.lanes[i] = lane{next: 1, end: q.next}
		if len(q.unfirm) > 0 {
			h.lanes[i].end = q.unfirm[0].from // nobody gets those yet
		}
	}
	return h
}

// Next appends up to max records to dst; none = there is nothing more. What made room meanwhile, or is damaged, is left
// out: it has been named, or will be when it is sent. An error is that of the disk, and the next call tries again.
func (h *History) Next(dst []Record, max int) ([]Record, error) {
	for limit := len(dst) + max; len(dst) < limit; {
		l, err := h.first()
		if err != nil || l == nil {
			return dst, err
		}
		dst = append(dst, l.ahead)
		l.ahead, l.loaded = Record{}, false
	}
	return dst, nil
}

// first is the lane whose record comes next; nil = there is none.
func (h *History) first() (first *lane, err error) {
	for i := range h.lanes {
		l := &h.lanes[i]
		if err := h.look(Queue(i), l); err != nil {
			return nil, err
		}
		if l.loaded && (first == nil || before(l.ahead.ID, first.ahead.ID)) {
			first = l
		}
	}
	return first, nil
}

func before(a, b ID) bool { return a.Run < b.Run || a.Run == b.Run && a.Number < b.Number }

// wants tells whether a record lies in the range; over tells that all further ones of its queue lie behind it.
func (h *History) wants(epoch, run uint32, number uint64) (in, over bool) {
	if epoch != h.epoch {
		return false, false
	}
	if run > h.to.run || run == h.to.run && number > h.to.number {
		return false, true
	}
	return run > h.from.run || run == h.from.run && number >= h.from.number, false
}

// look finds the next record of a queue.
func (h *History) look(kind Queue, l *lane) error {
	for !l.loaded && l.next < l.end {
		r, at, err := h.read(&h.box.queues[kind], l)
		if err != nil {
			return err
		}
		if l.next = at; r.kind != kindEvent || at >= l.end {
			continue
		}
		l.next++
		in, over := h.wants(r.epoch, r.run, r.number)
		if over {
			l.next = l.end
		}
		if in {
			l.ahead = Record{ID: ID{epochText(r.epoch), r.run, r.number}, Queue: kind, Payload: r.payload, Resent: true}
			l.position, l.loaded = at, true
		}
	}
	return nil
}

// read returns the first event of q at or after l.next, and its position; no kind = there is none before that position.
func (h *History) read(q *queue, l *lane) (record, uint64, error) {
	o := h.box
	o.mu.Lock()
	if p := l.next; p >= q.liveStart() && p < q.next {
		defer o.mu.Unlock()
		e := q.entry(p)
		return record{kind: kindEvent, epoch: e.run.epoch, run: e.run.run, number: e.number, payload: e.payload}, p, nil
	}
	seg := h.nextSegment(q, l.next)
	if seg == nil {
		defer o.mu.Unlock()
		return record{}, max(q.liveStart(), l.next+1), nil
	}
	end := seg.end
	o.mu.Unlock()
	if l.segment != seg || l.next >= l.limit {
		image, err := readSegment(o.fs, seg.path(o.opt.Dir), o.opt.Segment)
		if errors.Is(err, fs.ErrNotExist) {
			return record{}, end, nil // it made room meanwhile
		}
		if err != nil {
			return record{}, l.next, err
		}
		l.segment, l.limit, l.walk = seg, end, seg.records(image)
	}
	for r, _, ok := l.walk.step(); ok && r.position < l.limit; r, _, ok = l.walk.step() {
		if r.kind == kindEvent && r.position >= l.next {
			return r, r.position, nil
		}
	}
	return record{}, l.limit, nil
}

// nextSegment is the first one at or after a position that holds something of the range; nil = none on disk. mu is held.
func (h *History) nextSegment(q *queue, position uint64) *segment {
	for _, s := range q.segments {
		if s.end <= position {
			continue
		}
		for _, t := range s.stretches {
			_, over := h.wants(t.epoch, t.run, t.lowest)
			if in, past := h.wants(t.epoch, t.run, t.high); !over && (in || past) && t.last >= position {
				return s
			}
		}
	}
	return nil
}
