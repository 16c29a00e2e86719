package outbox

import "slices"

// AppendFirm is Append of a record that nobody is to hear of before it is durable: what a center knows of it, the next start
// knows, too. Where the disk can't keep it, it is handed out at once: better told than proven.
func (o *Outbox) AppendFirm(kind Queue, payload []byte) ID { return o.append(kind, payload, true) }

// Firm tells whether a record of this process is durable, or will not be soon because the storage is degraded. What an
// earlier epoch of this run issued is: a new one begins behind it.
func (o *Outbox) Firm(id ID) bool {
	k, ok := keyOf(id)
	o.mu.Lock()
	defer o.mu.Unlock()
	return !ok || k.runKey != o.runKey || o.degraded != nil || k.number <= o.durableTo()
}

// DurableTo is the number of this run up to which everything is durable.
func (o *Outbox) DurableTo() ID {
	o.mu.Lock()
	defer o.mu.Unlock()
	return ID{o.epochName(o.epoch), o.run, o.durableTo()}
}

// loosen hands out what waits to become durable, because it will not soon. mu is held.
func (o *Outbox) loosen() {
	for i := range o.queues {
		o.queues[i].unfirm = nil
	}
	o.signal(o.ready)
}

// Newest reads the newest records of a queue that are on disk, confirmed or not, oldest first: those of the last segment,
// and, where these have fewer than enough bytes, of the one before.
func (o *Outbox) Newest(kind Queue, enough int) (newest []Record, err error) {
	o.mu.Lock()
	q := &o.queues[kind]
	var segments []segment // as they are now
	for _, s := range q.segments[max(0, len(q.segments)-2):] {
		segments = append(segments, segment{queue: s.queue, index: s.index, first: s.first, end: s.end})
	}
	o.mu.Unlock()
	for _, s := range slices.Backward(segments) {
		if enough <= 0 {
			break
		}
		records, err := o.recordsOf(&s)
		if err != nil {
			return newest, err
		}
		older := make([]Record, len(records), len(records)+len(newest))
		for i, r := range records {
			older[i] = Record{ID: ID{epochText(r.epoch), r.run, r.number}, Queue: kind, Payload: r.payload, Resent: true}
			enough -= len(r.payload)
		}
		newest = append(older, newest...)
	}
	return newest, nil
}
