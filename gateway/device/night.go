package device

import "lotusgate/gateway"

// Night tells loops when no traffic is expected. Somebody with a calendar says so; while no date is known it is night.
type Night struct{ in Signal }

// NewNight returns a night that lasts until somebody says otherwise.
func NewNight() Night { return Night{in: Signal{On: true, Quality: gateway.Good}} }

// Step takes RoleInput.
func (n Night) Step(_ gateway.Mono, in Input) (Night, Effects, gateway.Mono) {
	if in.Kind == SignalChanged && in.Role == RoleInput {
		n.in = in.Signal
	}
	return n, Effects{}, 0
}

// Signal is on at night.
func (n Night) Signal() Signal { return n.in }

// State is on or off.
func (n Night) State() gateway.DeviceState {
	s := gateway.DeviceState{Value: "off", Quality: n.in.Quality, Since: n.in.Since}
	if n.in.On {
		s.Value = "on"
	}
	return s
}
