package daemon

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"lotusgate/drivers/line"
	"lotusgate/drivers/meter"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
)

// attach turns a checked configuration into what the core is made of.
type attach struct {
	cfg     *config.Config
	hw      Hardware
	clock   *clock
	relays  *relays
	out     field.Config
	lines   []line.Input
	points  map[string]int // id → index into out.Points
	devices map[string]int // id → index into out.Devices
	sources map[string]int // chip id → index into out.Sources
	buses   []bus
}

// attachConfig makes it; clock is the one that a real-time clock on a bus serves.
func attachConfig(cfg *config.Config, hw Hardware, clock *clock, r *relays) *attach {
	a := &attach{
		cfg: cfg, hw: hw, clock: clock, relays: r,
		points: map[string]int{}, devices: map[string]int{}, sources: map[string]int{},
	}
	a.out.Sources = []field.SourceConfig{{ID: field.GPIO, Kind: field.GPIO, Where: "GPIO", Bus: field.GPIO}}
	for _, id := range config.IDs(cfg.Chips) {
		c := cfg.Chips[id]
		if a.chipOf(id).idle() {
			continue
		}
		a.sources[id] = len(a.out.Sources)
		a.out.Sources = append(a.out.Sources, field.SourceConfig{
			ID: id, Kind: c.Kind, Bus: c.Bus, Where: fmt.Sprintf("%s %#02x", cfg.Buses[c.Bus].Device, c.Address),
		})
	}
	a.out.Recorded = recordable(cfg)
	a.addPoints()
	a.addBuses()
	lines := slices.Clone(a.lines)
	a.out.Lines = &field.LinesConfig{Source: 0, Count: len(lines), Wires: fmt.Sprint(lines), Open: func(channels []int) (field.Lines, []error) {
		return hw.openLines(lines, channels)
	}}
	if len(lines) == 0 {
		a.out.Lines = nil
	}
	a.addInternal()
	devices := cfg.Devices()
	slices.SortStableFunc(devices, func(x, y gateway.MetaDevice) int { return cmp.Compare(rank(x.Kind), rank(y.Kind)) })
	for _, meta := range devices {
		a.addDevice(meta)
	}
	return a
}

// rank orders the kinds so that a device comes after those it is made of.
func rank(kind string) int {
	switch kind {
	case config.KindLoop, config.KindInput:
		return 0
	case config.KindLane, config.KindFire:
		return 1
	case config.KindCameraGroup, config.KindLot:
		return 3
	}
	return 2
}

// Kinds of internal devices.
const (
	kindCenter  = "center"
	kindKey     = "key"
	kindWindow  = "window"
	kindPresent = "autonomy"
	kindFree    = "free exit"
	kindNight   = "night"
	kindMains   = "mains"
	kindCabinet = "cabinet"
)

// How long the mains must be gone, and the door of the cabinet open, to count.
const (
	mainsAfter   = time.Second
	cabinetAfter = time.Second
)

// addInternal makes the devices that nobody sees: the center, key switch, maintenance window and what else the cabinet
// has. The autonomy of a lane comes with its gate.
func (a *attach) addInternal() {
	a.internal(kindCenter, gateway.GatewayID, field.BoxKept(device.NewCenter()))
	if p := a.cfg.Service.Lockout; p != "" {
		a.internal(kindKey, gateway.GatewayID, field.BoxKept(device.NewKey()), a.point(device.RoleInput, 0, p))
	}
	if p := a.cfg.Service.Button; p != "" {
		a.internal(kindWindow, gateway.GatewayID, field.BoxKept(device.NewWindow(a.cfg.Service.Window)), a.point(device.RoleInput, 0, p))
		a.out.Devices[len(a.out.Devices)-1].Relays = a.relays.of(beeper)
	}
	if p := a.cfg.Service.Mains; p != "" {
		m := device.NewCondition(gateway.PowerLost, gateway.PowerRestored, mainsAfter).Inverted()
		a.internal(kindMains, gateway.GatewayID, field.BoxKept(m), a.point(device.RoleInput, 0, p))
	}
	if p := a.cfg.Service.Cabinet; p != "" {
		m := device.NewCondition(gateway.CabinetOpened, gateway.CabinetClosed, cabinetAfter)
		a.internal(kindCabinet, gateway.GatewayID, field.BoxKept(m), a.point(device.RoleInput, 0, p))
	}
	if a.cfg.Gateway.Night != "" {
		a.internal(kindNight, gateway.GatewayID, field.Box(device.NewNight()))
	}
}

