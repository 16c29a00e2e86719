package sim

import (
	"slices"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway/config"
)

// truth follows the field.
func (r *rules) truth(at time.Duration, t plant.Truth) {
	if z := r.zones[t.Device]; z != nil {
		r.zone(z, at, t.Kind)
	}
	if f := r.fires[t.Device]; f != nil && (t.Kind == plant.SwitchRaised || t.Kind == plant.SwitchCleared) {
		closed := f.contact
		f.contact.set(t.Kind == plant.SwitchRaised, at)
		if !f.contact.on && closed.on && !r.w.awake(closed.since, at) { // nobody can know that it was closed
			f.latched = f.before
		}
		if f.contact.on {
			f.before, f.latched = f.latched, true
			r.w.agenda.at(r.w.now+longest, func() { r.opened(f) })
		}
	}
	switch t.Device {
	case r.w.cfg.Service.Lockout:
		r.key.set(t.Kind == plant.SwitchRaised, at)
		if r.key.on {
			r.w.agenda.at(r.w.now+settled+1, r.locked)
		}
	case r.w.cfg.Service.Button:
		if t.Kind == plant.SwitchRaised {
			r.push = at
		}
	}
	for _, id := range config.IDs(r.w.cfg.Gates) {
		g := r.gates[id]
		switch t.Device {
		case g.cfg.Manual:
			if t.Kind == plant.SwitchRaised {
				g.fob = at
			}
		case g.lane + ".gate":
			r.arm(g, at, t)
		case g.lane:
			switch t.Kind {
			case plant.VehicleEntered:
				g.cars, g.entered = append(g.cars, t.Vehicle), t.Vehicle
			case plant.VehicleLeft:
				g.cars = slices.DeleteFunc(g.cars, func(n int) bool { return n == t.Vehicle })
			case plant.VehicleUnderArm:
				g.under = at
			case plant.VehicleClearOfArm:
				g.under = 0
			}
		}
	}
}

func (r *rules) zone(z *zone, at time.Duration, kind plant.Kind) {
	switch kind {
	case plant.ZoneCovered:
		z.covered.set(true, at)
		for _, g := range r.gates {
			if g.closing != 0 && at-g.closing < 2*g.cfg.Travel-reaction-settled && slices.Contains(g.zones, z) {
				r.watch(g, z, at)
			}
		}
	case plant.ZoneCleared:
		z.covered.set(false, at)
		z.learnt = false
	case plant.DetectorFailed, plant.DetectorDrifts, plant.Crosstalk:
		z.lies = true
		if kind == plant.Crosstalk { // nobody says when it is over
			r.w.agenda.at(r.w.now+2*time.Minute+time.Second, func() { z.lies = false })
		}
	case plant.DetectorTuned:
		z.lies, z.learnt = false, z.covered.on
	}
}

// between tells whether the arm of a gate has been at no limit from a time until now, when it may arrive at one.
func (r *rules) between(id string, since, now time.Duration) bool {
	g := r.gates[id]
	at := func(limit span) bool { return limit.on && limit.since < now }
	return g != nil && !at(g.up) && !at(g.down) && g.left <= since
}

// arm follows the arm of a gate.
func (r *rules) arm(g *barrier, at time.Duration, t plant.Truth) {
	switch t.Kind {
	case plant.ArmOpening, plant.ArmClosing, plant.ArmUp, plant.ArmDown, plant.ArmStopped:
		g.rising = t.Kind == plant.ArmOpening
	}
	if t.Kind == plant.ArmOpening && g.down.on || t.Kind == plant.ArmClosing && g.up.on {
		g.left = at
	}
	switch t.Kind {
	case plant.ArmOpening:
		if g.down.on && t.Cause == plant.CauseFob {
			r.w.people.resident.opens(g, at)
		}
		g.down.set(false, at)
	case plant.ArmClosing:
		g.cause = t.Cause
		g.up.set(false, at)
	case plant.ArmUp, plant.ArmOpen: // the end alone where it turned round before its limit switch parted
		g.up.set(true, at)
	case plant.ArmDown:
		g.closing = 0
		g.down.set(true, at)
	case plant.ArmClosed:
		g.down.set(true, at)
	case plant.ArmOff, plant.ArmMounted:
		g.armOff.set(t.Kind == plant.ArmOff, at)
	case plant.ArmTouched:
		blind := slices.ContainsFunc(g.zones, func(z *zone) bool { return z.learnt })
		if t.Vehicle == 0 || g.cause != plant.CauseRelay || blind {
			return
		}
		if long := at - g.under; g.under != 0 && long > stopping {
			r.w.violate("%s: the arm that we closed lies on a vehicle that had been below it for %v", g.id, long)
		}
	}
}
