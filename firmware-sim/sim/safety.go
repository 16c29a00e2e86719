package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// rules holds what may move a barrier against what its relays do at the pin, with the truth of the field beside it: what
// really stands under the arm, whether the key is turned, whether there is a fire.
type rules struct {
	w     *world
	gates map[string]*barrier
	lines map[string]relayOf // by terminal
	zones map[string]*zone   // by detector
	key   span
	fires map[string]*fire
	push  time.Duration // the service button was pushed; 0 = never
	death time.Duration // of the last process
}

// relayOf is what is at the end of a line.
type relayOf struct {
	gate   *barrier
	output plant.Input
}

// barrier is a gate as an inspector sees it.
type barrier struct {
	id, lane string
	cfg      config.Gate
	zones    []*zone // that must be clear to close
	on       [3]bool // relays: open, close, stop
	began    [3]time.Duration
	ended    [3]time.Duration
	orders   map[gateway.Action]time.Duration // accepted last in this life
	hold     time.Duration                    // held open by order until then
	closing  time.Duration                    // our CLOSE began; 0 = no arm of ours comes down
	autonomy bool
	under    time.Duration // since when a vehicle is below the arm
	cause    plant.Cause   // of the last closing
	armOff   span
	up, down span
	left     time.Duration // the arm left a limit
	rising   bool          // it is on its way up
	fob      time.Duration // its receiver heard one last; 0 = never
	cars     []int         // on its lane
	entered  int           // the last of them
}

// has tells whether a vehicle is on the lane.
func (g *barrier) has(car int) bool { return slices.Contains(g.cars, car) }

// span is something that begins and ends.
type span struct {
	on    bool
	since time.Duration // of on, or of its end
}

func (s *span) set(on bool, at time.Duration) {
	if s.on != on {
		s.on, s.since = on, at
	}
}

// lasts tells whether it has been so for a time.
func (s span) lasts(now, long time.Duration) bool { return s.on && now-s.since > long }

// zone is what one safety input looks at.
type zone struct {
	covered span
	lies    bool // the detector says "present", or what it likes
	learnt  bool // it was tuned while something stood there, and does not notice that until it has gone
}

// fire is a fire input: its contact, and whether somebody has said since that it is over.
type fire struct {
	contact span
	latched bool
	before  bool // it was latched when the contact closed last
}

// Times of the field and of the rules.
const (
	// reaction is how long a detector and the bounce of its contact hide what has come.
	reaction = 50*time.Millisecond + 15*time.Millisecond
	// settled is when a contact counts: its bounce and the settle time of its wire.
	settled = 100 * time.Millisecond
	// rises is how long after something came under a closing arm OPEN is asserted at the latest.
	rises    = reaction + settled + 300*time.Millisecond
	gap      = 300 * time.Millisecond
	longest  = 2 * time.Second // pulse
	stopping = 700 * time.Millisecond
	// letGo is when everything is inactive after a daemon died: lotusgate safe comes below a second.
	letGo = time.Second
)

func newRules(w *world) *rules {
	r := &rules{w: w, gates: map[string]*barrier{}, lines: map[string]relayOf{}, zones: map[string]*zone{}, fires: map[string]*fire{}}
	for _, id := range config.IDs(w.cfg.Gates) {
		g := w.cfg.Gates[id]
		b := &barrier{id: id, lane: g.Lane, cfg: g, down: span{on: true}, orders: map[gateway.Action]time.Duration{}}
		if b.lane == "" {
			b.lane = id
		}
		r.gates[id] = b
		for name, out := range g.Outputs.All() {
			r.lines[out.Line] = relayOf{b, map[string]plant.Input{"open": plant.OpenInput, "close": plant.CloseInput, "stop": plant.StopInput}[name]}
		}
		for _, part := range g.Safety {
			detector := b.lane + ".photocell"
			switch l := w.cfg.Lanes[b.lane]; part {
			case l.A:
				detector = b.lane + ".a"
			case l.B:
				detector = b.lane + ".b"
			}
			if r.zones[detector] == nil {
				r.zones[detector] = &zone{}
			}
			b.zones = append(b.zones, r.zones[detector])
		}
	}
	for _, id := range config.IDs(w.cfg.Fires) {
		r.fires[id] = &fire{}
	}
	return r
}