// internal adds a device by its kind; its events bear id.
func (a *attach) internal(kind, id string, m field.Stepper, parts ...field.Part) {
	a.devices["internal "+kind] = len(a.out.Devices)
	a.out.Devices = append(a.out.Devices, field.DeviceConfig{
		Meta: gateway.MetaDevice{ID: id, Kind: kind}, Machine: m, Parts: parts, Internal: true,
	})
}

// within is a part that is an internal device, if there is one.
func (a *attach) within(role device.Role, kind string) []field.Part {
	n, ok := a.devices["internal "+kind]
	if !ok {
		return nil
	}
	return []field.Part{{Role: role, Point: -1, Device: n}}
}

var lineBias = map[config.Bias]line.Bias{
	config.BiasAsIs: line.AsIs, config.BiasUp: line.PullUp, config.BiasDown: line.PullDown, config.BiasNone: line.Float,
}

func (a *attach) addPoints() {
	for _, id := range config.IDs(a.cfg.Points) {
		p := a.cfg.Points[id]
		pc := field.PointConfig{
			ID: id, Label: p.Label, ActiveLow: p.Active == config.ActiveLow, Settle: *p.Settle, Budget: uint32(*p.Budget),
			Unit: a.cfg.Chips[p.Chip].Unit(p.Pin),
		}
		if p.Line != "" {
			pc.Channel, pc.Terminal = len(a.lines), p.Line
			a.lines = append(a.lines, line.Input{Name: p.Line, Bias: lineBias[p.Bias], Debounce: p.Debounce})
		} else {
			pc.Source, pc.Channel, pc.Terminal = a.sources[p.Chip], a.channel(p), p.Chip+" "+p.Pin
		}
		a.points[id] = len(a.out.Points)
		a.out.Points = append(a.out.Points, pc)
	}
}

// channel of a point on its chip; the configuration was checked, so the pin exists.
func (a *attach) channel(p config.Point) int { return a.pin(p.Chip, p.Pin) }

func (a *attach) pin(chip, pin string) int {
	n, err := config.ChannelOf(a.cfg.Chips[chip].Kind, pin)
	if err != nil {
		panic(err)
	}
	return n
}

// addBuses comes after addPoints: interrupt lines follow the points' lines.
func (a *attach) addBuses() {
	for _, id := range config.IDs(a.cfg.Buses) {
		b := bus{id: id, cfg: a.cfg.Buses[id], meter: &meter.Meter{}}
		bc := field.BusConfig{ID: id, Source: len(a.out.Sources), Speed: int64(b.cfg.Speed)}
		for _, chipID := range config.IDs(a.cfg.Chips) {
			c := a.cfg.Chips[chipID]
			if c.Bus != id {
				continue
			}
			wired := a.chipOf(chipID)
			if wired.idle() {
				continue // check has warned of it; it may not even be there
			}
			cc := field.ChipConfig{ID: chipID, Source: a.sources[chipID], Poll: c.Poll}
			if c.Interrupt != "" {
				cc.Interrupts = append(cc.Interrupts, a.interruptLine(c.Interrupt))
			}
			if c.InterruptB != "" {
				cc.Interrupts = append(cc.Interrupts, a.interruptLine(c.InterruptB))
			}
			b.chips = append(b.chips, wired)
			bc.Chips = append(bc.Chips, cc)
		}
		bc.Open = func() (field.Bus, error) { return a.hw.openBus(b) }
		if len(bc.Chips) > 0 {
			a.buses = append(a.buses, b)
			a.out.Buses = append(a.out.Buses, bc)
			a.out.Sources = append(a.out.Sources, field.SourceConfig{
				ID: id, Kind: "i2c", Where: b.cfg.Device, Bus: id, Quiet: true,
			})
		}
	}
}

// interruptLine adds a line for INT, or finds the one that chips share: their outputs are open drain.
func (a *attach) interruptLine(name string) int {
	if n := slices.IndexFunc(a.lines, func(l line.Input) bool { return l.Name == name }); n >= 0 {
		return n
	}
	a.lines = append(a.lines, line.Input{Name: name, Bias: line.PullUp})
	return len(a.lines) - 1
}

