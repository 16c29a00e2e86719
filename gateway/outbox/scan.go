package outbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// Found is one thing that Scan met.
type Found struct {
	Queue     Queue
	File      string // name of the segment
	Offset    int64
	Position  uint64 // in its queue
	ID        ID
	Payload   []byte
	Confirmed bool // or named as dropped: it will not be sent again

	// Err says what is wrong with Positions records from Position on; ID and Payload are not set then.
	Err       error
	Positions uint64
}

// Contents of a directory beside its records.
type Contents struct {
	Epoch   string // of the newest run; "" = can't be read
	Run     uint32
	Board   string
	Dropped []Dropped // not yet told, or told by a record that is not yet confirmed
}

// Scan walks all records of a directory, confirmed ones included, each queue in its order, the alarms first. It only
// reads, needs no lock, and may be used beside a running outbox: what is being written then may be missed at the end.
// An error of visit ends the walk and is returned.
func Scan(dir string, fsys FS, visit func(Found) error) (Contents, error) {
	return ScanFrom(dir, fsys, [2]string{}, visit)
}

// ScanFrom is Scan that begins, in each queue, at the segment whose file is named in from (index Queue), for who has seen
// what is in the segments before.
func ScanFrom(dir string, fsys FS, from [2]string, visit func(Found) error) (Contents, error) {
	if fsys == nil {
		fsys = Disk{}
	}
	s := scanner{dir: dir, fs: fsys, visit: visit, from: from}
	c, err := s.all()
	if err != nil {
		return c, fmt.Errorf("scan outbox %s: %w", dir, err)
	}
	return c, nil
}

type scanner struct {
	dir     string
	fs      FS
	visit   func(Found) error
	from    [2]string
	settled [2]spans
}

func (s *scanner) all() (c Contents, err error) {
	var small committer
	small.init(Options{FS: s.fs, Dir: s.dir})
	for _, f := range [...]struct {
		slots *slots
		use   func([]byte)
	}{
		{&small.runs, func(b []byte) {
			if id, ok := parseRunIdentity(b); ok {
				c.Epoch, c.Run, c.Board = epochText(id.epoch), id.run, id.board
			}
		}},
		{&small.cursor, func(b []byte) { s.settled = decodeCursor(b) }},
		{&small.gapFile, func(b []byte) {
			table := decodeGaps(b)
			for i := range table {
				table[i].teller = 0
			}
			c.Dropped = table.untold()
		}},
	} {
		l, err := f.slots.load()
		f.slots.close()
		if err != nil {
			return c, err
		}
		f.use(l.payload)
	}
	names, err := s.fs.List(s.dir)
	if err != nil {
		return c, err
	}
	for _, q := range [...]Queue{Alarm, Normal} {
		if err := s.queue(q, names); err != nil {
			return c, err
		}
	}
	return c, nil
}

// queue reads every segment whole, one at a time, so that damage in sealed ones is found too.
func (s *scanner) queue(kind Queue, names []string) error {
	var indexes []uint64
	for _, name := range names {
		if q, index, ok := parseSegmentName(name); ok && q == kind && name >= s.from[kind] {
			indexes = append(indexes, index)
		}
	}
	slices.Sort(indexes)
	var before *segment
	var image []byte
	for _, index := range indexes {
		seg := &segment{queue: kind, index: index}
		next, err := s.image(seg)
		if err != nil {
			return err
		}
		if next == nil {
			continue
		}
		if before != nil {
			if err := s.segment(before, image, seg.first, false); err != nil {
				return err
			}
		}
		before, image = seg, next
	}
	if before == nil {
		return nil
	}
	return s.segment(before, image, ^uint64(0), true)
}

// image reads a segment and fills in what its first page says. nil = the file is gone meanwhile, or says nothing.
func (s *scanner) image(seg *segment) ([]byte, error) {
	image, err := readSegment(s.fs, seg.path(s.dir), segmentBytes)
	if err != nil {
		return nil, nil //nolint:nilerr // evicted between List and here
	}
	switch err := seg.parseIdentity(image); {
	case errors.Is(err, ErrNewer):
		return nil, fmt.Errorf("%s: %w", filepath.Base(seg.path(s.dir)), err)
	case err != nil:
		walk := seg.records(image)
		r, _, ok := walk.step()
		if !ok {
			return nil, nil
		}
		seg.first = r.position
	}
	seg.parseSeal(image[min(sectorBytes, len(image)):])
	return image, nil
}

// segment visits the records below end, which is where the next segment begins.
func (s *scanner) segment(seg *segment, image []byte, end uint64, last bool) error {
	walk := seg.records(image)
	for {
		want, from := walk.want, walk.off
		r, at, ok := walk.step()
		if !ok || r.position >= end {
			if seg.sealed {
				end = min(end, seg.end)
			}
			if last && !seg.sealed {
				return nil // what follows is being written, or never was
			}
			return s.missing(seg, want, end, from)
		}
		if err := s.missing(seg, want, r.position, from); err != nil {
			return err
		}
		if r.kind == kindVoid {
			continue
		}
		err := s.visit(Found{
			Queue: seg.queue, File: segmentName(seg.queue, seg.index), Offset: int64(at), Position: r.position,
			ID: ID{epochText(r.epoch), r.run, r.number}, Payload: r.payload,
			Confirmed: s.settled[seg.queue].has(r.position),
		})
		if err != nil {
			return err
		}
	}
}

func (s *scanner) missing(seg *segment, from, to uint64, off int) error {
	if from >= to || to == ^uint64(0) {
		return nil
	}
	return s.visit(Found{
		Queue: seg.queue, File: segmentName(seg.queue, seg.index), Offset: int64(off), Position: from, Positions: to - from,
		Confirmed: s.settled[seg.queue].covers(from, to),
		Err:       fmt.Errorf("%s: %d records from position %d on can't be read (offset %d)", segmentName(seg.queue, seg.index), to-from, from, off),
	})
}
