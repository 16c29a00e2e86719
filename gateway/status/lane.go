package status

import (
	"encoding/json"
	"slices"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// lane is a card for a lane with its loops and its barrier, or for a barrier without a lane.
type lane struct {
	ID, Name, Label string
	State           *mark // nil = a barrier without a lane
	Gate            *gate
	Loops           []loop
	Counts          *counts
	Passed          []passage // the last ones, newest first
	Draw            drawing
}

// passage is a vehicle that went through.
type passage struct {
	Time, Machine, Since string // as in happened
	Word                 string
}

type gate struct {
	Label string // "" where the card has it already
	State mark
	Safe  *mark  // nil = nothing is known of a safety input
	Cause string // why it moved last; "" = nobody has seen it move
	Left  string // how many may still pass
}

type loop struct {
	Place, Label string // "Loop A", and its own label
	State        mark
}

type counts struct {
	In, Out  string
	Counting bool
}

// drawing is the lane as a driver sees it who arrives at loop A.
type drawing struct {
	Title string
	Loops []string // tone of loop A, loop B
	Arm   string   // closed, open, midway, unknown, fault, off; "" = no barrier
	Badge string   // icon over a barrier that is neither open nor closed
	Tone  string
}

func (l lane) part() (id, template string) { return l.ID, "lane" }

// Details of device states as they stand in the view (docs/wire.md); they are read by their wire names, because the
// view is all that this package knows.
type (
	laneDetail struct {
		A        bool   `json:"a"`
		B        bool   `json:"b"`
		CountIn  uint64 `json:"count_in"`
		CountOut uint64 `json:"count_out"`
		Counting bool   `json:"counting"`
	}
	gateDetail struct {
		SafetyClear *bool  `json:"safety_clear"`
		Cause       string `json:"cause"`
		Left        uint64 `json:"left"`
	}
)

// detail reads a device's detail into d; false if there is none.
func detail(s gateway.DeviceState, d any) bool {
	if s.Detail == nil {
		return false
	}
	b, err := json.Marshal(s.Detail)
	return err == nil && json.Unmarshal(b, d) == nil
}

// lanes makes a card per lane and per barrier without a lane, and returns the devices that are on no card yet.
func (sc *screen) lanes() (cards []block, rest []hub.Device) {
	shown := map[string]bool{}
	for _, d := range sc.v.Devices {
		if d.Kind != "lane" {
			continue
		}
		shown[d.ID] = true
		card := lane{ID: "d-" + d.ID, Name: d.ID, Label: firstOf(d.Label, d.ID)}
		state := sc.state(d)
		card.State = &state
		card.Draw.Title = state.Word
		for _, id := range d.Parts {
			if part, ok := sc.v.Device(id); ok && part.Kind == "loop" {
				shown[id] = true
				card.addLoop(sc, part)
			}
		}
		for _, g := range sc.v.Devices {
			if g.Kind == "gate" && !shown[g.ID] && together(d, g) {
				shown[g.ID] = true
				card.addGate(sc, g)
				break
			}
		}
		var seen laneDetail
		if detail(d.State, &seen) {
			card.Counts = &counts{In: count(seen.CountIn), Out: count(seen.CountOut), Counting: seen.Counting}
		}
		card.Passed = sc.passages(d.ID)
		cards = append(cards, card)
	}
	for _, d := range sc.v.Devices {
		if d.Kind == "gate" && !shown[d.ID] {
			shown[d.ID] = true
			card := lane{ID: "d-" + d.ID, Name: d.ID, Label: firstOf(d.Label, d.ID)}
			card.addGate(sc, d)
			card.Gate.Label = ""
			cards = append(cards, card)
		}
	}
	for _, d := range sc.v.Devices {
		for _, id := range d.Parts {
			if part, ok := sc.v.Device(id); ok && d.Kind == "lot" && part.Kind == "bay" {
				shown[id] = true // among the bays
			}
		}
	}
	for _, d := range sc.v.Devices {
		if !shown[d.ID] {
			rest = append(rest, d)
		}
	}
	return cards, rest
}

// shownPassages of a lane.
const shownPassages = 3

func (sc *screen) passages(lane string) (list []passage) {
	for _, e := range sc.v.Events {
		data, ok := e.Data.(gateway.PassData)
		if !ok || e.Event.ID != lane || e.Type != gateway.VehiclePassed {
			continue
		}
		if len(list) == shownPassages {
			break
		}
		p := passage{Word: sc.l.T("lane.passed.out")}
		if data.Direction == gateway.In {
			p.Word = sc.l.T("lane.passed.in")
		}
		p.Time, p.Machine, p.Since = sc.stamp(e)
		list = append(list, p)
	}
	return list
}

// together tells whether a barrier closes a lane: one is among the parts of the other, or the barrier's safety loop is
// a loop of the lane.
func together(lane, gate hub.Device) bool {
	return slices.Contains(lane.Parts, gate.ID) || slices.Contains(gate.Parts, lane.ID) ||
		slices.ContainsFunc(gate.Parts, func(id string) bool { return slices.Contains(lane.Parts, id) })
}

func (c *lane) addLoop(sc *screen, d hub.Device) {
	place := sc.l.T("lane.loop.a")
	switch len(c.Loops) {
	case 0:
	case 1:
		place = sc.l.T("lane.loop.b")
	default:
		place = d.ID
	}
	state := sc.state(d)
	c.Loops = append(c.Loops, loop{Place: place, Label: firstOf(d.Label, d.ID), State: state})
	if len(c.Draw.Loops) < 2 {
		c.Draw.Loops = append(c.Draw.Loops, state.Tone)
	}
}

// limits of a barrier: the wires it has when it has no safety input, of which "clear" says nothing.
const limits = 2

// arms says how a barrier is drawn in each state; states that are not listed are drawn midway.
var arms = map[string]string{"closed": "closed", "open": "open", "forced": "open", "fault": "fault", "arm_off": "off"}

func (c *lane) addGate(sc *screen, d hub.Device) {
	state := sc.state(d)
	g := &gate{Label: firstOf(d.Label, d.ID), State: state}
	var seen gateDetail
	known := detail(d.State, &seen)
	if seen.Cause != "" {
		g.Cause = sc.l.T("lane.cause", text.Word("cause", seen.Cause))
	}
	if seen.Left > 0 {
		g.Left = sc.l.T("lane.left", seen.Left)
	}
	if known && seen.SafetyClear != nil && (len(d.Parts) > 0 || len(d.Points) != limits) {
		safe := mark{Tone: idle, Icon: "idle", Word: sc.l.T("lane.safety.clear")}
		if !*seen.SafetyClear {
			safe = mark{Tone: active, Icon: "on", Word: sc.l.T("lane.safety.blocked")}
		}
		g.Safe = &safe
	}
	c.Gate = g
	c.Draw.Title = sc.l.T("lane.drawing", firstOf(c.Draw.Title, g.Label), state.Word)
	c.Draw.Tone = state.Tone
	c.Draw.Arm = "midway"
	if arm, ok := arms[d.State.Value]; ok {
		c.Draw.Arm = arm
	}
	if state.Tone == unknown {
		c.Draw.Arm = "unknown"
	}
	if c.Draw.Arm != "closed" && c.Draw.Arm != "open" {
		c.Draw.Badge = state.Icon
	}
}
