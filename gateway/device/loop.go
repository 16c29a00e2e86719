package device

import (
	"time"

	"lotusgate/gateway"
)

// Loop is an inductive loop detector: on means that metal is over the wire, or that the detector says so.
//
// A presence output cannot tell a vehicle from a broken loop or a detector without power: a fail-safe detector reports
// both as presence (Nortech PD130 manual). So the loop diagnoses itself as NTCIP 1202 describes it (vehicleDetectorTable:
// no activity, max presence, erratic counts; 0 = off), and listens to the detector's fault contact where one is wired.
//
// A diagnostic lowers the quality of what the loop offers to stale, and never takes presence away: whoever opens for a
// waiting car may go on doing so, whoever wants to close may not. While the level itself means nothing (erratic counts,
// a fault that the detector reports), it offers presence as soon as it has seen any, and keeps the edges to itself.
type Loop struct {
	cfg LoopConfig

	in      Signal       // of the detector's output
	contact Signal       // of its fault contact
	blank   gateway.Mono // the level means nothing until then: the detector tunes itself
	quiet   gateway.Mono // last change of the level, or when watching it began
	window  gateway.Mono // the minute in progress began then
	rises   uint16       // within that minute
	night   bool         // no traffic is expected: no_activity rests
	dawn    gateway.Mono // when that was over
	held    bool         // presence seen while the level meant nothing
	from    gateway.Mono // occupied: when that was reported
	faults  [loopCauses]loopFault
}

// LoopConfig is what a site says about a loop. Zero is a presence output without diagnostics.
type LoopConfig struct {
	Pulse       bool          // a pulse for each vehicle instead of presence: "clear" says only that no pulse comes now
	Blank       time.Duration // the output means nothing so long after the kernel booted and after the wire was lost
	NoActivity  time.Duration // clear for so long is a fault; 0 = off
	MaxPresence time.Duration // occupied for so long is a fault; 0 = off
	Erratic     uint16        // more detections than this in a minute are a fault; 0 = off
	Healthy     time.Duration // a fault is over when its condition has been gone for so long
	Contact     bool          // a fault contact is wired
	Reports     LoopCause     // what an active fault contact means
	Codes       [MaxCodes]LoopCode
}

// LoopCode is one row of the table of a detector that tells its fault by the width of pulses on the fault contact.
type LoopCode struct {
	Min, Max time.Duration // Max zero = the row is not used
	Means    LoopCause
}

// MaxCodes is how many widths a detector can have.
const MaxCodes = 4

// LoopCause is why a loop is not to be trusted.
type LoopCause uint8

const (
	LoopMaxPresence LoopCause = iota
	LoopNoActivity
	LoopErratic
	LoopDetector // the fault contact says no more than "fault"
	LoopOpen
	LoopShort
	LoopExcessiveChange
	LoopPower
	loopCauses
)

var loopCauseWords = [loopCauses]string{
	"max_presence", "no_activity", "erratic", "detector", "open", "short", "excessive_change", "detector_power",
}

func (c LoopCause) String() string { return loopCauseWords[c] }

// ParseLoopCause is the inverse of String.
func ParseLoopCause(word string) (LoopCause, bool) {
	for i, w := range loopCauseWords {
		if w == word {
			return LoopCause(i), true
		}
	}
	return 0, false
}

// loopFault is one standing diagnostic.
type loopFault struct {
	raised bool
	since  gateway.Mono
	well   gateway.Mono // the condition has been gone since then; zero = it lasts
}

// NewLoop returns a loop of which nothing is known.
func NewLoop(cfg LoopConfig) Loop {
	if cfg.Reports < LoopDetector {
		cfg.Reports = LoopDetector
	}
	return Loop{cfg: cfg}
}

// Step takes RoleInput, the detector's output, RoleFault, its fault contact, and RoleNight.
func (l Loop) Step(now gateway.Mono, in Input) (Loop, Effects, gateway.Mono) {
	var fx Effects
	t := in.at(now)
	l = l.expire(t, &fx)
	if in.Kind == SignalChanged {
		switch in.Role {
		case RoleInput:
			l = l.level(now, in.Signal, t, &fx)
		case RoleFault:
			l = l.reported(in.Signal, t, &fx)
		case RoleNight:
			if l.night = in.Signal.On; !l.night {
				l.dawn = t
			}
		}
	}
	l = l.expire(now, &fx)
	return l, fx, after(now, l.deadline())
}

