package outbox

import "slices"

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

// newest returns the records of a run in the newest segment that has any, and the first position of that segment.
func (o *Outbox) newest(q *queue, tail []record, last runIdentity) (records []record, from uint64) {
	for i := len(q.segments) - 1; i >= 0; i-- {
		seg := q.segments[i]
		if from = seg.first; i < len(q.segments)-1 {
			if !seg.has(last.epoch, last.run, 0) {
				continue
			}
			tail, _ = o.recordsOf(seg) // unreadable now: its records are named when it is read for sending
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

// addEarlier adds the numbers above base that lie in segments before the last one: while one queue could not be
// written, the other may have gone on for long.
func (o *Outbox) addEarlier(q *queue, last runIdentity, base uint64, found *spans) {
	for i := range max(0, len(q.segments)-1) {
		if !q.segments[i].has(last.epoch, last.run, base) {
			continue
		}
		records, err := o.recordsOf(q.segments[i])
		if err != nil {
			continue // its records are named when it is read for sending
		}
		for _, r := range records {
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

// lose settles positions whose records are gone, and names the numbers they had, as well as what is left tells: the
// records before and after them (nil = not known) and the seal of their segment. mu is held.
func (o *Outbox) lose(q *queue, seg *segment, from, to uint64, before, after *record) {
	if q.settled.covers(from, to) {
		return
	}
	for _, g := range lostNumbers(q, seg, from, to, before, after) {
		o.name(g)
	}
	o.settle(q, from, to, true)
	o.signal(o.kick)
}

// lostNumbers returns what the records at [from, to) may have been called.
func lostNumbers(q *queue, seg *segment, from, to uint64, before, after *record) []gap {
	var out []gap
	claim := func(epoch, run uint32, lowest, high uint64) {
		if before != nil && before.kind != 0 && before.epoch == epoch && before.run == run {
			lowest = max(lowest, before.number+1)
		}
		if after != nil && after.epoch == epoch && after.run == run {
			high = after.before()
			if to-from == 1 {
				lowest = high
			}
		}
		if lowest <= high && high > 0 {
			out = append(out, gap{epoch: epoch, run: run, queue: q.kind, cause: Damaged, from: lowest, to: high})
		}
	}
	near := q.between(from, to) // a file is gone: what its neighbours say
	if seg != nil {
		near = seg.stretches
	}
	begun := false // the run of the record behind the loss is known to have begun before it
	for _, t := range near {
		if t.first < to && from <= t.last {
			claim(t.epoch, t.run, t.lowest, t.high)
			begun = begun || after != nil && t.epoch == after.epoch && t.run == after.run
		}
	}
	if after != nil && !begun {
		claim(after.epoch, after.run, q.highUntil(from, after.epoch, after.run)+1, 0)
	}
	return out
}

// highUntil is the highest number of a run in the segments that end at or before position.
func (q *queue) highUntil(position uint64, epoch, run uint32) (high uint64) {
	for _, seg := range q.segments {
		for _, t := range seg.stretches {
			if seg.end <= position && t.epoch == epoch && t.run == run {
				high = max(high, t.high)
			}
		}
	}
	return high
}

// between makes up the stretch of a run that goes on across missing segments.
func (q *queue) between(from, to uint64) []stretch {
	for i := range len(q.segments) - 1 {
		a, b := q.segments[i], q.segments[i+1]
		if a.end > from || b.first < to || len(a.stretches) == 0 || len(b.stretches) == 0 {
			continue
		}
		x, y := a.stretches[len(a.stretches)-1], b.stretches[0]
		if x.epoch != y.epoch || x.run != y.run || y.lowest <= x.high+1 {
			continue
		}
		return []stretch{{x.epoch, x.run, from, to - 1, x.high + 1, y.lowest - 1}}
	}
	return nil
}
