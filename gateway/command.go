package gateway

import (
	"encoding/json"
	"errors"
	"slices"
)

// Action is what a command asks for.
type Action string

// Actions of this version. docs/wire.md says who takes which.
const (
	Open      Action = "open"
	Close     Action = "close"
	Stop      Action = "stop"
	HoldOpen  Action = "hold_open"
	Release   Action = "release"
	ResetFire Action = "reset_fire"
	SetCount  Action = "set_count"
	AckAlarm  Action = "ack_alarm" // of everything that has alarms
	Shelve    Action = "shelve"    // likewise

	Resend   Action = "resend"   // of the gateway: events again that were delivered before
	Identify Action = "identify" // of the gateway: blink the board's LED
	Refresh  Action = "refresh"  // of the gateway: everything retained again
)

// What a key may be allowed beside commands, on the device "gateway".
const (
	ConfirmEvents Action = "watermark"
	Beat          Action = "heartbeat"
)

// Args of a command; each action reads its own.
type Args struct {
	Passages int    `json:"passages,omitempty"` // open: how many vehicles may pass; 0 = 1
	Ref      string `json:"ref,omitempty"`      // open: echoed, so that a passage finds its payment
	Seconds  int    `json:"seconds,omitempty"`  // hold_open: how long; 0 = until release. shelve: how long; 0 = take back
	Value    *int64 `json:"value,omitempty"`    // set_count: so many vehicles are inside
	Expected *int64 `json:"expected,omitempty"` // set_count: only if the gateway still counts so many; none = whatever it counts
	Alarm    string `json:"alarm,omitempty"`    // ack_alarm, shelve: which
	End      bool   `json:"end,omitempty"`      // ack_alarm: it is over, as far as the center knows (elevators)
	Confirm  bool   `json:"confirm,omitempty"`  // ack_alarm of entrapment_suspected: there is somebody, as the intercom says

	// resend: the events of an epoch from one sequence to another, both included
	Epoch string `json:"epoch,omitempty"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// Range is what resend asks for.
func (a Args) Range() (from, to EventID, err error) {
	from, err1 := ParseEventID(a.Epoch + "-" + a.From)
	to, err2 := ParseEventID(a.Epoch + "-" + a.To)
	if err1 != nil || err2 != nil || to.Before(from) {
		return from, to, errors.New("epoch, and from and to as in the sequence of events, from not after to")
	}
	return from, to, nil
}

// Command is an order whose sender was found to be allowed to give it. It is perishable: carried out now or never.
type Command struct {
	JTI     string
	Issuer  string // key id, or the local user
	Local   bool   // came over the page or the local socket
	Peer    *Peer  // who is at the other end of the local socket; nil = it came another way
	Device  string
	Action  Action
	Args    Args
	Expires Mono // checked again at the decision; 0 = never
}

// Peer is the process that gave a command over the local socket, in the words of the kernel.
type Peer struct {
	UID int64 `json:"uid"`
	PID int64 `json:"pid"`
}

// Stage of a command: Rejected alone, or Accepted, Executing and then one of Done and Failed.
type Stage string

const (
	Rejected  Stage = "rejected"
	Accepted  Stage = "accepted"
	Executing Stage = "executing" // a reply only, no audit event
	Done      Stage = "done"
	Failed    Stage = "failed"
)

// Reason says why a command was rejected or failed.
type Reason string

// Reasons of Rejected, in the order in which they are looked for.
const (
	Malformed     Reason = "malformed"
	WasRetained   Reason = "retained"
	UnknownKey    Reason = "unknown_key"
	BadSignature  Reason = "bad_signature"
	WrongAudience Reason = "wrong_audience"
	WrongSession  Reason = "wrong_session"
	Duplicate     Reason = "duplicate"
	Expired       Reason = "expired"
	WrongNonce    Reason = "wrong_nonce"
	NotAllowed    Reason = "not_allowed"
	RateLimited   Reason = "rate_limited"
	UnknownDevice Reason = "unknown_device"
	UnknownAction Reason = "unknown_action"
	BadArgs       Reason = "bad_args"
	Starting      Reason = "starting"
	Lockout       Reason = "lockout" // also of Failed
	Fire          Reason = "fire"    // also of Failed
	Maintenance   Reason = "maintenance"
	NoPresence    Reason = "no_presence"
	Interlock     Reason = "interlock"
)

// Reasons of Failed. A command that waits for its evidence is rejected as superseded.
const (
	NoMotion      Reason = "no_motion"
	TravelTimeout Reason = "travel_timeout"
	RelayReadback Reason = "relay_readback"
	Superseded    Reason = "superseded"
	SafetyTrip    Reason = "safety_trip"
	BusLost       Reason = "bus_lost"
	Restarted     Reason = "restarted"
	NotKept       Reason = "not_kept" // of resend: there is no such history
	NoLight       Reason = "no_light" // identify: there is no LED to blink
)

// Reasons lists every reason, in the order of docs/wire.md.
func Reasons() []Reason {
	return []Reason{
		Malformed, WasRetained, UnknownKey, BadSignature, WrongAudience, WrongSession, Duplicate, Expired, WrongNonce,
		NotAllowed, RateLimited, UnknownDevice, UnknownAction, BadArgs, Starting, Lockout, Fire, Maintenance, NoPresence,
		Interlock, NoMotion, TravelTimeout, RelayReadback, Superseded, SafetyTrip, BusLost, Restarted, NotKept, NoLight,
	}
}

// Evidence is one input that a decision rested on.
type Evidence struct {
	Value   string  `json:"value"`  // blocked, clear, unsettled, unknown, or the word of what else stood in the way
	AgeMS   int64   `json:"age_ms"` // of the sample at the decision
	Quality Quality `json:"quality"`
}

// CommandData of command.accepted, rejected, done and failed: the audit trail.
type CommandData struct {
	JTI        string              `json:"jti"`
	Issuer     string              `json:"issuer,omitempty"` // key id; local/<user> and page/<address> of commands that were given here
	Peer       *Peer               `json:"peer,omitempty"`   // the process at the local socket
	Action     Action              `json:"action,omitempty"`
	Ref        string              `json:"ref,omitempty"`
	Reason     Reason              `json:"reason,omitempty"`
	Verified   *bool               `json:"verified,omitempty"` // done: a limit switch said so; where nothing moves: it is so now
	Evidence   map[string]Evidence `json:"evidence,omitempty"`
	Suppressed int                 `json:"suppressed,omitempty"` // rejections since the last one that nobody was told of
}

// Reply is what became of a command.
type Reply struct {
	JTI      string              `json:"jti"`
	Device   string              `json:"device"`
	Action   Action              `json:"action"`
	Stage    Stage               `json:"stage"`
	Reason   Reason              `json:"reason,omitempty"`
	Detail   string              `json:"detail,omitempty"` // for people
	Repeated bool                `json:"repeated"`
	Session  string              `json:"session,omitempty"`  // wrong_session: the current one
	Verified *bool               `json:"verified,omitempty"` // done: a limit switch said so; where nothing moves: it is so now
	Evidence map[string]Evidence `json:"evidence,omitempty"`
	At       *string             `json:"at"`

	Issuer string `json:"-"`
	To     string `json:"-"` // last level of the topic: the device, or "gateway" where there is no such device
}

// CommandResult is how a command went, for statistics. Reason is empty for accepted and done.
type CommandResult struct {
	Stage  Stage
	Reason Reason
}

// Final tells whether nothing more follows.
func (s Stage) Final() bool { return s == Rejected || s == Done || s == Failed }

// MarshalReply encodes r; a reply is plain data that cannot fail to encode.
func MarshalReply(r Reply) []byte {
	b, _ := json.Marshal(r)
	return b
}

// GateActions of a barrier with these outputs, in the order of docs/wire.md.
func GateActions(open, closes bool) []Action {
	list := []Action{Stop}
	if closes {
		list = append([]Action{Close}, list...)
	}
	if open {
		list = append([]Action{Open}, list...)
		list = append(list, HoldOpen, Release)
	}
	return slices.Clip(list)
}

// AlarmActions are taken by every id that can have an alarm: devices, points, buses and the gateway.
func AlarmActions() []Action { return []Action{AckAlarm, Shelve} }

// EndedBySomebody tells whether an alarm has no end that the gateway can see for itself: it ends at the lift, or from afar.
func EndedBySomebody(alarm string) bool {
	return alarm == "alarm_button" || alarm == "entrapment_confirmed"
}

// ConfirmedBySomebody tells whether an alarm is a suspicion that somebody at the center may know to be true.
func ConfirmedBySomebody(alarm string) bool { return alarm == "entrapment_suspected" }

// GatewayActions are what the gateway itself is asked for, as the device "gateway".
func GatewayActions() []Action { return []Action{Resend, Refresh, Identify} }

// Causes of a movement that the gateway knows of.
const (
	CauseCommand MovementCause = "command"
	CauseRule    MovementCause = "rule"
	CauseFire    MovementCause = "fire"
	CauseSafety  MovementCause = "safety"       // something came under the closing arm
	CauseManual  MovementCause = "manual_input" // a fob, a button, the guard's desk: a contact that the site has wired
)

// FireData of fire.opened, cleared and reset.
type FireData struct {
	Active bool `json:"active"` // the contact, now
}

// AutonomyData of lane.autonomy_entered and autonomy_left.
type AutonomyData struct {
	Mode string `json:"mode"` // open_on_presence, hold_open
}

// WindowData of gateway.maintenance_opened and maintenance_closed, lockout_on and lockout_off, power_lost and power_restored,
// cabinet_opened and cabinet_closed.
type WindowData struct {
	ForMS int64 `json:"for_ms,omitempty"` // closed, off: how long it was so
}
