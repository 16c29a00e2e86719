package status

import (
	"slices"
	"time"

	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// Terminal is one wire of the cabinet as it was configured. What it does now stands in the view's point of the same id.
type Terminal struct {
	ID, Label string
	Source    string // module it is on: the id of a hub.Source
	Pin       string // as the configuration names it: GPIO17, GPA3
	Header    int    // pin of the board's own connector; 0 = not known, or not on it
	Output    bool   // a relay
	ActiveLow bool
	Bias      string // up, down, none; "" = as it is
	Settle    time.Duration
	Unit      string // of a measured value; "" = the wire has a level
	Uses      []Use
}

// Use says what a wire means to a device.
type Use struct{ Device, Role string }

// name is what people call the wire.
func (t Terminal) name() string { return firstOf(t.Label, t.ID) }

// meaning of a wire in a sentence's fragment: "Entry barrier: arm is up".
func (sc *screen) meaning(t Terminal) string {
	var all string
	for i, u := range t.Uses {
		if i > 0 {
			all += sc.l.T("wiring.and")
		}
		if u.Role == "input" { // the only wire of its device
			all += sc.deviceLabel(u.Device)
		} else {
			all += sc.l.T("wiring.use", sc.deviceLabel(u.Device), text.Word("role", u.Role))
		}
	}
	return firstOf(all, sc.l.T("wiring.unused"))
}

// inputs among the terminals that have a level, and so edges.
func (s *Server) inputs() []Terminal {
	return slices.DeleteFunc(slices.Clone(s.wired.Load().terminals), func(t Terminal) bool { return t.Output || t.Unit != "" })
}

// pointAt finds the point of a terminal; ok is false for relays and before the core has started.
func pointAt(v *hub.View, id string) (hub.Point, bool) {
	for _, p := range v.Points {
		if p.ID == id {
			return p, true
		}
	}
	return hub.Point{}, false
}
