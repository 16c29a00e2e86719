package sim

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway"
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
