package daemon

import (
	"slices"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
)

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
