package device

import (
	"time"

	"lotusgate/gateway"
)

// Kept is a machine with something that must survive a restart and a power cut: S, a small comparable struct that is
// stored as JSON. Numbers of a snapshot's arrays are those of the constants here, so constants are only ever added.
//
// What a snapshot holds was told already: a machine that goes on from it neither raises what stands nor forgets to clear
// it. A level is in no snapshot: wires are read anew.
type Kept[T, S any] interface {
	Machine[T]
	comparable
	// Snapshot changes only when what it keeps does, not with time.
	Snapshot() S
	// Restore makes a machine of which nothing is known go on from a snapshot. shift is how far the clock of this boot of
	// the kernel is ahead of the one that the snapshot's times are of, so that none of its past lies in the future.
	Restore(s S, shift time.Duration) T
	// Stands tells whether the machine knows that it has raised the alarm of that name and not cleared it.
	Stands(alarm string) bool
}

// moved takes a time over into the clock of another boot.
func moved(m gateway.Mono, shift time.Duration) gateway.Mono {
	if m.IsZero() {
		return 0
	}
	if m = m.Add(shift); m.IsZero() {
		return -1
	}
	return m
}

// LoopSnapshot is what a loop must not forget: its standing diagnostics.
type LoopSnapshot struct {
	Faults [loopCauses]gateway.Mono `json:"faults"` // by LoopCause, since when; 0 = none
}

// Snapshot is what Restore wants.
func (l Loop) Snapshot() (s LoopSnapshot) {
	for c, f := range l.faults {
		if f.raised {
			s.Faults[c] = f.since
		}
	}
	return s
}

// Restore goes on from a snapshot. A diagnostic that the site has switched off since is forgotten.
func (l Loop) Restore(s LoopSnapshot, shift time.Duration) Loop {
	for c := range loopCauses {
		if !s.Faults[c].IsZero() && l.watches(c) {
			l.faults[c] = loopFault{raised: true, since: moved(s.Faults[c], shift)}
		}
	}
	if f := &l.faults[LoopErratic]; f.raised {
		f.well = f.since // the wait for its end begins when the wire is read
	}
	return l
}

// watches tells whether the site wants to hear of a cause.
func (l Loop) watches(c LoopCause) bool {
	switch c {
	case LoopMaxPresence:
		return l.cfg.MaxPresence > 0
	case LoopNoActivity:
		return l.cfg.NoActivity > 0
	case LoopErratic:
		return l.cfg.Erratic > 0
	}
	return l.cfg.Contact
}

// Stands is for Kept.
func (l Loop) Stands(alarm string) bool {
	c, ok := ParseLoopCause(alarm)
	return ok && l.faults[c].raised
}

// LaneSnapshot is what a lane must not forget: how many it has counted, and who may pass.
type LaneSnapshot struct {
	Count   [2]uint64            `json:"count"` // in, out
	Waits   bool                 `json:"waits"`
	Grants  [maxGrants]LaneGrant `json:"grants"`
	Until   gateway.Mono         `json:"until"`
	Credits bool                 `json:"credits"` // passages are authorised here
}

// Ends is when who has not passed by then may not any more.
func (s LaneSnapshot) Ends() gateway.Mono {
	if s.Grants == [maxGrants]LaneGrant{} {
		return 0
	}
	return s.Until
}

// Snapshot is what Restore wants.
func (l Lane) Snapshot() LaneSnapshot {
	return LaneSnapshot{Count: l.count, Waits: l.waits, Grants: l.grants, Until: l.until, Credits: l.counts}
}

// Restore goes on from a snapshot.
func (l Lane) Restore(s LaneSnapshot, shift time.Duration) Lane {
	l.count, l.base, l.waits = s.Count, s.Count, s.Waits
	l.grants, l.until, l.counts = s.Grants, moved(s.Until, shift), s.Credits
	return l
}

// Stands is for Kept.
func (l Lane) Stands(alarm string) bool { return l.waits && alarm == gateway.VehicleWaiting.Name() }

// GateSnapshot is what a gate must not forget: its standing alarms. Nothing that moves the arm is in it.
type GateSnapshot struct {
	Overdue  bool          `json:"overdue"`
	Stuck    bool          `json:"stuck"`
	Conflict bool          `json:"conflict"`
	Forced   bool          `json:"forced"`
	HeldOpen bool          `json:"held_open"`
	ArmOff   bool          `json:"arm_off"`
	Broken   [Outputs]bool `json:"broken"`
}

// Snapshot is what Restore wants.
func (g Gate) Snapshot() GateSnapshot {
	return GateSnapshot{g.overdue, g.stuck, g.conflict, g.forced, g.heldOpen, g.armOff, g.broken}
}

// Restore goes on from a snapshot.
func (g Gate) Restore(s GateSnapshot, _ time.Duration) Gate {
	g.overdue, g.stuck, g.conflict, g.forced, g.heldOpen = s.Overdue, s.Stuck, s.Conflict, s.Forced, s.HeldOpen
	g.armOff = s.ArmOff && g.cfg.HasArm
	for o := range g.broken {
		g.broken[o] = s.Broken[o] && g.cfg.Has[o]
	}
	return g
}