// chipOf is a chip with the channels that points and relays use.
func (a *attach) chipOf(chipID string) chip {
	c := chip{id: chipID, cfg: a.cfg.Chips[chipID], clock: a.clock, now: a.hw.now}
	for _, p := range a.cfg.Points {
		if p.Chip != chipID {
			continue
		}
		bit := uint16(1) << a.channel(p)
		c.inputs |= bit
		if p.Bias == config.BiasUp {
			c.pullUps |= bit
		}
	}
	for _, g := range a.cfg.Gates {
		for _, out := range g.Outputs.All() {
			if out.Chip != chipID {
				continue
			}
			bit := uint16(1) << a.pin(out.Chip, out.Pin)
			c.outputs |= bit
			if out.Active == config.ActiveLow {
				c.inactive |= bit
			}
		}
	}
	return c
}

// idle tells whether nobody wants anything of a chip. A clock serves the gateway itself.
func (c chip) idle() bool { return c.inputs|c.outputs == 0 && c.cfg.Kind != config.DS3231 }

// addDevice is the one table of device kinds.
func (a *attach) addDevice(meta gateway.MetaDevice) {
	d := field.DeviceConfig{Meta: meta}
	switch meta.Kind {
	case config.KindLoop:
		l := a.cfg.Loops[meta.ID]
		d.Machine = field.BoxKept(device.NewLoop(loopConfig(l)))
		d.Parts = a.wired(d.Parts, device.RoleInput, l.Input)
		d.Parts = a.wired(d.Parts, device.RoleFault, l.Fault)
		if l.NoActivity > 0 {
			d.Parts = append(d.Parts, a.within(device.RoleNight, kindNight)...)
		}
	case config.KindLane:
		l := a.cfg.Lanes[meta.ID]
		d.Machine = field.BoxKept(device.NewLane(device.LaneConfig{
			Direction: l.Direction, OneWay: *l.OneWay, Gap: l.Gap, Jitter: l.Jitter,
			Single: l.B == "", Waiting: l.Waiting, UTurn: l.UTurn, CreditFor: l.CreditFor,
			Spacing: int64(l.SpacingMM),
		}))
		d.Parts = []field.Part{a.part(device.RoleA, 0, l.A)}
		if l.B != "" {
			d.Parts = append(d.Parts, a.part(device.RoleB, 0, l.B))
		}
		d.Parts = a.wired(d.Parts, device.RoleCredit, l.Authorise)
	case config.KindGate:
		d = a.gate(meta)
	case config.KindFire:
		d.Machine = field.BoxKept(device.NewFireInput())
		d.Parts = []field.Part{a.part(device.RoleInput, 0, a.cfg.Fires[meta.ID].Input)}
	case config.KindElevator:
		d.Machine, d.Parts = a.elevator(meta.ID)
	case config.KindBay:
		b := a.cfg.Bays[meta.ID]
		d.Machine = field.Box(device.NewBay(*b.RaiseAfter, *b.ClearAfter))
		d.Parts = []field.Part{a.part(device.RoleInput, 0, b.Input)}
	case config.KindLot:
		l := a.cfg.Lots[meta.ID]
		d.Machine = field.BoxKept(device.NewLot(device.LotConfig{
			Capacity: int64(l.Capacity), Bays: uint8(len(l.Bays)), Lanes: uint8(len(l.Lanes)),
			FullAt: int64(l.FullAt), AvailableAt: int64(*l.AvailableAt), Drift: int64(l.Drift), DriftAfter: l.DriftAfter,
		}))
		d.Relays, d.Held = a.relays.of(meta.ID), true
		for i, id := range l.Bays {
			d.Parts = append(d.Parts, a.part(device.RoleBay, uint8(i), id))
		}
		for i, id := range l.Lanes {
			d.Parts = append(d.Parts, a.part(device.RoleLane, uint8(i), id))
		}
	case config.KindInput:
		in := a.cfg.Inputs[meta.ID]
		cfg := device.StandardBands()
		cfg.Short, cfg.Open, cfg.Tolerance = int64(in.Bands.Short), int64(in.Bands.Open), in.Tolerance
		cfg.ActiveLow, cfg.Active = int64(in.Bands.Closed[0]), int64(in.Bands.Closed[1])
		cfg.IdleLow, cfg.Idle = int64(in.Bands.Parted[0]), int64(in.Bands.Parted[1])
		cfg.ActiveOpen = in.Contact == "opens"
		d.Machine = field.BoxKept(device.NewSupervised(cfg))
		d.Parts = []field.Part{a.point(device.RoleInput, 0, in.Point)}
	case config.KindContact:
		c := a.cfg.Contacts[meta.ID]
		cfg := device.ContactConfig{Text: c.Text, RaiseAfter: *c.RaiseAfter, ClearAfter: *c.ClearAfter}
		if err := cfg.Severity.UnmarshalText([]byte(c.Severity)); err != nil {
			panic(err) // the configuration was not checked
		}
		d.Machine = field.BoxKept(device.NewContact(cfg))
		d.Parts = []field.Part{a.part(device.RoleInput, 0, c.Input)}
	case config.KindCounter:
		c := a.cfg.Counters[meta.ID]
		d.Machine = field.BoxKept(device.NewCounter(c.Every))
		d.Parts = []field.Part{a.point(device.RoleInput, 0, c.Input)}
	case config.KindCamera:
		d.Machine, d.Parts = a.camera(meta.ID)
	case config.KindCameraGroup:
		g := a.cfg.CameraGroups[meta.ID]
		d.Machine = field.BoxKept(device.NewCameraGroup(uint8(len(g.Cameras)), g.Window))
		for i, id := range g.Cameras {
			d.Parts = append(d.Parts, a.part(device.RoleChild, uint8(i), id))
			cam := &a.out.Devices[a.devices[id]]
			cam.Parts = append(cam.Parts, field.Part{Role: device.RoleParent, Point: -1, Device: len(a.out.Devices)})
		}
	}
	a.devices[meta.ID] = len(a.out.Devices)
	a.out.Devices = append(a.out.Devices, d)
	if meta.Kind == config.KindGate {
		a.overLane(meta.ID)
	}
}