// tell is told of what happens in the field, and at the pins.
func (r *rules) tell(at time.Duration, what fmt.Stringer) {
	switch what := what.(type) {
	case rig.Change:
		if to, ok := r.lines[what.Line]; ok && what.Relay {
			r.switched(to.gate, to.output, what.On)
		}
	case plant.Truth:
		r.truth(at, what)
	}
}

// switched holds the rules at an edge of a relay.
func (r *rules) switched(g *barrier, n plant.Input, on bool) {
	w, now := r.w, r.w.now
	if g.on[n] == on {
		return
	}
	g.on[n] = on
	name := [...]string{"OPEN", "CLOSE", "STOP"}[n]
	if !on {
		if long := now - g.began[n]; long > longest+w.deadTime(g.began[n]) && !g.cfg.Maintain {
			w.violate("%s: %s was active for %v", g.id, name, long)
		}
		g.ended[n] = now
		return
	}
	g.began[n] = now
	w.result.Faults["relay: "+strings.ToLower(name)]++
	if w.proc == nil {
		w.violate("%s: %s becomes active, and no daemon runs", g.id, name)
	}
	if n != plant.StopInput {
		other := plant.CloseInput - n
		if g.on[other] || g.ended[other] != 0 && now-g.ended[other] < gap {
			w.violate("%s: %s within %v of the other one", g.id, name, gap)
		}
		if r.key.lasts(now, settled) {
			w.violate("%s: %s while the key is turned", g.id, name)
		}
	}
	if why := r.without(g, n); why != "" {
		w.violate("%s: %s %s", g.id, name, why)
	}
	if n == plant.CloseInput {
		r.closes(g)
	}
}

// deadTime is how much longer a relay may be active that was so when its daemon died.
func (w *world) deadTime(began time.Duration) time.Duration {
	if w.people.rules.death >= began && w.people.rules.death != 0 {
		return letGo
	}
	return 0
}

// without says what is missing for a relay to be active; "" = nothing.
func (r *rules) without(g *barrier, n plant.Input) string {
	recent := func(a gateway.Action, within time.Duration) bool {
		at, ok := g.orders[a]
		return ok && r.w.now-at <= within
	}
	cfg := r.w.inForce().Gates[g.id]
	lane := r.w.inForce().Lanes[g.lane]
	switch n {
	case plant.OpenInput:
		after := longest + gap + 500*time.Millisecond // it waits for STOP and CLOSE
		rule := g.autonomy || lane.FreeExit || cfg.OnPowerFail == config.PowerFailOpens
		if !recent(gateway.Open, after) && !recent(gateway.HoldOpen, after) && r.w.now > g.hold && !r.burns() && !rule && !r.tripped(g) {
			return "without a command, a fire, a rule or a trip"
		}
	case plant.CloseInput:
		if !recent(gateway.Close, 600*time.Millisecond) && cfg.Closing == nil {
			return "without a command or a rule"
		}
	case plant.StopInput:
		if !recent(gateway.Stop, gap) && !(r.key.on && r.w.now-r.key.since < 2*time.Second) && !(cfg.OnTrip == config.TripStops && r.tripped(g)) {
			return "without a command or the key"
		}
	}
	return ""
}

// awake tells whether a daemon ran between two times for so long that a contact counts.
func (w *world) awake(from, to time.Duration) bool {
	return slices.ContainsFunc(w.runs, func(r run) bool { return min(r.end, to)-max(r.begin, from) > settled })
}

// burns tells whether there is a fire that nobody has called over.
func (r *rules) burns() bool {
	for _, f := range r.fires {
		if f.contact.on || f.latched {
			return true
		}
	}
	return false
}

// tripped tells whether something came under an arm that our CLOSE brings down.
func (r *rules) tripped(g *barrier) bool {
	return g.closing != 0 && r.w.now-g.closing <= 2*g.cfg.Travel+rises && slices.ContainsFunc(g.zones, func(z *zone) bool {
		return z.lies || z.covered.on || z.covered.since >= g.closing-rises
	})
}

