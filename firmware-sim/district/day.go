package district

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// Injected is something that goes wrong on purpose, and what the gateway has to say of it: each once.
type Injected struct {
	At     time.Duration
	What   string
	wants  []name
	blinds string // lane of which nobody can tell anything meanwhile
	span   span

	shows func(*Gateway) certainty // whether anybody could see it come to what was planned; nil = it is plain
}

// Day is what goes on at a configuration in 24 hours, beginning at midnight.
type Day struct {
	Cues   []rig.Cue
	Faults []Injected

	cfg    *config.Config
	chance *rand.Rand
	free   map[string]time.Duration // when the next may come to a lane
	acts   []func(*Gateway)         // what people do about the gateway
}

const dayLength = 24 * time.Hour

// NewDay writes the day of a configuration: vehicles that come, park and leave again, and one of each thing that can go
// wrong with what the configuration has.
func NewDay(cfg *config.Config, seed uint64) *Day {
	d := &Day{cfg: cfg, chance: plant.Seed(seed).For("day of " + cfg.Gateway.ID), free: map[string]time.Duration{}}
	d.barriers()
	d.vehicles()
	d.sensors()
	d.people()
	d.elevators()
	d.cameras()
	slices.SortStableFunc(d.Cues, func(a, b rig.Cue) int { return cmp.Compare(a.At, b.At) })
	slices.SortStableFunc(d.Faults, func(a, b Injected) int { return cmp.Compare(a.At, b.At) })
	return d
}

// OpenDay opens a gateway on its day.
func OpenDay(cfg *config.Config, seed uint64) (*Gateway, error) {
	return NewDay(cfg, seed).open(seed, Open)
}

// Build is OpenDay of a day that is written already, without a gateway: Start comes next. With real hardware the gateway
// reads pins and chips itself.
func (d *Day) Build(seed uint64, real bool) (*Gateway, error) {
	return d.open(seed, func(cfg *config.Config, seed uint64, scenario rig.Scenario) (*Gateway, error) {
		return build(cfg, seed, scenario, real)
	})
}

// Cut leaves of the day what happens from a time to another.
func (d *Day) Cut(from, to time.Duration) {
	beside := func(at time.Duration) bool { return at < from || at >= to }
	d.Cues = slices.DeleteFunc(d.Cues, func(c rig.Cue) bool { return beside(c.At) })
	d.Faults = slices.DeleteFunc(d.Faults, func(f Injected) bool { return beside(f.At) })
}

func (d *Day) open(seed uint64, make func(*config.Config, uint64, rig.Scenario) (*Gateway, error)) (*Gateway, error) {
	g, err := make(d.cfg, seed, rig.Script(d.Cues...))
	if err != nil {
		return nil, err
	}
	g.Faults = d.Faults
	for _, act := range d.acts {
		act(g)
	}
	g.attended = true
	return g, nil
}

func (d *Day) cue(at time.Duration, do rig.Action) { d.Cues = append(d.Cues, rig.Cue{At: at, Do: do}) }

func (d *Day) between(from, to time.Duration) time.Duration {
	return plant.Span{Min: from, Max: to}.Draw(d.chance)
}

// fault notes what goes wrong.
func (d *Day) fault(at time.Duration, what string, wants ...name) *Injected {
	d.Faults = append(d.Faults, Injected{At: at, What: what, wants: wants})
	return &d.Faults[len(d.Faults)-1]
}

func clock(hours, minutes int) time.Duration {
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
}

// barriers has the trouble of lanes and their gates in the small hours, when the lanes are ours: nobody comes before five.
func (d *Day) barriers() {
	at := clock(0, 10)
	for _, id := range config.IDs(d.cfg.Lanes) {
		l := d.cfg.Lanes[id]
		gate := ""
		for _, g := range config.IDs(d.cfg.Gates) {
			if d.cfg.Gates[g].Lane == id {
				gate = g
			}
		}
		if gate != "" {
			at = d.barrier(at, id, gate)
		}
		at = d.detectors(at, id, l)
	}
}

