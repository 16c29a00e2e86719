package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
)

// latest is how long after something happened its event may say that it did: what it is concluded from takes that long,
// by the configurations that are shipped.
func latest(k gateway.Type, cause string) time.Duration {
	switch {
	case k == gateway.LoopFault && cause == "max_presence":
		return 11 * time.Minute
	case k == gateway.LoopFault && cause == "erratic": // the minute in which it begins may have too few, and the next one has too many
		return 2 * time.Minute
	case k == gateway.MaintenanceClosed:
		return 11 * time.Minute
	case k == gateway.FireReset: // when somebody resets it
		return 30 * time.Minute
	case k.Kind() == "camera", k == gateway.CameraGroupOutage: // three heartbeats, 1.5 more where a chip has lost its registers, and the patience of its group
		return 5*time.Minute + 30*time.Second
	case k.Kind() == "elevator", k == gateway.LoopFault, k == gateway.GateFault, k == gateway.InputChattering:
		return time.Minute
	}
	return 6 * time.Second // inputs settle, and an arm that reopens has to come up again
}

// learning is how long after a start a device may still not be known; queueing is how long a lane may, which begins to count
// when both its loops have been clear: not before a queue has gone, which may take longer where nobody could get out.
const (
	learning = 2 * time.Minute
	queueing = 10 * time.Minute
)

// Reasons why something that happened need not be told as an event of its own.
const (
	wasDead   = "the daemon was dead"
	wasHidden = "what shows it could not be read, and it was said not to be known"
	wasMissed = "an INT wire was broken, which was not said yet"
	notKnown  = "its state was said not to be known after a start or a reload"
	noContact = "no contact stayed for as long as one must to count"
	sameFire  = "a fire that nobody had reset goes on"
	noGap     = "the loop was covered again before a vehicle could not be unseen any more"
	wasAnswer = "counts apart after what could not be counted"
)

// truth is told of what really happens, and asks the gateway whether it can know.
func (w *world) truth(t plant.Truth) {
	since := func(lately time.Duration) bool {
		return len(w.runs) > 1 && w.now-w.runs[len(w.runs)-1].begin <= lately || w.reloaded(lately)
	}
	if w.proc == nil {
		return
	}
	started := w.began()
	if w.people != nil {
		started = max(started, w.people.editor.at)
	}
	between := func(id string) bool { return w.people != nil && w.people.rules.between(id, started, t.At) }
	_, isLane := w.cfg.Lanes[t.Device]
	if !since(queueing) && !isLane && !slices.ContainsFunc(config.IDs(w.cfg.Gates), between) {
		return
	}
	for _, d := range w.proc.View().Devices {
		lane, isLane := d.State.Detail.(device.LaneDetail)
		unknown := d.State.Quality != gateway.Good || d.State.Value == "arm_off" // which says nothing of the position
		if isLane && !lane.Counting && (since(queueing) || w.queued(d.ID, started)) || unknown && (since(learning) || between(d.ID)) {
			w.admitted[admission{d.ID, t.At}] = true
		}
	}
}

// admission is that the gateway said of a device that it was not known when something happened.
type admission struct {
	id string
	at time.Duration
}

// queued tells whether vehicles have stood on the loops of a lane since a time, one after the other.
func (w *world) queued(lane string, since time.Duration) bool {
	on, clear := map[string]bool{}, since
	for _, t := range w.field.Truths {
		if t.Device != lane+".a" && t.Device != lane+".b" {
			continue
		}
		switch t.Kind {
		case plant.ZoneCovered:
			if t.At > since && len(on) == 0 && t.At-clear > settled {
				return false
			}
			on[t.Device] = true
		case plant.ZoneCleared:
			delete(on, t.Device)
			clear = max(clear, t.At)
		}
	}
	return len(on) > 0 || w.now-clear <= settled
}

// thing is what pairs are compared by.
type thing struct {
	id    string
	kind  gateway.Type
	cause string
}

