package device

import (
	"time"

	"lotusgate/gateway"
)

// Gate is a barrier: two limit switches, safety inputs, and up to three relays. It follows the arm, decides what may move
// it, and says from when until when each relay shall be active (Drive); it switches nothing itself.
//
// The limits (open, closed): 10 is open, 01 closed, 00 on the way, 11 a wiring fault. The position is not known until a
// limit has been read once. A barrier that moves without us is normal: fobs, ticket machines and the barrier's own
// controller open it legitimately.
//
// Priorities: lockout, fire, commanded STOP, OPEN on a trip, OPEN, CLOSE, rules. A wired STOP beats all of them in the
// controller, and is no input of ours. CLOSE is an order, or a closing rule that the site has asked for, always with fresh
// evidence; after a start, a fire, a hold or a hand on the barrier nothing closes by itself.
type Gate struct {
	cfg GateConfig

	open, closed Signal
	safety       [MaxSafety]Signal
	lockout      Signal
	fires        [MaxSafety]bool // several inputs, told apart by Index
	fire, window bool
	holdRules    [MaxSafety]bool // several, told apart by Index
	openRules    [MaxSafety]bool
	manual       bool         // somebody at the machine, or with a fob, wants it open
	manualUntil  gateway.Mono // an opening that begins until then is theirs
	force        bool         // the controller's force contact
	armOff       bool
	power        Signal // on = the mains are lost
	blackout     bool   // just now
	guests       letIn

	position gatePosition
	since    gateway.Mono
	left     gateway.Mono // when a limit was left
	conflict bool         // both limits at once
	overdue  bool         // travel time-out passed
	stuck    bool         // no_motion
	forced   bool
	stopped  bool // by STOP, between the limits
	heldOpen bool // held_open was told

	broken     [Outputs]bool // relays that did not do what they were told
	drive      Drive
	closing    gateway.Mono          // first CLOSE output; not zero until the closed limit is read, or the time-out
	tripped    bool                  // something came under the closing arm; until a limit is read
	unsafe     bool                  // a safety input is blocked or bad
	opensFor   gateway.MovementCause // why OPEN was active last
	opensUntil gateway.Mono          // an opening that begins until then is for that reason
	closesFor  gateway.MovementCause // why CLOSE was active last
	cause      gateway.MovementCause // of the movement that goes on, or of the last one

	pending  Order // CLOSE that waits for its evidence
	asked    gateway.Mono
	question uint32
	job      job
	hold     gateway.Mono // hold_open until then
	wanted   bool         // fire, hold or rule want it open
	still    bool         // lockout was obeyed
	quiet    bool         // STOP was commanded: rules rest until none wants anything
	again    gateway.Mono // a pulse gate that is to be open is pulsed again then
}

// job is an order that was accepted and has not ended.
type job struct {
	Order
	begun gateway.Mono // first output
	told  bool         // executing was told
}

// MaxSafety is how many safety inputs one gate may have.
const MaxSafety = 4

// GateConfig is what a site says about a barrier.
type GateConfig struct {
	Travel    time.Duration // nominal; twice that is a time-out
	Safety    uint8         // number of safety inputs in use, up to MaxSafety
	NoLimits  bool          // there are no limit switches: done is never verified, CLOSE never allowed
	Has       [Outputs]bool // relays
	Unguarded bool          // nothing makes the relays inactive when this process dies: no CLOSE
	Pulse     time.Duration // of a relay; default 500 ms
	Maintain  bool          // hold_open holds the relay; else it is pulsed whenever the gate is not open
	MaxHold   time.Duration // of a held relay, but for fire; 0 = no limit
	StopTrip  bool          // on a trip while closing: STOP, not OPEN
	Clear     time.Duration // every safety input must have been clear that long to close
	Lockout   bool          // there is a key switch
	Exclusive bool          // nobody else opens it: leaving closed without us is forced
	HeldOpen  time.Duration // held_open after that long open without a reason of ours; 0 = never

	Closing    ClosingRules
	HasLane    bool // RoleLane tells of it
	HasArm     bool // RoleArm does of the arm
	Outward    bool // its lane leads out: a passage takes one from its balance
	Ticket     bool // a ticket machine opens it, and tells the lane for how many
	PowerOpens bool // one OPEN pulse when the mains are lost
}

// Times that do not depend on the site.
const (
	Gap          = 300 * time.Millisecond  // between opposing outputs
	NoMotionTime = 1500 * time.Millisecond // a limit still there that long after the output began
	EvidenceTime = 500 * time.Millisecond  // for the answer to a question
	FreshTime    = 100 * time.Millisecond  // age of a sample at the decision
	PulseTime    = 500 * time.Millisecond  // default
	MinPulse     = 200 * time.Millisecond
	MaxPulse     = 2 * time.Second
	repulse      = 2 * time.Second // at least, between two pulses that hold a gate open
)

type gatePosition uint8

const (
	gateUnknown gatePosition = iota
	gateClosed
	gateOpening
	gateOpen
	gateClosing
)

var gateWords = [...]string{"", "closed", "opening", "open", "closing"}

// NewGate returns a gate of which nothing is known and whose outputs are inactive.
func NewGate(cfg GateConfig) Gate {
	if cfg.Pulse == 0 {
		cfg.Pulse = PulseTime
	}
	if cfg.Safety > MaxSafety {
		cfg.Safety, cfg.Unguarded = MaxSafety, true
	}
	cfg.Pulse = min(max(cfg.Pulse, MinPulse), MaxPulse)
	return Gate{cfg: cfg}
}