// sedan is a vehicle whose times are known: at the barrier 2.6 s after it came, its ticket 3 s later.
func sedan() plant.Vehicle {
	return plant.Vehicle{
		Length: plant.Metres(4.2), Speed: 2 * plant.MetrePerSecond, Gap: plant.Metres(2.5),
		Plan: []plant.Leg{{To: plant.StandardLane().Hold, Pause: 3 * time.Second, Ticket: true}},
	}
}

func (d *Day) barrier(at time.Duration, lane, gate string) time.Duration {
	const apart = 5 * time.Minute
	s := time.Second
	d.fault(at, gate+" jams while it opens", name{gate, gateway.GateFault, "travel_timeout"}).shows = jamsUnderWay(lane, at+8*s)
	d.cue(at, rig.Enter{Lane: lane, Vehicle: sedan()})
	d.cue(at+8*s, rig.Jam{Lane: lane})
	d.cue(at+30*s, rig.Jam{Lane: lane, Freed: true})
	at += apart
	d.fault(at, "something is below the arm of "+gate)
	d.cue(at, rig.Enter{Lane: lane, Vehicle: sedan()})
	d.cue(at+12*s, rig.Obstruct{Lane: lane, Percent: 50})
	d.cue(at+40*s, rig.Obstruct{Lane: lane})
	at += apart
	if d.cfg.Gates[gate].Arm != "" {
		d.fault(at, "somebody drives the arm of "+gate+" off")
		d.cue(at, rig.Knock{Lane: lane})
		d.cue(at+time.Minute, rig.Knock{Lane: lane, Mounted: true})
		at += apart
	}
	d.fault(at, "somebody lifts the arm of "+gate+" by hand, and one comes through the wrong way")
	d.cue(at, rig.Hand{Lane: lane})
	d.cue(at+10*s, rig.Enter{Lane: lane, Vehicle: plant.Vehicle{Length: plant.Metres(4), Speed: 2 * plant.MetrePerSecond, Far: true}})
	d.cue(at+40*s, rig.Hand{Lane: lane, Down: true})
	return at + apart
}

// detectors lie, each for a while.
func (d *Day) detectors(at time.Duration, lane string, l config.Lane) time.Duration {
	const apart = 20 * time.Minute
	for _, part := range []struct {
		loop, detector string
	}{{l.A, lane + ".a"}, {l.B, lane + ".b"}} {
		if part.loop == "" || d.cfg.Loops[part.loop].MaxPresence == 0 {
			continue
		}
		for _, lie := range []struct {
			what      string
			from, end rig.Action
		}{
			{"has no power", rig.Detector{Name: part.detector, NoPower: true}, rig.Detector{Name: part.detector}},
			{"drifts", rig.DetectorAct{Name: part.detector, Life: rig.Drifts}, rig.DetectorAct{Name: part.detector, Life: rig.Tunes}},
		} {
			f := d.fault(at, "the detector of "+part.loop+" "+lie.what, name{part.loop, gateway.LoopFault, "max_presence"})
			f.blinds, f.span = lane, span{at - time.Second, at + apart - time.Minute}
			d.cue(at, lie.from)
			d.cue(at+d.cfg.Loops[part.loop].MaxPresence+2*time.Minute, lie.end)
			at += apart
		}
		if d.cfg.Loops[part.loop].Erratic == 0 {
			continue
		}
		f := d.fault(at, "a neighbour disturbs the detector of "+part.loop, name{part.loop, gateway.LoopFault, "erratic"})
		f.blinds, f.span = lane, span{at - time.Second, at + 6*time.Minute}
		d.cue(at, rig.DetectorAct{Name: part.detector, Life: rig.Talks})
		at += apart
	}
	return at
}

