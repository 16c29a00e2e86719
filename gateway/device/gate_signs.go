package device

import "lotusgate/gateway"

// signs follows the contacts that tell of the arm beside its limits: the force contact of the barrier's controller, and
// the contact that opens when the arm is knocked off. What cannot be read changes nothing.
func (g *Gate) signs(in Input, t gateway.Mono, fx *Effects) {
	if in.Kind != SignalChanged || !in.Signal.Known() {
		return
	}
	switch on := in.Signal.On; in.Role {
	case RoleForce:
		if on && !g.force && !g.forced {
			g.forced = true
			fx.emit(gateway.GateForced, t, gateway.MovementData{Cause: gateway.CauseUnknown})
		}
		g.force = on
		g.guests = g.guests.leave()
		if !on && g.forced && g.position == gateClosed { // it had been closed meanwhile
			g.forced = false
			fx.emit(gateway.AlarmCleared, t, gateway.AlarmClearedData{Alarm: gateway.GateForced.Name()})
		}
	case RoleArm:
		switch {
		case on && !g.armOff:
			fx.emit(gateway.GateArmOff, t, gateway.ArmOffData{Position: gateWords[g.position]})
		case !on && g.armOff:
			fx.emit(gateway.AlarmCleared, t, gateway.AlarmClearedData{Alarm: gateway.GateArmOff.Name()})
		}
		g.armOff = on
	case RoleManual:
		g.manual = on
		if on {
			g.guests = g.guests.leave()
			g.manualUntil = in.Signal.Since.Add(2 * g.cfg.Travel)
		}
	case RolePower:
		if on && g.power.Known() && !g.power.On {
			g.blackout = true
		}
		g.power = in.Signal
	}
}

// powerFails gives the one pulse of OPEN for a loss of the mains that was seen to happen. It is a rule.
func (g *Gate) powerFails(now gateway.Mono) {
	if g.blackout && g.cfg.PowerOpens && !g.locked() && !g.window && !g.quiet {
		g.guests = g.guests.leave()
		g.pulseOpen(now, gateway.CauseRule)
	}
	g.blackout = false
}

// Signal offers whether whoever passes now may do so: the gate stands open for everybody, and nobody needs an
// authorisation. What the barrier's own controller opened is its business, unless a ticket machine told us for how many.
func (g Gate) Signal() Signal {
	s := Signal{Quality: gateway.Good, Since: g.since}
	switch {
	case g.position == gateUnknown:
		s.Quality = gateway.Bad
	case g.position == gateClosed:
	case g.wanted || g.cause == gateway.CauseFire || g.cause == gateway.CauseRule || g.cause == gateway.CauseManual:
		s.On = true
	case g.cause == gateway.CauseUnknown:
		s.On = !g.cfg.Ticket && !g.cfg.Exclusive
	}
	return s
}
