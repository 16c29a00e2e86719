package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/district"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
)

// cause is why an alarm stands: whether it is there, since when, and what the gateway is given for what follows of it.
type cause struct {
	span
	raise time.Duration // it must stand so long after its cause began; 0 = it may, and need not
	clear time.Duration // it must be over so long after its cause ended
}

// looksEvery is how often alarms are held against their causes.
const looksEvery = 20 * time.Second

// Times that alarms are given.
const (
	// soon is enough for what is concluded from a contact, and for a look at everything after a start.
	soon = 15 * time.Second
	// adopted is how long an alarm of an earlier run may stand that nobody has raised again.
	adopted = 30 * time.Second
	// attended is how long the day's operator takes to end an alarm after nobody is shut in any more.
	attended = 9 * time.Minute
	// calls is how long people take to find the button, and the gateway to believe it.
	calls = 90 * time.Second
	// cameraLate is three heartbeats, the patience of its group, and, on its way back, boot and two more.
	cameraLate = 5 * time.Minute
)

// causeOf is why an alarm may stand, by the truth; ok is false where there is nothing that it could mean.
func (w *world) causeOf(id, alarm string) (c cause, ok bool) {
	g, cfg := w.ground, w.cfg
	_, isBus := cfg.Buses[id]
	_, isLift := cfg.Elevators[id]
	_, isCamera := cfg.Cameras[id]
	switch {
	case id == gateway.GatewayID:
		return w.ownCause(alarm)
	case isBus || id == field.GPIO: // hardware.go judges them
		return cause{span: span{on: w.o.hardware()}}, true
	case isLift:
		return g.lift(id, alarm)
	case isCamera:
		return g.camera(id, alarm), true
	}
	switch alarm {
	case gateway.ContactRaised.Name():
		k := cfg.Contacts[id]
		return cause{g.is(id, raised), soon + orSecond(k.RaiseAfter), soon + orSecond(k.ClearAfter)}, true
	case gateway.FireOpened.Name():
		return g.fire(id), true
	case gateway.GateArmOff.Name():
		return cause{g.is(g.lane(id), armOff), soon, soon}, true
	case "travel_timeout": // until the arm is at a limit
		s := either(g.is(g.lane(id), armUp), g.is(g.lane(id), armDown))
		return cause{span: span{!s.on, s.since}, clear: soon}, true
	case string(gateway.NoMotion): // until it moves
		return cause{span: span{since: max(g.is(g.lane(id), armUp).since, g.is(g.lane(id), armDown).since), on: true}}, true
	case "max_presence":
		return g.loop(id, g.present(id), cfg.Loops[id].MaxPresence), true
	case "erratic":
		return g.loop(id, g.is(g.detector(id), talks), 2*time.Minute), true
	case gateway.VehicleWaiting.Name():
		l := cfg.Lanes[id]
		return cause{span: either(g.present(l.A), g.present(l.B)), clear: 2 * time.Minute}, true
	case cutWire, shortWire:
		return cause{g.is(id, alarm), soon, soon}, true
	case gateway.InputChattering.Name():
		return cause{g.loose(id), 2 * time.Minute, 3 * time.Minute}, true
	case gateway.AutonomyEntered.Name():
		return w.alone(id), true
	case gateway.CameraGroupOutage.Name(): // its cameras tell of themselves where nobody has seen them fall
		var all []span
		for _, cam := range cfg.CameraGroups[id].Cameras {
			all = append(all, g.is(cam, down))
		}
		return cause{span: either(all...), clear: cameraLate}, true
	}
	return cause{}, false
}

// ownCause is why an alarm of the gateway itself may stand.
func (w *world) ownCause(alarm string) (c cause, ok bool) {
	g, s := w.ground, w.cfg.Service
	switch alarm {
	case gateway.LockoutOn.Name():
		return cause{g.is(s.Lockout, raised), soon, soon}, true
	case gateway.CabinetOpened.Name():
		return cause{g.is(s.Cabinet, raised), soon, soon}, true
	case gateway.MaintenanceOpened.Name(): // for its time, since the button was pushed last
		end := g.pushed + s.Window + w.withoutPower(g.pushed)
		return cause{span: span{g.pushed != 0 && w.now < end, end}, clear: soon}, true
	case gateway.StorageDegraded.Name():
		return cause{span: w.ailing, clear: 2 * time.Minute}, true
	case gateway.ConfirmationStalled.Name(), gateway.WatermarkRejected.Name():
		return cause{span: span{!w.clear(w.now), max(w.disturbed, w.calm)}, clear: 3 * time.Minute}, w.o.byCenter()
	}
	return cause{}, false
}