// vehicles come, park and leave again from five in the morning on.
func (d *Day) vehicles() {
	var in, out []string
	for _, id := range config.IDs(d.cfg.Lanes) {
		if d.cfg.Lanes[id].Direction == gateway.In {
			in = append(in, id)
		} else {
			out = append(out, id)
		}
	}
	if len(in) == 0 {
		return
	}
	type leaving struct {
		at  time.Duration
		bay string
	}
	bays := config.IDs(d.cfg.Bays)
	if len(bays) > 2 {
		bays = bays[:len(bays)-1] // the last one is for a loose wire
	}
	var parked []leaving
	for at := clock(5, 0); at < clock(23, 0); at += d.between(5*time.Second, d.gap(at)) {
		for len(parked) > 0 && parked[0].at <= at {
			p := parked[0]
			parked = parked[1:]
			d.cue(p.at, rig.Move{Switch: p.bay, Rest: true})
			bays = append(bays, p.bay)
			if len(out) > 0 {
				d.comes(out[d.chance.IntN(len(out))], p.at+d.between(30*time.Second, 2*time.Minute))
			}
		}
		lane := in[d.chance.IntN(len(in))]
		switch n := d.chance.IntN(100); {
		case n < 6:
			d.backsOut(lane, at)
			continue
		case len(bays) == 0: // full: it does not even come
			continue
		}
		came := d.comes(lane, at)
		bay := bays[0]
		bays = bays[1:]
		stands := came + d.between(90*time.Second, 4*time.Minute)
		d.cue(stands, rig.Move{Switch: bay})
		p := leaving{stands + d.between(8*time.Minute, 70*time.Minute), bay}
		i, _ := slices.BinarySearchFunc(parked, p, func(a, b leaving) int { return cmp.Compare(a.at, b.at) })
		parked = slices.Insert(parked, i, p)
	}
}

// gap is the longest time to the next vehicle: short in the rush hours.
func (d *Day) gap(at time.Duration) time.Duration {
	switch at / time.Hour {
	case 7, 8, 9, 17, 18, 19:
		return 40 * time.Second
	}
	return 75 * time.Second
}

// comes lets a vehicle come to a lane, as soon as the lane is not too long, and returns when. Queues form by themselves.
func (d *Day) comes(lane string, at time.Duration) time.Duration {
	at = max(at, d.free[lane])
	v := d.vehicle()
	d.cue(at, rig.Enter{Lane: lane, Vehicle: v})
	d.free[lane] = at + 3*time.Second
	if v.Bold || d.chance.IntN(4) > 0 { // else somebody is right behind it
		d.free[lane] = at + 25*time.Second
	}
	return at
}

// vehicle is a car, mostly; a motorcycle, a van, or a car with a trailer.
func (d *Day) vehicle() plant.Vehicle {
	v := plant.Vehicle{
		Length: plant.Length(3600+d.chance.IntN(1600)) * plant.Millimetre,
		Speed:  plant.Speed(1400+d.chance.IntN(1400)) * plant.MillimetrePerSecond,
		Gap:    plant.Metres(2.5),
		Plan:   []plant.Leg{{To: plant.StandardLane().Hold, Pause: d.between(2*time.Second, 5*time.Second), Ticket: true}},
	}
	switch n := d.chance.IntN(100); {
	case n < 8: // a motorcycle
		v.Length = plant.Length(1900+d.chance.IntN(400)) * plant.Millimetre
	case n < 12: // a van
		v.Length = plant.Length(6000+d.chance.IntN(2000)) * plant.Millimetre
	case n < 16:
		v.Hitch, v.Tow = plant.Length(800+d.chance.IntN(700))*plant.Millimetre, plant.Length(2000+d.chance.IntN(2000))*plant.Millimetre
	}
	return v
}

