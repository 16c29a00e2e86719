package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// recover reads the directory and makes a new run durable.
func (o *Outbox) recover() error {
	names, err := o.enter()
	if err != nil || o.noStorage {
		return err
	}
	identity, err := o.runs.load()
	if err != nil {
		return err
	}
	cursor, err := o.cursor.load()
	if err != nil {
		return err
	}
	table, err := o.gapFile.load()
	if err != nil {
		return err
	}
	segments := o.sortNames(names)
	if foreign(names) {
		return ErrForeign
	}
	fresh := identity.absent && len(segments[0])+len(segments[1]) == 0
	o.gaps = decodeGaps(table.payload)
	settled := decodeCursor(cursor.payload)
	var tails [2]tail
	for i := range o.queues {
		if tails[i], err = o.loadQueue(&o.queues[i], segments[i], settled[i]); err != nil {
			return o.giveUp(err)
		}
	}
	last, known := parseRunIdentity(identity.payload)
	judged := last
	if !known {
		judged = newestRun(tails)
	}
	o.before = judged.runKey
	base := o.nameLosses(tails, judged)
	o.forgetTold()
	err = o.fs.SyncDir(o.opt.Dir) // a name that an earlier process removed must not come back
	if err == nil {
		err = o.harden(tails, judged, base)
	}
	if err == nil {
		err = o.saveGaps()
	}
	if err == nil && o.moved {
		err = o.saveCursor(true)
	}
	for _, s := range [...]*slots{&o.gapFile, &o.cursor} { // now, since a full disk would refuse them later
		if err == nil && s.file == nil {
			err = s.create()
		}
	}
	if err == nil {
		err = o.beginRun(last, known, fresh, identity.damaged)
		o.holdStale()
	}
	if err != nil {
		o.beginInMemory(err)
	}
	return nil
}

// enter makes, locks and lists the directory. Where the disk does not even allow that, the outbox lives in memory.
func (o *Outbox) enter() ([]string, error) {
	err := o.fs.MkdirAll(o.opt.Dir)
	if errors.Is(err, unix.EROFS) {
		err = nil // it may exist
	}
	if err == nil {
		o.lock, err = o.fs.Lock(o.opt.Dir)
	}
	var names []string
	if err == nil {
		names, err = o.fs.List(o.opt.Dir)
	}
	if err != nil {
		return nil, o.giveUp(err)
	}
	return names, nil
}

// refusal adds the next step to errors that somebody can do something about.
func refusal(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; give the directory to the user that runs the gateway", err)
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("%w; the path must be a directory", err)
	}
	return err
}

// giveUp leaves the directory as it is and works in memory, unless somebody can do something about it.
func (o *Outbox) giveUp(err error) error {
	for _, act := range [...]error{ErrLocked, ErrNewer, fs.ErrPermission, unix.ENOTDIR} {
		if errors.Is(err, act) {
			return refusal(err)
		}
	}
	o.noStorage = true
	for i := range o.queues {
		q := &o.queues[i]
		if seg := q.active(); seg != nil && seg.file != nil {
			seg.file.Close()
		}
		q.segments = nil
		q.begin(1, nil)
	}
	o.gaps = nil
	o.beginInMemory(err)
	return nil
}

// sortNames finds the segments, counts the spares and removes what a crash left half made.
func (o *Outbox) sortNames(names []string) (segments [2][]uint64) {
	spares := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".tmp") {
			_ = o.fs.Remove(o.path(name)) // it is overwritten when the name is needed
		}
		if q, index, ok := parseSegmentName(name); ok {
			segments[q] = append(segments[q], index)
		}
	}
	for slices.Contains(names, spareName(spares)) {
		spares++
	}
	o.spares = min(spares, wantedSpares)
	for i := range segments {
		slices.Sort(segments[i])
		o.nextIndex[i] = 1
		if n := len(segments[i]); n > 0 {
			o.nextIndex[i] = segments[i][n-1] + 1
		}
	}
	return segments
}

// foreign tells whether a directory belongs to somebody else: there is something in it, and nothing that only an outbox
// has.
func foreign(names []string) bool {
	other := false
	for _, name := range names {
		if _, _, ok := parseSegmentName(name); ok || name == "runs" {
			return false
		}
		other = other || name != "lost+found" && name != "cursor" && name != "gaps" && name != "checkpoint" && name != "access" &&
			!strings.HasPrefix(name, "spare-") && !strings.HasSuffix(name, ".tmp")
	}
	return other
}