// lift is why an alarm of a lift stands. What only somebody can end stays until the day's operator has come.
func (g *ground) lift(id, alarm string) (c cause, ok bool) {
	e := g.w.cfg.Elevators[id]
	inside := g.is(id, trapped)
	switch alarm {
	case "fault_raised":
		return cause{either(g.is(id, failed), inside), soon + orSecond(e.RaiseAfter), soon + orSecond(e.ClearAfter)}, true
	case "main_power":
		return cause{g.is(id, dark), soon + orSecond(e.RaiseAfter), soon + orSecond(e.ClearAfter)}, true
	case gateway.ElevatorAlarmButton.Name():
		c = cause{span: span{inside.on, max(inside.since, g.is(id, pressed).since)}, clear: attended}
		if inside.on && inside.since > g.w.began() && !g.unheard(e.AlarmButton, inside.since) { // else nobody has heard the button
			c.raise = calls
		}
		return c, true
	case gateway.EntrapmentSuspected.Name(), gateway.EntrapmentConfirmed.Name():
		return cause{span: inside, clear: attended}, true
	}
	return cause{}, false
}

// unheard tells whether a button could not be read at some time in which who is shut in since then presses it, once.
func (g *ground) unheard(button string, since time.Duration) bool {
	if in, ok := g.w.cfg.Inputs[button]; ok {
		button = in.Point
	}
	chip := g.w.cfg.Points[button].Chip
	return slices.ContainsFunc(g.w.damages, func(d *damage) bool {
		return !d.brief && slices.Contains(d.parts, chip) && d.begin < since+calls && d.end > since-d.back
	})
}

// camera is why an alarm of a camera stands, whatever its failure is called.
func (g *ground) camera(id, alarm string) cause {
	if alarm == gateway.CameraRebootLoop.Name() { // until it has not started anew for ten minutes
		return cause{span: g.is(id, restarts), clear: 10*time.Minute + soon}
	}
	return cause{span: either(g.is(id, down), g.is(id, restarts)), clear: cameraLate}
}

// loop is why a diagnostic of a detector stands: after what it is concluded from has lasted for so long, until the detector
// has been well for its time.
func (g *ground) loop(id string, s span, after time.Duration) cause {
	c := cause{span: s, clear: g.w.cfg.Loops[id].Healthy + soon}
	if after > 0 {
		c.raise = after + soon
	}
	return c
}

// present tells whether the detector of a loop has a reason to say so.
func (g *ground) present(loop string) span {
	d := g.detector(loop)
	return either(g.is(d, covered), g.is(d, lies), g.is(d, talks))
}

// detector of a loop, as the plant names it.
func (g *ground) detector(loop string) string { return g.w.field.DetectorOf(loop) }

// fire is its contact, and then, latched, that nobody has reset it.
func (g *ground) fire(id string) cause {
	s := g.is(id, raised)
	if !s.on && s.since != 0 && g.reset[id] < s.since {
		return cause{span: span{true, s.since}}
	}
	return cause{s, soon, soon}
}

// loose is whether the wire of what is at a point touches and parts.
func (g *ground) loose(point string) span {
	for id, b := range g.w.cfg.Bays {
		if b.Input == point {
			return g.is(id, loose)
		}
	}
	for id, l := range g.w.cfg.Loops {
		if l.Input == point {
			return g.is(g.detector(id), talks)
		}
	}
	return span{}
}

// alone is whether a lane has to act by itself because nobody is in reach.
func (w *world) alone(lane string) cause {
	if w.cfg.Lanes[lane].WhenAway == config.AwayNone {
		return cause{clear: soon}
	}
	s := span{w.broker.conn == nil, w.broker.since}
	if from, to := district.CenterAway(); w.now >= from && (w.now < to+device.AwayTime+soon || s.on && s.since < to) {
		return cause{span: span{on: true}} // the day has its own word about the center then
	}
	return cause{s, deaf + device.AwayTime + soon, device.AwayTime + soon}
}

