package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Check tells what Open would refuse, without changing or locking anything. A directory that does not exist is fine.
func Check(opt Options) error {
	if err := opt.check(); err != nil {
		return err
	}
	if err := inspect(opt); err != nil {
		return fmt.Errorf("check outbox %s: %w", opt.Dir, err)
	}
	return nil
}

// Damage is what of a directory can't be read. A start goes on without it, since nobody is there to help.
type Damage struct {
	// Renews: the run slots are gone, so a start begins a new epoch.
	Renews bool
	// Files of which nothing can be used.
	Files []string

	from [2]string // of each queue the last segment that begins below all that is not confirmed
}

// Unreadable counts the records that are not confirmed and can't be read: whoever meets them, a start or the sender,
// names their numbers. It changes and locks nothing.
func Unreadable(dir string, fsys FS) (records uint64, err error) {
	d, err := Survey(dir, fsys)
	if err != nil {
		return 0, err
	}
	_, err = ScanFrom(dir, fsys, d.from, func(f Found) error {
		if f.Err != nil && !f.Confirmed {
			records += f.Positions
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return records, err
}

// Survey reads the small files and the head of each segment, and tells what is damaged. It changes and locks nothing. A
// directory that does not exist is in order.
func Survey(dir string, fsys FS) (d Damage, err error) {
	if fsys == nil {
		fsys = Disk{}
	}
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) || len(names) == 0 {
		return d, nil
	}
	if err == nil {
		err = d.survey(dir, fsys, names)
	}
	if err != nil {
		return d, fmt.Errorf("survey outbox %s: %w", dir, err)
	}
	return d, nil
}

func (d *Damage) survey(dir string, fsys FS, names []string) error {
	var c committer
	c.init(Options{FS: fsys, Dir: dir})
	var settled [2]spans
	for _, s := range [...]*slots{&c.runs, &c.cursor, &c.gapFile} {
		l, err := s.load()
		s.close()
		if err != nil {
			return err
		}
		if s == &c.cursor {
			settled = decodeCursor(l.payload)
		}
		if l.lost() {
			d.Files = append(d.Files, s.name)
		}
		d.Renews = d.Renews || s == &c.runs && l.payload == nil && (l.lost() || anySegment(names))
	}
	slices.Sort(names)
	for _, name := range names {
		kind, index, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		seg := &segment{queue: kind, index: index}
		head, err := readSegment(fsys, seg.path(dir), segmentHead)
		switch {
		case errors.Is(err, fs.ErrNotExist): // evicted meanwhile
		case err != nil:
			d.Files = append(d.Files, name)
		case seg.parseIdentity(head) == nil:
			if seg.first <= settled[kind].low() {
				d.from[kind] = name
			}
		case !zero(head) && seg.unreadable(fsys, dir):
			d.Files = append(d.Files, name)
		}
	}
	return nil
}

// unreadable tells whether a segment without a head has no record either.
func (s *segment) unreadable(fsys FS, dir string) bool {
	image, err := readSegment(fsys, s.path(dir), segmentBytes)
	walk := s.records(image)
	_, _, ok := walk.step()
	return err != nil || !ok
}

func anySegment(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { _, _, ok := parseSegmentName(name); return ok })
}

func inspect(opt Options) error {
	names, err := opt.FS.List(opt.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return refusal(err)
	}
	var c committer
	c.init(opt)
	known := false
	for _, s := range [...]*slots{&c.runs, &c.cursor, &c.gapFile} {
		l, err := s.load()
		s.close()
		if err != nil {
			return err
		}
		known = known || l.payload != nil
	}
	if foreign(names, known) {
		return ErrForeign
	}
	slices.Sort(names)
	for _, name := range names {
		q, index, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		head, err := readSegment(opt.FS, (&segment{queue: q, index: index}).path(opt.Dir), segmentHead)
		if err != nil {
			return refusal(err)
		}
		if err := (&segment{queue: q, index: index}).parseIdentity(head); errors.Is(err, ErrNewer) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
