package device

import (
	"time"

	"lotusgate/gateway"
)

// AwayTime is how long the center must be out of reach to be away, and back to be there again.
const AwayTime = 30 * time.Second

// Center tells whether the center is away, from what RoleInput says: on = there is a session with the broker (and a
// heartbeat, where one is configured).
type Center struct {
	there, seen bool
	away        bool
	since       gateway.Mono // of there
}

// NewCenter returns a center that is not there yet; the time of the first step counts as since when.
func NewCenter() Center { return Center{} }

// Step takes RoleInput.
func (c Center) Step(now gateway.Mono, in Input) (Center, Effects, gateway.Mono) {
	if !c.seen {
		c.seen, c.since = true, now
	}
	if in.Kind == SignalChanged && in.Role == RoleInput {
		if on := in.Signal.Known() && in.Signal.On; on != c.there {
			c.there, c.since = on, now
		}
	}
	due := c.since.Add(AwayTime)
	if c.away == c.there && now >= due {
		c.away = !c.there
	}
	if c.away != c.there {
		return c, Effects{}, 0
	}
	return c, Effects{}, after(now, due)
}

// Signal is on while the center is away.
func (c Center) Signal() Signal { return Signal{On: c.away, Quality: gateway.Good, Since: c.since} }

// State is away or there.
func (c Center) State() gateway.DeviceState {
	s := gateway.DeviceState{Value: "there", Quality: gateway.Good, Since: c.since}
	if c.away {
		s.Value = "away"
	}
	return s
}

// AutonomyMode is what a lane does by itself while the center is away.
type AutonomyMode uint8

const (
	NoAutonomy AutonomyMode = iota
	OpenOnPresence
	HoldWhileAway
)

var autonomyWords = [...]string{"none", "open_on_presence", "hold_open"}

func (m AutonomyMode) String() string { return autonomyWords[m] }

// Autonomy opens the gate of one lane while nobody else can. It never closes anything. A presence that is doubted still
// opens: a car that has waited for 20 minutes is still a car.
type Autonomy struct {
	mode     AutonomyMode
	active   bool
	presence [MaxSafety]bool
}

// NewAutonomy returns the autonomy of a lane.
func NewAutonomy(m AutonomyMode) Autonomy { return Autonomy{mode: m} }

// Step takes RoleAway and RolePresence.
func (a Autonomy) Step(now gateway.Mono, in Input) (Autonomy, Effects, gateway.Mono) {
	var fx Effects
	if in.Kind != SignalChanged {
		return a, fx, 0
	}
	switch in.Role {
	case RolePresence:
		a.presence[in.Index%MaxSafety] = in.Signal.On // whatever its quality
	case RoleAway:
		if away := in.Signal.On && a.mode != NoAutonomy; away != a.active {
			a.active = away
			t := gateway.AutonomyLeft
			if away {
				t = gateway.AutonomyEntered
			}
			fx.emit(t, now, gateway.AutonomyData{Mode: a.mode.String()})
		}
	}
	return a, fx, 0
}

// Signal is on while the gate is to be opened, or held.
func (a Autonomy) Signal() Signal {
	on := a.active && (a.mode == HoldWhileAway || a.presence != [MaxSafety]bool{})
	return Signal{On: on, Quality: gateway.Good}
}

// State is on or off.
func (a Autonomy) State() gateway.DeviceState {
	s := gateway.DeviceState{Value: "off", Quality: gateway.Good}
	if a.active {
		s.Value = "on"
	}
	return s
}