func orSecond(d *time.Duration) time.Duration {
	if d == nil {
		return time.Second
	}
	return *d
}

// withoutPower is how much longer than it should something may last that counts since a time: what the power was away, and
// what was not kept before that, is as if it had not been where no date says how long it was.
func (w *world) withoutPower(since time.Duration) (lost time.Duration) {
	for i, r := range w.runs[1:] {
		if before := w.runs[i]; before.cut && before.end > since {
			lost += r.begin - before.end + memoryEvery
		}
	}
	return lost
}

// began is when the daemon that runs began.
func (w *world) began() time.Duration { return w.runs[len(w.runs)-1].begin }

// watch is the alarms of the world as the oracle follows them.
type watch struct {
	must    []gateway.Alarm          // that a cause can bring about
	unsure  time.Duration            // until then something could not be read
	stood   map[string]time.Duration // since when, of those that stood at the last look
	cleared map[string]time.Duration // by an event
	told    map[string]bool          // what was complained of
}

func newWatch(cfg *config.Config) *watch {
	a := &watch{stood: map[string]time.Duration{}, cleared: map[string]time.Duration{}, told: map[string]bool{}}
	add := func(ids []string, alarms ...string) {
		for _, id := range ids {
			for _, name := range alarms {
				a.must = append(a.must, gateway.Alarm{ID: id, Name: name})
			}
		}
	}
	add(config.IDs(cfg.Contacts), gateway.ContactRaised.Name())
	add(config.IDs(cfg.Fires), gateway.FireOpened.Name())
	add(config.IDs(cfg.Gates), gateway.GateArmOff.Name())
	add(config.IDs(cfg.Loops), "max_presence")
	add(config.IDs(cfg.Lanes), gateway.AutonomyEntered.Name())
	add(config.IDs(cfg.Inputs), cutWire, shortWire)
	add(config.IDs(cfg.Elevators), "fault_raised", "main_power", gateway.ElevatorAlarmButton.Name())
	add([]string{gateway.GatewayID}, gateway.LockoutOn.Name(), gateway.CabinetOpened.Name())
	return a
}

// issued notes what an event clears.
func (a *watch) issued(now time.Duration, e gateway.Event) {
	spec, _ := gateway.SpecOf(e.Type)
	for _, name := range spec.Clears {
		if d, ok := e.Data.(gateway.AlarmCauser); ok && name == gateway.Cause {
			name = d.AlarmCause()
		}
		a.cleared[e.ID+"/"+name] = now
	}
}

// faces holds every alarm against what is so in the field, in the network and on the disk.
func (w *world) faces() {
	w.agenda.at(w.now+looksEvery, w.faces)
	if w.proc == nil {
		return
	}
	a, v := w.alarms, w.proc.View()
	if !w.intact() || slices.ContainsFunc(v.Sources, func(s hub.Source) bool { return !s.OK }) && w.o.hardware() {
		a.unsure = w.now
	}
	sure := max(w.began(), a.unsure)
	if w.people != nil {
		sure = max(sure, w.people.editor.at)
	}
	stands := map[string]bool{}
	for _, alarm := range v.Alarms {
		stands[alarm.Key()] = true
		c, ok := w.causeOf(alarm.ID, alarm.Name)
		switch over := w.now - max(c.since, sure+adopted, w.repaired(alarm.ID)); {
		case !ok:
			w.once(alarm.Key(), "alarm %s stands, and there is nothing that it could mean", alarm.Key())
		case !c.on && over > c.clear:
			w.once(alarm.Key(), "alarm %s stands, and its cause has been gone for %v", alarm.Key(), w.now-c.since)
		}
	}
	for _, alarm := range a.must {
		c, _ := w.causeOf(alarm.ID, alarm.Name)
		w.found(alarm.Key(), c)
		if c.on && c.raise > 0 && w.now-max(c.since, sure, w.repaired(alarm.ID)) > c.raise && !stands[alarm.Key()] {
			w.once(alarm.Key()+" missing", "alarm %s does not stand, and its cause has been there for %v, %v of them before the daemon started", alarm.Key(), w.now-c.since, max(0, w.began()-c.since))
		}
	}
	w.entrapments(stands, sure)
	w.blinded(stands, sure)
	w.forgotten(stands)
}

