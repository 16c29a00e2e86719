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

func inspect(opt Options) error {
	names, err := opt.FS.List(opt.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return refusal(err)
	case foreign(names):
		return ErrForeign
	}
	var c committer
	c.init(opt)
	for _, s := range [...]*slots{&c.runs, &c.cursor, &c.gapFile} {
		_, err := s.load()
		s.close()
		if err != nil {
			return err
		}
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
