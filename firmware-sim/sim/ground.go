package sim

import (
	"fmt"
	"strings"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// ground is what is so in the field now, and since when: what alarms and states are held against. It is the plant's truth;
// nothing in it comes from the gateway.
type ground struct {
	w     *world
	facts map[fact]*span
	wires map[string]string // the supervised input at the end of a wire

	pushed time.Duration            // the service button, last
	reset  map[string]time.Duration // a fire, last

	behind  map[string]uint64 // units that a counter did not count, as this run of the daemon began
	devices []gateway.MetaDevice
	states  map[string]stateOf // as they were retained at the last look
}

// fact is one thing that is so, or not.
type fact struct{ id, what string }

// What can be so.
const (
	raised    = "raised"    // a switch
	covered   = "covered"   // a zone
	lies      = "lies"      // a detector says "present", whatever is there
	talks     = "talks"     // a neighbour disturbs a detector
	armOff    = "arm off"   // by lane
	armUp     = "arm up"    // at its upper limit, by lane
	armDown   = "arm down"  // at its lower one
	failed    = "failed"    // a lift
	trapped   = "trapped"   // somebody in a lift
	dark      = "dark"      // a lift without supply
	inspected = "inspected" // a lift
	pressed   = "pressed"   // the button of a lift; its end is when that was last
	down      = "down"      // a camera, in any way
	restarts  = "restarts"  // a camera that starts again and again
	loose     = "loose"     // the wire of a switch
	cutWire   = "open"      // a supervised wire, as its input calls it
	shortWire = "short"
)

func newGround(w *world) *ground {
	g := &ground{
		w: w, facts: map[fact]*span{}, wires: map[string]string{}, reset: map[string]time.Duration{},
		devices: w.cfg.Devices(), states: map[string]stateOf{}, behind: map[string]uint64{},
	}
	for _, id := range config.IDs(w.cfg.Inputs) {
		g.wires[w.field.Terminal(id)] = id
	}
	for _, id := range config.IDs(w.cfg.Gates) { // arms rest down
		g.set(g.lane(id), armDown, true, 0)
	}
	return g
}

// lane of a gate, as the plant names its barrier.
func (g *ground) lane(gate string) string {
	if l := g.w.cfg.Gates[gate].Lane; l != "" {
		return l
	}
	return gate
}

func (g *ground) set(id, what string, on bool, at time.Duration) {
	f := fact{id, what}
	if g.facts[f] == nil {
		g.facts[f] = &span{}
	}
	g.facts[f].set(on, at)
}

// is tells how a fact stands; it never was so where nothing is known of it.
func (g *ground) is(id, what string) span {
	if s := g.facts[fact{id, what}]; s != nil {
		return *s
	}
	return span{}
}

// either is one fact of several: it began with the first that stands, or ended with the last.
func either(all ...span) (s span) {
	for _, o := range all {
		switch {
		case o.on && (!s.on || o.since < s.since), !s.on && !o.on && o.since > s.since:
			s = o
		}
	}
	return s
}

// tell is told of what happens in the field.
func (g *ground) tell(at time.Duration, what fmt.Stringer) {
	switch what := what.(type) {
	case plant.Truth:
		g.truth(at, what)
	case rig.WireAct:
		if id, ok := g.wires[what.Line]; ok {
			g.set(id, cutWire, what.Life == rig.Cut, at)
			g.set(id, shortWire, what.Life == rig.Grounded, at)
		}
	case rig.Loosen:
		g.lasting(what.Switch, loose, at, what.For)
	case rig.CameraAct:
		g.handle(at, what)
	}
}

// lasting is a fact that ends by itself, and of whose end nobody tells.
func (g *ground) lasting(id, what string, at, long time.Duration) {
	g.set(id, what, true, at)
	g.w.agenda.at(at+long, func() { g.set(id, what, false, at+long) })
}

// handle is what is done to a camera, and not what its program does, which the current of its supply does not tell.
func (g *ground) handle(at time.Duration, a rig.CameraAct) {
	g.set(a.Camera, down, a.Life != rig.Starts, at)
	if a.Life == rig.Loops {
		g.lasting(a.Camera, restarts, at, 5*time.Minute)
	}
}

// facts that truths begin and end.
var begins = map[plant.Kind]string{
	plant.SwitchRaised: raised, plant.ZoneCovered: covered, plant.DetectorFailed: lies, plant.DetectorDrifts: lies,
	plant.ArmOff: armOff, plant.ArmUp: armUp, plant.ArmDown: armDown, plant.FaultRaised: failed, plant.PeopleTrapped: trapped,
	plant.SupplyLost: dark, plant.InspectionBegins: inspected,
}

var ends = map[plant.Kind][]string{
	plant.SwitchCleared: {raised}, plant.ZoneCleared: {covered}, plant.DetectorTuned: {lies}, plant.ArmMounted: {armOff},
	plant.ArmOpening: {armDown}, plant.ArmClosing: {armUp}, plant.FaultCleared: {failed}, plant.PeopleFreed: {trapped},
	plant.SupplyBack: {dark}, plant.InspectionEnds: {inspected},
}

func (g *ground) truth(at time.Duration, t plant.Truth) {
	id := strings.TrimSuffix(t.Device, ".gate")
	for _, what := range ends[t.Kind] {
		g.set(id, what, false, at)
	}
	if what := begins[t.Kind]; what != "" {
		g.set(id, what, true, at)
	}
	if t.Kind == plant.SwitchRaised && id == g.w.cfg.Service.Button {
		g.pushed = at
	}
	switch t.Kind {
	case plant.Crosstalk:
		g.lasting(id, talks, at, 2*time.Minute+time.Second)
	case plant.AlarmPressed, plant.PeopleTrapped: // who is trapped will press it
		g.set(id, pressed, true, at)
		g.set(id, pressed, false, at)
	}
}
