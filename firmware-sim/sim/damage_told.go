package sim

import (
	"slices"
	"strings"
	"time"

	"lotusgate/gateway"
)

// toldOf is what a run of the daemon said of a part.
type toldOf struct {
	run      int
	part     string
	at, over time.Duration // over = never, where it was not said
	anew     bool          // a reload has ended it, and the wire of an INT is watched anew
}

// judgeDamage: what is damaged is told, in time and once, and so is its end; and nothing else is.
func (w *world) judgeDamage() {
	var told []toldOf
	open := func(run int, part string) *toldOf {
		for i := range told {
			if t := &told[i]; t.run == run && t.part == part && t.over == never {
				return t
			}
		}
		return nil
	}
	run := 0
	for _, i := range w.issued {
		for run+1 < len(w.runs) && w.runs[run+1].begin <= i.at {
			run++
		}
		data, ok := i.event.Data.(gateway.BusFaultData)
		if cleared, is := i.event.Data.(gateway.AlarmClearedData); is {
			if t := open(run, strings.TrimPrefix(cleared.Alarm, "fault-")); t != nil && strings.HasSuffix(t.part, ".int") {
				t.over, t.anew = i.at, true
			}
		}
		if !ok {
			continue
		}
		before := open(run, data.Part)
		switch {
		case i.event.Type == gateway.BusFault && before != nil:
			w.violateAt(i.at, "bus.fault of %s was told twice", data.Part)
		case i.event.Type == gateway.BusFault:
			if d := w.damageOf(data.Part, i.at); d == nil || d.brief && i.at-w.runs[run].begin > foundWithin {
				w.violateAt(i.at, "bus.fault of %s was told, and it was in order: %s", data.Part, data.Error)
			}
			told = append(told, toldOf{run: run, part: data.Part, at: i.at, over: never})
		case before == nil:
			w.violateAt(i.at, "bus.recovered of %s was told, and no fault before", data.Part)
		default:
			before.over = i.at
		}
	}
	for _, d := range w.damages {
		for n, r := range w.runs {
			w.judgeTold(d, n, r, told)
		}
	}
}

// damageOf is what a fault of a part can be of.
func (w *world) damageOf(part string, at time.Duration) *damage {
	for _, d := range w.damages {
		if slices.Contains(d.parts, part) && d.begin <= at && at-d.found <= d.end {
			return d
		}
	}
	return nil
}

// judgeTold holds what a run said of a damage.
func (w *world) judgeTold(d *damage, n int, r run, told []toldOf) {
	from, to := max(d.begin, r.begin), min(d.end, r.end)
	if from >= to {
		return
	}
	for _, part := range d.parts {
		said, since := 0, from
		for _, t := range told {
			if t.run != n || t.part != part || t.at < from || t.at-d.found > to {
				continue
			}
			if t.at-since > d.found && !d.silent {
				w.violateAt(d.begin, "%s: %s was told after %v, and %v are allowed", d.what, part, t.at-since, d.found)
			}
			if t.anew { // it has to be found again, in the same time
				since = t.over
				continue
			}
			said++
			if t.over == never && r.end-d.back > to && d.back > 0 {
				w.violateAt(d.begin, "%s: it was over at %v, and nobody said so of %s", d.what, d.end, part)
			}
			early := t.over < d.end && !d.brief // what is brief is over with the transfers that fail, whenever they come
			if t.over != never && (early || d.back > 0 && t.over-d.back > d.end) {
				w.violateAt(d.begin, "%s: it was over at %v, and of %s it was said at %v", d.what, d.end, part, t.over)
			}
		}
		if must := to-since > d.found && !d.brief && !d.silent; said > 1 || must && said == 0 {
			w.violateAt(d.begin, "%s: it was said %d times of %s", d.what, said, part)
		}
	}
}