// judgeTruth: everything that really happened was told once, in time and in order, and nothing else was; or it could not be
// known, and the gateway has said so.
func (w *world) judgeTruth() {
	hidden := map[thing][]unseen{} // happened while the daemon was dead, or could not read what shows it
	last := map[thing]int{}
	ahead := map[string][]time.Duration{} // by lane: passages of vehicles that were half through when they were told, and not all through yet
	for _, p := range w.field.Pairs(latest) {
		k := thing{p.ID, p.Type, p.Cause}
		switch {
		case w.miswired(p.ID, p.At):
		case w.ownTrouble(p.Type, p.ID) || w.people != nil && byPeople[p.Type]:
		case p.Happened && p.Event >= 0:
			w.result.Told++
			if n, ok := last[k]; ok && p.Event < n {
				w.violateAt(p.At, "%s "+string(p.Type)+" %s: told after what happened later", p.ID, p.Cause)
			}
			last[k] = p.Event
		case p.Happened && p.Type == gateway.VehiclePassed && len(ahead[p.ID]) > 0:
			w.result.Told++
			ahead[p.ID] = ahead[p.ID][1:]
		case p.Happened:
			reason := w.unknowable(p)
			if reason == "" {
				w.violateAt(p.At, "%s "+string(p.Type)+" %s: it happened, and nobody told it in time", p.ID, p.Cause)
				continue
			}
			w.result.Unknown[reason]++
			hidden[k] = append(hidden[k], unseen{p.At, reason})
		case w.toldLate(p, hidden[k]):
			w.result.Unknown[hidden[k][len(hidden[k])-1].reason]--
			hidden[k] = hidden[k][:len(hidden[k])-1]
			w.result.Late++
		case w.held(p):
			ahead[p.ID] = append(ahead[p.ID], p.At)
		case w.toldByOne(p, hidden), w.toldAgain(p):
			w.result.Late++
		case w.missed(p.ID, p.At, latest(p.Type, p.Cause)):
			w.result.Unknown[wasMissed]++
		case p.Type == gateway.LotCountDrift && w.reallyApart(p.ID, p.At):
			w.result.Told++
		case p.Type == gateway.LotCountDrift && w.deadBefore(p.At):
			w.result.Unknown[wasAnswer]++
		default:
			w.violateAt(p.At, "%s "+string(p.Type)+" %s: it was told, and did not happen, or not then", p.ID, p.Cause)
		}
	}
	for _, lane := range slices.Sorted(maps.Keys(ahead)) {
		for _, at := range ahead[lane] {
			w.violateAt(at, "%s "+string(gateway.VehiclePassed)+": it was told of a vehicle under the arm, which never passed", lane)
		}
	}
	for _, row := range district.Difference(w.field.Counts()) {
		uncounted := row.Type == "units" && w.o.hardware() && 0 <= row.Reported && row.Reported < row.Truth // its chip could not be read
		if !uncounted && (!w.o.deadly() || row.Type == "vehicles in bays") {
			w.violate("%v: it is %d, and the gateway says %d", row, row.Truth, row.Reported)
		}
	}
	w.judgeDeaths()
}

// unknowable is why something could not be known; "" = it could.
func (w *world) unknowable(p district.Pair) string {
	for i, r := range w.runs[1:] {
		if dead := w.runs[i].end; p.At < r.begin && p.At+latest(p.Type, p.Cause) > dead {
			return wasDead
		}
	}
	if w.hidden(w.shownBy(p.Type, p.ID), p.At, latest(p.Type, p.Cause)) {
		return wasHidden
	}
	if w.tooShort(p) {
		return wasHidden
	}
	if w.admitted[admission{p.ID, p.At}] {
		return notKnown
	}
	if w.missed(p.ID, p.At, latest(p.Type, p.Cause)) {
		return wasMissed
	}
	if w.latched(p) {
		return sameFire
	}
	if w.fleeting(p) {
		return noContact
	}
	if w.joined(p) {
		return noGap
	}
	return ""
}

// tooShort tells whether a bay was taken again, or left, before it had been known again for as long as that must last to count: then
// its change before, which nobody could see, does not count either.
func (w *world) tooShort(p district.Pair) bool {
	b, ok := w.cfg.Bays[p.ID]
	if !ok {
		return false
	}
	return w.hidden(w.shownBy(p.Type, p.ID), p.At-max(*b.RaiseAfter, *b.ClearAfter), latest(p.Type, p.Cause))
}