// level follows the detector's output.
func (l Loop) level(now gateway.Mono, s Signal, t gateway.Mono, fx *Effects) Loop {
	was := l.in
	l.in = s
	switch {
	case s.Quality == gateway.Bad:
		l.in.On, l.quiet, l.from = false, 0, 0
		return l
	case s.Quality == gateway.Stale:
		l.quiet, l.from = 0, 0
		return l
	case was.Quality == gateway.Bad:
		l = l.begin(now, t, !was.Since.IsZero())
	case was.Known() && s.On == was.On:
		return l
	}
	l.quiet = t
	if s.On || was.Known() {
		l = l.over(LoopNoActivity, t)
	}
	if !s.On {
		l = l.over(LoopMaxPresence, t)
	} else if was.Known() {
		l = l.count(t, fx)
	}
	switch edge := was.Known() && l.blank.IsZero() && !l.meaningless(); {
	case !edge:
		// The level at start, or after an outage, is state and no event: its edge was not seen. What a loop says while
		// its level means nothing is no event either.
		l.held = l.held || s.On
		l.from = 0
		if s.On {
			l.from = s.Since
		}
	case s.On:
		l.from = s.Since
		fx.emit(gateway.LoopOccupied, s.Since, gateway.LoopData{})
	default:
		fx.emit(gateway.LoopCleared, s.Since, gateway.LoopData{OccupiedMS: millis(l.from, s.Since)})
		l.from = 0
	}
	return l
}

// begin starts to watch. The detector tunes itself after the cabinet got power: that is when the kernel booted, and may be
// why the wire was lost.
func (l Loop) begin(now, t gateway.Mono, lost bool) Loop {
	l.window, l.rises = t, 0
	for c := range LoopDetector {
		if f := &l.faults[c]; f.raised && !f.well.IsZero() {
			f.well = t // nobody saw it healthy meanwhile
		}
	}
	switch boot := gateway.Mono(l.cfg.Blank); {
	case lost && l.cfg.Blank > 0:
		l.blank = now.Add(l.cfg.Blank)
	case now < boot:
		l.blank = boot
	}
	return l
}

// count follows detections per minute. One fault stands for all of a minute's edges.
func (l Loop) count(t gateway.Mono, fx *Effects) Loop {
	if t.Sub(l.window) >= time.Minute {
		l.window, l.rises = t, 0
	}
	if l.rises++; l.cfg.Erratic == 0 || l.rises <= l.cfg.Erratic {
		return l
	}
	if l.rises == l.cfg.Erratic+1 {
		l = l.raise(LoopErratic, t, gateway.LoopFaultData{Count: uint64(l.rises)}, fx)
	}
	l.faults[LoopErratic].well = t // each one too many starts the wait anew
	return l
}

// reported follows the fault contact: a level, or pulses of a table's widths.
func (l Loop) reported(s Signal, t gateway.Mono, fx *Effects) Loop {
	was := l.contact
	l.contact = s
	if !s.Known() {
		return l
	}
	if l.cfg.Codes[0].Max == 0 {
		if s.On {
			return l.raise(l.cfg.Reports, t, gateway.LoopFaultData{}, fx)
		}
		return l.over(l.cfg.Reports, t)
	}
	if !was.Known() { // a fault of before the restart: it is over when no such pulse comes
		for c := LoopDetector; c < loopCauses; c++ {
			if f := &l.faults[c]; f.raised && f.well.IsZero() {
				f.well = t
			}
		}
	}
	if s.On || !was.Known() || !was.On {
		return l
	}
	for _, c := range l.cfg.Codes {
		if width := t.Sub(was.Since); c.Max > 0 && width >= c.Min && width <= c.Max {
			l = l.raise(c.Means, was.Since, gateway.LoopFaultData{}, fx)
			l = l.over(c.Means, t) // until the next such pulse
		}
	}
	return l.over(l.cfg.Reports, t)
}

// raise reports a fault once; while its condition lasts it is not over.
func (l Loop) raise(c LoopCause, at gateway.Mono, data gateway.LoopFaultData, fx *Effects) Loop {
	f := &l.faults[c]
	f.well = 0
	if f.raised {
		return l
	}
	if !l.meaningless() && c >= LoopErratic {
		l.held = l.in.On
	}
	f.raised, f.since = true, at
	data.Cause = c.String()
	fx.emit(gateway.LoopFault, at, data)
	return l
}

