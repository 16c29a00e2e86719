package district

import (
	"regexp"
	"slices"
	"time"

	"periph.io/x/conn/v3/physic"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/config"
)

// Site is the field of a configuration, wired as it says. Things have the ids of their devices; the barrier of a gate stands
// on the gate's lane, or on one with its own id. A fire input is a switch with the id of its fire; key switch, service button,
// cabinet door and mains are switches with the ids of their points, a safety input that is a wire is the photocell of the lane, and further ones are switches.
func Site(cfg *config.Config) rig.Site {
	s := site{cfg: cfg}
	s.chips()
	s.lanes()
	s.elevators()
	s.cameras()
	s.switches()
	return s.out
}

type site struct {
	cfg *config.Config
	out rig.Site
}

var busNumber = regexp.MustCompile(`^I2C(\d+)$`)

// chips are those that the rig has models of. What they would measure is in Gauges all the same.
func (s *site) chips() {
	for _, id := range config.IDs(s.cfg.Chips) {
		c := s.cfg.Chips[id]
		kind := c.Kind
		if kind == config.TCA9555 || kind == config.PCA9535 { // the same to the eye of a bus
			kind = config.PCA9555
		}
		if !slices.Contains(rig.Kinds(), kind) {
			continue
		}
		device := busNumber.ReplaceAllString(s.cfg.Buses[c.Bus].Device, "/dev/i2c-$1")
		chip := rig.Chip{Name: id, Kind: kind, Bus: device, Address: c.Address, Interrupt: c.Interrupt}
		if c.Supply != nil {
			chip.Shunt, chip.Supply = physic.ElectricResistance(c.Supply.Shunt)*physic.MicroOhm, physic.ElectricPotential(c.Supply.Nominal)*physic.MicroVolt
		}
		s.out.Chips = append(s.out.Chips, chip)
	}
}

// terminal of a point, as the rig calls it.
func terminal(p config.Point) string {
	if p.Line != "" {
		return p.Line
	}
	return p.Chip + "." + p.Pin
}

// wire leads from a contact that is closed when it has something to say to the point that is active then. What is no point
// is a supervised input.
func (s *site) wire(from, to string) {
	if in, ok := s.cfg.Inputs[to]; ok {
		s.out.Gauges = append(s.out.Gauges, rig.Gauge{From: from, To: terminal(s.cfg.Points[in.Point]), Opens: in.Contact == "opens"})
		return
	}
	p, ok := s.cfg.Points[to]
	if !ok {
		return
	}
	w := rig.Wire{From: from, To: terminal(p)}
	if p.Active == config.ActiveHigh {
		w.NormallyClosed = p.Bias == config.BiasUp // it opens to speak
		w.ActiveHigh = p.Bias != config.BiasUp
	}
	s.out.Wires = append(s.out.Wires, w)
}

// Times of every barrier's own controller.
const (
	autoClose = 2 * time.Second
	noPassage = 45 * time.Second
)

func (s *site) lanes() {
	gateOf := map[string]string{}
	for _, id := range config.IDs(s.cfg.Gates) {
		if lane := s.cfg.Gates[id].Lane; lane != "" {
			gateOf[lane] = id
		} else {
			gateOf[id] = id
			s.lane(id, config.Lane{}, id)
		}
	}
	for _, id := range config.IDs(s.cfg.Lanes) {
		s.lane(id, s.cfg.Lanes[id], gateOf[id])
	}
}

