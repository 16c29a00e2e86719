package plant

import (
	"math/rand/v2"
	"time"
)

// DetectorOptions say what kind of detector it is.
type DetectorOptions struct {
	React  Span          // from covered or cleared to the relay; what changes back sooner is not noticed
	Bounce Bounce        // of the relay's contact
	Tuning time.Duration // after power returns; 0 = ready at once
	Pulse  time.Duration // not 0: fail-secure, the contact closes for so long when something comes; 0 = presence
}

// LoopDetector is a presence detector for an inductive loop: 25–50 ms reaction, 3 s tuning.
func LoopDetector() DetectorOptions {
	return DetectorOptions{
		React:  Span{25 * time.Millisecond, 50 * time.Millisecond},
		Bounce: GoldContact(),
		Tuning: 3 * time.Second,
	}
}

// Photocell is a light barrier with a relay: 5–20 ms reaction, nothing to tune.
func Photocell() DetectorOptions {
	return DetectorOptions{React: Span{5 * time.Millisecond, 20 * time.Millisecond}, Bounce: RelayContact()}
}

// Detector watches one zone of a lane. It is fail-safe: its relay is held while the zone is clear and everything is in
// order, and the contact on its released side is what it says. So closed means present, or no power, or a broken loop,
// or not tuned yet; nobody can tell which.
type Detector struct {
	Output *Contact // closed = present
	Fault  *Contact // of its fault relay, which is held while all is well: closed = fault, or no power

	name    string
	opt     DetectorOptions
	journal *Journal
	chance  *rand.Rand
	now     time.Duration

	covered bool // the truth
	merged  bool // what stands there was tuned away: not noticed until it has gone
	power   bool
	wire    bool
	tuned   time.Duration // tuning ends then; Never = not tuning
	says    bool          // where the armature is: present
	due     time.Duration // when the armature moves to !says; Never = it stays
	drifted bool          // says "present" until it is tuned
	release time.Duration // of a pulse
	talk    talk
}

// NewDetector returns a tuned detector of a clear zone. Name is for the journal.
func NewDetector(name string, o DetectorOptions, seed Seed, j *Journal) *Detector {
	chance := seed.For(name)
	return &Detector{
		Output: NewContact(o.Bounce, chance), Fault: NewContact(Bounce{}, chance), name: name, opt: o, journal: j, chance: chance,
		power: true, wire: true, tuned: Never, due: Never, release: Never, talk: talk{due: Never},
	}
}

// Covered tells the truth about the zone.
func (d *Detector) Covered() bool { return d.covered }

// Present is where the relay is, bounces aside.
func (d *Detector) Present() bool { return d.says }

// Cover puts something into the zone, or takes it away.
func (d *Detector) Cover(now time.Duration, covered bool) {
	if d.covered == covered {
		return
	}
	d.Step(now)
	d.covered = covered
	kind := ZoneCleared
	if covered {
		kind = ZoneCovered
	} else {
		d.merged = false
	}
	d.journal.add(Truth{At: now, Device: d.name, Kind: kind})
	d.sense(now)
}

// Power switches the detector's supply.
func (d *Detector) Power(now time.Duration, on bool) { d.fail(now, on, d.wire) }

// Wire breaks the loop's wire, or mends it.
func (d *Detector) Wire(now time.Duration, whole bool) { d.fail(now, d.power, whole) }

func (d *Detector) fail(now time.Duration, power, wire bool) {
	d.Step(now)
	was := d.power && d.wire
	d.power, d.wire = power, wire
	switch is := power && wire; {
	case was && !is:
		d.tuned, d.due, d.talk.due = Never, Never, Never
		d.move(now, true)
		d.Fault.Move(now, true)
		d.journal.add(Truth{At: now, Device: d.name, Kind: DetectorFailed})
	case is && !was:
		d.tuned = now + d.opt.Tuning
		d.Step(now)
	}
}

// talk is a neighbour on the same frequency.
type talk struct {
	until  time.Duration
	pauses Span
	due    time.Duration
}

// Drift lets what the detector holds for an empty lane go out of tune: it says "present" until Tune.
func (d *Detector) Drift(now time.Duration) {
	d.Step(now)
	d.drifted = true
	d.journal.add(Truth{At: now, Device: d.name, Kind: DetectorDrifts})
	d.sense(now)
}

// Tune lets the detector learn the lane as it is now.
func (d *Detector) Tune(now time.Duration) {
	d.Step(now)
	d.drifted, d.merged = false, d.covered
	d.journal.add(Truth{At: now, Device: d.name, Kind: DetectorTuned})
	d.sense(now)
}

// Crosstalk lets a neighbour disturb it for a while: it says "present" and not, with pauses of the given span.
func (d *Detector) Crosstalk(now, spell time.Duration, pauses Span) {
	d.Step(now)
	d.talk = talk{until: now + spell, pauses: pauses, due: now}
	d.journal.add(Truth{At: now, Device: d.name, Kind: Crosstalk})
	d.Step(now)
}

// sense decides what the relay should do about the zone as it is now.
func (d *Detector) sense(now time.Duration) {
	if !d.power || !d.wire || d.tuned != Never || d.talk.due != Never {
		return
	}
	if present := d.drifted || d.covered && !d.merged; present == d.says {
		d.due = Never
	} else if d.due == Never {
		d.due = now + d.opt.React.Draw(d.chance)
	}
}

func (d *Detector) move(now time.Duration, present bool) {
	d.says = present
	switch {
	case d.opt.Pulse == 0:
		d.Output.Move(now, present)
	case !d.power || !d.wire: // fail-secure
		d.release = Never
		d.Output.Move(now, false)
	case present:
		d.release = now + d.opt.Pulse
		d.Output.Move(now, true)
	}
}

// chatter is one change of a detector that another one disturbs.
func (d *Detector) chatter(at time.Duration) {
	if at >= d.talk.until {
		d.talk.due = Never
		if d.says != (d.drifted || d.covered && !d.merged) {
			d.move(at, !d.says)
		}
		return
	}
	d.move(at, !d.says)
	d.talk.due = min(at+max(d.talk.pauses.Draw(d.chance), 1), d.talk.until)
}

// Step brings the detector to now.
func (d *Detector) Step(now time.Duration) (next time.Duration) {
	d.now = max(d.now, now)
	for {
		at := min(d.due, d.tuned, d.talk.due, d.release)
		if at > d.now {
			return min(at, d.Output.Step(d.now))
		}
		if at == d.release {
			d.release = Never
			d.Output.Move(at, false)
			continue
		}
		if at == d.talk.due {
			d.chatter(at)
			continue
		}
		if at == d.tuned {
			d.tuned, d.drifted = Never, false
			d.merged = d.covered && d.opt.Tuning > 0
			d.Fault.Move(at, false)
			d.journal.add(Truth{At: at, Device: d.name, Kind: DetectorTuned})
			d.sense(at)
			continue
		}
		d.due = Never
		d.move(at, !d.says)
	}
}
