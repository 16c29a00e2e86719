package device

import "lotusgate/gateway"

// Decide is the first phase: what stands against an order now, "" if nothing does. Obstacle names what is meant by an
// interlock. A CLOSE that passes still needs its evidence.
func (g Gate) Decide(now gateway.Mono, o Order) (why gateway.Reason, obstacle string) {
	moves := o.Action != gateway.Stop && o.Action != gateway.Release
	switch {
	case o.Expires != 0 && now > o.Expires:
		return gateway.Expired, ""
	case !g.takes(o.Action):
		return gateway.UnknownAction, ""
	case g.locked() && o.Action != gateway.Stop:
		return gateway.Lockout, ""
	case g.fire && (o.Action == gateway.Close || o.Action == gateway.Stop):
		return gateway.Fire, ""
	case moves && g.window && !o.Local:
		return gateway.Maintenance, ""
	case moves && !g.window && o.Local:
		return gateway.NoPresence, ""
	case o.Action == gateway.Close:
		if obstacle = g.mayNotClose(now); obstacle != "" {
			return gateway.Interlock, obstacle
		}
	}
	return "", ""
}

func (g *Gate) takes(a gateway.Action) bool {
	switch a {
	case gateway.Open, gateway.HoldOpen, gateway.Release:
		return g.cfg.Has[OpenOutput]
	case gateway.Close:
		return g.cfg.Has[CloseOutput]
	}
	return a == gateway.Stop
}

// mayNotClose names what stands against CLOSE without looking at a safety input.
func (g *Gate) mayNotClose(now gateway.Mono) string {
	open := g.drive[OpenOutput]
	switch {
	case g.cfg.Unguarded:
		return "guard"
	case g.cfg.Safety == 0:
		return "no_safety"
	case g.cfg.NoLimits || g.position == gateUnknown:
		return "position"
	case g.armOff:
		return "arm_off"
	case g.wanted:
		return "held_open"
	case open.Ahead(now) || open.Until != 0 && now < open.Until.Add(Gap):
		return "open_output"
	case g.drive[StopOutput].Ahead(now):
		return "stop_output"
	}
	return ""
}

// order begins what a command wants.
func (g *Gate) order(now gateway.Mono, o Order, fx *Effects) {
	if why, obstacle := g.Decide(now, o); why != "" {
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Rejected, Reason: why, Obstacle: obstacle})
		return
	}
	g.refuse(gateway.Superseded, fx)
	if o.Action == gateway.Close && g.position != gateClosed {
		g.ask(now, o, fx)
		return
	}
	if o.Action != gateway.Close {
		g.fail(gateway.Superseded, fx)
	}
	fx.tell(Outcome{Number: o.Number, Stage: gateway.Accepted})
	switch o.Action {
	case gateway.Open:
		g.quiet = false
		g.guests = g.guests.admit(max(o.Passages, 1))
		g.pulseOpen(now, gateway.CauseCommand)
		g.resume(gateOpening, now, fx)
		g.begin(now, o, fx)
	case gateway.HoldOpen:
		g.quiet = false
		g.hold = Forever
		if o.Hold > 0 {
			g.hold = now.Add(o.Hold)
		}
		g.rules(now)
		g.resume(gateOpening, now, fx)
		g.begin(now, o, fx)
	case gateway.Stop:
		g.halt(now, o, fx)
	case gateway.Release:
		g.hold = 0
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Done})
	case gateway.Close: // closed already: nothing moves
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Done, Verified: true})
	}
}

func (g *Gate) halt(now gateway.Mono, o Order, fx *Effects) {
	g.hold, g.quiet = 0, true
	g.guests = g.guests.leave()
	moving := g.position == gateOpening || g.position == gateClosing
	g.stop(now)
	g.tripped = g.tripped && !g.cfg.Has[StopOutput]
	if moving && g.cfg.Has[StopOutput] {
		g.stopped = true
		fx.emit(gateway.GateStopped, now, gateway.MovementData{Cause: gateway.CauseCommand})
	}
	if g.cfg.Has[StopOutput] {
		g.begin(now, o, fx)
		return
	}
	fx.tell(Outcome{Number: o.Number, Stage: gateway.Done})
}

// begin follows an accepted order. An output that is active already is not reported again.
func (g *Gate) begin(now gateway.Mono, o Order, fx *Effects) {
	g.job = job{Order: o}
	p := g.drive[g.job.output()]
	g.job.begun = max(now, p.From)
	if p.Active(now) && p.From < now {
		g.job.told = true
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Executing})
	}
}

// resume notes that an arm which STOP had stopped between the limits moves again: no limit switch will say so.
func (g *Gate) resume(p gatePosition, now gateway.Mono, fx *Effects) {
	if g.stopped {
		g.begins(p, now, fx)
	}
}

