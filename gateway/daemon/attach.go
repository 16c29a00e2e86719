package daemon

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"lotusgate/drivers/line"
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
