package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"lotusgate/firmware-sim/disk"
	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
)

// trouble is a kind of thing that goes wrong beside the field.
type trouble struct {
	name  string
	often time.Duration // one in so long, about
	lasts plant.Span
	begin func(*world, *rand.Rand)
	end   func(*world) // nil = it ends by itself
	kills bool         // the daemon does not survive it
	wired bool         // only where the hardware is in the world
}

// all is the one table of troubles.
var all = []trouble{
	{
		name: "broker killed", often: 3 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 2 * time.Minute},
		begin: func(w *world, _ *rand.Rand) { w.broker.kill() }, end: func(w *world) { w.broker.start() },
	},
	{
		name: "link half open", often: 2 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 15 * time.Minute},
		begin: func(w *world, _ *rand.Rand) { w.broker.part() }, end: func(w *world) { w.broker.join() },
	},
	{
		name: "broker stopped", often: 4 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 3 * time.Minute},
		begin: func(w *world, _ *rand.Rand) { w.broker.stop() }, end: func(w *world) { w.broker.cont() },
	},
	{name: "link flaps", often: 5 * time.Hour, begin: flap},
	{name: "chip loses its registers", often: 2 * time.Hour, begin: resetChip, wired: true},
	{
		name: "chip unplugged", often: 3 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 5 * time.Minute}, wired: true,
		begin: unplug, end: (*world).mend,
	},
	{
		name: "bus hung", often: 4 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 4 * time.Minute}, wired: true,
		begin: hang, end: (*world).mend,
	},
	{
		name: "bus fails", often: 4 * time.Hour, lasts: plant.Span{Min: 10 * time.Millisecond, Max: time.Minute}, wired: true,
		begin: refuse, end: (*world).mend,
	},
	{
		name: "bus stumbles", often: 2 * time.Hour, lasts: plant.Span{Min: 10 * time.Second, Max: 10 * time.Second}, wired: true,
		begin: stumble, end: (*world).mend,
	},
	{
		name: "INT wire cut", often: 6 * time.Hour, lasts: plant.Span{Min: time.Minute, Max: 20 * time.Minute}, wired: true,
		begin: breakINT(rig.Cut), end: (*world).mend,
	},
	{
		name: "INT wire at ground", often: 6 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 20 * time.Minute}, wired: true,
		begin: breakINT(rig.Grounded), end: (*world).mend,
	},
	{name: "INT edges merged", often: 2 * time.Hour, begin: loseINT, wired: true},
	{
		name: "events dropped in silence", often: 8 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 10 * time.Minute},
		begin: func(w *world, _ *rand.Rand) { w.broker.silent = w.o.byCenter() },
		end:   func(w *world) { w.broker.silent = false },
	},
	{
		name: "disk full", often: 6 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 20 * time.Minute},
		begin: func(w *world, _ *rand.Rand) {
			full := max(1, w.disk.Used())
			w.sick(func(f *disk.Faults) { f.Quota = full })
		},
		end: (*world).heal,
	},
	{
		name: "disk refuses", often: 6 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 5 * time.Minute},
		begin: func(w *world, chance *rand.Rand) {
			w.sick(func(f *disk.Faults) {
				f.Refuse = func(op, _ string) error {
					if (op == "sync" || op == "write") && chance.IntN(3) == 0 {
						return unix.EIO
					}
					return nil
				}
			})
		},
		end: (*world).heal,
	},
	{
		name: "clock stepped", often: 8 * time.Hour, lasts: plant.Span{Min: time.Second, Max: time.Hour},
		begin: func(w *world, chance *rand.Rand) {
			w.stepped = time.Duration(chance.Int64N(int64(4*time.Hour))) - 2*time.Hour
		},
		end: func(w *world) { w.stepped = 0 },
	},
	{
		name: "daemon killed", often: 3 * time.Hour, lasts: plant.Span{Min: time.Second, Max: 20 * time.Second}, kills: true,
		begin: func(w *world, _ *rand.Rand) { w.fall(false) }, end: (*world).again,
	},
	{
		name: "storm", often: 6 * time.Hour, lasts: plant.Span{Min: 2 * time.Minute, Max: 12 * time.Minute}, kills: true,
		begin: storm, end: func(w *world) { w.broker.join(); w.again() },
	},
	{
		name: "power cut", often: 4 * time.Hour, lasts: plant.Span{Min: 2 * time.Second, Max: 5 * time.Minute}, kills: true,
		begin: func(w *world, _ *rand.Rand) { w.fall(true); w.boot() }, end: (*world).again,
	},
}