// closes holds what must be so when CLOSE becomes active.
func (r *rules) closes(g *barrier) {
	w, now := r.w, r.w.now
	g.closing = now
	if r.burns() && slices.ContainsFunc(config.IDs(r.w.cfg.Fires), func(id string) bool { return r.fires[id].contact.lasts(now, settled) || r.fires[id].latched }) {
		w.violate("%s: CLOSE in a fire", g.id)
	}
	if g.cfg.Arm != "" && g.armOff.lasts(now, time.Second) {
		w.violate("%s: CLOSE while the arm is off", g.id)
	}
	for _, z := range g.zones {
		switch {
		case z.lies:
			w.violate("%s: CLOSE while a detector of its safety is out of order", g.id)
		case z.learnt: // nobody can know
		case z.covered.lasts(now, reaction):
			w.violate("%s: CLOSE on something that has been there for %v", g.id, now-z.covered.since)
		case !z.covered.on && z.covered.since != 0 && now-z.covered.since < g.cfg.Clear:
			w.violate("%s: CLOSE %v after it was clear, and not %v", g.id, now-z.covered.since, g.cfg.Clear)
		}
	}
}

// watch looks whether OPEN is asserted in time after something came under an arm that our CLOSE brings down.
func (r *rules) watch(g *barrier, z *zone, at time.Duration) {
	proc := r.w.proc
	r.w.agenda.at(r.w.now+rises, func() {
		if r.w.proc != proc || g.closing == 0 || g.closing > at || z.covered.since != at || !z.covered.on || z.learnt || z.lies || r.key.on {
			return
		}
		if out := plant.OpenInput; !g.on[out] && g.began[out] < g.closing && g.began[plant.StopInput] < g.closing {
			r.w.violate("%s: something came under the closing arm, and %v later nothing is done", g.id, rises)
		}
	})
}

// locked looks whether the key has cut every output.
func (r *rules) locked() {
	if !r.key.lasts(r.w.now, settled) || r.w.proc == nil || r.w.runs[len(r.w.runs)-1].begin > r.key.since {
		return
	}
	for _, id := range config.IDs(r.w.cfg.Gates) {
		if g := r.gates[id]; g.on[plant.OpenInput] || g.on[plant.CloseInput] {
			r.w.violate("%s: a relay is active %v after the key was turned", id, r.w.now-r.key.since)
		}
	}
}

// upper is from how many percent on the upper limit switch of an arm is closed.
const upper = 98

// opened looks whether a fire has opened every barrier, or at least tried. An arm that has jammed where it was to close from is
// open.
func (r *rules) opened(f *fire) {
	if !f.contact.lasts(r.w.now, longest-1) || r.key.on || r.w.proc == nil || r.w.runs[len(r.w.runs)-1].begin > f.contact.since {
		return
	}
	for _, id := range config.IDs(r.w.cfg.Gates) {
		g := r.gates[id]
		if g.up.on || g.on[plant.OpenInput] || g.began[plant.OpenInput] >= f.contact.since || r.w.now-r.key.since <= longest {
			continue
		}
		stands := r.w.field.Board.Arm(g.lane) >= upper
		switch up, gaveUp := g.began[plant.OpenInput]+2*g.cfg.Travel+longest, g.left+2*g.cfg.Travel+rises; {
		case stands && r.w.now < gaveUp: // it has jammed, and may come free as long as its motor runs
			r.w.agenda.at(gaveUp, func() { r.opened(f) })
		case stands: // nothing moves it any more
		case g.rising && r.w.now < up: // for what came before the fire
			r.w.agenda.at(up, func() { r.opened(f) })
		case g.left > f.contact.since && r.w.now < g.left+rises: // its controller has just begun to close it, and its limit switch does not show that yet
			r.w.agenda.at(g.left+rises, func() { r.opened(f) })
		default:
			r.w.violate("%s: there is a fire, and it is not opened", id)
		}
	}
}
