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

// truth follows the field.
func (r *rules) truth(at time.Duration, t plant.Truth) {
	if z := r.zones[t.Device]; z != nil {
		r.zone(z, at, t.Kind)
	}
	if f := r.fires[t.Device]; f != nil && (t.Kind == plant.SwitchRaised || t.Kind == plant.SwitchCleared) {
		closed := f.contact
		f.contact.set(t.Kind == plant.SwitchRaised, at)
		if !f.contact.on && closed.on && !r.w.awake(closed.since, at) { // nobody can know that it was closed
			f.latched = f.before
		}
		if f.contact.on {
			f.before, f.latched = f.latched, true
			r.w.agenda.at(r.w.now+longest, func() { r.opened(f) })
		}
	}
	switch t.Device {
	case r.w.cfg.Service.Lockout:
		r.key.set(t.Kind == plant.SwitchRaised, at)
		if r.key.on {
			r.w.agenda.at(r.w.now+settled+1, r.locked)
		}
	case r.w.cfg.Service.Button:
		if t.Kind == plant.SwitchRaised {
			r.push = at
		}
	}
	for _, id := range config.IDs(r.w.cfg.Gates) {
		g := r.gates[id]
		switch t.Device {
		case g.cfg.Manual:
			if t.Kind == plant.SwitchRaised {
				g.fob = at
			}
		case g.lane + ".gate":
			r.arm(g, at, t)
		case g.lane:
			switch t.Kind {
			case plant.VehicleEntered:
				g.cars, g.entered = append(g.cars, t.Vehicle), t.Vehicle
			case plant.VehicleLeft:
				g.cars = slices.DeleteFunc(g.cars, func(n int) bool { return n == t.Vehicle })
			case plant.VehicleUnderArm:
				g.under = at
			case plant.VehicleClearOfArm:
				g.under = 0
			}
		}
	}
}

func (r *rules) zone(z *zone, at time.Duration, kind plant.Kind) {
	switch kind {
	case plant.ZoneCovered:
		z.covered.set(true, at)
		for _, g := range r.gates {
			if g.closing != 0 && at-g.closing < 2*g.cfg.Travel-reaction-settled && slices.Contains(g.zones, z) {
				r.watch(g, z, at)
			}
		}
	case plant.ZoneCleared:
		z.covered.set(false, at)
		z.learnt = false
	case plant.DetectorFailed, plant.DetectorDrifts, plant.Crosstalk:
		z.lies = true
		if kind == plant.Crosstalk { // nobody says when it is over
			r.w.agenda.at(r.w.now+2*time.Minute+time.Second, func() { z.lies = false })
		}
	case plant.DetectorTuned:
		z.lies, z.learnt = false, z.covered.on
	}
}

// between tells whether the arm of a gate has been at no limit from a time until now, when it may arrive at one.
func (r *rules) between(id string, since, now time.Duration) bool {
	g := r.gates[id]
	at := func(limit span) bool { return limit.on && limit.since < now }
	return g != nil && !at(g.up) && !at(g.down) && g.left <= since
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
		if r.w.field.Board.Arm(g.lane) >= upper || g.on[plant.OpenInput] || g.began[plant.OpenInput] >= f.contact.since || r.w.now-r.key.since <= longest {
			continue
		}
		switch up := g.began[plant.OpenInput] + 2*g.cfg.Travel + longest; {
		case g.rising && r.w.now < up: // for what came before the fire
			r.w.agenda.at(up, func() { r.opened(f) })
		case g.left > f.contact.since && r.w.now < g.left+rises: // its controller has just begun to close it, and its limit switch does not show that yet
			r.w.agenda.at(g.left+rises, func() { r.opened(f) })
		default:
			r.w.violate("%s: there is a fire, and it is not opened", id)
		}
	}
}

// arm follows the arm of a gate.
func (r *rules) arm(g *barrier, at time.Duration, t plant.Truth) {
	switch t.Kind {
	case plant.ArmOpening, plant.ArmClosing, plant.ArmUp, plant.ArmDown, plant.ArmStopped:
		g.rising = t.Kind == plant.ArmOpening
	}
	if t.Kind == plant.ArmOpening && g.down.on || t.Kind == plant.ArmClosing && g.up.on {
		g.left = at
	}
	switch t.Kind {
	case plant.ArmOpening:
		if g.down.on && t.Cause == plant.CauseFob {
			r.w.people.resident.opens(g, at)
		}
		g.down.set(false, at)
	case plant.ArmClosing:
		g.cause = t.Cause
		g.up.set(false, at)
	case plant.ArmUp, plant.ArmOpen: // the end alone where it turned round before its limit switch parted
		g.up.set(true, at)
	case plant.ArmDown:
		g.closing = 0
		g.down.set(true, at)
	case plant.ArmClosed:
		g.down.set(true, at)
	case plant.ArmOff, plant.ArmMounted:
		g.armOff.set(t.Kind == plant.ArmOff, at)
	case plant.ArmTouched:
		blind := slices.ContainsFunc(g.zones, func(z *zone) bool { return z.learnt })
		if t.Vehicle == 0 || g.cause != plant.CauseRelay || blind {
			return
		}
		if long := at - g.under; g.under != 0 && long > stopping {
			r.w.violate("%s: the arm that we closed lies on a vehicle that had been below it for %v", g.id, long)
		}
	}
}