// planned is one trouble of a day. Its number is its place among all of that day.
type planned struct {
	*trouble
	number    int
	at, lasts time.Duration
	chance    *rand.Rand
}

func (p planned) String() string {
	if p.lasts == 0 {
		return fmt.Sprintf("#%d %s", p.number, p.name)
	}
	return fmt.Sprintf("#%d %s, for %v", p.number, p.name, p.lasts.Round(time.Millisecond))
}

// plan spreads all troubles over the day, each kind by its own chance, in the order of their times.
func plan(o Options) (day []planned) {
	for i := range all {
		t := &all[i]
		if t.kills && !o.deadly() || t.wired && !o.hardware() {
			continue
		}
		chance := o.world().For(t.name)
		gap := plant.Span{Min: t.often / 4, Max: t.often * 7 / 4}
		for at := gap.Draw(chance); at < o.Length-time.Hour; at += gap.Draw(chance) {
			p := planned{trouble: t, at: at, lasts: t.lasts.Draw(chance)}
			p.chance = o.world().For(fmt.Sprint(t.name, at))
			day = append(day, p)
			at += p.lasts
		}
	}
	slices.SortStableFunc(day, func(a, b planned) int { return cmp.Compare(a.at, b.at) })
	for i := range day {
		day[i].number = i
	}
	return day
}

// troubles lets happen what is planned, or of it what Options.Only names.
func (w *world) troubles() {
	for _, t := range plan(w.o) {
		if w.o.Only != nil && !slices.Contains(w.o.Only, t.number) {
			continue
		}
		w.agenda.at(t.at, func() {
			if t.kills && w.proc == nil {
				return // it does not run
			}
			if t.wired && !w.intact() {
				return // one thing at a time: what is said must belong to it
			}
			w.say("%v", t)
			if !t.wired { // buses are not in the way to the center
				w.disturb(t.lasts)
			}
			w.result.Faults[t.name]++
			w.disturbed = w.now
			t.begin(w, t.chance)
			if t.end != nil {
				w.agenda.at(w.now+t.lasts, func() {
					w.say("%v: over", t)
					w.disturbed = w.now
					t.end(w)
				})
			}
		})
	}
}

// flap takes the link away and back 20 times, once a second.
func flap(w *world, _ *rand.Rand) {
	for n := range 20 {
		w.agenda.at(w.now+time.Duration(n)*time.Second, func() {
			if c := w.broker.conn; c != nil {
				c.die(errReset)
			}
		})
	}
}

// storm takes the link, and a while later the power: what was issued in between is on the disk or nowhere.
func storm(w *world, chance *rand.Rand) {
	w.broker.part()
	w.agenda.at(w.now+plant.Span{Min: time.Second, Max: 110 * time.Second}.Draw(chance), func() {
		if w.proc != nil {
			w.fall(true)
			w.boot()
		}
	})
}

func (w *world) sick(change func(*disk.Faults)) {
	w.disk.Fail(change)
	if !w.ailing.on {
		w.ailed = w.now
	}
	w.ailing.set(true, w.now)
	w.runs[len(w.runs)-1].sick = true
}

func (w *world) heal() {
	w.disk.Fail(func(f *disk.Faults) { *f = disk.Faults{} })
	w.ailing.set(false, w.now)
}

// again starts the daemon after it fell.
func (w *world) again() {
	if w.proc != nil {
		return
	}
	if err := w.start(); err != nil {
		w.violate("%v", err)
	}
}