// latched tells whether a fire had been told before and not been reset: its alarm stands, and its state says that the contact
// is closed again.
func (w *world) latched(p district.Pair) bool {
	if p.Type != gateway.FireOpened {
		return false
	}
	for _, i := range slices.Backward(w.issued) {
		if e := i.event; i.at <= p.At && e.ID == p.ID && (e.Type == gateway.FireOpened || e.Type == gateway.FireReset) {
			return e.Type == gateway.FireOpened
		}
	}
	return false
}

// fleeting tells whether a limit switch was not closed, or not open before, for as long as a contact must be to count: the arm
// turned round as it came to its limit, or as it had left it; or the configuration changed before that, so that its gate began
// anew and found it there.
func (w *world) fleeting(p district.Pair) bool {
	g, ok := w.cfg.Gates[p.ID]
	if !ok || p.Type != gateway.GateOpened && p.Type != gateway.GateClosed {
		return false
	}
	turns, arm := plant.ArmClosing, cmp.Or(g.Lane, p.ID)+".gate"
	if p.Type == gateway.GateClosed {
		turns = plant.ArmOpening
	}
	turned := func(t plant.Truth) bool { return t.Device == arm && t.Kind == turns }
	still := settled/2 + g.Travel/50 // the switch stays closed for a fiftieth of the way
	return slices.ContainsFunc(w.truths(p.At, settled/2), turned) || slices.ContainsFunc(w.truths(p.At-still, still), turned) ||
		slices.ContainsFunc(w.issued, func(i issue) bool {
			return i.event.Type == gateway.GatewayConfigReloaded && p.At <= i.at && i.at <= p.At+settled
		})
}

// joined tells whether a loop which a vehicle had left backwards was covered again within the time for which a vehicle may be
// unseen between two loops. Whether it has come back or another one has come no loop can tell, and the two are one visit.
func (w *world) joined(p district.Pair) bool {
	if p.Type != gateway.VehicleBackedOut {
		return false
	}
	var left string
	return slices.ContainsFunc(w.truths(p.At, w.cfg.Lanes[p.ID].Gap), func(t plant.Truth) bool {
		if t.Kind == plant.ZoneCleared && t.At == p.At && strings.HasPrefix(t.Device, p.ID+".") {
			left = t.Device
		}
		return t.Kind == plant.ZoneCovered && t.Device == left
	})
}

// truths are what happened in the field from a time on, for so long.
func (w *world) truths(from, long time.Duration) []plant.Truth {
	at := func(t plant.Truth, at time.Duration) int { return cmp.Compare(t.At, at) }
	first, _ := slices.BinarySearchFunc(w.field.Truths, from, at)
	last, _ := slices.BinarySearchFunc(w.field.Truths, from+long+1, at)
	return w.field.Truths[first:last]
}

// held tells whether a vehicle stood under the arm when its passage was told, because it had left the first loop, and for longer
// than a passage takes: the arm came down on it, and let it go on later.
func (w *world) held(p district.Pair) bool {
	if p.Type != gateway.VehiclePassed {
		return false
	}
	under := false
	for _, t := range w.field.Truths {
		switch {
		case t.Device != p.ID:
		case t.At > p.At+latest(p.Type, p.Cause):
			return under
		case t.Kind == plant.VehicleUnderArm:
			under = t.At <= p.At
		case t.Kind == plant.VehicleClearOfArm:
			under = false
		}
	}
	return under
}

// unseen is something that happened and could not be known then.
type unseen struct {
	at     time.Duration
	reason string
}

// toldLate tells whether an event is what a start found to have happened while the daemon was dead, or what was found when
// it could be read again, which a start may have to wait for.
func (w *world) toldLate(p district.Pair, hidden []unseen) bool {
	if len(hidden) == 0 {
		return false
	}
	r, last := w.lifeAt(p.At), hidden[len(hidden)-1]
	concluded := latest(p.Type, p.Cause)
	doubted := p.At
	switch {
	case last.at < r.begin && p.At-r.begin <= concluded:
		return true
	case last.reason == wasDead:
		doubted = r.begin + concluded
	case last.reason != wasHidden:
		return false
	}
	return w.foundAgain(w.shownBy(p.Type, p.ID), doubted, p.At, concluded)
}

