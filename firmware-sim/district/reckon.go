package district

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
)

// Row is one thing that can happen, how often it really did, and how often the gateway reported it.
type Row struct {
	ID              string
	Type            gateway.Type
	Cause           string // of faults and alarms that have one
	Truth, Reported int
}

// Told tells whether the gateway said no more and no less than the truth.
func (r Row) Told() bool { return r.Truth == r.Reported }

func (r Row) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s", r.ID, r.Type, r.Cause))
}

// name of a row.
type name struct {
	id    string
	kind  gateway.Type
	cause string
}

// span is a time in which a detector lies, so that nobody can tell what happens on its lane.
type span struct{ from, to time.Duration }

func (s span) has(t time.Duration) bool { return s.from <= t && t < s.to }

// tally counts both sides.
type tally map[name]*Row

func (t tally) row(n name) *Row {
	if t[n] == nil {
		t[n] = &Row{ID: n.id, Type: n.kind, Cause: n.cause}
	}
	return t[n]
}

// told are the events that are the gateway's own conclusions from what happened before, or tell how a thing goes on: they
// are in no table. Every other one must have happened.
var told = map[gateway.Type]bool{
	gateway.LoopOccupied: true, gateway.LoopCleared: true, gateway.LoopFaultCleared: true, gateway.VehicleArrived: true,
	gateway.GateOpening: true, gateway.GateClosing: true, gateway.GateFaultCleared: true, gateway.LotOccupancyChanged: true,
	gateway.LotFull: true, gateway.LotAvailable: true, gateway.CameraOnline: true, gateway.CameraLate: true,
	gateway.AlarmAcknowledged: true, gateway.AlarmCleared: true, gateway.InputTamperCleared: true, gateway.CounterAdvanced: true,
	gateway.CommandAccepted: true, gateway.CommandDone: true, gateway.CommandRejected: true, gateway.CommandFailed: true,
	gateway.AutonomyLeft: true, gateway.AlarmShelved: true, gateway.AlarmUnshelved: true, gateway.LotCountCorrected: true,
}

// Reckon holds what the gateway reported against what happened, by id and type.
func (g *Gateway) Reckon() []Row {
	t := tally{}
	for _, truth := range g.Truths {
		for _, n := range g.expects(truth) {
			if !g.blind(n, truth.At) {
				t.row(n).Truth++
			}
		}
	}
	for _, f := range g.Faults {
		for _, n := range f.wants {
			if g.wanted(f, n, time.Minute) {
				t.row(n).Truth++
			}
		}
	}
	for _, e := range g.Events {
		n := nameOf(e.Event)
		switch {
		case told[n.kind] || g.blind(n, e.At):
		case n.kind == gateway.PassRetracted:
			t.row(name{n.id, gateway.VehiclePassed, ""}).Reported--
		default:
			t.row(n).Reported++
		}
	}
	rows := make([]Row, 0, len(t))
	for _, r := range t {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Cause, b.Cause))
	})
	return append(rows, g.Counts()...)
}

// nameOf is the row of an event.
func nameOf(e gateway.Event) name {
	n := name{e.ID, e.Type, cause(e)}
	if n.kind == gateway.ElevatorAlarmButton || n.kind == gateway.ElevatorAlarmFiltered {
		n.kind = buttonTold
	}
	return n
}

// blind tells whether a lying detector keeps everybody from knowing what a lane saw then.
func (g *Gateway) blind(n name, at time.Duration) bool {
	if n.kind.Kind() != "lane" {
		return false
	}
	return slices.ContainsFunc(g.Faults, func(f Injected) bool { return f.blinds == n.id && f.span.has(at) })
}

// cause of an event, where its row needs one.
func cause(e gateway.Event) string {
	switch d := e.Data.(type) {
	case gateway.ServiceModeData:
		return d.Mode
	case gateway.ElevatorAlarmData, gateway.AlarmClearedData:
		return ""
	case gateway.AlarmCauser:
		return d.AlarmCause()
	}
	return ""
}

// switches is what a switch of each kind of device makes the gateway say.
var switches = map[string][2]gateway.Type{
	config.KindBay:     {gateway.BayOccupied, gateway.BayVacated},
	config.KindContact: {gateway.ContactRaised, gateway.ContactCleared},
	config.KindFire:    {gateway.FireOpened, gateway.FireCleared},
}

// buttonTold is what is said of an alarm button, whether the filter found the call needless or not.
const buttonTold gateway.Type = "elevator.alarm_button or alarm_filtered"

// expects is what the gateway has to say of a truth.
func (g *Gateway) expects(t plant.Truth) []name {
	id := t.Device
	if lane, isGate := strings.CutSuffix(id, ".gate"); isGate {
		kind := map[plant.Kind]gateway.Type{
			plant.ArmUp: gateway.GateOpened, plant.ArmDown: gateway.GateClosed, plant.ArmReopens: gateway.GateObstructed, plant.ArmStopped: gateway.GateStopped, plant.ArmOff: gateway.GateArmOff,
		}[t.Kind]
		if kind == "" || g.gateOf[lane] == "" {
			return nil
		}
		return []name{{g.gateOf[lane], kind, ""}}
	}
	if g.kinds[id] == "" {
		return nil
	}
	switch t.Kind {
	case plant.VehiclePassedBackward:
		if l := g.Config.Lanes[id]; l.OneWay != nil && *l.OneWay {
			return []name{{id, gateway.WrongWay, ""}}
		}
		return []name{{id, gateway.VehiclePassed, ""}}
	case plant.SwitchRaised, plant.SwitchCleared:
		if kinds, ok := switches[g.kinds[id]]; ok {
			return []name{{id, kinds[bit(t.Kind == plant.SwitchCleared)], ""}}
		}
		return nil
	}
	var all []name
	for _, n := range tells[t.Kind] {
		all = append(all, name{id, n.kind, n.cause})
	}
	return all
}