// found looks how an alarm was raised whose cause began while the daemon was dead: by the start after it, and dated with what
// that start has seen.
func (w *world) found(key string, c cause) {
	if len(w.runs) < 2 || !c.on || c.since <= w.runs[len(w.runs)-2].end || c.since >= w.began() {
		return
	}
	i := slices.IndexFunc(w.proc.View().Alarms, func(a gateway.Alarm) bool { return a.Key() == key })
	if i < 0 {
		return // it still has time
	}
	n, ok := w.byID[w.proc.View().Alarms[i].Event]
	if !ok || w.issued[n].at < w.began() { // it stood before
		return
	}
	key = fmt.Sprint(key, " found by run ", len(w.runs))
	if w.alarms.told[key] {
		return
	}
	w.alarms.told[key] = true
	w.result.Found++
	if at := w.field.Events[n].At; at < w.began() {
		w.violate("%s of %s is dated %v, and the daemon that found it began at %v", w.issued[n].event.Type, w.issued[n].event.ID, at, w.began())
	}
}

// entrapments: while somebody is shut in, and the gateway could see it, an entrapment stands, suspected at least.
func (w *world) entrapments(stands map[string]bool, sure time.Duration) {
	for _, id := range config.IDs(w.cfg.Elevators) {
		s := w.ground.is(id, trapped)
		if s.on && w.now-max(s.since, sure, w.repaired(id)) > w.cfg.Elevators[id].OutOfZone+soon &&
			!stands[id+"/"+gateway.EntrapmentSuspected.Name()] && !stands[id+"/"+gateway.EntrapmentConfirmed.Name()] {
			w.once(id+" trapped", "%s: people have been shut in for %v, and no entrapment stands", id, w.now-s.since)
		}
	}
}

// blinded: a camera that is down has an alarm, or its group has.
func (w *world) blinded(stands map[string]bool, sure time.Duration) {
	for _, id := range config.IDs(w.cfg.Cameras) {
		if s := w.ground.is(id, down); !s.on || w.now-max(s.since, sure) <= cameraLate {
			continue
		}
		told := false
		for key := range stands {
			told = told || strings.HasPrefix(key, id+"/")
		}
		for group, g := range w.cfg.CameraGroups {
			told = told || slices.Contains(g.Cameras, id) && stands[group+"/"+gateway.CameraGroupOutage.Name()]
		}
		if !told {
			w.once(id+" down", "%s has been down for %v, and no alarm says so", id, w.now-w.ground.is(id, down).since)
		}
	}
}

// forgotten: an alarm ends by an event; no death of the daemon ends one, where the disk was in order and had its second.
func (w *world) forgotten(stands map[string]bool) {
	a := w.alarms
	for _, key := range slices.Sorted(maps.Keys(a.stood)) {
		since := a.stood[key]
		life := w.lifeAt(since)
		if !stands[key] && a.cleared[key] < since && !life.sick && min(life.end, w.now)-since > durableAfter {
			w.once(key+" forgotten", "alarm %s stood, no event has cleared it, and it is gone", key)
		}
		if !stands[key] {
			delete(a.stood, key)
		}
	}
	for key := range stands {
		if _, ok := a.stood[key]; !ok {
			a.stood[key] = w.now
		}
	}
}

// repaired is until when the wires of a device could not be believed.
func (w *world) repaired(id string) (at time.Duration) {
	at = w.corrected(id)
	e, ok := w.cfg.Elevators[id]
	if !ok {
		return at
	}
	for _, in := range []string{e.Fault, e.AlarmButton} {
		for _, what := range []string{cutWire, shortWire} {
			if s := w.ground.is(in, what); s.on {
				return w.now
			} else if s.since > at {
				at = s.since
			}
		}
	}
	return at
}

// once complains of one thing once.
func (w *world) once(what, format string, args ...any) {
	if !w.alarms.told[what] {
		w.alarms.told[what] = true
		w.violate(format, args...)
	}
}
