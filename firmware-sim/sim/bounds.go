package sim

import (
	"cmp"
	"slices"
	"time"

	"lotusgate/gateway"
)

// promptly is how long an event may be under way while nothing is wrong: a client notices after 30 s that nobody answers,
// then everything that was not acknowledged is sent again.
const promptly = 2 * time.Minute

// stalls is promptly where the broker acknowledges what the center never gets: after ten minutes without progress the
// gateway sends again what the center has not confirmed.
const stalls = 13 * time.Minute

// spell is a time in which something is wrong.
type spell struct{ begin, end time.Duration }

// disturb notes that something is wrong from now on.
func (w *world) disturb(lasts time.Duration) {
	w.spells = append(w.spells, spell{w.now, w.now + max(lasts, 30*time.Second)}) // what is over at once flaps
}

// judgePromptness: in any time without trouble that is long enough everything that was issued before is delivered.
func (w *world) judgePromptness() {
	slices.SortFunc(w.spells, func(a, b spell) int { return cmp.Compare(a.begin, b.begin) })
	var calm []spell
	from := time.Duration(0)
	for _, s := range w.spells {
		if s.begin > from {
			calm = append(calm, spell{from, s.begin})
		}
		from = max(from, s.end)
	}
	calm = append(calm, spell{from, w.end})
	bound := promptly
	if w.o.byCenter() {
		bound = stalls
	}
	for _, i := range w.issued {
		if !i.heard || i.heardAt-i.at <= promptly {
			continue
		}
		for _, c := range calm {
			took := min(c.end, i.heardAt) - max(c.begin, i.at)
			w.result.Slowest = max(w.result.Slowest, took)
			if took > bound {
				w.violateAt(i.at, "%v (%s %s) was not delivered for %v without trouble, from %v on", i.id, i.event.Type, i.event.ID, took, max(c.begin, i.at))
			}
		}
	}
}

// beyond is what the outbox may take beyond its queues: the segments that it is about to give back, cursors, the checkpoint.
const beyond = 3 << 20

// After a connection began most is under way: it is looked at every crowding until crowded.
const crowding, crowded = 200 * time.Millisecond, 3 * time.Second

// sample looks at what must not grow.
func (w *world) sample() {
	used := w.disk.Used()
	w.result.Storage = max(w.result.Storage, used)
	if limit := int64(w.cfg.Storage.Alarm) + int64(w.cfg.Storage.Normal) + beyond; used > limit {
		w.violate("%d bytes are stored, and %d are allowed", used, limit)
	}
	if w.proc == nil {
		return
	}
	v := w.proc.View()
	for _, h := range append(w.proc.Holdings(),
		gateway.Holding{What: "devices", Held: len(v.Devices), Most: len(w.cfg.Devices())},
		gateway.Holding{What: "earlier runs not ended", Held: len(w.proc.Ledger().Unconfirmed), Most: len(w.runs)},
	) {
		if h.Held > h.Most {
			w.once(h.What, "%s: %d, and %d are allowed", h.What, h.Held, h.Most)
		}
	}
	waiting := 0
	for n := len(w.issued) - 1; n >= w.settled; n-- {
		if !w.issued[n].heard {
			waiting++
		}
	}
	for w.settled < len(w.issued) && w.issued[w.settled].heard {
		w.settled++
	}
	w.result.Waiting = max(w.result.Waiting, waiting)
}
