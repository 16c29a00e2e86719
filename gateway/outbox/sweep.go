package outbox

import "time"

const (
	sweepEvery = time.Second
	sweepBytes = 128 << 10 // read at a time: an alarm must not wait long for its commit
)

// sweep reads, slowly and once, the segments that an earlier process left and that Open has trusted by their seals, so
// that damage in what still waits is named before somebody is there to send it to. Committer only.
type sweep struct {
	left []*segment
	file File
	read []byte
	at   time.Duration // not before
}

// beginSweep lists what has to be read.
func (o *Outbox) beginSweep() {
	for i := range o.queues {
		q := &o.queues[i]
		for _, seg := range q.segments {
			if seg.file == nil && !q.settled.covers(seg.first, seg.end) {
				o.sweep.left = append(o.sweep.left, seg)
			}
		}
	}
}

// sweepWhenIdle leaves the disk to a commit that is due.
func (o *Outbox) sweepWhenIdle(wait time.Duration) time.Duration {
	if wait <= 0 {
		return idle
	}
	return o.sweepOn()
}

// sweepOn reads the next part, if it is time, and judges the segment that is complete. It returns how long to wait.
func (o *Outbox) sweepOn() time.Duration {
	if len(o.sweep.left) == 0 {
		return idle
	}
	if !o.due(o.sweep.at) {
		return o.sleep(o.sweep.at)
	}
	o.sweep.at = o.in(sweepEvery)
	seg := o.sweep.left[0]
	if !o.readPart(seg) {
		return sweepEvery
	}
	image := o.sweep.read
	o.endPart()
	if image != nil {
		o.judge(seg, image)
	}
	return sweepEvery
}

// readPart tells whether the segment was read to its end, or can't be: whoever sends from it will find out why.
func (o *Outbox) readPart(seg *segment) (done bool) {
	s := &o.sweep
	if s.file == nil {
		f, err := o.fs.Open(seg.path(o.opt.Dir))
		if err != nil {
			return true
		}
		s.file, s.read = f, make([]byte, 0, o.opt.Segment)
	}
	from := len(s.read)
	part := s.read[from:min(from+sweepBytes, cap(s.read))]
	if n, err := s.file.ReadAt(part, int64(from)); n < len(part) && err != nil {
		s.read = nil
		return true
	}
	s.read = s.read[:from+len(part)]
	return len(s.read) == cap(s.read)
}

func (o *Outbox) endPart() {
	if o.sweep.file != nil {
		o.sweep.file.Close()
	}
	o.sweep.left, o.sweep.file, o.sweep.read = o.sweep.left[1:], nil, nil
}

// judge names what a segment should hold and does not.
func (o *Outbox) judge(seg *segment, image []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := &o.queues[seg.queue]
	if q.segmentOf(seg.first) != seg {
		return // it has made room
	}
	walk := seg.records(image)
	var before record
	for {
		want := walk.want
		r, _, ok := walk.step()
		if !ok || r.position >= seg.end {
			o.lose(q, seg, want, seg.end, &before, nil)
			return
		}
		if r.position > want {
			o.lose(q, seg, want, r.position, &before, &r)
		}
		before = r
	}
}
