package device

import (
	"time"

	"lotusgate/gateway"
)

// FreeExit wants the gate of one lane opened for whoever stands before it: an exit that asks nobody. It does not see the
// tail of the vehicle that has just passed, or of one that came the other way, as the next one. A presence that is doubted
// still opens.
type FreeExit struct {
	presence bool
	balance  int64
	counted  bool
	mask     gateway.Mono // presence means nothing until then
}

// FreeExitMask is how long after a passage presence means nothing.
const FreeExitMask = 3 * time.Second

// NewFreeExit returns a rule that wants nothing yet.
func NewFreeExit() FreeExit { return FreeExit{} }

// Step takes RolePresence, and RoleLane, the lane's balance.
func (f FreeExit) Step(now gateway.Mono, in Input) (FreeExit, Effects, gateway.Mono) {
	switch {
	case in.Kind == SignalChanged && in.Role == RolePresence:
		f.presence = in.Signal.On
	case (in.Kind == Measured || in.Kind == Standing) && in.Role == RoleLane:
		if f.counted && in.Value != f.balance {
			f.mask = now.Add(FreeExitMask)
		}
		f.balance, f.counted = in.Value, true
	}
	if !f.mask.IsZero() && now >= f.mask {
		f.mask = 0
	}
	return f, Effects{}, f.mask
}

// Signal is on while the gate is to be opened.
func (f FreeExit) Signal() Signal {
	return Signal{On: f.presence && f.mask.IsZero(), Quality: gateway.Good}
}

// State is on or off.
func (f FreeExit) State() gateway.DeviceState {
	s := gateway.DeviceState{Value: "off", Quality: gateway.Good}
	if f.Signal().On {
		s.Value = "on"
	}
	return s
}
