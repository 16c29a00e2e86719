package sim

import (
	"slices"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// doubt is a time in which a device or an input was said not to be known, while something was damaged.
type doubt struct{ begin, end time.Duration }

// How often what is believed is looked at.
const (
	believed = 2 * time.Second
	closely  = 500 * time.Millisecond // while something is damaged
)

// believe holds what the gateway says of its inputs against their wires: what is called good is what the wire carries, but
// for as long as a look at it and its settling take. It keeps which devices are said not to be known.
func (w *world) believe() {
	if w.now < w.lookAt {
		return // somebody looked meanwhile, and will look again
	}
	w.lookAt = w.now + believed
	if !w.intact() {
		w.lookAt = w.now + closely
	}
	w.agenda.at(w.lookAt, w.believe)
	if w.proc == nil {
		clear(w.apart)
		return
	}
	cfg := w.cfg
	if w.people != nil {
		cfg = w.inForce() // wires that were confused are put right in it
	}
	v := w.proc.View()
	if !w.intact() {
		for _, d := range v.Devices {
			if d.State.Quality != gateway.Good {
				w.doubted(d.ID)
			}
		}
	}
	for _, p := range v.Points {
		if !w.intact() && p.Quality != gateway.Good {
			w.doubted(p.ID)
		}
		point := cfg.Points[p.ID]
		level, since := w.field.Carries(point)
		from, known := w.apart[p.ID]
		switch {
		case p.Unit != "" || p.Quality != gateway.Good || p.Active == (level == (point.Active == config.ActiveHigh)):
			delete(w.apart, p.ID)
		case !known || from < since: // it has moved since
			w.apart[p.ID] = w.now
		case w.now-from > w.lag(point):
			w.violate("%s is called good, and has not been what its wire carries for %v", p.ID, w.now-from)
			delete(w.apart, p.ID)
		}
	}
}

// lag is how long a point that is called good may not be what its wire carries.
func (w *world) lag(p config.Point) time.Duration {
	lag := *p.Settle + slack
	if p.Chip != "" {
		lag += w.cfg.Chips[p.Chip].Poll
		if !w.intact() && len(w.damages) > 0 {
			lag += w.damages[len(w.damages)-1].found
		}
	}
	return lag
}

func (w *world) doubted(id string) {
	spans := w.doubts[id]
	if n := len(spans); n > 0 && w.now-spans[n-1].end <= 2*closely {
		spans[n-1].end = w.now
		return
	}
	w.doubts[id] = append(spans, doubt{w.now, w.now})
}

// shownBy is what says whether something can be known: the device, or an input without which it is known all the same.
func (w *world) shownBy(k gateway.Type, id string) string {
	if k == gateway.GateArmOff {
		return w.cfg.Gates[id].Arm
	}
	return id
}

// hidden tells whether the gateway said that a device was not known when something happened, or while it was concluded,
// because of a damage.
func (w *world) hidden(id string, at, concluded time.Duration) bool {
	return slices.ContainsFunc(w.doubts[id], func(d doubt) bool {
		return at <= d.end+closely && at+max(concluded, w.foundIn(d)) >= d.begin
	})
}

// foundIn is how long the damage of a doubt may have gone unnoticed before it.
func (w *world) foundIn(d doubt) (found time.Duration) {
	for _, x := range w.damages {
		if x.begin <= d.begin {
			found = x.found
		}
	}
	return found
}

// foundAgain tells whether an event is what was found to have happened when a device could be known again that was not known
// at a time before.
func (w *world) foundAgain(id string, doubted, at, concluded time.Duration) bool {
	return slices.ContainsFunc(w.doubts[id], func(d doubt) bool { return d.begin <= min(doubted, at) && at-concluded <= d.end+closely })
}

// missed tells whether something is about heartbeats that may have been over before anybody looked at their chip: its INT
// wire was broken, which was not said yet. Then it was said, and is looked at often enough.
func (w *world) missed(id string, at, concluded time.Duration) bool {
	cameras := append([]string{id}, w.cfg.CameraGroups[id].Cameras...)
	return slices.ContainsFunc(w.damages, func(d *damage) bool {
		return d.interrupt != "" && d.begin-concluded <= at && at-concluded <= w.saidOf(d) &&
			slices.ContainsFunc(cameras, func(id string) bool {
				c := w.cfg.Cameras[id]
				return c.Heartbeat != "" && w.cfg.Points[c.Heartbeat].Chip == d.interrupt
			})
	})
}

// saidOf is when a damage was said, for the last time where the daemon was started or reloaded meanwhile, or over.
func (w *world) saidOf(d *damage) time.Duration {
	said := d.end
	for _, i := range w.issued {
		data, ok := i.event.Data.(gateway.BusFaultData)
		if ok && i.event.Type == gateway.BusFault && i.at >= d.begin && i.at <= d.end && slices.Contains(d.parts, data.Part) {
			said = i.at
		}
	}
	return said
}
