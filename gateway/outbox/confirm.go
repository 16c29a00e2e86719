package outbox

// key is an ID in a map.
type key struct {
	runKey
	number uint64
}

// place of a record.
type place struct {
	queue    Queue
	position uint64
}

func keyOf(id ID) (key, bool) {
	e, ok := parseEpoch(id.Epoch)
	return key{runKey{e, id.Run}, id.Number}, ok
}

// Confirm releases records that were handed out: somebody who keeps them has said so. Ids that are not out are ignored.
func (o *Outbox) Confirm(ids ...ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		if at, ok := o.takeBack(id); ok {
			o.settle(&o.queues[at.queue], at.position, at.position+1, false)
		}
	}
	o.trim()
}

// ConfirmTo releases what runs before this one left and a center has stored: everything of its epoch up to mark, run by
// run. It goes by whole segments; what mark cuts in two is handed out once more.
func (o *Outbox) ConfirmTo(mark ID) {
	k, ok := keyOf(mark)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.queues {
		q := &o.queues[i]
		for _, seg := range q.segments {
			for _, t := range seg.stretches {
				earlier := t.epoch == k.epoch && (runKey{t.epoch, t.run}) != o.runKey
				if earlier && (t.run < k.run || t.run == k.run && t.high <= k.number) {
					o.settle(q, t.first, t.last+1, false)
				}
			}
		}
	}
	o.trim()
}

// Drop gives up records that were handed out, and names them: they can't be delivered.
func (o *Outbox) Drop(cause Cause, ids ...ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range ids {
		k, ok := keyOf(id)
		if at, out := o.inFlight[k]; ok && out {
			delete(o.inFlight, k)
			o.name(gap{epoch: k.epoch, run: k.run, queue: at.queue, cause: cause, from: k.number, to: k.number})
			o.settle(&o.queues[at.queue], at.position, at.position+1, true)
		}
	}
	o.trim()
	o.signal(o.kick)
}

func (o *Outbox) takeBack(id ID) (place, bool) {
	k, ok := keyOf(id)
	if !ok {
		return place{}, false
	}
	at, ok := o.inFlight[k]
	delete(o.inFlight, k)
	return at, ok
}

// Named tells that record by, in the alarm queue, names d: once by is confirmed, d needs no telling any more.
func (o *Outbox) Named(d Dropped, by ID) {
	epoch, ok := parseEpoch(d.Epoch)
	if !ok {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	k, _ := keyOf(by)
	at, ok := o.queues[Alarm].position(by.Number)
	ok = ok && k.runKey == o.runKey
	for i := range o.gaps {
		g := &o.gaps[i]
		if g.epoch != epoch || g.run != d.Run || !d.holds(g.from, g.to) {
			continue
		}
		if g.told = ok; ok {
			g.teller = at
		}
		o.gapsDirty = true
	}
	o.signal(o.kick)
}

func (d *Dropped) holds(from, to uint64) bool {
	for _, r := range d.Ranges {
		if r.From <= from && to <= r.To {
			return true
		}
	}
	return false
}

// Rewind makes everything unconfirmed available again: the connection it was sent on is gone. What was issued so far is
// backlog from now on; what comes later goes before it.
func (o *Outbox) Rewind() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.inFlight)
	for i := range o.queues {
		q := &o.queues[i]
		for _, s := range q.taken {
			q.sent.add(s.from, s.to)
		}
		q.taken = nil
		q.liveFrom = q.next
	}
	o.signal(o.ready)
}

// settle marks [from, to) of a queue as confirmed, or as lost for delivery. mu is held.
func (o *Outbox) settle(q *queue, from, to uint64, lost bool) {
	q.settled.add(from, to)
	o.moved = true
	if q.kind != Alarm || len(o.gaps) == 0 {
		return
	}
	if !lost {
		if o.gaps.remove(func(g *gap) bool { return from <= g.teller && g.teller < to }) {
			o.gapsDirty = true
		}
		return
	}
	for i := range o.gaps {
		if g := &o.gaps[i]; from <= g.teller && g.teller < to {
			g.teller, g.told, o.gapsDirty = 0, false, true
		}
	}
}

func (o *Outbox) trim() {
	for i := range o.queues {
		o.queues[i].trim(keptBytes, o.runError != nil)
	}
	o.signal(o.kick)
}

// drop names a number of this run. mu is held.
func (o *Outbox) drop(q Queue, cause Cause, number uint64) {
	o.name(gap{epoch: o.epoch, run: o.run, queue: q, cause: cause, from: number, to: number})
	o.signal(o.kick)
}

// name enters a gap. mu is held.
func (o *Outbox) name(g gap) {
	o.stats.Dropped += o.gaps.add(g)
	o.gapsDirty = true
}
