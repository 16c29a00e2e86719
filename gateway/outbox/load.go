package outbox

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
)

// tail is what a scan of the newest segment of a queue found.
type tail struct {
	image   []byte
	records []record
	offsets []int // of records
	lost    []loss
}

// loss is a jump of the position within a tail.
type loss struct {
	from, to      uint64
	before, after record
}

// begin sets the positions of an empty memory.
func (q *queue) begin(next uint64, settled spans) {
	q.next, q.written, q.liveFrom, q.begun = next, next, next, next
	q.settled = settled
	q.settled.add(0, 1)
	q.settled.clip(next)
}

// loadQueue reads the heads of all segments and scans the last one, which it makes ready for appending.
func (o *Outbox) loadQueue(q *queue, indexes []uint64, settled spans) (tail, error) {
	var t tail
	heads := o.readHeads(q.kind, indexes)
	load := func(i int, last bool) (bool, error) {
		seg := &segment{queue: q.kind, index: indexes[i]}
		ok, err := o.loadSegment(q, seg, heads[i], last, &t, &settled)
		if ok {
			q.segments = append(q.segments, seg)
		}
		return ok, err
	}
	for i := range max(0, len(indexes)-1) {
		if _, err := load(i, false); err != nil {
			return t, err
		}
	}
	for n := len(indexes); n > 0; n-- { // a newest segment without a record leaves its place to the one before
		if k := len(q.segments) - 1; k >= 0 && q.segments[k].index == indexes[n-1] {
			q.segments = q.segments[:k]
		}
		if ok, err := load(n-1, true); err != nil {
			return t, err
		} else if ok {
			break
		}
	}
	for i := range max(0, len(q.segments)-1) {
		if limit := q.segments[i+1].first; q.segments[i].end > limit {
			if err := o.cutAt(q.segments[i], limit); err != nil {
				return t, err
			}
		}
	}
	next := max(settled.low(), 1)
	if seg := q.active(); seg != nil {
		next = seg.end
		settled.add(0, max(q.segments[0].first, seg.low))
	}
	if settled.size(next, ^uint64(0)) > 0 {
		o.moved = true // a cursor that outlived its records must not speak about those that get their positions
	}
	q.begin(next, settled)
	for _, l := range t.lost {
		o.settle(q, l.from, l.to, true)
	}
	return t, nil
}

// readHeads reads the first pages of segments. On a cold start each of them waits for the disk, so the disk is told of many
// before the first is read. A page that can't be read is empty.
func (o *Outbox) readHeads(kind Queue, indexes []uint64) [][]byte {
	const ahead = 32 // files open at a time, and pages on their way, for each reader
	heads := make([][]byte, len(indexes))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(2, (len(indexes)+ahead-1)/ahead) {
		readers.Go(func() {
			var files [ahead]File
			for {
				to := int(next.Add(ahead))
				from := to - ahead
				if from >= len(indexes) {
					return
				}
				to = min(to, len(indexes))
				for i := from; i < to; i++ {
					f, err := o.fs.Open(o.path(segmentName(kind, indexes[i])))
					if err != nil {
						continue
					}
					files[i-from] = f
					prefetch(f, segmentHead)
				}
				pages := make([]byte, (to-from)*segmentHead)
				for i := from; i < to; i++ {
					f := files[i-from]
					if f == nil {
						continue
					}
					page := pages[(i-from)*segmentHead:][:segmentHead:segmentHead]
					if n, err := f.ReadAt(page, 0); err == nil || errors.Is(err, io.EOF) {
						heads[i] = page[:n]
					}
					f.Close()
					files[i-from] = nil
				}
			}
		})
	}
	readers.Wait()
	return heads
}

// loadSegment reads one segment as far as needed. false = there is nothing of use in it.
func (o *Outbox) loadSegment(q *queue, seg *segment, head []byte, last bool, t *tail, settled *spans) (bool, error) {
	err := seg.parseIdentity(head)
	if errors.Is(err, ErrNewer) {
		return false, fmt.Errorf("%s: %w", segmentName(seg.queue, seg.index), err)
	}
	hasHead := err == nil
	if !hasHead {
		if n := len(q.segments); n > 0 {
			seg.first = q.segments[n-1].end
		}
	}
	sealed := hasHead && seg.parseSeal(head[min(sectorBytes, len(head)):])
	if sealed && !last {
		return true, nil
	}
	image, err := readSegment(o.fs, seg.path(o.opt.Dir), o.opt.Segment)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", segmentName(seg.queue, seg.index), err)
	}
	walk := seg.scan(image, hasHead, t, settled)
	if seg.end == seg.first && !hasHead { // made right before a power cut, or beyond repair
		name := segmentName(seg.queue, seg.index)
		if !zero(head) && !slices.Contains(o.damaged, name) {
			o.damaged = append(o.damaged, name)
		}
		o.useless = append(o.useless, seg)
		return false, nil
	}
	if !last {
		return true, nil
	}
	if seg.file, err = o.fs.Open(seg.path(o.opt.Dir)); err != nil {
		return false, fmt.Errorf("read %s: %w", segmentName(seg.queue, seg.index), err)
	}
	seg.off = int64(walk.off)
	switch {
	case sealed || int64(len(image)) < o.opt.Segment:
		seg.failed = true // complete, or not a file to append to
	case !walk.clean():
		seg.failed = fillZero(seg.file, seg.off, o.opt.Segment) != nil
	}
	return true, nil
}

// scan fills end and stretches from the records themselves, and t with what it saw.
func (s *segment) scan(image []byte, hasHead bool, t *tail, settled *spans) walker {
	walk := s.records(image)
	*t = tail{image: image}
	s.stretches = nil
	var before record
	for {
		want := walk.want
		r, at, ok := walk.step()
		if !ok {
			break
		}
		if !hasHead && want == 0 {
			s.first, want = r.position, r.position
		}
		if r.position > want {
			t.lost = append(t.lost, loss{want, r.position, before, r})
		}
		if r.kind == kindVoid {
			settled.add(r.position, r.end())
			continue
		}
		s.note(&r)
		t.records = append(t.records, r)
		t.offsets = append(t.offsets, at)
		before = r
	}
	s.end = max(walk.want, s.first)
	settled.add(0, min(walk.low, s.end))
	return walk
}

// cutAt leaves out the records from limit on: they were written again into the next segment, after a sync had failed.
func (o *Outbox) cutAt(seg *segment, limit uint64) error {
	seg.end, seg.stretches, seg.sealed = limit, nil, false
	records, err := o.recordsOf(seg)
	if err != nil {
		return err
	}
	for _, r := range records {
		seg.note(&r)
	}
	return nil
}

// recordsOf reads the events of a segment.
func (o *Outbox) recordsOf(seg *segment) (records []record, err error) {
	image, err := readSegment(o.fs, seg.path(o.opt.Dir), o.opt.Segment)
	if err != nil {
		return nil, err
	}
	walk := seg.records(image)
	for r, _, ok := walk.step(); ok && r.position < seg.end; r, _, ok = walk.step() {
		if r.kind == kindEvent {
			records = append(records, r)
		}
	}
	return records, nil
}
