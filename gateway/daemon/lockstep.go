package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
)

// Lockstep is a gateway without storage, uplink, page, goroutines and clock, for simulations: its owner says what the wires
// do and what time it is. Configuration, devices, alarms, relays and their actuators are those of Run.
type Lockstep struct {
	Hub *hub.Hub

	field  *field.Lockstep
	relays *relays
	places map[string]place // by terminal: GPIO17, x1.GPA0
	levels []field.Levels   // before Begin
	begun  bool
}

// place is where a terminal ends.
type place struct {
	source, channel int
	measured        bool
}

// LockstepOptions of NewLockstep.
type LockstepOptions struct {
	Config *config.Config
	Lines  line.Provider // where relays are
	Start  gateway.Mono
	Log    *slog.Logger
	Event  func(gateway.EventID, gateway.Event)
	Reply  func(gateway.Reply) // nil = nobody listens
	Memory field.Memory        // what survives a restart; nil = nothing
	Tape   field.Tape          // the flight recorder; nil = there is none
}

// NewLockstep makes a gateway. Say with Level how each terminal stands, then call Begin.
func NewLockstep(o LockstepOptions) *Lockstep {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	relays := claimRelays(o.Config, o.Lines, o.Log)
	parts := attachConfig(o.Config, Hardware{Lines: o.Lines}, nil, relays).out
	parts.Trace, parts.Reply, parts.Memory, parts.Tape = traceOf(parts), o.Reply, o.Memory, o.Tape
	var l *Lockstep
	h := hub.New(func() gateway.Mono {
		if l == nil {
			return o.Start
		}
		return l.Now()
	})
	l = inLockstep(parts, h, &counted{event: o.Event}, o.Start)
	l.relays = relays
	return l
}

// inLockstep makes the field of parts.
func inLockstep(parts field.Config, h *hub.Hub, r field.Recorder, start gateway.Mono) *Lockstep {
	l := &Lockstep{
		Hub: h, field: field.NewLockstep(parts, h, r, start), places: map[string]place{},
		levels: make([]field.Levels, len(parts.Sources)),
	}
	for _, p := range parts.Points {
		l.places[strings.ReplaceAll(p.Terminal, " ", ".")] = place{p.Source, p.Channel, p.Unit != ""}
	}
	return l
}

// counted numbers events in the order in which they are issued.
type counted struct {
	last  uint64
	event func(gateway.EventID, gateway.Event)
}

// Record implements field.Recorder.
func (c *counted) Record(e gateway.Event) gateway.EventID {
	c.last++
	id := gateway.EventID{Epoch: "simulated", Run: 1, Number: c.last}
	if c.event != nil {
		c.event(id, e)
	}
	return id
}

// Level says how a terminal stands electrically: at the start, or from now on. A terminal that the configuration does not
// know is nobody's.
func (l *Lockstep) Level(terminal string, level bool) {
	p, ok := l.places[terminal]
	switch {
	case !ok || p.measured:
	case l.begun:
		l.field.Edge(p.source, p.channel, level)
	default:
		l.levels[p.source].Set(p.channel, level)
	}
}

// Begin tells the field how everything stands.
func (l *Lockstep) Begin() {
	l.begun = true
	l.field.Begin(l.levels)
}

// Measure is a value that was read at a terminal now, in the unit of its chip: µA, µV, ‰.
func (l *Lockstep) Measure(terminal string, value int64) {
	if p, ok := l.places[terminal]; ok && p.measured {
		l.field.Apply(field.Input{Kind: field.ReadingInput, Source: p.source, Reading: drivers.Reading{
			Channel: p.channel, Value: value, At: time.Duration(l.field.Now()),
		}})
	}
}

// Center says whether the center is in reach.
func (l *Lockstep) Center(there bool) {
	l.Signal(context.Background(), kindCenter, there)
}

// Command gives a command that was found to be allowed.
func (l *Lockstep) Command(c gateway.Command) bool {
	l.field.Apply(field.Input{Kind: field.CommandInput, Command: c})
	return true
}

// Post issues an event of another part of the gateway.
func (l *Lockstep) Post(_ context.Context, e gateway.Event) bool {
	l.field.Apply(field.Input{Kind: field.EventInput, Event: e})
	return true
}

// Signal tells the internal devices of a kind that something is so.
func (l *Lockstep) Signal(_ context.Context, kind string, on bool) bool {
	l.field.Apply(field.Input{Kind: field.SignalInput, ID: kind, On: on})
	return true
}

// Act does something about an alarm.
func (l *Lockstep) Act(a field.AlarmAct) {
	l.field.Apply(field.Input{Kind: field.AlarmInput, Alarm: a})
}

// Reset is a chip that had lost its registers and was set up again.
func (l *Lockstep) Reset(chip string) error {
	return l.source(chip, field.Input{Kind: field.ResetInput})
}

// Lose makes a chip, or with "gpio" the native lines, unreadable, and Find readable again.
func (l *Lockstep) Lose(chip string, why error) error {
	return l.source(chip, field.Input{Kind: field.DownInput, Channel: field.All, Err: why})
}

// Find makes a chip readable again; what its terminals say follows.
func (l *Lockstep) Find(chip string) error {
	return l.source(chip, field.Input{Kind: field.UpInput, Channel: field.All})
}

func (l *Lockstep) source(id string, in field.Input) error {
	for n, s := range l.field.Sources() {
		if s.ID == id {
			in.Source = n
			l.field.Apply(in)
			if in.Kind == field.UpInput {
				l.field.Reread(n)
			}
			return nil
		}
	}
	return fmt.Errorf("no chip is called %q", id)
}

// View is what the page would show.
func (l *Lockstep) View() *hub.View { return l.Hub.View() }

// Now is the time that Advance has brought the gateway to.
func (l *Lockstep) Now() gateway.Mono { return l.field.Now() }

// Next is when something is due by itself.
func (l *Lockstep) Next() gateway.Mono { return l.field.Next() }

// Advance lets time pass. Every change of a terminal before to must have been told.
func (l *Lockstep) Advance(to gateway.Mono) { l.field.Advance(to) }

// Close makes relays inactive and gives them back.
func (l *Lockstep) Close() { l.relays.release() }