// accepted notes an order that the gateway has taken.
func (r *rules) accepted(o *order) {
	g := r.gates[o.device]
	local := strings.Contains(o.issuer, "/")
	switch may, must := r.window(); {
	case moves(o.action) && local && !may:
		r.w.violate("%s of %s by %s is accepted, and nobody has pushed the button", o.action, o.device, o.issuer)
	case moves(o.action) && !local && must:
		r.w.violate("%s of %s by %s is accepted, and somebody is at the machine", o.action, o.device, o.issuer)
	}
	if g == nil {
		return
	}
	g.orders[o.action] = r.w.now
	switch o.action {
	case gateway.HoldOpen:
		g.hold = never
	case gateway.Release, gateway.Stop:
		g.hold = min(g.hold, r.w.now+gap)
	}
	if o.action != gateway.Stop && r.key.lasts(r.w.now, settled) {
		r.w.violate("%s of %s is accepted while the key is turned", o.action, o.device)
	}
}

// proven holds that a limit switch says what the gateway says that one says.
func (r *rules) proven(o *order) {
	g, now := r.gates[o.device], r.w.now
	if g == nil {
		return
	}
	up := r.w.field.Board.Arm(g.lane)
	there, last, name := up >= 98, g.up.since, "up"
	if o.action == gateway.Close {
		there, last, name = up <= 2, g.down.since, "down"
	}
	if !there && now-last > time.Second { // it has not just been there
		r.w.violate("%s of %s (%s) is done and proven, and the arm is not %s", o.action, o.device, o.jti, name)
	}
}

// issued follows what the gateway says of itself.
func (r *rules) issued(e gateway.Event) {
	switch e.Type {
	case gateway.MaintenanceOpened:
		if r.push == 0 || r.w.now-r.push > time.Second {
			r.w.violate("the maintenance window opens, and nobody has pushed the button")
		}
	case gateway.FireReset:
		if f := r.fires[e.ID]; f != nil {
			f.latched = false
			if f.contact.lasts(r.w.now, settled) {
				r.w.violate("fire %s is reset while its contact is closed", e.ID)
			}
		}
	case gateway.AutonomyEntered, gateway.AutonomyLeft:
		for _, g := range r.gates {
			if g.lane == e.ID {
				g.autonomy = e.Type == gateway.AutonomyEntered
			}
		}
	}
}

// refuses says why a reason that depends on the field is none; "" = it is one.
func (r *rules) refuses(o *order, why gateway.Reason) string {
	now := r.w.now
	switch why {
	case gateway.Lockout:
		if !r.key.on && now-r.key.since > settled {
			return "nobody has turned the key"
		}
	case gateway.Fire:
		if !r.burns() {
			return "there is no fire"
		}
	case gateway.Maintenance:
		if may, _ := r.window(); !may || strings.Contains(o.issuer, "/") {
			return "nobody is at the machine"
		}
	case gateway.NoPresence:
		if _, must := r.window(); must || !strings.Contains(o.issuer, "/") {
			return "somebody is at the machine"
		}
	case gateway.WrongSession:
		if o.session == r.w.session() && len(o.accepted) == 0 && o.message != nil {
			return "it was given in this session"
		}
	case gateway.Expired:
		if now-o.given <= lifetime && r.w.stepped == 0 {
			return fmt.Sprintf("it was given %v ago", now-o.given)
		}
	}
	return ""
}

// window tells whether the maintenance window may be open, and whether it must be: a daemon that saw the button pushed.
func (r *rules) window() (may, must bool) {
	length := r.w.cfg.Service.Window
	since := r.w.now - r.push
	return r.push != 0 && since <= length+time.Second+r.w.withoutPower(r.push),
		r.push != 0 && since > settled && since < length && r.w.runs[len(r.w.runs)-1].begin < r.push
}

// died forgets what a process took with it. The autonomy of a lane is not among that: the next one goes on with it until the
// center is there again, and does not say a second time that it begins.
func (r *rules) died() {
	r.death = r.w.now
	for _, g := range r.gates {
		clear(g.orders)
		g.hold, g.closing = 0, 0
	}
	r.w.agenda.at(r.w.now+letGo+1, func() {
		for _, id := range config.IDs(r.w.cfg.Gates) {
			for n, on := range r.gates[id].on {
				if on && r.w.proc == nil {
					r.w.violate("%s: relay %d is active %v after its daemon died", id, n, r.w.now-r.death)
				}
			}
		}
	})
}

// born holds that every output is inactive when a process begins.
func (r *rules) born() {
	for _, id := range config.IDs(r.w.cfg.Gates) {
		for n, on := range r.gates[id].on {
			if on {
				r.w.violate("%s: relay %d is active at the start", id, n)
			}
		}
	}
}
