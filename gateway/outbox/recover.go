package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
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
			o.fs.Remove(o.path(name)) //nolint:errcheck // it is overwritten when the name is needed
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
		other = other || name != "lost+found" && name != "cursor" && name != "gaps" &&
			!strings.HasPrefix(name, "spare-") && !strings.HasSuffix(name, ".tmp")
	}
	return other
}

// begin sets the positions of an empty memory.
func (q *queue) begin(next uint64, settled spans) {
	q.next, q.written, q.liveFrom = next, next, next
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
			o.cutAt(q.segments[i], limit)
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

// readHeads reads the first pages of segments, several at a time: on a cold start each one waits for the disk. A page
// that can't be read is empty.
func (o *Outbox) readHeads(kind Queue, indexes []uint64) [][]byte {
	heads := make([][]byte, len(indexes))
	var next atomic.Int64
	var readers sync.WaitGroup
	for range min(8, len(indexes)) {
		readers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(indexes)); i = next.Add(1) - 1 {
				f, err := o.fs.Open(o.path(segmentName(kind, indexes[i])))
				if err != nil {
					continue
				}
				if b, err := readImage(f, segmentHead); err == nil {
					heads[i] = b
				}
				f.Close()
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
	image, err := readSegment(o.fs, seg.path(o.opt.Dir), o.opt.segment)
	if err != nil {
		return false, fmt.Errorf("read %s: %w", segmentName(seg.queue, seg.index), err)
	}
	walk := seg.scan(image, hasHead, t, settled)
	if seg.end == seg.first && !hasHead {
		return false, nil // made right before a power cut, or beyond repair
	}
	if !last {
		return true, nil
	}
	if seg.file, err = o.fs.Open(seg.path(o.opt.Dir)); err != nil {
		return false, fmt.Errorf("read %s: %w", segmentName(seg.queue, seg.index), err)
	}
	seg.off = int64(walk.off)
	switch {
	case sealed || int64(len(image)) < o.opt.segment:
		seg.failed = true // complete, or not a file to append to
	case !walk.clean():
		seg.failed = fillZero(seg.file, seg.off, o.opt.segment) != nil
	}
	return true, nil
}

// cutAt leaves out the records from limit on: they were written again into the next segment, after a sync had failed.
func (o *Outbox) cutAt(seg *segment, limit uint64) {
	seg.end, seg.stretches, seg.sealed = limit, nil, false
	for _, r := range o.recordsOf(seg) {
		seg.note(&r)
	}
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
	return walk
}

// nameLosses names the numbers that the last run before this one issued and that are not there. What was accounted for
// when the newest record was written (up to base) can only be damaged; what came after that went with the power.
func (o *Outbox) nameLosses(tails [2]tail, last runIdentity) (base uint64) {
	var floor, high uint64
	var found spans
	for i := range tails {
		q := &o.queues[i]
		records, from := o.newest(q, tails[i].records, last)
		if len(records) > 0 {
			floor = max(floor, records[0].before())
		}
		floor = max(floor, q.highUntil(from, last.epoch, last.run))
		for _, r := range records {
			base, high = max(base, r.base()), max(high, r.number)
			found.add(r.number, r.number+1)
		}
	}
	floor = min(floor, base)
	for i, t := range tails {
		q := &o.queues[i]
		o.addEarlier(q, last, base, &found)
		for _, l := range t.lost {
			for _, g := range lostNumbers(q, q.active(), l.from, l.to, &l.before, &l.after) {
				if g.epoch == last.epoch && g.run == last.run {
					g.to = min(g.to, floor)
				}
				if g.from <= g.to {
					o.name(g)
				}
			}
		}
	}
	for _, hole := range found.missing(floor+1, high+1) {
		for _, part := range [...]struct {
			cause Cause
			span
		}{{Damaged, span{hole.from, min(hole.to, base+1)}}, {PowerCut, span{max(hole.from, base+1), hole.to}}} {
			if part.from < part.to {
				o.name(gap{epoch: last.epoch, run: last.run, queue: Unknown, cause: part.cause, from: part.from, to: part.to - 1})
			}
		}
	}
	return base
}

// harden writes the last commit once more. A process that was killed, or whose sync failed, leaves records that the
// kernel shows to this one and that are not on disk.
func (o *Outbox) harden(tails [2]tail, last runIdentity, base uint64) error {
	for i, t := range tails {
		seg := o.queues[i].active()
		if seg == nil || seg.failed || seg.file == nil {
			continue
		}
		k := slices.IndexFunc(t.records, func(r record) bool {
			return r.epoch == last.epoch && r.run == last.run && r.number > base
		})
		if k < 0 {
			continue
		}
		at := int64(t.offsets[k])
		if _, err := seg.file.WriteAt(t.image[at:seg.off], at); err != nil {
			return fmt.Errorf("write the last commit again: %w", err)
		}
		if err := seg.file.Sync(); err != nil {
			return fmt.Errorf("write the last commit again: %w", err)
		}
	}
	return nil
}

// newest returns the records of a run in the newest segment that has any, and the first position of that segment.
func (o *Outbox) newest(q *queue, tail []record, last runIdentity) (records []record, from uint64) {
	for i := len(q.segments) - 1; i >= 0; i-- {
		seg := q.segments[i]
		if from = seg.first; i < len(q.segments)-1 {
			if !seg.has(last.epoch, last.run, 0) {
				continue
			}
			tail = o.recordsOf(seg)
		}
		for _, r := range tail {
			if r.epoch == last.epoch && r.run == last.run {
				records = append(records, r)
			}
		}
		if len(records) > 0 {
			break
		}
	}
	return records, from
}

// has tells whether a segment holds numbers of a run above floor.
func (s *segment) has(epoch, run uint32, floor uint64) bool {
	return slices.ContainsFunc(s.stretches, func(t stretch) bool { return t.epoch == epoch && t.run == run && t.high > floor })
}

// recordsOf reads the events of a segment.
func (o *Outbox) recordsOf(seg *segment) (records []record) {
	image, err := readSegment(o.fs, seg.path(o.opt.Dir), o.opt.segment)
	if err != nil {
		return nil
	}
	walk := seg.records(image)
	for r, _, ok := walk.step(); ok && r.position < seg.end; r, _, ok = walk.step() {
		if r.kind == kindEvent {
			records = append(records, r)
		}
	}
	return records
}

// addEarlier adds the numbers above base that lie in segments before the last one: while one queue could not be
// written, the other may have gone on for long.
func (o *Outbox) addEarlier(q *queue, last runIdentity, base uint64, found *spans) {
	for i := range max(0, len(q.segments)-1) {
		if !q.segments[i].has(last.epoch, last.run, base) {
			continue
		}
		for _, r := range o.recordsOf(q.segments[i]) {
			if r.epoch == last.epoch && r.run == last.run {
				found.add(r.number, r.number+1)
			}
		}
	}
}

// forgetTold brings the gap table up to date: what was told and confirmed goes; what was told by a record that is no
// longer there is told again.
func (o *Outbox) forgetTold() {
	alarm := &o.queues[Alarm]
	if o.gaps.remove(func(g *gap) bool { return g.teller != 0 && alarm.settled.has(g.teller) }) {
		o.gapsDirty = true
	}
	for i := range o.gaps {
		if g := &o.gaps[i]; g.teller >= alarm.next {
			g.teller, o.gapsDirty = 0, true
		}
	}
}

// newestRun guesses from the tails what the run slots no longer say.
func newestRun(tails [2]tail) (newest runIdentity) {
	for _, t := range tails {
		if n := len(t.records); n > 0 {
			if r := t.records[n-1]; newest.run == 0 || r.epoch == newest.epoch && r.run > newest.run {
				newest = runIdentity{epoch: r.epoch, run: r.run}
			}
		}
	}
	return newest
}

// runIdentity is what the run slots hold.
type runIdentity struct {
	epoch, run uint32
	board      string
}

func parseRunIdentity(b []byte) (runIdentity, bool) {
	if len(b) < 8 {
		return runIdentity{}, false
	}
	le := binary.LittleEndian
	return runIdentity{le.Uint32(b), le.Uint32(b[4:]), string(b[8:])}, true
}

// identity of this run. mu is held.
func (o *Outbox) identity() []byte {
	b := binary.LittleEndian.AppendUint32(nil, o.epoch)
	b = binary.LittleEndian.AppendUint32(b, o.run)
	return append(b, o.opt.Board...)
}

// beginRun chooses epoch and run and makes them durable. A damaged slot may have held the run after the one that can
// be read, so that one is left out.
func (o *Outbox) beginRun(last runIdentity, known, fresh bool, damaged int) error {
	reason := ""
	switch {
	case fresh:
	case !known:
		reason = "the run slots can't be read"
	case last.board != o.opt.Board:
		reason = "the outbox was made on another board"
	}
	if fresh || reason != "" {
		o.epoch, o.run = rand.Uint32N(epochs), 1
	} else {
		o.epoch, o.run = last.epoch, last.run+1
		if damaged > 0 {
			o.run++
		}
		o.run = max(o.run, o.highestRun()+1)
	}
	if err := o.runs.store(o.identity(), true); err != nil {
		return err
	}
	if reason != "" {
		n := Notice{Kind: OutboxRestored, Reason: reason}
		if known {
			n.OldEpoch = epochText(last.epoch)
		}
		o.notices = append(o.notices, n)
	}
	return nil
}

// highestRun of this epoch that the segments know.
func (o *Outbox) highestRun() uint32 {
	var high uint32
	for i := range o.queues {
		for _, seg := range o.queues[i].segments {
			for _, t := range seg.stretches {
				if t.epoch == o.epoch {
					high = max(high, t.run)
				}
			}
		}
	}
	return high
}

// beginInMemory starts a run that no other process can ever continue by mistake.
func (o *Outbox) beginInMemory(err error) {
	o.epoch, o.run, o.runError = rand.Uint32N(epochs), 1, err
}
