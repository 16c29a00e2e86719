package device

import (
	"time"

	"lotusgate/gateway"
)

// Gate follows a barrier by its two limit switches: (open, closed) 10 is open, 01 closed, 00 on the way, 11 a wiring
// fault. The position is not known until a limit has been read once.
//
// This machine observes; it has no output and moves nothing. A barrier that moves without us is normal: fobs, ticket
// machines and the barrier's own controller open it legitimately, so every movement has the cause "unknown".
type Gate struct {
	cfg GateConfig

	open, closed Signal
	safety       [MaxSafety]Signal
	position     gatePosition
	since        gateway.Mono
	left         gateway.Mono // when a limit was left
	conflict     bool         // both limits at once
	overdue      bool         // travel time-out passed
}

// MaxSafety is how many safety inputs one gate may have.
const MaxSafety = 4

// GateConfig is what a site says about a barrier.
type GateConfig struct {
	Travel time.Duration // nominal; twice that is a time-out
	Safety uint8         // number of safety inputs in use, up to MaxSafety
}

type gatePosition uint8

const (
	gateUnknown gatePosition = iota
	gateClosed
	gateOpening
	gateOpen
	gateClosing
)

var gateWords = [...]string{"", "closed", "opening", "open", "closing"}

// NewGate returns a gate of which nothing is known.
func NewGate(cfg GateConfig) Gate { return Gate{cfg: cfg} }

// Step takes RoleOpenLimit, RoleClosedLimit and RoleSafety (on = blocked: the beam is broken, the loop is occupied).
func (g Gate) Step(now gateway.Mono, in Input) (Gate, Effects, gateway.Mono) {
	var fx Effects
	t := in.at(now)
	if in.Kind == SignalChanged {
		switch in.Role {
		case RoleOpenLimit:
			g.open = in.Signal
		case RoleClosedLimit:
			g.closed = in.Signal
		case RoleSafety:
			g.safety[in.Index%MaxSafety] = in.Signal
		}
	}
	switch {
	case !g.open.Known() || !g.closed.Known():
		g.position, g.left = gateUnknown, 0
	case g.open.On && g.closed.On:
		g = g.conflicting(t, &fx)
	default:
		g = g.follow(t, &fx)
	}
	if due := g.deadline(); !due.IsZero() && now >= due {
		g.overdue = true
		fx.emit(gateway.GateFault, due, gateway.GateFaultData{Cause: "travel_timeout"})
	}
	return g, fx, after(now, g.deadline())
}

func (g Gate) conflicting(t gateway.Mono, fx *Effects) Gate {
	if !g.conflict {
		g.conflict = true
		g.position, g.since, g.left = gateUnknown, t, 0
		fx.emit(gateway.GateFault, t, gateway.GateFaultData{Cause: "limit_conflict"})
	}
	return g
}

// follow moves the position along with readable limits that do not contradict each other.
func (g Gate) follow(t gateway.Mono, fx *Effects) Gate {
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
		return g
	}
	g.since = t
	move := gateway.MovementData{Cause: gateway.CauseUnknown}
	switch g.position {
	case gateOpening:
		g.left = t
		fx.emit(gateway.GateOpening, t, move)
	case gateClosing:
		g.left = t
		fx.emit(gateway.GateClosing, t, move)
	case gateOpen, gateClosed:
		g = g.arrived(was, t, fx)
	}
	return g
}

// arrived reports a limit that was reached, unless it is the first thing known about the barrier.
func (g Gate) arrived(was gatePosition, t gateway.Mono, fx *Effects) Gate {
	if g.overdue {
		g.overdue = false
		fx.emit(gateway.GateFaultCleared, t, gateway.GateFaultData{Cause: "travel_timeout"})
	}
	if was == gateUnknown {
		g.left = 0
		return g
	}
	move := gateway.MovementData{Cause: gateway.CauseUnknown, TravelMS: millis(g.left, t)}
	g.left = 0
	kind := gateway.GateClosed
	if g.position == gateOpen {
		kind = gateway.GateOpened
		if was == gateClosing { // reopened inside a close: something was in the way
			fx.emit(gateway.GateObstructed, t, move)
		}
	}
	fx.emit(kind, t, move)
	return g
}

func (g Gate) deadline() gateway.Mono {
	if g.overdue || g.left.IsZero() || g.position != gateOpening && g.position != gateClosing {
		return 0
	}
	return g.left.Add(2 * g.cfg.Travel)
}

// safetyClear tells whether there is a safety input, and every one is readable and clear.
func (g Gate) safetyClear() bool {
	for _, s := range g.safety[:g.cfg.Safety] {
		if !s.Known() || s.On {
			return false
		}
	}
	return g.cfg.Safety > 0
}

// GateDetail goes out with the state of a gate.
type GateDetail struct {
	OpenLimit   bool `json:"open_limit"`
	ClosedLimit bool `json:"closed_limit"`
	SafetyClear bool `json:"safety_clear"` // false also when there is no safety input, or one cannot be read
}

// State is closed, opening, open, closing, stopped (travel time-out) or fault (limits contradict each other).
func (g Gate) State() gateway.DeviceState {
	s := gateway.DeviceState{
		Value: gateWords[g.position], Quality: gateway.Good, Since: g.since,
		Detail: GateDetail{OpenLimit: g.open.On, ClosedLimit: g.closed.On, SafetyClear: g.safetyClear()},
	}
	switch {
	case g.conflict && g.open.Known() && g.closed.Known():
		s.Value = "fault"
	case g.position == gateUnknown:
		s.Quality = gateway.Bad
	case g.overdue:
		s.Value = "stopped"
	}
	return s
}
