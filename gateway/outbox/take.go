package outbox

import (
	"errors"
	"io/fs"
)

// reader goes through the backlog of one queue, one segment image at a time. Guarded by Outbox.taking.
type reader struct {
	segment *segment
	end     uint64 // positions below it are in the image
	walk    walker
	at      record // the last one the walk returned; kind 0 = none
	before  record // the one before it
}

// Take appends up to max records to dst that are neither confirmed nor handed out since the last Rewind: alarms first,
// then what this run issued since then, then the backlog, oldest first. Alarms and live records come from memory,
// beside their commit. Nothing is handed out while 65,536 records are.
func (o *Outbox) Take(dst []Record, max int) []Record { return o.take(dst, len(dst)+max, true) }

// TakeLive is Take without the backlog of the normal queue: for a sender that has used up its backlog rate.
func (o *Outbox) TakeLive(dst []Record, max int) []Record { return o.take(dst, len(dst)+max, false) }

// take fills dst up to limit.
func (o *Outbox) take(dst []Record, limit int, backlog bool) []Record {
	o.taking.Lock()
	defer o.taking.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.renewal != "" {
		return dst // under names that somebody else uses
	}
	for _, kind := range [...]Queue{Alarm, Normal} {
		q := &o.queues[kind]
		dst = o.takeLive(dst, limit, q)
		if kind == Alarm || backlog {
			dst = o.takeBacklog(dst, limit, q)
		}
	}
	return dst
}

// takeLive takes from the records issued since the last Rewind. mu is held.
func (o *Outbox) takeLive(dst []Record, limit int, q *queue) []Record {
	if len(q.settled) > maxRanges {
		return dst
	}
	q.liveFrom = max(q.liveFrom, q.liveStart())
	for len(dst) < limit && len(o.inFlight) < maxInFlight {
		p := q.untaken(q.liveFrom)
		if p >= q.next {
			break
		}
		e := q.entry(p)
		dst = append(dst, o.handOut(q, p, key{e.run, e.number}, e.payload))
		q.liveFrom = p + 1
	}
	return dst
}

// takeBacklog takes the oldest records first. mu and taking are held; mu is given up while the disk is read.
func (o *Outbox) takeBacklog(dst []Record, limit int, q *queue) []Record {
	for len(dst) < limit && len(o.inFlight) < maxInFlight {
		p := q.untaken(0)
		if p >= q.next {
			break
		}
		if p >= q.liveStart() {
			e := q.entry(p)
			dst = append(dst, o.handOut(q, p, key{e.run, e.number}, e.payload))
			continue
		}
		r, err := o.readAt(q, p)
		if err != nil {
			break // try again at the next Take
		}
		if r.kind == kindEvent && q.untaken(p) == p {
			dst = append(dst, o.handOut(q, p, key{runKey{r.epoch, r.run}, r.number}, r.payload))
		}
	}
	return dst
}

// untaken returns the first position at or after p that may be handed out.
func (q *queue) untaken(p uint64) uint64 {
	for {
		n := q.unfirm.next(q.taken.next(q.settled.next(p)))
		if q.held.from <= n && n < q.held.to {
			n = q.held.to
		}
		if n == p {
			return p
		}
		p = n
	}
}

func (o *Outbox) handOut(q *queue, position uint64, k key, payload []byte) Record {
	q.taken.add(position, position+1)
	o.inFlight[k] = place{q.kind, position}
	return Record{
		ID:      ID{o.epochName(k.epoch), k.run, k.number},
		Queue:   q.kind,
		Payload: payload,
		Resent:  q.sent.has(position) || k.runKey != o.runKey,
	}
}

// readAt reads the record at a position that is on disk. What can't be read is named and settled; then, and where a
// record stands for confirmed positions, the result has no kind and the caller looks for the next position. mu and
// taking are held; mu is given up while the disk is read.
func (o *Outbox) readAt(q *queue, p uint64) (record, error) {
	rd := &o.readers[q.kind]
	seg := q.segmentOf(p)
	if seg == nil || p < seg.first {
		to := q.liveStart()
		if seg != nil {
			to = seg.first
		}
		o.lose(q, nil, p, to, nil, nil)
		return record{}, nil
	}
	if rd.segment != seg || rd.at.end() > p && rd.at.position > p || p >= rd.end {
		if err := o.load(rd, q, seg); err != nil {
			return record{}, err
		}
		if seg != q.segmentOf(p) {
			return record{}, nil // evicted meanwhile
		}
	}
	for rd.at.kind == 0 || rd.at.end() <= p {
		if rd.at.kind != 0 {
			rd.before = rd.at
		}
		r, _, ok := rd.walk.step()
		if !ok || r.position >= rd.end {
			o.lose(q, seg, p, rd.end, &rd.before, nil)
			return record{}, nil
		}
		rd.at = r
	}
	if rd.at.position > p {
		o.lose(q, seg, p, rd.at.position, &rd.before, &rd.at)
		return record{}, nil
	}
	if rd.at.kind == kindVoid {
		o.settle(q, rd.at.position, rd.at.end(), false)
		return record{}, nil
	}
	return rd.at, nil
}

// load reads the image of a segment. mu is given up meanwhile.
func (o *Outbox) load(rd *reader, q *queue, seg *segment) error {
	path, end := seg.path(o.opt.Dir), seg.end
	o.mu.Unlock()
	image, err := readSegment(o.fs, path, o.opt.Segment)
	o.mu.Lock()
	if err != nil {
		*rd = reader{}
		if errors.Is(err, fs.ErrNotExist) && q.segmentOf(seg.first) == seg {
			o.lose(q, seg, seg.first, seg.end, nil, nil)
			return nil
		}
		return err
	}
	*rd = reader{segment: seg, end: end, walk: seg.records(image)}
	return nil
}

// readSegment reads a whole segment. Pages that the disk refuses read as zeros, so that only their records are lost.
func readSegment(fsys FS, path string, size int64) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	image, err := readImage(f, size)
	if err == nil {
		return image, nil
	}
	image = make([]byte, size)
	for at := int64(0); at < size; at += segmentHead {
		page := image[at:min(at+segmentHead, size)]
		if n, err := f.ReadAt(page, at); err != nil {
			clear(page[n:])
		}
	}
	return image, nil
}
