package device

import "lotusgate/gateway"

// Loop is an inductive loop detector with a presence output: on means that metal is over the wire.
//
// What it cannot tell by itself: a vehicle from a broken loop or a detector without power, both of which a fail-safe
// detector reports as presence (Nortech PD130 manual).
type Loop struct {
	signal Signal
}

// NewLoop returns a loop of which nothing is known.
func NewLoop() Loop { return Loop{} }

// Step takes RoleInput.
func (l Loop) Step(_ gateway.Mono, in Input) (Loop, Effects, gateway.Mono) {
	var fx Effects
	if in.Kind != SignalChanged || in.Role != RoleInput {
		return l, fx, 0
	}
	was := l.signal
	l.signal = in.Signal
	switch {
	case !l.signal.Known():
		l.signal.On = false
	case !was.Known() || l.signal.On == was.On:
		// The level at start, or after an outage, is state and no event: its edge was not seen.
	case l.signal.On:
		fx.emit(gateway.LoopOccupied, l.signal.Since, gateway.LoopData{})
	default:
		fx.emit(gateway.LoopCleared, l.signal.Since, gateway.LoopData{OccupiedMS: millis(was.Since, l.signal.Since)})
	}
	return l, fx, 0
}

// Signal offers the loop's presence to lanes and gates.
func (l Loop) Signal() Signal { return l.signal }

// State is occupied or clear.
func (l Loop) State() gateway.DeviceState {
	if !l.signal.Known() {
		return gateway.DeviceState{Quality: l.signal.Quality, Since: l.signal.Since}
	}
	value := "clear"
	if l.signal.On {
		value = "occupied"
	}
	return gateway.DeviceState{Value: value, Quality: gateway.Good, Since: l.signal.Since}
}
