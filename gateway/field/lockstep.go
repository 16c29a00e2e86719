package field

import (
	"context"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// Lockstep is a field without goroutines and without a clock: its owner says what the wires do and what time it is, and all
// that follows has happened when a method returns. Core and actuators are those of Field, and so is what reads lines and
// buses, if it was told to Acquire; else that is left out. A simulated day passes in seconds, and the same inputs give the
// same day.
type Lockstep struct {
	core      *Core
	cfg       Config
	safety    map[int][]safetyInput
	levels    []Levels         // by source: what was read last
	down      map[string]error // by source: why it cannot be read
	actuators []*clocked
	asked     []question
	now, to   gateway.Mono // to: Advance lets it pass as far as that
	acquires  bool
	readers   *readers // nil = its owner says what is read
	told      bool     // they have made it tell of something since Advance was called
}

// clocked is an actuator whose timer is the owner's.
type clocked struct {
	*actuator
	due gateway.Mono // when its step is wanted
}

// heeded is the Recorder of a Lockstep.
type heeded struct {
	Recorder
	by *Lockstep
}

// Record implements Recorder.
func (h heeded) Record(e gateway.Event) gateway.EventID {
	h.by.told = h.by.readers != nil
	return h.Recorder.Record(e)
}

// NewLockstep makes a field at now. Every source counts as read once Begin was called.
func NewLockstep(cfg Config, h *hub.Hub, r Recorder, now gateway.Mono) *Lockstep {
	l := &Lockstep{cfg: cfg, levels: make([]Levels, len(cfg.Sources)), down: map[string]error{}, now: now, to: now}
	for _, d := range cfg.Devices {
		if d.Relays != [device.Outputs]Relay{} {
			a := &clocked{actuator: newActuator(d, func() gateway.Mono { return l.now }, nil), due: device.Forever}
			a.beside = func(do func()) { do() }
			l.actuators = append(l.actuators, a)
		}
	}
	l.connect(NewCore(cfg, h, heeded{r, l}, now))
	return l
}

// connect makes a core the one that is stepped.
func (l *Lockstep) connect(c *Core) {
	l.core, l.safety = c, safetyInputs(l.cfg)
	c.drive = func(gate string, d device.Drive) {
		if a := l.actuator(gate); a != nil {
			a.want(d)
			a.due = l.now
			l.told = l.readers != nil
		}
	}
	c.ask = func(q question) { l.asked = append(l.asked, q) }
}

// actuator of a gate; nil = it has none.
func (l *Lockstep) actuator(gate string) *clocked {
	for _, a := range l.actuators {
		if a.gate == gate {
			return a
		}
	}
	return nil
}

// Begin tells what every source reads at the start: the levels of its channels.
func (l *Lockstep) Begin(levels []Levels) {
	l.core.begin(l.now)
	if l.acquires {
		l.acquire(nil)
		l.takeTurns()
	} else {
		l.read(levels)
	}
	l.follow()
}

// read is the first read of every source.
func (l *Lockstep) read(levels []Levels) {
	l.levels = levels
	for n, s := range l.cfg.Sources {
		l.levels[n].At = l.now
		if err := l.down[s.ID]; err != nil {
			l.core.Apply(l.now, Input{Kind: DownInput, Source: n, Channel: All, Err: err})
			continue
		}
		l.core.Apply(l.now, Input{Kind: UpInput, Source: n, Channel: All})
		l.core.Apply(l.now, Input{Kind: LevelsInput, Source: n, Levels: l.levels[n]})
	}
}

// Change puts another configuration in the place of the one that runs, as Field.Change does, and tells whether it could be
// done now. The levels are what the sources of the new one read.
func (l *Lockstep) Change(cfg Config, kept Kept, levels []Levels, told func() gateway.Event) bool {
	ripe := l.core.ripe(l.now, func(gate string) *actuator {
		if a := l.actuator(gate); a != nil {
			return a.actuator
		}
		return nil
	})
	if !ripe {
		return false
	}
	cfg.Reply, cfg.Memory, cfg.Tape = l.cfg.Reply, l.cfg.Memory, l.cfg.Tape
	held := l.leave()
	l.core.tape.Ends()
	l.cfg = cfg
	l.connect(l.core.successor(l.now, cfg, kept))
	for _, a := range l.actuators {
		l.core.instruct(a.actuator)
		a.due = l.now
	}
	l.core.begins(l.now)
	l.core.Apply(l.now, Input{Kind: EventInput, Event: told()})
	if l.acquires {
		l.acquire(held)
	} else {
		l.read(levels)
	}
	l.follow()
	return true
}

// Edge is a wire that changes now.
func (l *Lockstep) Edge(source, channel int, level bool) {
	l.levels[source].Set(channel, level)
	l.Apply(Input{Kind: EdgeInput, Source: source, Edge: drivers.Edge{Channel: channel, Level: level, At: time.Duration(l.now)}})
}

// Apply gives the core an input now.
func (l *Lockstep) Apply(in Input) {
	if in.Channel == All && (in.Kind == DownInput || in.Kind == UpInput) {
		l.down[l.cfg.Sources[in.Source].ID] = in.Err
	}
	l.core.Apply(l.now, in)
	l.follow()
}

// Sources are those of the configuration.
func (l *Lockstep) Sources() []SourceConfig { return l.cfg.Sources }

// Reread gives the core the levels of a source as they are now.
func (l *Lockstep) Reread(source int) {
	l.levels[source].At = l.now
	l.Apply(Input{Kind: LevelsInput, Source: source, Levels: l.levels[source]})
}

// Now is the time that Advance has brought the field to.
func (l *Lockstep) Now() gateway.Mono { return l.now }

// Next is when something is due by itself; device.Forever = nothing is. Looks at lines and buses do not count: Advance stops
// when one of them has found something.
func (l *Lockstep) Next() gateway.Mono { return l.dueByItself() }

// dueByItself is when core and actuators are due.
func (l *Lockstep) dueByItself() gateway.Mono {
	next := device.Forever
	if w := l.core.Wake(); !w.IsZero() {
		next = w
	}
	for _, a := range l.actuators {
		next = min(next, a.due)
	}
	return next
}

// Advance lets time pass, through everything that is due on the way. Every edge before to must have been told. A field that
// acquires stops on the way when it has told of something: an event, or a relay.
func (l *Lockstep) Advance(to gateway.Mono) {
	l.to, l.told = to, false
	for next := l.dueReading(); next <= to && !l.told; next = l.dueReading() {
		l.now = max(l.now, next)
		l.takeTurns() // edges that happened before now must be known before time passes
		if w := l.core.Wake(); !w.IsZero() && w <= l.now {
			l.core.Tick(l.now)
		}
		l.follow()
	}
	if !l.told {
		l.now = max(l.now, to)
	}
}

// follow lets relays switch and questions be answered until nothing more happens at this moment.
func (l *Lockstep) follow() {
	for moved := true; moved; {
		moved = false
		for len(l.asked) > 0 {
			q := l.asked[0]
			l.asked, moved = l.asked[1:], true
			if l.readers != nil {
				l.prove(q)
				continue
			}
			l.core.Apply(l.now, Input{Kind: ProofInput, Device: q.device, Evidence: l.evidence(q)})
		}
		for _, a := range l.actuators {
			if a.due > l.now {
				continue
			}
			a.due = l.now.Add(a.step(context.Background()))
			for len(a.results) > 0 {
				a.learn(<-a.results)
				a.due = l.now // what follows from it
			}
			moved = true
			for len(a.told) > 0 {
				l.core.Apply(l.now, Input{Kind: ReportInput, ID: a.gate, Report: <-a.told})
			}
		}
	}
}

// evidence reads the safety inputs of a device, as proof does.
func (l *Lockstep) evidence(q question) device.Evidence {
	e := device.Evidence{Number: q.number}
	inputs := l.safety[q.device]
	for i, in := range inputs[:min(len(inputs), device.MaxSafety)] {
		s := device.Sample{Quality: gateway.Good, At: l.now}
		for _, n := range in.points {
			p := l.cfg.Points[n]
			level, ok := l.levels[p.Source].Get(p.Channel)
			if !ok {
				s = device.Sample{}
				break
			}
			s.On = s.On || level != p.ActiveLow
		}
		e.Samples[i] = s
	}
	return e
}