// Stands is for Kept.
func (g Gate) Stands(alarm string) bool {
	switch alarm {
	case "travel_timeout":
		return g.overdue
	case string(gateway.NoMotion):
		return g.stuck
	case "limit_conflict":
		return g.conflict
	case string(gateway.RelayReadback):
		return g.broken != [Outputs]bool{}
	case gateway.GateForced.Name():
		return g.forced
	case gateway.GateHeldOpen.Name():
		return g.heldOpen
	case gateway.GateArmOff.Name():
		return g.armOff
	}
	return false
}

// FireSnapshot is what a fire input must not forget.
type FireSnapshot struct {
	Latched bool         `json:"latched"`
	Since   gateway.Mono `json:"since"`
}

// Snapshot is what Restore wants.
func (f FireInput) Snapshot() FireSnapshot {
	if !f.latched {
		return FireSnapshot{}
	}
	return FireSnapshot{true, f.since}
}

// Restore goes on from a snapshot: a fire that nobody has reset is still one.
func (f FireInput) Restore(s FireSnapshot, shift time.Duration) FireInput {
	f.latched, f.since = s.Latched, moved(s.Since, shift)
	return f
}

// Stands is for Kept.
func (f FireInput) Stands(alarm string) bool { return f.latched && alarm == gateway.FireOpened.Name() }

// KeySnapshot is what a key switch must not forget.
type KeySnapshot struct {
	On    bool         `json:"on"`
	Since gateway.Mono `json:"since"`
}

// Snapshot is what Restore wants.
func (k Key) Snapshot() KeySnapshot {
	if !k.input.On {
		return KeySnapshot{}
	}
	return KeySnapshot{true, k.input.Since}
}

// Restore goes on from a snapshot; until the key is read it counts as turned anyway.
func (k Key) Restore(s KeySnapshot, shift time.Duration) Key {
	k.input = Signal{On: s.On, Since: moved(s.Since, shift)}
	return k
}

// Stands is for Kept.
func (k Key) Stands(alarm string) bool { return k.input.On && alarm == gateway.LockoutOn.Name() }

// WindowSnapshot is what a maintenance window must not forget: somebody may still be at the machine.
type WindowSnapshot struct {
	Opened gateway.Mono `json:"opened"`
	Until  gateway.Mono `json:"until"`
}

// Ends is when the window closes.
func (s WindowSnapshot) Ends() gateway.Mono { return s.Until }

// Snapshot is what Restore wants.
func (w Window) Snapshot() WindowSnapshot { return WindowSnapshot{w.opened, w.until} }

// Restore goes on from a snapshot.
func (w Window) Restore(s WindowSnapshot, shift time.Duration) Window {
	w.opened, w.until = moved(s.Opened, shift), moved(s.Until, shift)
	return w
}

// Stands is for Kept.
func (w Window) Stands(alarm string) bool {
	return w.opened != 0 && alarm == gateway.MaintenanceOpened.Name()
}

// CenterSnapshot is what is not forgotten of the center.
type CenterSnapshot struct {
	Away  bool         `json:"away"`
	Since gateway.Mono `json:"since"`
}

// Snapshot is what Restore wants.
func (c Center) Snapshot() CenterSnapshot {
	if !c.away {
		return CenterSnapshot{}
	}
	return CenterSnapshot{true, c.since}
}

// Restore goes on from a snapshot: a center that was away is so until it has been there for long enough, and no car waits
// another AwayTime because the gateway was restarted.
func (c Center) Restore(s CenterSnapshot, shift time.Duration) Center {
	if s.Away {
		c.seen, c.away, c.since = true, true, moved(s.Since, shift)
	}
	return c
}

// Stands is for Kept.
func (Center) Stands(string) bool { return false }

// AutonomySnapshot is what the autonomy of a lane must not forget.
type AutonomySnapshot struct {
	Active bool `json:"active"`
}

// Snapshot is what Restore wants.
func (a Autonomy) Snapshot() AutonomySnapshot { return AutonomySnapshot{a.active} }

// Restore goes on from a snapshot.
func (a Autonomy) Restore(s AutonomySnapshot, _ time.Duration) Autonomy {
	a.active = s.Active && a.mode != NoAutonomy
	return a
}

// Stands is for Kept.
func (a Autonomy) Stands(alarm string) bool {
	return a.active && alarm == gateway.AutonomyEntered.Name()
}

// InputSnapshot is what a supervised input must not forget: that its wire is not in order.
type InputSnapshot struct {
	Tamper uint8        `json:"tamper"` // band; 0 = none
	Since  gateway.Mono `json:"since"`
}

// Snapshot is what Restore wants.
func (s Supervised) Snapshot() InputSnapshot {
	if s.holds < bandShort {
		return InputSnapshot{}
	}
	return InputSnapshot{uint8(s.holds), s.since}
}

// Restore goes on from a snapshot.
func (s Supervised) Restore(from InputSnapshot, shift time.Duration) Supervised {
	if b := band(from.Tamper); b >= bandShort && b <= bandBetween {
		s.holds, s.since = b, moved(from.Since, shift)
	}
	return s
}

