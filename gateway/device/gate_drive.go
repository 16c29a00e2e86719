package device

import "lotusgate/gateway"

// guard lets what is above every order act: lockout, fire, and a trip while closing.
func (g *Gate) guard(now gateway.Mono, fx *Effects) {
	clear := g.safetyClear()
	tripped := g.closing != 0 && !g.unsafe && !clear
	g.unsafe = !clear
	if g.locked() {
		g.cut(now, OpenOutput)
		g.cut(now, CloseOutput)
		g.hold = 0
		g.guests = g.guests.leave()
		if g.job.Action != gateway.Stop {
			g.fail(gateway.Lockout, fx)
		}
		g.refuse(gateway.Lockout, fx)
		if tripped || g.closing != 0 && !g.still { // an OPEN that was on its way to a falling arm has just been cut
			g.tripped = tripped && !g.cfg.Has[StopOutput]
			g.stop(now)
		}
		g.still = true
		return
	}
	g.still = false
	if g.fire {
		g.guests = g.guests.leave()
		g.cut(now, CloseOutput)
		g.refuse(gateway.Fire, fx)
		if g.job.Action == gateway.Close {
			g.fail(gateway.Fire, fx)
		}
		g.cut(now, StopOutput)
		g.quiet = false
	}
	if !tripped || g.drive[StopOutput].Active(now) {
		return
	}
	g.tripped = true
	g.guests = g.guests.leave()
	g.cut(now, CloseOutput)
	if g.job.Action == gateway.Close {
		g.fail(gateway.SafetyTrip, fx)
	}
	if g.cfg.StopTrip && !g.fire {
		g.stop(now)
		return
	}
	g.pulseOpen(now, gateway.CauseSafety)
}

// rules keeps the gate open while fire, hold_open or a rule want that, and lets go of it afterwards.
func (g *Gate) rules(now gateway.Mono) {
	if g.hold != 0 && now >= g.hold {
		g.hold = 0
	}
	holdRule := g.holdRules != [MaxSafety]bool{}
	rules := !g.window && (holdRule || g.openRules != [MaxSafety]bool{})
	hold := g.fire || g.hold != 0 || rules && holdRule
	g.wanted = (hold || rules) && !g.locked() && g.cfg.Has[OpenOutput]
	if !hold && !rules {
		g.quiet = false
	}
	if g.quiet {
		g.wanted = false
	}
	if g.quiet {
		hold = false
	}
	if !hold && g.longer(now) { // what held it is over: let go, and close nothing
		g.cut(now, OpenOutput)
	}
	if !g.wanted {
		g.again = 0
		return
	}
	why := gateway.CauseRule
	switch {
	case g.fire:
		why = gateway.CauseFire
	case g.hold != 0:
		why = gateway.CauseCommand
	}
	if hold {
		g.guests = g.guests.leave()
	}
	if hold && g.cfg.Maintain {
		g.maintain(now, why)
		return
	}
	if g.position != gateOpen && now >= g.again && !g.drive[OpenOutput].Ahead(now) {
		g.pulseOpen(now, why)
		g.again = now.Add(max(2*g.cfg.Travel, repulse))
		if !hold && !g.guests.ours {
			g.guests = g.guests.admit(1)
		}
	}
}

// longer tells whether OPEN is held for longer than a pulse.
func (g *Gate) longer(now gateway.Mono) bool {
	p := g.drive[OpenOutput]
	return p.Ahead(now) && p.Until.Sub(max(p.From, now)) > g.cfg.Pulse
}

// maintain holds the OPEN relay.
func (g *Gate) maintain(now gateway.Mono, why gateway.MovementCause) {
	p := g.drive[OpenOutput]
	until := Forever
	if !g.fire {
		if g.hold != 0 && g.holdRules == [MaxSafety]bool{} {
			until = g.hold
		}
		if g.cfg.MaxHold > 0 {
			from := p.From
			if !p.Ahead(now) {
				if g.again != 0 { // the longest hold is over
					return
				}
				from = now
			}
			until = min(until, max(from.Add(g.cfg.MaxHold), now))
		}
	}
	if p.Ahead(now) {
		g.drive[OpenOutput].Until = max(until, now)
		return
	}
	g.pulseOpen(now, why)
	g.drive[OpenOutput].Until = until
	g.again = Forever
	if g.fire {
		g.again = 0
	}
}

// pulseOpen begins an OPEN pulse as soon as CLOSE has been inactive for Gap, and STOP is over.
func (g *Gate) pulseOpen(now gateway.Mono, why gateway.MovementCause) {
	if !g.cfg.Has[OpenOutput] {
		return
	}
	g.cut(now, CloseOutput)
	from := max(now, g.drive[StopOutput].Until)
	if c := g.drive[CloseOutput]; c.Until != 0 {
		from = max(from, c.Until.Add(Gap))
	}
	if p := g.drive[OpenOutput]; p.Ahead(now) {
		if p.From > now { // waits already
			from = p.From
		} else { // goes on, within the longest pulse
			g.drive[OpenOutput].Until = max(p.Until, min(now.Add(g.cfg.Pulse), p.From.Add(MaxPulse)))
			g.because(now, why)
			return
		}
	}
	g.drive[OpenOutput] = Pulse{from, from.Add(g.cfg.Pulse)}
	g.because(from, why)
}

// stop begins a STOP pulse and ends every other one; the arm then stands. Without a STOP relay nothing stops an arm that
// falls, and OPEN on a trip goes on.
func (g *Gate) stop(now gateway.Mono) {
	g.cut(now, CloseOutput)
	if !g.cfg.Has[StopOutput] {
		if !g.tripped {
			g.cut(now, OpenOutput)
		}
		return
	}
	g.cut(now, OpenOutput)
	g.drive[StopOutput] = Pulse{now, now.Add(g.cfg.Pulse)}
	g.closing = 0
	if g.position == gateOpen { // stopped before it had left its limit: nothing is below a falling arm
		g.tripped = false
	}
}

func (g *Gate) cut(now gateway.Mono, o Output) { g.drive[o] = g.drive[o].cut(now) }

// because notes what the next opening is for.
func (g *Gate) because(from gateway.Mono, why gateway.MovementCause) {
	g.opensFor, g.opensUntil = why, from.Add(2*g.cfg.Travel)
}