// memoryEvery is how often what a device must not forget is written, where no alarm hurries it.
const memoryEvery = 10 * time.Second

// toldAgain tells whether a start told once more what the run before had told and could not remember: a mode, too shortly before a
// power cut, which is no alarm and is not written at once; an input that chatters, which each start counts anew; or anything that
// still stands, on a disk that refused to keep it.
func (w *world) toldAgain(p district.Pair) bool {
	n := len(w.runs) - 1
	for n > 0 && w.runs[n].begin > p.At {
		n--
	}
	if n == 0 || p.At-w.runs[n].begin > latest(p.Type, p.Cause) {
		return false
	}
	before := w.runs[n-1]
	return slices.ContainsFunc(w.issued, func(i issue) bool {
		if i.event.ID != p.ID || i.event.Type != p.Type || i.at < before.begin || i.at > before.end {
			return false
		}
		d, mode := i.event.Data.(gateway.ServiceModeData)
		if mode && d.Mode != p.Cause {
			return false
		}
		return before.sick || p.Type == gateway.InputChattering || mode && i.at+memoryEvery > before.end
	})
}

// toldByOne tells whether a camera's outage is its part of one of its group, which could not be told as one because nothing
// was known of the cameras yet: their silence is counted from the start.
func (w *world) toldByOne(p district.Pair, hidden map[thing][]unseen) bool {
	begin := w.lifeAt(p.At).begin
	for id, g := range w.cfg.CameraGroups {
		for _, u := range hidden[thing{id, gateway.CameraGroupOutage, ""}] {
			if p.Type.Kind() == "camera" && slices.Contains(g.Cameras, p.ID) && p.At >= u.at && p.At-max(u.at, begin) <= latest(p.Type, p.Cause) {
				return true
			}
		}
	}
	return false
}

func (w *world) deadBefore(at time.Duration) bool { return len(w.runs) > 1 && w.runs[0].end < at }

// judgeDeaths: of each time without a daemon the next one tells: the center knows that it started.
func (w *world) judgeDeaths() {
	n := 0
	for i, r := range w.runs {
		for n < len(w.issued) && w.issued[n].at < r.begin {
			n++
		}
		if n == len(w.issued) || w.issued[n].event.Type != gateway.GatewayStarted || !w.issued[n].heard {
			w.violateAt(r.begin, "run %d does not begin with a start that the center knows of", i+1)
		}
	}
}

// byPeople are what people bring about who order, stop, jam and reset, and what nobody in the field knows of: no passage was
// authorised that took no ticket of ours, an arm that is stopped at its limit was not stopped, who stands before a jammed one
// stands there for long.
var byPeople = map[gateway.Type]bool{
	gateway.Tailgating: true, gateway.VehicleWaiting: true, gateway.FireReset: true,
	gateway.GateFault: true, gateway.GateObstructed: true, gateway.GateStopped: true, gateway.LoopFault: true,
}

// ownTrouble tells whether something is about network, disk, clock and buses, which only we disturb; judgeDamage looks after
// the last.
func (w *world) ownTrouble(k gateway.Type, id string) bool {
	return k == gateway.BusChipReset || k == gateway.BusFault || k == gateway.BusRecovered || k == gateway.AutonomyEntered || k == gateway.AutonomyLeft || id == gateway.GatewayID
}

// Violation is what the gateway owed and did not keep.
type Violation struct {
	At    time.Duration // of what it is about
	Found time.Duration
	Kind  string // what is the same of all violations of a kind
	Text  string
}

func (v Violation) String() string {
	if v.At == v.Found {
		return fmt.Sprintf("%v: %s", v.At, v.Text)
	}
	return fmt.Sprintf("%v: %s (found at %v)", v.At, v.Text, v.Found)
}