// Stands is for Kept.
func (s Supervised) Stands(alarm string) bool {
	return s.holds >= bandShort && alarm == bandWords[s.holds]
}

// ContactSnapshot is what a contact must not forget.
type ContactSnapshot struct {
	Raised bool         `json:"raised"`
	Since  gateway.Mono `json:"since"`
}

// Snapshot is what Restore wants.
func (c Contact) Snapshot() ContactSnapshot {
	if !c.contact.on {
		return ContactSnapshot{}
	}
	return ContactSnapshot{true, c.contact.since}
}

// Restore goes on from a snapshot.
func (c Contact) Restore(s ContactSnapshot, shift time.Duration) Contact {
	c.contact = c.contact.restore(s.Raised, moved(s.Since, shift))
	return c
}

// Stands is for Kept.
func (c Contact) Stands(alarm string) bool {
	return c.contact.on && alarm == gateway.ContactRaised.Name()
}

// CameraSnapshot is what a camera must not forget: what was said of it.
type CameraSnapshot struct {
	Told uint8 `json:"told"`
}

// Snapshot is what Restore wants.
func (c Camera) Snapshot() CameraSnapshot { return CameraSnapshot{uint8(c.voice.told)} }

// Restore goes on from a snapshot.
func (c Camera) Restore(s CameraSnapshot, _ time.Duration) Camera {
	c.voice.told = s.value()
	return c
}

func (s CameraSnapshot) value() cameraValue {
	if int(s.Told) >= len(cameraTypes) {
		return cameraUnknown
	}
	return cameraValue(s.Told)
}

// Stands is for Kept.
func (c Camera) Stands(alarm string) bool { return c.voice.stands(alarm) }

// SupplySnapshot is what a camera by supply current must not forget: what was said of it, and what it usually draws.
type SupplySnapshot struct {
	CameraSnapshot
	MilliAmp int64  `json:"usual_ma"` // learned
	Samples  uint16 `json:"samples"`  // that it rests on, up to supplyLearn
}

// Snapshot is what Restore wants. Whole milliamperes: what creeps along all day is not worth a write to the disk each time.
func (c SupplyCamera) Snapshot() SupplySnapshot {
	return SupplySnapshot{CameraSnapshot{uint8(c.voice.told)}, (c.base + 500_000) / 1_000_000, c.learned}
}

// Restore goes on from a snapshot.
func (c SupplyCamera) Restore(s SupplySnapshot, _ time.Duration) SupplyCamera {
	c.voice.told = s.value()
	c.base, c.learned = s.MilliAmp*1_000_000, min(s.Samples, supplyLearn)
	return c
}

// Stands is for Kept.
func (c SupplyCamera) Stands(alarm string) bool { return c.voice.stands(alarm) }

// GroupSnapshot is what a camera group must not forget.
type GroupSnapshot struct {
	Out   bool         `json:"out"`
	Since gateway.Mono `json:"since"`
	Lost  uint8        `json:"lost"`
}

// Snapshot is what Restore wants.
func (g CameraGroup) Snapshot() GroupSnapshot {
	if !g.out {
		return GroupSnapshot{}
	}
	return GroupSnapshot{true, g.since, g.lost}
}

// Restore goes on from a snapshot.
func (g CameraGroup) Restore(s GroupSnapshot, shift time.Duration) CameraGroup {
	if s.Out {
		g.known, g.out, g.since, g.lost = true, true, moved(s.Since, shift), s.Lost
	}
	return g
}

// Stands is for Kept.
func (g CameraGroup) Stands(alarm string) bool {
	return g.out && alarm == gateway.CameraGroupOutage.Name()
}

// CounterSnapshot is what a counter must not forget.
type CounterSnapshot struct {
	Count uint64 `json:"count"`
	Told  uint64 `json:"told"`
}

// Snapshot is what Restore wants.
func (c Counter) Snapshot() CounterSnapshot { return CounterSnapshot{c.count, c.told} }

// Restore goes on from a snapshot. Pulses that were counted and not told come with the next event.
func (c Counter) Restore(s CounterSnapshot, _ time.Duration) Counter {
	c.count, c.told = s.Count, min(s.Told, s.Count)
	return c
}

// Stands is for Kept.
func (Counter) Stands(string) bool { return false }

// LotSnapshot is what a lot must not forget.
type LotSnapshot struct {
	Passed  int64 `json:"passed"` // vehicles inside, as the lanes count
	Full    bool  `json:"full"`
	Counted bool  `json:"counted"` // Passed rests on a count
}

// Snapshot is what Restore wants.
func (l Lot) Snapshot() LotSnapshot {
	return LotSnapshot{Passed: l.passed, Full: l.full, Counted: l.counted}
}

// Restore goes on from a snapshot.
func (l Lot) Restore(s LotSnapshot, _ time.Duration) Lot {
	l.passed, l.full, l.counted = s.Passed, s.Full, s.Counted
	if l.cfg.Bays == 0 {
		l.occupied = s.Passed
	}
	return l
}

// Stands is for Kept.
func (Lot) Stands(string) bool { return false }