// judge is the second phase of CLOSE: on fresh samples it fires or refuses.
func (g *Gate) judge(now gateway.Mono, e Evidence, fx *Effects) {
	if g.asked == 0 || e.Number != g.question {
		return // an answer that nobody waits for any more
	}
	if g.pending.Number == RuleOrder && !g.guests.ours { // something has come between the question and its answer
		g.refuse(gateway.Superseded, fx)
		return
	}
	o := g.pending
	g.pending, g.asked = Order{}, 0
	for i, s := range g.safety[:g.cfg.Safety] {
		e.Samples[i].Young = !s.Known() || s.On || now.Sub(s.Since) < g.cfg.Clear
	}
	verdict := Outcome{Number: o.Number, Stage: gateway.Rejected, Judged: true, Evidence: e}
	verdict.Reason, verdict.Obstacle = g.Decide(now, o)
	if verdict.Reason == "" && !g.proven(now, e) {
		verdict.Reason = gateway.Interlock
	}
	if verdict.Reason != "" {
		fx.tell(verdict)
		return
	}
	g.fail(gateway.Superseded, fx)
	verdict.Stage = gateway.Accepted
	fx.tell(verdict)
	g.drive[CloseOutput] = Pulse{now, now.Add(g.cfg.Pulse)}
	g.closing, g.tripped, g.closesFor = now, false, gateway.CauseCommand
	if o.Number == RuleOrder {
		g.closesFor = gateway.CauseRule
	}
	g.guests = g.guests.leave()
	g.opensUntil = 0
	g.resume(gateClosing, now, fx)
	g.begin(now, o, fx)
}

// proven tells whether every safety input is good, clear on a fresh sample, and has been clear for long enough.
func (g *Gate) proven(now gateway.Mono, e Evidence) bool {
	for _, s := range e.Samples[:g.cfg.Safety] {
		if s.Quality != gateway.Good || s.On || s.Young || s.At > now || now.Sub(s.At) > FreshTime {
			return false
		}
	}
	return g.cfg.Safety > 0
}

// refuse ends a CLOSE that waits for its evidence.
func (g *Gate) refuse(why gateway.Reason, fx *Effects) {
	if g.asked != 0 {
		fx.tell(Outcome{Number: g.pending.Number, Stage: gateway.Rejected, Reason: why})
		g.pending, g.asked = Order{}, 0
	}
}

// fail ends the order that is being carried out.
func (g *Gate) fail(why gateway.Reason, fx *Effects) {
	if g.job.Number != 0 {
		fx.tell(Outcome{Number: g.job.Number, Stage: gateway.Failed, Reason: why})
		g.job = job{}
	}
}

// report takes what an output did.
func (g *Gate) report(now gateway.Mono, r Report, fx *Effects) {
	g.relay(now, r, fx)
	if r.Failed != "" {
		g.cut(now, r.Output)
		if g.job.output() == r.Output {
			g.fail(r.Failed, fx)
		}
		return
	}
	if !r.Off && g.job.Number != 0 && !g.job.told && g.job.output() == r.Output {
		g.job.told = true
		fx.tell(Outcome{Number: g.job.Number, Stage: gateway.Executing})
	}
}

// relay raises and clears the fault of an output that does not do what it is told.
func (g *Gate) relay(now gateway.Mono, r Report, fx *Effects) {
	fault := gateway.GateFaultData{Cause: string(gateway.RelayReadback)}
	switch was := g.broken != [Outputs]bool{}; {
	case r.Failed != "":
		g.broken[r.Output] = true
		if !was {
			fx.emit(gateway.GateFault, now, fault)
		}
	case was:
		g.broken[r.Output] = false
		if g.broken == [Outputs]bool{} {
			fx.emit(gateway.GateFaultCleared, now, fault)
		}
	}
}

func (j job) output() Output {
	switch j.Action {
	case gateway.Close:
		return CloseOutput
	case gateway.Stop:
		return StopOutput
	}
	return OpenOutput
}

// progress ends an order when a limit switch says so, or does not.
func (g *Gate) progress(now gateway.Mono, fx *Effects) {
	if g.asked != 0 && now > g.asked.Add(EvidenceTime) {
		fx.tell(Outcome{Number: g.pending.Number, Stage: gateway.Rejected, Reason: gateway.Interlock, Judged: true})
		g.pending, g.asked = Order{}, 0
	}
	j := g.job
	if j.Number == 0 || now < j.begun {
		return
	}
	goal, from := gateOpen, gateClosed
	if j.Action == gateway.Close {
		goal, from = gateClosed, gateOpen
	}
	over := !g.drive[j.output()].Ahead(now)
	switch {
	case j.Action == gateway.Stop, g.cfg.NoLimits:
		if over || j.Action == gateway.HoldOpen {
			g.done(false, fx)
		}
	case g.position == goal && (j.told || over):
		g.done(true, fx)
	case g.position == from && now >= j.begun.Add(NoMotionTime):
		if !g.stuck {
			g.stuck = true
			fx.emit(gateway.GateFault, now, gateway.GateFaultData{Cause: string(gateway.NoMotion)})
		}
		g.fail(gateway.NoMotion, fx)
	case now >= j.begun.Add(2*g.cfg.Travel):
		g.fail(gateway.TravelTimeout, fx)
	}
}

func (g *Gate) done(verified bool, fx *Effects) {
	fx.tell(Outcome{Number: g.job.Number, Stage: gateway.Done, Verified: verified})
	g.job = job{}
}
