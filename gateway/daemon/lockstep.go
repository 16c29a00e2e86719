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

	field   *field.Lockstep
	relays  *relays
	inForce *inForce
	places  map[string]place // by terminal: GPIO17, x1.GPA0
	wires   map[string]bool  // by terminal: how it stands
	begun   bool
	hw      Hardware // that the field reads itself, if it does
	clock   *clock   // that a real-time clock on a bus serves
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
	force := &inForce{}
	force.set(o.Config, parts)
	l = inLockstep(force, relays, h, &counted{event: o.Event}, o.Start)
	return l
}

// inLockstep makes the field of what is in force.
func inLockstep(f *inForce, relays *relays, h *hub.Hub, r field.Recorder, start gateway.Mono) *Lockstep {
	l := &Lockstep{Hub: h, field: field.NewLockstep(f.parts, h, r, start), relays: relays, inForce: f, wires: map[string]bool{}}
	l.wire()
	return l
}

// wire finds where terminals end.
func (l *Lockstep) wire() {
	l.places = map[string]place{}
	for _, p := range l.inForce.parts.Points {
		l.places[strings.ReplaceAll(p.Terminal, " ", ".")] = place{p.Source, p.Channel, p.Unit != ""}
	}
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
	l.wires[terminal] = level
	if p, ok := l.places[terminal]; ok && !p.measured && l.begun {
		l.field.Edge(p.source, p.channel, level)
	}
}

// levels are what the sources of a field read.
func (l *Lockstep) levels(parts field.Config) []field.Levels {
	all := make([]field.Levels, len(parts.Sources))
	for _, p := range parts.Points {
		if level, ok := l.wires[strings.ReplaceAll(p.Terminal, " ", ".")]; ok && p.Unit == "" {
			all[p.Source].Set(p.Channel, level)
		}
	}
	return all
}

// Begin tells the field how everything stands.
func (l *Lockstep) Begin() {
	l.begun = true
	l.field.Begin(l.levels(l.inForce.parts))
}

// Reload puts what a configuration changes in the place of what was, as SIGHUP does. It is false while a barrier moves: ask
// again later.
func (l *Lockstep) Reload(fresh *config.Config) (bool, error) {
	if err := l.inForce.refuse(fresh); err != nil {
		return false, err
	}
	r := l.inForce.compare(fresh, func(cfg *config.Config) field.Config { return attachConfig(cfg, l.hw, l.clock, l.relays).out })
	return l.adopt(&r, func() gateway.Event {
		return gateway.Event{Type: gateway.GatewayConfigReloaded, ID: gateway.GatewayID, At: l.Now(), Data: r.told}
	}), nil
}

// adopt lets a configuration take effect, or tells that it has to wait.
func (l *Lockstep) adopt(r *reload, told func() gateway.Event) bool {
	return l.field.Change(r.parts, r.kept, l.levels(r.parts), func() gateway.Event {
		l.inForce.set(r.cfg, r.parts)
		l.wire()
		return told()
	})
}

// Commands is what each id takes.
func (l *Lockstep) Commands() map[string][]gateway.Action { return commandsOf(l.inForce.parts) }

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

// Close ends what reads lines and buses, makes relays inactive and gives them back.
func (l *Lockstep) Close() {
	l.field.End()
	l.relays.release()
}
