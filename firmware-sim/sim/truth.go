package sim

import (
	"fmt"
	"maps"
	"slices"
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
