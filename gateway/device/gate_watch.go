package device

import "lotusgate/gateway"

// watch follows the arm by its limit switches.
func (g *Gate) watch(t gateway.Mono, fx *Effects) {
	switch {
	case !g.open.Known() || !g.closed.Known():
		g.position, g.left = gateUnknown, 0
		g.guests = g.guests.leave()
	case g.open.On && g.closed.On:
		g.conflicting(t, fx)
	default:
		g.follow(t, fx)
	}
}

func (g *Gate) conflicting(t gateway.Mono, fx *Effects) {
	if g.conflict {
		return
	}
	g.conflict = true
	g.position, g.since, g.left = gateUnknown, t, 0
	g.guests = g.guests.leave()
	fx.emit(gateway.GateFault, t, gateway.GateFaultData{Cause: "limit_conflict"})
}

// follow moves the position along with readable limits that do not contradict each other.
func (g *Gate) follow(t gateway.Mono, fx *Effects) {
	if g.conflict {
		g.conflict = false
		fx.emit(gateway.GateFaultCleared, t, gateway.GateFaultData{Cause: "limit_conflict"})
	}
	was := g.position
	switch {
	case g.open.On:
		g.position = gateOpen
	case g.closed.On:
		g.position = gateClosed
	case was == gateClosed:
		g.position = gateOpening
	case was == gateOpen:
		g.position = gateClosing
	}
	if g.position == was {
		return
	}
	g.since, g.stopped = t, false
	if g.stuck && was != gateUnknown {
		g.stuck = false
		fx.emit(gateway.GateFaultCleared, t, gateway.GateFaultData{Cause: string(gateway.NoMotion)})
	}
	switch g.position {
	case gateOpening:
		g.begins(gateOpening, t, fx)
		if g.cfg.Exclusive && g.cause == gateway.CauseUnknown && !g.forced { // a force contact may have told it already
			g.forced = true
			fx.emit(gateway.GateForced, t, gateway.MovementData{Cause: g.cause})
		}
	case gateClosing:
		if !g.cfg.Maintain {
			g.again = 0
		}
		g.begins(gateClosing, t, fx)
	case gateOpen, gateClosed:
		g.arrived(was, t, fx)
	}
}

// begins notes a movement and why the arm moves: what we switched last, while that can still be the reason.
func (g *Gate) begins(p gatePosition, t gateway.Mono, fx *Effects) {
	g.position, g.since, g.left, g.heldOpen, g.stopped = p, t, t, false, false
	if p == gateOpening {
		g.cause = g.openCause(t)
		if g.cause != gateway.CauseCommand && g.cause != gateway.CauseRule {
			g.guests = g.guests.leave()
		}
		fx.emit(gateway.GateOpening, t, gateway.MovementData{Cause: g.cause})
		return
	}
	g.cause = gateway.CauseUnknown
	if g.closing != 0 {
		g.cause = g.closesFor
	}
	g.guests = g.guests.leave()
	fx.emit(gateway.GateClosing, t, gateway.MovementData{Cause: g.cause})
}

func (g *Gate) openCause(t gateway.Mono) gateway.MovementCause {
	if t <= g.opensUntil || g.drive[OpenOutput].Active(t) {
		return g.opensFor
	}
	if g.manual || t <= g.manualUntil {
		return gateway.CauseManual
	}
	return gateway.CauseUnknown
}

// arrived reports a limit that was reached, unless it is the first thing known about the barrier.
func (g *Gate) arrived(was gatePosition, t gateway.Mono, fx *Effects) {
	if g.overdue {
		g.overdue = false
		fx.emit(gateway.GateFaultCleared, t, gateway.GateFaultData{Cause: "travel_timeout"})
	}
	g.tripped = false
	if g.position == gateClosed {
		if g.forced && was == gateUnknown { // nobody saw it close
			fx.emit(gateway.AlarmCleared, t, gateway.AlarmClearedData{Alarm: gateway.GateForced.Name()})
		}
		if g.heldOpen && was == gateUnknown {
			fx.emit(gateway.AlarmCleared, t, gateway.AlarmClearedData{Alarm: gateway.GateHeldOpen.Name()})
		}
		g.forced, g.heldOpen = false, false
	}
	if g.position == gateClosed || was != gateUnknown && g.drive[OpenOutput].From > g.closing {
		g.closing = 0 // it is down, or we have brought it up again; an arm that CLOSE caught on its way up comes down yet
	}
	if was == gateUnknown {
		g.left = 0
		return
	}
	if g.position == gateOpen && was == gateClosing {
		g.cause = g.openCause(t)
	}
	move := gateway.MovementData{Cause: g.cause, TravelMS: millis(g.left, t)}
	g.left = 0
	kind := gateway.GateClosed
	if g.position == gateOpen {
		kind = gateway.GateOpened
		if was == gateClosing { // reopened inside a close: something was in the way
			fx.emit(gateway.GateObstructed, t, move)
		}
	}
	fx.emit(kind, t, move)
}

func (g *Gate) travelDue() gateway.Mono {
	if g.overdue || g.stopped || g.left.IsZero() || g.position != gateOpening && g.position != gateClosing {
		return 0
	}
	return g.left.Add(2 * g.cfg.Travel)
}

// timeouts tells what should have happened by now.
func (g *Gate) timeouts(now gateway.Mono, fx *Effects) {
	if due := g.travelDue(); !due.IsZero() && now >= due {
		g.overdue = true
		fx.emit(gateway.GateFault, due, gateway.GateFaultData{Cause: "travel_timeout"})
	}
	if g.closing != 0 && now >= g.closing.Add(2*g.cfg.Travel) {
		g.closing, g.tripped = 0, false
	}
	if g.cfg.HeldOpen > 0 && g.position == gateOpen && !g.heldOpen && !g.wanted && now >= g.since.Add(g.cfg.HeldOpen) {
		g.heldOpen = true
		fx.emit(gateway.GateHeldOpen, now, gateway.MovementData{Cause: g.cause})
	}
}
