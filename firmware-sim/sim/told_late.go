package sim

import (
	"slices"
	"time"

	"lotusgate/firmware-sim/district"
	"lotusgate/gateway"
)

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
		return i.at+memoryEvery > before.unkept || p.Type == gateway.InputChattering || mode && i.at+memoryEvery > before.end
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