// overLane ties a gate to the lane that it closes: the gate says who passes free, an open command lets vehicles in.
func (a *attach) overLane(gate string) {
	n, ok := a.devices[a.cfg.Gates[gate].Lane]
	if !ok {
		return
	}
	lane, g := &a.out.Devices[n], &a.out.Devices[a.devices[gate]]
	lane.Parts = append(lane.Parts, field.Part{Role: device.RoleFree, Point: -1, Device: a.devices[gate]})
	g.LetsInto = append(g.LetsInto, n)
}

func (a *attach) gate(meta gateway.MetaDevice) field.DeviceConfig {
	g := a.cfg.Gates[meta.ID]
	gc := device.GateConfig{
		Travel: g.Travel, Safety: uint8(len(g.Safety)), Unguarded: !a.relays.guarded[meta.ID], Pulse: g.Pulse,
		Maintain: g.Maintain, MaxHold: g.MaxHold, StopTrip: g.OnTrip == config.TripStops, Clear: g.Clear,
		Lockout: a.cfg.Service.Lockout != "", Exclusive: g.Exclusive, HeldOpen: g.HeldOpen,
		Closing: closingRules(g.Closing), HasLane: g.Lane != "", HasArm: g.Arm != "", PowerOpens: g.OnPowerFail == config.PowerFailOpens,
		Outward: a.cfg.Lanes[g.Lane].Direction == gateway.Out, Ticket: a.cfg.Lanes[g.Lane].Authorise != "",
	}
	d := field.DeviceConfig{Meta: meta, Held: g.Maintain, Relays: a.relays.of(meta.ID)}
	for o, r := range d.Relays {
		gc.Has[o] = r != nil
	}
	d.Machine = field.BoxKept(device.NewGate(gc))
	d.Parts = []field.Part{
		a.point(device.RoleOpenLimit, 0, g.OpenLimit), a.point(device.RoleClosedLimit, 0, g.ClosedLimit),
	}
	for i, id := range g.Safety {
		d.Parts = append(d.Parts, a.part(device.RoleSafety, uint8(i), id))
	}
	for i, id := range config.IDs(a.cfg.Fires) {
		if zone := a.cfg.Fires[id].Gates; len(zone) == 0 || slices.Contains(zone, meta.ID) {
			d.Parts = append(d.Parts, a.part(device.RoleFire, uint8(i), id))
		}
	}
	d.Parts = append(d.Parts, a.within(device.RoleLockout, kindKey)...)
	d.Parts = append(d.Parts, a.within(device.RoleWindow, kindWindow)...)
	d.Parts = a.wired(d.Parts, device.RoleManual, g.Manual)
	d.Parts = a.wired(d.Parts, device.RoleForce, g.Force)
	d.Parts = a.wired(d.Parts, device.RoleArm, g.Arm)
	if g.OnPowerFail == config.PowerFailOpens {
		d.Parts = append(d.Parts, a.within(device.RolePower, kindMains)...)
	}
	if g.Lane != "" {
		d.Parts = append(d.Parts, a.part(device.RoleLane, 0, g.Lane))
	}
	d.Parts = append(d.Parts, a.autonomy(g.Lane)...)
	d.Parts = append(d.Parts, a.freeExit(g.Lane)...)
	return d
}