// Drive is when each output shall be active.
func (g Gate) Drive() Drive { return g.drive }

// Busy tells whether a relay is active or about to be, an order is open, or an arm may be falling under our eyes.
func (g Gate) Busy(now gateway.Mono) bool {
	for _, p := range g.drive {
		if p.Ahead(now) {
			return true
		}
	}
	return g.pending.Number != 0 || g.job.Number != 0 || g.closing != 0
}

// Step takes RoleOpenLimit, RoleClosedLimit, RoleSafety (on = blocked: the beam is broken, the loop is occupied),
// RoleFire, RoleLockout, RoleWindow, RoleHoldRule, RoleOpenRule, RoleManual, RoleForce, RoleArm, RolePower, RoleLane (on =
// occupied; and its balance), orders, evidence and reports of the outputs.
func (g Gate) Step(now gateway.Mono, in Input) (Gate, Effects, gateway.Mono) {
	var fx Effects
	t := in.at(now)
	switch in.Kind {
	case SignalChanged, Measured, Standing:
		g.note(in)
	case OutputTold:
		g.report(now, in.Report, &fx)
	}
	g.signs(in, t, &fx)
	g.watch(t, &fx)
	g.guard(now, &fx)
	switch in.Kind {
	case OrderGiven:
		g.order(now, in.Order, &fx)
	case EvidenceRead:
		g.judge(now, in.Evidence, &fx)
	}
	g.powerFails(now)
	g.rules(now)
	g.timeouts(now, &fx)
	g.progress(now, &fx)
	g.closeByRule(now, &fx)
	return g, fx, after(now, g.wake(now))
}

// note keeps what a signal says.
func (g *Gate) note(in Input) {
	s := in.Signal
	switch in.Role {
	case RoleOpenLimit:
		g.open = s
	case RoleClosedLimit:
		g.closed = s
	case RoleSafety:
		g.safety[in.Index%MaxSafety] = s
	case RoleLockout:
		g.lockout = s
	case RoleFire:
		g.fires[in.Index%MaxSafety] = s.On
		g.fire = g.fires != [MaxSafety]bool{}
	case RoleWindow:
		g.window = s.On
	case RoleHoldRule:
		g.holdRules[in.Index%MaxSafety] = s.On
	case RoleOpenRule:
		g.openRules[in.Index%MaxSafety] = s.On
	case RoleLane:
		g.lane(in)
	}
}

// locked tells whether the key is turned. A key switch that cannot be read counts as turned.
func (g *Gate) locked() bool { return g.cfg.Lockout && (!g.lockout.Known() || g.lockout.On) }

// safetyClear tells whether there is a safety input, and every one is readable and clear.
func (g Gate) safetyClear() bool {
	for _, s := range g.safety[:g.cfg.Safety] {
		if !s.Known() || s.On {
			return false
		}
	}
	return g.cfg.Safety > 0
}

// wake is the next time at which something is due without an input.
func (g *Gate) wake(now gateway.Mono) gateway.Mono {
	var w gateway.Mono
	due := func(t gateway.Mono) {
		if !t.IsZero() && t < Forever && t > now {
			w = gateway.Earliest(w, t)
		}
	}
	due(g.travelDue())
	if g.asked != 0 {
		due(g.asked.Add(EvidenceTime) + 1)
	}
	if g.job.Number != 0 {
		due(g.job.begun.Add(NoMotionTime))
		due(g.job.begun.Add(2 * g.cfg.Travel))
	}
	for _, p := range g.drive {
		due(p.From)
		due(p.Until) // a job without limits ends with its pulse; a second order may have waited for it
	}
	if g.closing != 0 {
		due(g.closing.Add(2 * g.cfg.Travel))
	}
	due(g.hold)
	if g.wanted {
		due(g.again)
	}
	due(g.closeDue())
	if g.cfg.HeldOpen > 0 && g.position == gateOpen && !g.heldOpen {
		due(g.since.Add(g.cfg.HeldOpen))
	}
	return w
}

// GateDetail goes out with the state of a gate.
type GateDetail struct {
	OpenLimit   bool `json:"open_limit"`
	ClosedLimit bool `json:"closed_limit"`
	SafetyClear bool `json:"safety_clear"` // false also when there is no safety input, or one cannot be read
	Held        bool `json:"held"`         // kept open by fire, hold_open or a rule

	Cause gateway.MovementCause `json:"cause,omitempty"` // of the last movement that was seen
	Left  uint16                `json:"left,omitempty"`  // of those it was opened for, so many have not passed
}

// State is closed, opening, open, closing, stopped (STOP, or a travel time-out), obstructed (something came under the
// closing arm), forced, arm_off or fault (limits contradict each other).
func (g Gate) State() gateway.DeviceState {
	left := uint16(0)
	if g.cfg.HasLane {
		left = g.guests.left
	}
	s := gateway.DeviceState{
		Value: gateWords[g.position], Quality: gateway.Good, Since: g.since,
		Detail: GateDetail{OpenLimit: g.open.On, ClosedLimit: g.closed.On, SafetyClear: g.safetyClear(), Held: g.wanted, Cause: g.cause, Left: left},
	}
	switch {
	case g.conflict && g.open.Known() && g.closed.Known():
		s.Value = "fault"
	case g.armOff:
		s.Value = "arm_off"
	case g.position == gateUnknown:
		s.Quality = gateway.Bad
	case g.tripped:
		s.Value = "obstructed"
	case g.overdue, g.stopped:
		s.Value = "stopped"
	case g.forced:
		s.Value = "forced"
	}
	return s
}
