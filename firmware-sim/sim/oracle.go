package sim

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"lotusgate/gateway"
)

// Result is what became of one simulated day.
type Result struct {
	Seed       uint64
	Day        int
	Length     time.Duration // simulated
	Gateway    string
	Issued     int // events
	Heard      int
	Duplicates uint64
	Runs       int
	Reloads    int // of a configuration that was taken
	Passages   int
	Faults     map[string]int // that began, by kind
	Injected   int            // things that went wrong in the field
	People     []string       // who did something
	Violations []Violation
	Told       int            // things that happened and were told once, in time
	Slowest    time.Duration  // of the events: under way while nothing was wrong
	Waiting    int            // most events that were under way
	Storage    int64          // most bytes on the disk
	Late       int            // that a start found to have happened while the daemon was dead
	States     int            // retained ones that were held against the truth
	Found      int            // alarms whose cause began while the daemon was dead, and that the start after it raised
	Unknown    map[string]int // things that could not be known, by reason
	Sum        uint64         // of everything that was issued and heard, and when
}

const mostViolations = 20

func (w *world) violate(format string, args ...any) { w.violateAt(w.now, format, args...) }

// violateAt is violate for what happened earlier.
func (w *world) violateAt(at time.Duration, format string, args ...any) {
	if len(w.result.Violations) < mostViolations {
		w.result.Violations = append(w.result.Violations, Violation{at, w.now, format, fmt.Sprintf(format, args...)})
	}
}

// judge holds what the center knows against what there was to know.
func (w *world) judge() {
	r := w.result
	r.Issued, r.Runs, r.Sum, r.Injected = len(w.issued), len(w.runs), w.sum.Sum64(), len(w.field.Faults)
	for _, i := range w.issued {
		if i.heard {
			r.Heard++
		}
		if i.event.Type == gateway.VehiclePassed {
			r.Passages++
		}
	}
	for _, bad := range w.center.bad {
		w.violate("the center got what it cannot read: %s", bad)
	}
	w.judgeDelivery()
	w.judgeRest()
	if w.people != nil {
		w.people.book.judge()
	}
	w.judgeDamage()
	w.judgeTruth()
	w.judgePromptness()
}

// durableAfter is how long after it was issued an event must survive everything, on a disk in order.
const durableAfter = time.Second

// judgeDelivery: each number was delivered or named, and what was on a healthy disk for a second was delivered.
func (w *world) judgeDelivery() {
	report := w.center.book.Report(true)
	w.result.Duplicates = report.Duplicates
	named := map[gateway.EventID]bool{}
	for _, i := range w.issued {
		d, ok := i.event.Data.(gateway.DroppedData)
		if !ok || !i.heard {
			continue
		}
		for _, n := range d.Ranges {
			for number := n.From; number <= n.To; number++ {
				named[gateway.EventID{Epoch: d.Epoch, Run: d.Run, Number: number}] = true
			}
		}
	}
	for _, run := range report.Runs {
		if len(run.Missing) > 0 {
			w.violate("run %d: %v are missing and nobody named them", run.Run, run.Missing)
		}
	}
	for _, i := range w.issued {
		if i.heard {
			continue
		}
		life := w.lifeAt(i.at)
		owed := !life.sick && min(life.end, w.now)-i.at > durableAfter
		switch {
		case named[i.id] && owed:
			w.violateAt(i.at, "%v (%s %s) was named as lost, and the disk was in order", i.id, i.event.Type, i.event.ID)
		case !named[i.id] && (owed || life.end == never):
			w.violateAt(i.at, "%v (%s %s) was issued at %v, %v before its run ended, and never arrived",
				i.id, i.event.Type, i.event.ID, i.at, min(life.end, w.now)-i.at)
		}
	}
}

// lifeAt is the run of the daemon at a time.
func (w *world) lifeAt(at time.Duration) run {
	n, found := slices.BinarySearchFunc(w.runs, at, func(r run, at time.Duration) int { return int(r.begin - at) })
	if !found {
		n--
	}
	return w.runs[max(n, 0)]
}

// judgeRest: at the end nothing waits any more, and what the broker retains is what the gateway holds for true.
func (w *world) judgeRest() {
	if w.proc == nil {
		w.violate("no daemon runs")
		return
	}
	for _, r := range w.proc.Ledger().Unconfirmed {
		if r.Epoch != w.proc.Ledger().Epoch || r.Run != w.proc.Ledger().Run {
			w.violate("run %d of %s is still unconfirmed", r.Run, r.Epoch)
		}
	}
	w.judgeAlarms()
	for _, a := range w.proc.View().Alarms {
		w.violate("alarm %s still stands, and everything is in order", a.Key())
	}
	for _, d := range w.proc.View().Devices {
		if d.State.Quality != gateway.Good {
			w.violate("%s is %s, and everything is in order", d.ID, d.State.Quality)
		}
	}
}

// glance holds alarms against each other once a minute, while the way to the center has been in order for a minute: what
// a new connection puts right was wrong until then.
func (w *world) glance() {
	w.sample()
	b := w.broker
	if w.proc != nil && w.proc.Uplink.Connected() && b.conn != nil && !b.silent && !b.stopped && !b.cut && !b.down && w.now-w.calm > time.Minute {
		if w.quiet == len(w.issued) {
			w.judgeAlarms()
		}
		w.quiet = len(w.issued)
		w.judgeStates()
	}
	w.agenda.at(w.now+time.Minute, w.glance)
}

// judgeAlarms: what is retained is what stands. Of a device of which a start knows nothing yet, what the run before has left stays.
func (w *world) judgeAlarms() {
	alarms, unknown := map[string]bool{}, map[string]bool{}
	for _, d := range w.proc.View().Devices {
		unknown[d.ID] = d.State.Quality != gateway.Good
	}
	for _, a := range w.proc.View().Alarms {
		alarms[a.Key()] = true
		if !w.center.alarms[a.Key()] {
			w.violate("alarm %s stands, and the center does not know", a.Key())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.center.alarms)) {
		if id, _, _ := strings.Cut(key, "/"); !alarms[key] && !unknown[id] {
			w.violate("alarm %s is over, and the center does not know", key)
		}
	}
}

// Print writes a line, and the violations.
func (r *Result) Print(out io.Writer) error {
	_, err := fmt.Fprintf(out, "seed %-4d day %-3d %-12s %6d events in %2d runs, %6d heard, %5d twice, %5d passages, %3d troubles, sum %016x\n",
		r.Seed, r.Day, r.Gateway, r.Issued, r.Runs, r.Heard, r.Duplicates, r.Passages, r.Troubles(), r.Sum)
	for _, v := range r.Violations {
		if err == nil {
			_, err = fmt.Fprintf(out, "    %s\n", v)
		}
	}
	return err
}

// Troubles is how much went wrong, in the field and beside it.
func (r *Result) Troubles() (n int) {
	for _, k := range r.Faults {
		n += k
	}
	return n + r.Injected
}