// backsOut comes to the ticket machine and leaves again. Nobody may be behind.
func (d *Day) backsOut(lane string, at time.Duration) {
	at = max(at, d.free[lane]+45*time.Second)
	v := d.vehicle()
	v.Hitch, v.Tow = 0, 0
	v.Plan = []plant.Leg{{To: plant.StandardLane().Hold, Pause: d.between(2*time.Second, 6*time.Second)}, {To: -plant.Metre, Speed: v.Speed / 2}}
	d.cue(at, rig.Enter{Lane: lane, Vehicle: v})
	d.free[lane] = at + time.Minute
}

// CenterAway is from when until when the day has the center out of reach.
func CenterAway() (from, to time.Duration) { return clock(15, 0), clock(15, 10) }

// sensors of the building are raised, and one wire comes loose.
func (d *Day) sensors() {
	for _, id := range config.IDs(d.cfg.Contacts) {
		for range 1 + d.chance.IntN(3) {
			at := d.between(clock(0, 5), clock(7, 0)) + time.Duration(d.chance.IntN(3))*clock(8, 0)
			for _, c := range d.Cues { // one after another
				if m, ok := c.Do.(rig.Move); ok && m.Switch == id {
					at = max(at, c.At+30*time.Minute)
				}
			}
			at = min(at, dayLength-clock(0, 40))
			d.cue(at, rig.Move{Switch: id})
			d.cue(at+d.between(5*time.Minute, 20*time.Minute), rig.Move{Switch: id, Rest: true})
		}
	}
	if bays := config.IDs(d.cfg.Bays); len(bays) > 2 {
		bay := bays[len(bays)-1]
		at := clock(10, 0)
		input := d.cfg.Bays[bay].Input
		line := terminal(d.cfg.Points[input])
		d.fault(at, "the wire of "+bay+" is loose", name{input, gateway.InputChattering, ""}).shows = chatters(input, line, at)
		d.acts = append(d.acts, func(g *Gateway) { g.glimpse(line) })
		d.cue(at, rig.Loosen{Switch: bay, For: 90 * time.Second, Pauses: plant.Span{Min: 50 * time.Millisecond, Max: 600 * time.Millisecond}})
	}
}

// people test the fire input, turn the key and push the button, before five; and for ten minutes the center is away.
func (d *Day) people() {
	at := clock(4, 20)
	for _, id := range config.IDs(d.cfg.Fires) {
		d.fault(at, "the fire alarm "+id+" is tested", name{id, gateway.FireReset, ""})
		d.cue(at, rig.Move{Switch: id})
		d.cue(at+time.Minute, rig.Move{Switch: id, Rest: true})
		d.acts = append(d.acts, func(g *Gateway) {
			g.At(at+2*time.Minute, func() { g.Order(id, gateway.ResetFire, gateway.Args{}) })
		})
	}
	if key := d.cfg.Service.Lockout; key != "" {
		at += 5 * time.Minute
		d.fault(at, "somebody turns the key", name{gateway.GatewayID, gateway.LockoutOn, ""}, name{gateway.GatewayID, gateway.LockoutOff, ""})
		d.cue(at, rig.Move{Switch: key})
		d.cue(at+time.Minute, rig.Move{Switch: key, Rest: true})
	}
	if button := d.cfg.Service.Button; button != "" {
		at += 5 * time.Minute
		d.fault(at, "somebody pushes the service button", name{gateway.GatewayID, gateway.MaintenanceOpened, ""}, name{gateway.GatewayID, gateway.MaintenanceClosed, ""})
		d.cue(at, rig.Move{Switch: button})
		d.cue(at+2*time.Second, rig.Move{Switch: button, Rest: true})
	}
	if door := d.cfg.Service.Cabinet; door != "" {
		at += 15 * time.Minute
		d.fault(at, "somebody opens the cabinet", name{gateway.GatewayID, gateway.CabinetOpened, ""}, name{gateway.GatewayID, gateway.CabinetClosed, ""})
		d.cue(at, rig.Move{Switch: door})
		d.cue(at+time.Minute, rig.Move{Switch: door, Rest: true})
	}
	d.acts = append(d.acts, func(g *Gateway) {
		from, to := CenterAway()
		g.At(from, func() { g.Center(false) })
		g.At(to, func() { g.Center(true) })
		for _, id := range config.IDs(g.Config.Lots) {
			if len(g.Config.Lots[id].Lanes) > 0 { // in the morning somebody has counted: nobody is there
				g.At(clock(0, 1), func() { g.Order(id, gateway.SetCount, gateway.Args{Value: new(int64)}) })
			}
		}
	})
}