func closingRules(c *config.Closing) (r device.ClosingRules) {
	if c == nil {
		return r
	}
	if c.AfterPass != nil {
		r.AfterPass, r.PassDelay = true, *c.AfterPass
	}
	r.NoPass, r.Idle = c.NoPass, c.Idle
	return r
}

// freeExit adds what a lane does for whoever wants to leave.
func (a *attach) freeExit(lane string) []field.Part {
	l := a.cfg.Lanes[lane]
	if !l.FreeExit {
		return nil
	}
	kind := kindFree + " " + lane
	if _, ok := a.devices["internal "+kind]; !ok {
		a.internal(kind, lane, field.Box(device.NewFreeExit()), a.part(device.RolePresence, 0, l.A), a.part(device.RoleLane, 0, lane))
	}
	parts := a.within(device.RoleOpenRule, kind)
	parts[0].Index = 1 // beside the autonomy
	return parts
}

// autonomy adds what a lane does by itself while the center is away.
func (a *attach) autonomy(lane string) []field.Part {
	l := a.cfg.Lanes[lane]
	mode, role := device.OpenOnPresence, device.RoleOpenRule
	switch l.WhenAway {
	case config.AwayOpen:
	case config.AwayHold:
		mode, role = device.HoldWhileAway, device.RoleHoldRule
	default:
		return nil
	}
	kind := kindPresent + " " + lane
	if _, ok := a.devices["internal "+kind]; !ok {
		parts := append(a.within(device.RoleAway, kindCenter), a.part(device.RolePresence, 0, l.A))
		a.internal(kind, lane, field.BoxKept(device.NewAutonomy(mode)), parts...)
	}
	return a.within(role, kind)
}

// camera by its heartbeat, or by its supply current. In a group bad news waits for that of the group.
func (a *attach) camera(id string) (field.Stepper, []field.Part) {
	c, hold := a.cfg.Cameras[id], time.Duration(0)
	for _, g := range a.cfg.CameraGroups {
		if slices.Contains(g.Cameras, id) {
			hold = g.Window
		}
	}
	if c.Supply != "" {
		return field.BoxKept(device.NewSupplyCamera(hold)), []field.Part{a.point(device.RoleSupply, 0, c.Supply)}
	}
	return field.BoxKept(device.NewCamera(device.CameraConfig{Period: c.Period, Hold: hold})),
		[]field.Part{a.point(device.RoleInput, 0, c.Heartbeat)}
}

// loopConfig of a checked configuration; its words are those of device.
func loopConfig(l config.Loop) device.LoopConfig {
	cfg := device.LoopConfig{
		Pulse: l.Output == config.OutputPulse, Blank: l.Blank, Healthy: l.Healthy,
		MaxPresence: l.MaxPresence, NoActivity: l.NoActivity, Erratic: uint16(l.Erratic),
	}
	cfg.Contact = l.Fault != ""
	cfg.Reports, _ = device.ParseLoopCause(l.FaultMeans)
	for i, c := range l.FaultCodes {
		means, _ := device.ParseLoopCause(c.Means)
		cfg.Codes[i] = device.LoopCode{Min: c.Min, Max: c.Max, Means: means}
	}
	return cfg
}

// wired adds the point of a role, if one is given.
func (a *attach) wired(parts []field.Part, role device.Role, id string) []field.Part {
	if id == "" {
		return parts
	}
	return append(parts, a.point(role, 0, id))
}

func (a *attach) point(role device.Role, index uint8, id string) field.Part {
	n, ok := a.points[id]
	if !ok {
		panic("daemon: no point or device " + id + ": the configuration was not checked")
	}
	return field.Part{Role: role, Index: index, Point: n}
}

// part is a point or a device that came before.
func (a *attach) part(role device.Role, index uint8, id string) field.Part {
	if n, ok := a.devices[id]; ok {
		return field.Part{Role: role, Index: index, Point: -1, Device: n}
	}
	return a.point(role, index, id)
}