// tells is what has to be said of the other truths.
var tells = map[plant.Kind][]name{
	plant.VehiclePassed:    {{kind: gateway.VehiclePassed}},
	plant.VehicleBackedOut: {{kind: gateway.VehicleBackedOut}},
	plant.FaultRaised:      {{kind: gateway.ElevatorFaultRaised, cause: "fault_raised"}},
	plant.FaultCleared:     {{kind: gateway.ElevatorFaultCleared, cause: "fault_raised"}},
	plant.SupplyLost:       {{kind: gateway.ElevatorFaultRaised, cause: "main_power"}},
	plant.SupplyBack:       {{kind: gateway.ElevatorFaultCleared, cause: "main_power"}},
	plant.InspectionBegins: {{kind: gateway.ElevatorServiceModeChanged, cause: "inspection"}},
	plant.InspectionEnds:   {{kind: gateway.ElevatorServiceModeChanged, cause: "normal"}},
	plant.AlarmPressed:     {{kind: buttonTold}},
	plant.PeopleTrapped: {
		{kind: gateway.ElevatorFaultRaised, cause: "fault_raised"},
		{kind: buttonTold},
		{kind: gateway.EntrapmentSuspected},
		{kind: gateway.EntrapmentConfirmed},
	},
	plant.PeopleFreed: {{kind: gateway.ElevatorFaultCleared, cause: "fault_raised"}, {kind: gateway.EntrapmentEnded}},
}

// Counts compares the numbers that are the state of a device now: vehicles in a lot by its bays and by its lanes, and what
// a meter has counted.
func (g *Gateway) Counts() (rows []Row) {
	view := g.lock.View()
	for _, id := range config.IDs(g.Config.Lots) {
		l := g.Config.Lots[id]
		d, _ := view.Device(id)
		inside, taken := g.inside(l.Lanes), 0
		for _, bay := range l.Bays {
			if g.Board.Raised(bay) {
				taken++
			}
		}
		detail, _ := d.State.Detail.(device.LotDetail)
		if len(l.Bays) > 0 {
			rows = append(rows, Row{ID: id, Type: "vehicles in bays", Truth: taken, Reported: int(detail.Occupied)})
		}
		if len(l.Lanes) > 0 && (len(l.Bays) == 0 || g.corrected(id)) {
			rows = append(rows, Row{ID: id, Type: "vehicles inside, by the lanes", Truth: inside, Reported: int(detail.Occupied + detail.Drift)})
		}
	}
	for _, id := range config.IDs(g.Config.Counters) {
		d, _ := view.Device(id)
		n, err := strconv.Atoi(d.State.Value)
		if err != nil {
			n = -1 // the meter is not known
		}
		rows = append(rows, Row{ID: id, Type: "units", Truth: int(g.Board.Units(id)), Reported: n})
	}
	return rows
}

// corrected tells whether somebody has told the lot how many are inside; before that its lanes are not compared with bays.
func (g *Gateway) corrected(lot string) bool {
	return slices.ContainsFunc(g.Events, func(e Issued) bool { return e.Event.ID == lot && e.Event.Type == gateway.LotCountCorrected })
}

// inside is how many vehicles went in at these lanes, less those that went out. What nobody could know is as the gateway took it.
func (g *Gateway) inside(lanes []string) (n int) {
	for _, e := range g.Events {
		if !slices.Contains(lanes, e.Event.ID) || !g.blind(nameOf(e.Event), e.At) {
			continue
		}
		switch d := e.Event.Data.(type) {
		case gateway.PassData:
			n += balance(d.Direction == gateway.In)
		case gateway.RetractionData:
			n -= balance(d.Direction == gateway.In)
		}
	}
	for _, t := range g.Truths {
		if !slices.Contains(lanes, t.Device) || g.blind(name{t.Device, gateway.VehiclePassed, ""}, t.At) {
			continue
		}
		switch in := g.Config.Lanes[t.Device].Direction != gateway.Out; t.Kind {
		case plant.VehiclePassed:
			n += balance(in)
		case plant.VehiclePassedBackward:
			n -= balance(in)
		}
	}
	return n
}

// balance is what one vehicle makes of those inside.
func balance(in bool) int {
	if in {
		return 1
	}
	return -1
}

// Difference is the rows that are not told as they were.
func Difference(rows []Row) []Row {
	return slices.DeleteFunc(slices.Clone(rows), Row.Told)
}

// Sum adds up what happened, by type: the table of a whole district.
func Sum(rows []Row) []Row {
	sums := tally{}
	for _, r := range rows {
		s := sums.row(name{kind: r.Type, cause: r.Cause})
		s.Truth += r.Truth
		s.Reported += r.Reported
	}
	all := slices.Collect(maps.Values(sums))
	slices.SortFunc(all, func(a, b *Row) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Cause, b.Cause)) })
	out := make([]Row, 0, len(all))
	for _, r := range all {
		out = append(out, *r)
	}
	return out
}

// Print writes rows as a table, and the difference last.
func Print(w io.Writer, rows []Row) error {
	if _, err := fmt.Fprintf(w, "%-64s %8s %8s\n", "", "truth", "reported"); err != nil {
		return err
	}
	apart := 0
	for _, r := range rows {
		mark := ""
		if !r.Told() {
			mark, apart = "  <", apart+1
		}
		if _, err := fmt.Fprintf(w, "%-64s %8d %8d%s\n", r, r.Truth, r.Reported, mark); err != nil {
			return err
		}
	}
	words := "none"
	if apart > 0 {
		words = fmt.Sprintf("%d rows", apart)
	}
	_, err := fmt.Fprintln(w, "difference:", words)
	return err
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
