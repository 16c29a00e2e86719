package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// recovery is what is found before the new run begins.
type recovery struct {
	last    runIdentity // the run that wrote last
	known   bool        // last is what the run slots say
	damaged int         // run slots
	slots   bool        // one of the small files holds something
	fresh   bool        // there is nothing at all
	tails   [2]tail
	base    uint64 // numbers of last up to here were accounted for when it wrote its newest record
}

// recover reads the directory and makes a new run durable.
func (o *Outbox) recover() error {
	names, err := o.enter()
	if err != nil || o.noStorage {
		return err
	}
	r, settled, err := o.readSlots()
	switch {
	case err != nil:
		return err
	case foreign(names, r.slots):
		return ErrForeign
	}
	segments := o.sortNames(names)
	r.fresh = r.fresh && len(segments[0])+len(segments[1]) == 0
	for i := range o.queues {
		if r.tails[i], err = o.loadQueue(&o.queues[i], segments[i], settled[i]); err != nil {
			return o.giveUp(err)
		}
	}
	if !r.known {
		r.last.runKey = newestRun(r.tails).runKey
	}
	o.before = r.last.runKey
	r.base = o.nameLosses(r.tails, r.last)
	o.forgetTold()
	if err := o.makeDurable(&r); err != nil {
		o.beginInMemory(err)
	}
	return nil
}

// readSlots reads the small files. It fails only for a newer format.
func (o *Outbox) readSlots() (r recovery, settled [2]spans, err error) {
	identity, err := o.runs.load()
	if err != nil {
		return r, settled, err
	}
	cursor, err := o.cursor.load()
	if err != nil {
		return r, settled, err
	}
	table, err := o.gapFile.load()
	if err != nil {
		return r, settled, err
	}
	r.last, r.known = parseRunIdentity(identity.payload)
	r.fresh, r.damaged = identity.absent, identity.damaged
	r.slots = identity.payload != nil || cursor.payload != nil || table.payload != nil
	for _, f := range [...]struct {
		loaded
		name string
	}{{identity, o.runs.name}, {cursor, o.cursor.name}, {table, o.gapFile.name}} {
		if f.lost() {
			o.damaged = append(o.damaged, f.name)
		}
	}
	o.gapsDirty, o.moved = table.lost(), cursor.lost() // to be written anew
	o.gaps = decodeGaps(table.payload)
	return r, decodeCursor(cursor.payload), nil
}

// makeDurable puts on disk what recovery has found and decided, in the order in which later steps rely on earlier ones,
// and the new run last.
func (o *Outbox) makeDurable(r *recovery) error {
	if err := o.fs.SyncDir(o.opt.Dir); err != nil { // a name that an earlier process removed must not come back
		return err
	}
	if err := o.harden(r.tails, r.last, r.base); err != nil {
		return err
	}
	if err := o.saveGaps(); err != nil {
		return err
	}
	if o.moved {
		if err := o.saveCursor(true); err != nil {
			return err
		}
	}
	for _, s := range [...]*slots{&o.gapFile, &o.cursor} { // now, since a full disk would refuse them later
		if s.file == nil {
			if err := s.create(); err != nil {
				return err
			}
		}
	}
	if err := o.beginRun(r); err != nil {
		return err
	}
	o.holdStale()
	for _, seg := range o.useless {
		o.discard(seg)
	}
	o.useless = nil
	return nil
}

// discard removes a segment in which there is nothing; otherwise it would take room that nobody counts. One that can't be
// read now may be readable later, and stays.
func (o *Outbox) discard(seg *segment) {
	f, err := o.fs.Open(seg.path(o.opt.Dir))
	if err != nil {
		return
	}
	image, err := readImage(f, o.opt.Segment)
	f.Close()
	if err != nil || seg.parseIdentity(image) == nil {
		return
	}
	walk := seg.records(image)
	if _, _, ok := walk.step(); !ok {
		_ = o.fs.Remove(seg.path(o.opt.Dir)) // the next start tries again
	}
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
// has. known = one of the small files is ours by its content; its name alone proves nothing.
func foreign(names []string, known bool) bool {
	ours := []string{"runs", "cursor", "gaps", "checkpoint", "access", "identity", "record", "lost+found"}
	return !known && !anySegment(names) && slices.ContainsFunc(names, func(name string) bool {
		return !slices.Contains(ours, name) && !strings.HasPrefix(name, "spare-") && !strings.HasSuffix(name, ".tmp")
	})
}
