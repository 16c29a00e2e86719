package device

import "lotusgate/gateway"

// FireInput is the contact of a fire alarm system. It latches: once open, it stays so until the contact is clear *and*
// somebody says reset_fire. A wire that cannot be read changes nothing, in either direction.
type FireInput struct {
	input   Signal
	latched bool
	since   gateway.Mono
}

// NewFireInput returns a fire input of which nothing is known.
func NewFireInput() FireInput { return FireInput{} }

// Busy tells whether gates are held open: nobody takes the ground from under that.
func (f FireInput) Busy(gateway.Mono) bool { return f.latched }

// Step takes RoleInput, and the order reset_fire.
func (f FireInput) Step(now gateway.Mono, in Input) (FireInput, Effects, gateway.Mono) {
	var fx Effects
	switch {
	case in.Kind == OrderGiven:
		f.order(now, in.Order, &fx)
	case in.Kind == SignalChanged && in.Role == RoleInput:
		f.hear(in.at(now), in.Signal, &fx)
	}
	return f, fx, 0
}

func (f *FireInput) hear(t gateway.Mono, s Signal, fx *Effects) {
	was := f.input
	f.input = s
	if !s.Known() {
		f.input.On = was.On
		return
	}
	switch {
	case s.On && !f.latched:
		f.latched, f.since = true, t
		fx.emit(gateway.FireOpened, t, gateway.FireData{Active: true})
	case !s.On && was.On:
		fx.emit(gateway.FireCleared, t, gateway.FireData{})
	}
}

func (f *FireInput) order(now gateway.Mono, o Order, fx *Effects) {
	no := func(why gateway.Reason) {
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Rejected, Reason: why, Obstacle: "fire_input"})
	}
	switch {
	case o.Expires != 0 && now > o.Expires:
		no(gateway.Expired)
	case o.Action != gateway.ResetFire:
		no(gateway.UnknownAction)
	case !f.input.Known() || f.input.On:
		no(gateway.Fire)
	default:
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Accepted})
		if f.latched {
			f.latched, f.since = false, now
			fx.emit(gateway.FireReset, now, gateway.FireData{})
		}
		fx.tell(Outcome{Number: o.Number, Stage: gateway.Done, Verified: true})
	}
}

// Signal is on while gates are to stay open.
func (f FireInput) Signal() Signal {
	return Signal{On: f.latched, Quality: gateway.Good, Since: f.since}
}

// State is alarm (the contact is active), latched (it is not, and nobody has reset) or clear.
func (f FireInput) State() gateway.DeviceState {
	s := gateway.DeviceState{Value: "clear", Quality: gateway.Good, Since: f.since}
	switch {
	case f.latched && f.input.On:
		s.Value = "alarm"
	case f.latched:
		s.Value = "latched"
	}
	if !f.input.Known() {
		s.Quality = gateway.Stale
		if !f.latched {
			s.Quality = gateway.Bad
		}
	}
	return s
}
