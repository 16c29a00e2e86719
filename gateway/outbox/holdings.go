package outbox

// Holding is something that grows with what is appended: how much of it there is, and the most that there may be.
type Holding struct {
	What       string
	Held, Most int
}

// Holdings are what the outbox keeps in memory and on disk, each beside its limit.
func (o *Outbox) Holdings() []Holding {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := []Holding{
		{"events that are handed out", len(o.inFlight), maxInFlight},
		{"losses that are named", len(o.gaps), maxGaps},
	}
	for i := range o.queues {
		q := &o.queues[i]
		name := q.kind.String() + " queue: "
		runs := 0
		for _, s := range q.segments {
			runs = max(runs, len(s.stretches))
		}
		all = append(
			all,
			Holding{name + "bytes that wait for the disk", q.memory(0), o.opt.memory},
			Holding{name + "bytes in memory that are on disk", q.kept - q.pending, keptBytes},
			Holding{name + "segments", len(q.segments), q.limit},
			Holding{name + "runs in one segment", runs, maxStretches},
			Holding{name + "ranges of what is confirmed", len(q.settled), maxRanges + 1 + len(o.inFlight)},
		)
	}
	return all
}