// over notes that the condition of a fault has gone; the fault follows after the healthy time.
func (l Loop) over(c LoopCause, at gateway.Mono) Loop {
	if f := &l.faults[c]; f.raised && (f.well.IsZero() || c > LoopErratic) {
		f.well = at
	}
	return l
}

// expire lets time pass up to t.
func (l Loop) expire(t gateway.Mono, fx *Effects) Loop {
	if !l.blank.IsZero() && t >= l.blank {
		l.blank = 0
		if l.in.Known() {
			l.quiet, l.window, l.rises = t, t, 0
		}
	}
	for c := range loopCauses {
		if due := l.due(c); !due.IsZero() && t >= due {
			if f := &l.faults[c]; f.raised {
				data := gateway.LoopFaultData{Cause: c.String(), ForMS: millis(f.since, due)}
				*f = loopFault{}
				fx.emit(gateway.LoopFaultCleared, due, data)
				if !l.meaningless() {
					l.held = false
				}
				continue
			}
			l = l.raise(c, due, gateway.LoopFaultData{}, fx)
		}
	}
	return l
}

// due is when time alone raises or ends fault c; zero when it does not.
func (l Loop) due(c LoopCause) gateway.Mono {
	if f := l.faults[c]; f.raised {
		if f.well.IsZero() || c < LoopDetector && !l.in.Known() {
			return 0
		}
		return f.well.Add(l.cfg.Healthy)
	}
	watched := l.in.Known() && l.blank.IsZero() && !l.quiet.IsZero()
	switch {
	case c == LoopMaxPresence && watched && l.in.On && l.cfg.MaxPresence > 0:
		return l.quiet.Add(l.cfg.MaxPresence)
	case c == LoopNoActivity && watched && !l.in.On && l.cfg.NoActivity > 0 && !l.night:
		return max(l.quiet, l.dawn).Add(l.cfg.NoActivity)
	case c == l.cfg.Reports && c >= LoopDetector && l.contact.Known() && l.contact.On:
		return l.contact.Since.Add(l.widest() + 1) // too long for any code
	}
	return 0
}

func (l Loop) widest() (w time.Duration) {
	for _, c := range l.cfg.Codes {
		w = max(w, c.Max)
	}
	return w
}

func (l Loop) deadline() gateway.Mono {
	d := l.blank
	for c := range loopCauses {
		d = gateway.Earliest(d, l.due(c))
	}
	return d
}

// meaningless tells whether the level says nothing about vehicles.
func (l Loop) meaningless() bool {
	for _, f := range l.faults[LoopErratic:] {
		if f.raised {
			return true
		}
	}
	return false
}

// quality of what the loop offers.
func (l Loop) quality() gateway.Quality {
	switch {
	case !l.in.Known():
		return l.in.Quality
	case !l.blank.IsZero():
		return gateway.Bad
	case l.contact.Since != 0 && !l.contact.Known():
		return gateway.Stale // nobody can say whether the detector is well
	}
	for _, f := range l.faults {
		if f.raised {
			return gateway.Stale
		}
	}
	return gateway.Good
}

// Signal offers the loop's presence to lanes, bays and gates.
func (l Loop) Signal() Signal {
	s := Signal{On: l.in.On, Quality: l.quality(), Since: l.in.Since}
	switch {
	case s.Quality == gateway.Bad:
		s.On = false
	case l.held && l.meaningless():
		s.On = true
		for _, f := range l.faults[LoopErratic:] { // it does not flicker with the wire
			if f.raised {
				s.Since = gateway.Earliest(s.Since, f.since)
			}
		}
	}
	return s
}

// LoopDetail goes out with the state of a loop that has a pulse output.
type LoopDetail struct {
	Output string `json:"output"` // "pulse": clear says only that no pulse comes now
}

// State is occupied or clear; stale while a diagnostic stands.
func (l Loop) State() gateway.DeviceState {
	s := l.Signal()
	if s.Quality == gateway.Bad {
		return gateway.DeviceState{Quality: gateway.Bad, Since: s.Since}
	}
	value := "clear"
	if s.On {
		value = "occupied"
	}
	state := gateway.DeviceState{Value: value, Quality: s.Quality, Since: s.Since}
	if l.cfg.Pulse {
		state.Detail = LoopDetail{Output: "pulse"}
	}
	return state
}
