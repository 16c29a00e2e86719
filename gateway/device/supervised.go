package device

import (
	"time"

	"lotusgate/gateway"
)

// Supervised is a contact behind two resistors, measured as a part of the reference voltage: 0 ‰ is a short, 1000 ‰ a cut
// wire, and what a contact in order gives lies in between. So it can show its own fault. Between the bands it holds what
// it said last; for longer than that can be a contact that moves, it is out of tolerance: corrosion, or somebody at the wire.
//
// EN 50131-1 wants tamper of 400 ms and more noticed, and a fault of 10 s.
type Supervised struct {
	cfg SupervisedConfig

	reading Signal
	band    band         // that the samples say now
	same    uint8        // samples that said so, one after another
	from    gateway.Mono // the first of them
	holds   band         // what counts
	since   gateway.Mono // of holds
	on      bool         // last contact position
	known   bool
	moved   gateway.Mono // when on became so
}

// SupervisedConfig says where the bands are, in ‰ of the reference.
type SupervisedConfig struct {
	Short             int64 // below it
	ActiveLow, Active int64 // from, to
	IdleLow, Idle     int64
	Open              int64 // above it
	Samples           uint8 // that must say the same
	Tolerance         time.Duration
	ActiveOpen        bool // the contact opens to be active, so the bands of idle and active are exchanged
}

// StandardBands are those of 2.2 kΩ in series and 8.2 kΩ parallel to the contact, with 4.7 kΩ to the reference: 319 ‰
// closed, 689 ‰ open.
func StandardBands() SupervisedConfig {
	return SupervisedConfig{
		Short: 120, ActiveLow: 200, Active: 450, IdleLow: 550, Idle: 800, Open: 900, Samples: 3, Tolerance: 10 * time.Second,
	}
}

type band uint8

const (
	bandUnknown band = iota
	bandIdle
	bandActive
	bandShort
	bandOpen
	bandBetween
)

var bandWords = [...]string{"", "idle", "active", "short", "open", "out_of_tolerance"}

// NewSupervised returns an input that has not been read yet.
func NewSupervised(cfg SupervisedConfig) Supervised { return Supervised{cfg: cfg} }

// Step takes RoleInput, a reading in ‰.
func (s Supervised) Step(now gateway.Mono, in Input) (Supervised, Effects, gateway.Mono) {
	var fx Effects
	if in.Kind == Measured && in.Role == RoleInput {
		t := in.at(now)
		// Of a reading that says what the last one said nothing is kept, not even its time: then the machine has not moved, and
		// thirty of them a second are no burden to the flight recorder.
		if s.reading = (Signal{Quality: in.Signal.Quality}); !in.Signal.Known() {
			s.band, s.same = bandUnknown, 0 // what stood goes on standing
			return s, fx, 0
		}
		if b := s.judge(in.Value); b != s.band {
			s.band, s.same, s.from = b, 0, t
		}
		s.same = min(s.same+1, max(s.cfg.Samples, 1))
		if s.band != bandBetween && s.same >= s.cfg.Samples {
			s = s.become(s.band, s.from, &fx)
		}
	}
	if due := s.due(); !due.IsZero() && now >= due {
		s = s.become(bandBetween, s.from, &fx)
	}
	return s, fx, after(now, s.due())
}

// judge one sample.
func (s Supervised) judge(v int64) band {
	closed, parted := bandActive, bandIdle
	if s.cfg.ActiveOpen {
		closed, parted = bandIdle, bandActive
	}
	switch {
	case v < s.cfg.Short:
		return bandShort
	case v > s.cfg.Open:
		return bandOpen
	case v >= s.cfg.ActiveLow && v <= s.cfg.Active:
		return closed
	case v >= s.cfg.IdleLow && v <= s.cfg.Idle:
		return parted
	}
	return bandBetween
}

// Judge tells what one sample says by itself; ok is false where it speaks of no contact in order.
func (s Supervised) Judge(v int64) (on, ok bool) {
	b := s.judge(v)
	return b == bandActive, b == bandActive || b == bandIdle
}

// due is when being between the bands has lasted too long.
func (s Supervised) due() gateway.Mono {
	if s.band != bandBetween || s.holds == bandBetween {
		return 0
	}
	return s.from.Add(s.cfg.Tolerance)
}

func (s Supervised) become(b band, at gateway.Mono, fx *Effects) Supervised {
	if b == s.holds {
		return s
	}
	if s.holds >= bandShort {
		fx.emit(gateway.InputTamperCleared, at, gateway.TamperData{Cause: bandWords[s.holds], ForMS: millis(s.since, at)})
	}
	s.holds, s.since = b, at
	if b >= bandShort {
		fx.emit(gateway.InputTamper, at, gateway.TamperData{Cause: bandWords[b]})
	} else if on := b == bandActive; !s.known || on != s.on {
		s.known, s.on, s.moved = true, on, at
	}
	return s
}

// Signal offers the contact's position. While the wire cannot be believed it is the last one, in doubt: never "clear".
func (s Supervised) Signal() Signal {
	switch {
	case !s.known || s.reading.Quality == gateway.Bad:
		return Signal{Since: s.since}
	case s.holds >= bandShort || !s.reading.Known():
		return Signal{On: s.on, Quality: gateway.Stale, Since: s.moved}
	}
	return Signal{On: s.on, Quality: gateway.Good, Since: s.moved}
}

// State is idle, active, short, open or out_of_tolerance; stale while it cannot be read.
func (s Supervised) State() gateway.DeviceState {
	if s.holds == bandUnknown {
		return gateway.DeviceState{Since: s.since}
	}
	return gateway.DeviceState{Value: bandWords[s.holds], Quality: max(s.reading.Quality, gateway.Stale), Since: s.since}
}