func (d *Day) elevators() {
	for _, id := range config.IDs(d.cfg.Elevators) {
		at := d.between(clock(0, 30), clock(2, 0))
		for _, do := range d.shuffled([][2]rig.LiftLife{
			{rig.Traps, rig.Frees}, {rig.Fails, rig.Works}, {rig.Darkens, rig.Lights}, {rig.Inspects, rig.Serves}, {rig.Rings, rig.Rings}, {rig.Traps, rig.Frees},
		}) {
			d.cue(at, rig.LiftAct{Lift: id, Life: do[0]})
			if do[0] != do[1] {
				d.cue(at+d.between(15*time.Minute, 25*time.Minute), rig.LiftAct{Lift: id, Life: do[1]})
			}
			at += d.between(clock(2, 0), clock(3, 0))
		}
		for _, in := range config.IDs(d.cfg.Inputs) {
			if in != d.cfg.Elevators[id].Fault && in != d.cfg.Elevators[id].AlarmButton {
				continue
			}
			line := terminal(d.cfg.Points[d.cfg.Inputs[in].Point])
			for _, w := range []struct {
				life rig.WireLife
				word string
			}{{rig.Cut, "open"}, {rig.Grounded, "short"}} {
				d.fault(at, "the wire of "+in+": "+w.word, name{in, gateway.InputTamper, w.word})
				d.cue(at, rig.WireAct{Line: line, Life: w.life})
				d.cue(at+5*time.Minute, rig.WireAct{Line: line, Life: rig.Mended})
				at += 20 * time.Minute
			}
		}
	}
}

func (d *Day) shuffled(all [][2]rig.LiftLife) [][2]rig.LiftLife {
	d.chance.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// cameras fail one after another, and each group once as a whole.
func (d *Day) cameras() {
	at := clock(0, 20)
	for n, id := range config.IDs(d.cfg.Cameras) {
		life, kind := rig.Dies, gateway.CameraOffline
		switch pulse := d.cfg.Cameras[id].Heartbeat != ""; {
		case pulse && n%3 == 1:
			life = rig.Hangs
		case pulse && n%3 == 2:
			life, kind = rig.HangsClosed, gateway.CameraHeartbeatStuck
		case pulse:
		case n%4 == 0:
			kind = gateway.CameraPowerLost
		case n%4 == 1:
			life, kind = rig.Hangs, gateway.CameraHungOrDark
		case n%4 == 2:
			life, kind = rig.Sickens, gateway.CameraOvercurrent
		default:
			life, kind = rig.Loops, gateway.CameraRebootLoop
		}
		d.fault(at, fmt.Sprint(rig.CameraAct{Camera: id, Life: life}), name{id, kind, ""})
		d.cue(at, rig.CameraAct{Camera: id, Life: life})
		d.cue(at+8*time.Minute, rig.CameraAct{Camera: id, Life: rig.Starts})
		at += 30 * time.Minute
	}
	at = max(at, clock(17, 0))
	for _, id := range config.IDs(d.cfg.CameraGroups) {
		d.fault(at, "all cameras of "+id+" lose their power", name{id, gateway.CameraGroupOutage, ""})
		for _, c := range d.cfg.CameraGroups[id].Cameras {
			d.cue(at, rig.CameraAct{Camera: c, Life: rig.Dies})
			d.cue(at+10*time.Minute, rig.CameraAct{Camera: c, Life: rig.Starts})
		}
		at += clock(1, 0)
	}
}