func (s *site) lane(id string, l config.Lane, gate string) {
	g := s.cfg.Gates[gate]
	o := plant.LaneOptions{
		Loops: plant.LoopDetector(), Beam: plant.Photocell(),
		Barrier: plant.BarrierOptions{Travel: g.Travel, Bounce: plant.LimitSwitch(), AutoClose: autoClose, NoPassage: noPassage},
	}
	if s.cfg.Loops[l.A].Output == config.OutputPulse {
		o.Loops.Pulse = 150 * time.Millisecond
	}
	s.out.Lanes = append(s.out.Lanes, rig.Lane{Name: id, LaneOptions: o})
	for _, part := range []struct{ name, loop string }{{".a", l.A}, {".b", l.B}} {
		s.wire(id+part.name, s.cfg.Loops[part.loop].Input)
		s.wire(id+part.name+".fault", s.cfg.Loops[part.loop].Fault)
	}
	if gate == "" {
		return
	}
	s.wire(id+".gate.open", g.OpenLimit)
	s.wire(id+".gate.closed", g.ClosedLimit)
	s.wire(id+".gate.off", g.Arm)
	s.switched(g.Manual, g.Manual)
	s.switched(g.Force, g.Force)
	beam := false
	for _, part := range g.Safety {
		switch _, isPoint := s.cfg.Points[part]; {
		case !isPoint:
		case !beam:
			beam = true
			s.wire(id+".photocell", part)
		default:
			s.switched(part, part)
		}
	}
	input := map[string]plant.Input{"open": plant.OpenInput, "close": plant.CloseInput, "stop": plant.StopInput}
	for name, out := range g.Outputs.All() {
		if out.Line != "" {
			s.out.Relays = append(s.out.Relays, rig.Relay{Line: out.Line, Lane: id, Input: input[name], ActiveLow: out.Active == config.ActiveLow})
		}
	}
}

func (s *site) elevators() {
	for _, id := range config.IDs(s.cfg.Elevators) {
		e := s.cfg.Elevators[id]
		s.out.Lifts = append(s.out.Lifts, rig.Lift{Name: id, Bounce: plant.RelayContact()})
		s.wire(id+".fault", e.Fault)
		s.wire(id+".button", e.AlarmButton)
		s.wire(id+".zone", e.DoorZone)
		s.wire(id+".closed", e.DoorClosed)
		s.wire(id+".moving", e.Moving)
		s.wire(id+".inspection", e.Inspection)
		s.wire(id+".supply", e.Supply)
		s.wire(id+".key", e.AlarmEnd)
		for _, name := range config.IDs(e.Faults) {
			s.switched(e.Faults[name], e.Faults[name])
		}
		for _, point := range []string{e.FireMode, e.Presence, e.Test} {
			s.switched(point, point)
		}
	}
}

func (s *site) cameras() {
	for _, id := range config.IDs(s.cfg.Cameras) {
		c := s.cfg.Cameras[id]
		period := c.Period
		if period == 0 {
			period = time.Minute
		}
		s.out.Cameras = append(s.out.Cameras, rig.Camera{Name: id, CameraOptions: plant.CameraOptions{Period: period, Jitter: period / 300}})
		if c.Supply != "" {
			s.out.Gauges = append(s.out.Gauges, rig.Gauge{From: id + ".supply", To: terminal(s.cfg.Points[c.Supply])})
			continue
		}
		s.wire(id+".heartbeat", c.Heartbeat)
	}
}

// switched adds a switch at a point.
func (s *site) switched(name, point string) {
	if point == "" {
		return
	}
	s.out.Switches = append(s.out.Switches, rig.Switch{Name: name, Bounce: plant.RelayContact()})
	s.wire(name+".contact", point)
}

func (s *site) switches() {
	cfg := s.cfg
	for _, id := range config.IDs(cfg.Bays) {
		point := cfg.Bays[id].Input
		if l, ok := cfg.Loops[point]; ok {
			point = l.Input
		}
		s.switched(id, point)
	}
	for _, id := range config.IDs(cfg.Contacts) {
		s.switched(id, cfg.Contacts[id].Input)
	}
	for _, id := range config.IDs(cfg.Fires) {
		s.switched(id, cfg.Fires[id].Input)
	}
	for _, point := range []string{cfg.Service.Lockout, cfg.Service.Button, cfg.Service.Mains, cfg.Service.Cabinet} {
		s.switched(point, point)
	}
	for _, id := range config.IDs(cfg.Counters) {
		s.out.Meters = append(s.out.Meters, rig.Meter{Name: id, Flow: plant.Span{Min: 3 * time.Second, Max: 12 * time.Second}})
		s.wire(id+".pulse", cfg.Counters[id].Input)
	}
	for _, id := range config.IDs(cfg.Lots) {
		if sign := cfg.Lots[id].Sign; sign != nil {
			s.out.Relays = append(s.out.Relays, rig.Relay{Line: sign.Line, Lamp: id + " sign", ActiveLow: sign.Active == config.ActiveLow})
		}
	}
}
