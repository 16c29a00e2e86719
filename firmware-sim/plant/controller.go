package plant

import "time"

// control is the barrier's controller at one moment: inputs that have come through their filter, its timers.
func (b *Barrier) control(at time.Duration) {
	for i := range b.in {
		if t := &b.in[i]; t.due <= at {
			t.active, t.due = t.raw, Never
			b.command(at, Input(i), t.active)
		}
	}
	if b.turn <= at {
		b.turn = Never
		b.gear(at)
	}
	if b.motor != 0 && at-b.since >= 2*b.opt.Travel {
		b.halt(at, MotorOff)
	}
	if b.leave <= at {
		b.leave = Never
		if !b.blocked && !b.held() {
			b.run(at, -1, CauseAuto)
		}
	}
}

// command obeys one input that has changed. Only OpenInput and StopInput mean something while they last.
func (b *Barrier) command(at time.Duration, in Input, active bool) {
	switch {
	case b.dead:
	case in == StopInput && active:
		b.leave = Never
		if b.arm.dir != 0 || b.motor != 0 {
			b.halt(at, ArmStopped)
		}
	case in == OpenInput && !active && b.up():
		b.opened(at) // no longer held: the timers count from here
	case !active || b.in[StopInput].active:
	case in == OpenInput:
		b.run(at, +1, CauseRelay)
	case in == TicketInput:
		b.run(at, +1, CauseTicket)
	case in == FobInput:
		b.run(at, +1, CauseFob)
	case in == CloseInput && !b.blocked && !b.held():
		b.run(at, -1, CauseRelay)
	}
}

// held tells whether a standing input forbids closing.
func (b *Barrier) held() bool { return b.in[OpenInput].active || b.in[StopInput].active }

// safety reacts to the controller's own photocell and loop.
func (b *Barrier) safety(at time.Duration) {
	switch {
	case b.dead:
	case b.blocked && b.motor < 0:
		b.run(at, +1, CauseSafety)
	case b.blocked:
		b.leave = Never
	default:
		b.passed = true
		if b.motor == 0 && b.up() {
			b.opened(at)
		}
	}
}

// opened starts the timers that will close an open barrier.
func (b *Barrier) opened(at time.Duration) {
	b.leave = Never
	switch {
	case b.blocked || b.held():
	case b.passed && b.opt.AutoClose > 0:
		b.leave = at + b.opt.AutoClose
	case b.opt.NoPassage > 0:
		b.leave = at + b.opt.NoPassage
	}
}

// run tells the motor a direction.
func (b *Barrier) run(at, dir time.Duration, why Cause) {
	b.leave = Never
	if dir > 0 {
		b.passed = false
	}
	if b.motor == dir {
		return
	}
	if p := b.arm.now(at); (dir > 0 && p == b.opt.Travel) || (dir < 0 && p == 0) {
		if b.motor == 0 {
			if dir > 0 {
				b.opened(at)
			}
			return
		}
	}
	if b.motor < 0 && dir > 0 && !b.up() && !b.down {
		b.journal.add(Truth{At: at, Device: b.name, Kind: ArmReopens, Cause: why})
	}
	if b.motor != 0 {
		b.turn = at + b.opt.Reversal
	}
	b.motor, b.since, b.cause = dir, at, why
	b.gear(at)
	kind := ArmOpening
	if dir < 0 {
		kind = ArmClosing
	}
	b.tell(at, kind)
}

// halt takes the power from the motor.
func (b *Barrier) halt(at time.Duration, kind Kind) {
	b.motor, b.turn = 0, Never
	b.arm.drive(at, 0)
	b.cause = CauseNone
	b.tell(at, kind)
}
