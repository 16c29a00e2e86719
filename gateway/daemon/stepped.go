package daemon

import (
	"context"
	"log/slog"
	"time"

	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/outbox"
	"lotusgate/gateway/uplink"
)

// Stepped is a whole daemon in lockstep: field, outbox, checkpoint, intake and uplink on one goroutine, on the clock, disk
// and network of its owner. It is opened and fed as Run opens and feeds its parts; what is left out are page and sensors,
// and, unless it is given the hardware, whatever reads lines and buses.
type Stepped struct {
	*Lockstep
	Uplink *uplink.Stepped

	d       *daemon
	ctx     context.Context
	next    gateway.Mono // when Step is wanted at the latest
	looked  gateway.Mono // at the clock
	flushed gateway.Mono // the checkpoint
	seen    glance
	there   bool // the center, as the field knows it
	queue   queue
	waits   *reload
	served  map[gateway.Action]*serving
}

// Ground is what a Stepped stands on.
type Ground struct {
	Boot        string              // of the kernel
	Mono        func() gateway.Mono // since then
	Wall        func() time.Time    // the system clock
	Disciplined func() bool         // something keeps it right
	Outbox      outbox.FS
	Segment     int64 // bytes of a segment of the outbox; 0 = as everywhere
	Truths      checkpoint.FS
	Chance      func(n uint32) uint32 // below n
	Text        func() string         // no two are the same; of the kernel's chance elsewhere
	Process     string                // begins the names of sessions; no two starts have the same
}

// SteppedOptions of NewStepped.
type SteppedOptions struct {
	Config *config.Config
	Lines  line.Provider // where relays are
	Reads  *Hardware     // it reads lines and buses itself, through the drivers; nil = Level and Measure tell
	Ground Ground
	Log    *slog.Logger
	Event  func(gateway.EventID, gateway.Event)
	Tape   field.Tape                     // the flight recorder; nil = there is none
	Load   func() (*config.Config, error) // reads the configuration again; nil = Reload is not called
	Path   string                         // of the configuration's file, for Correct
}

// NewStepped starts a daemon. Say with Level how each terminal stands, then call Begin.
func NewStepped(o SteppedOptions) (*Stepped, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	g := o.Ground
	on := ground{
		boot: g.Boot, board: "simulated", outbox: g.Outbox, truths: g.Truths, stepped: true, segment: g.Segment, chance: g.Chance, text: g.Text,
		clock: timekeeper{mono: g.Mono, wall: g.Wall, disciplined: g.Disciplined, fromRTC: func() bool { return false }},
	}
	relays := claimRelays(o.Config, o.Lines, o.Log)
	hw := Hardware{Lines: o.Lines}
	if o.Reads != nil {
		hw = *o.Reads
	}
	d, rec, err := open(Options{Config: o.Config, Hardware: hw, Log: o.Log, Event: o.Event, Load: o.Load, ConfigPath: o.Path}, on, relays)
	if err != nil {
		relays.release()
		return nil, err
	}
	d.inForce.parts.Tape = o.Tape
	s := &Stepped{d: d, ctx: context.Background(), served: map[gateway.Action]*serving{}}
	s.Lockstep = inLockstep(&d.inForce, relays, d.hub, rec, g.Mono())
	if o.Reads != nil {
		s.Lockstep.hw, s.clock = hw, d.clock
		s.field.Acquire()
	}
	d.core = &s.queue
	s.queue.Lockstep = s.Lockstep
	q := &sendQueue{box: d.box}
	s.Uplink, err = uplink.NewStepped(d.uplinkOptions(s.ctx), q, d.clock, d.hub, q, g.Process,
		func() time.Time { return time.Unix(0, int64(g.Mono())) })
	return s, err
}

// Begin starts the field, as run does. The center is there when a broker is.
func (s *Stepped) Begin() {
	d := s.d
	s.seen = d.clock.look()
	d.hub.SetClock(s.seen.Clock)
	d.memory.begin()
	for _, e := range append([]gateway.Event{d.announce(s.seen)}, d.unfinished.abandoned(d.clock.Now())...) {
		s.field.Apply(field.Input{Kind: field.EventInput, Event: e})
	}
	d.tellClock(s.ctx, s.seen)
	s.begun = true
	s.field.Begin(s.levels(s.d.inForce.parts))
	s.looked, s.flushed = d.clock.Now(), d.clock.Now()
}

// Step does what the parts beside the field do: commit, tell, keep, send. Next says when it wants to be called again.
func (s *Stepped) Step() error {
	d, now := s.d, s.d.clock.Now()
	s.queue.drain()
	if now.Sub(s.looked) >= clockLook {
		s.looked = now
		fresh := d.clock.look()
		if fresh.Clock != s.seen.Clock {
			d.hub.SetClock(fresh.Clock)
			d.keepCalendar()
		}
		s.seen = fresh
		d.tellClock(s.ctx, fresh)
	}
	urgent := len(d.memory.now) > 0
	if urgent {
		<-d.memory.now
	}
	if urgent || now.Sub(s.flushed) >= truthsEvery {
		s.flushed = now
		d.memory.counting()
		_ = d.truths.Flush() // it tells of failures itself, and is tried again
	}
	d.intake.Step(s.ctx)
	s.next = min(s.looked.Add(clockLook), s.flushed.Add(truthsEvery))
	s.next = min(s.next, now.Add(d.box.Step()))
	if len(d.ended) > 0 && d.settleCommands() {
		<-d.ended
		d.memory.soon()
		s.next = now
	}
	for _, n := range d.notices.take() {
		d.forward(s.ctx, n)
	}
	s.change()
	s.serve()
	due, err := s.Uplink.Step()
	if !due.IsZero() {
		s.next = min(s.next, gateway.Mono(due.UnixNano()))
	}
	if there := s.Uplink.Connected(); there != s.there {
		s.there = there
		s.Center(there)
	}
	return err
}

// Next is when something is due by itself, in the field or beside it.
func (s *Stepped) Next() gateway.Mono {
	next := s.Lockstep.Next()
	if next == device.Forever {
		return s.next
	}
	return min(next, s.next)
}

// Ledger is how far numbers were issued and confirmed.
func (s *Stepped) Ledger() gateway.Ledger { return ledger(s.d.box.Ledger()) }

// Holdings are what grows with what happens and with what others send, each beside its limit.
func (s *Stepped) Holdings() []gateway.Holding {
	view := s.d.hub.View()
	all := append(s.d.intake.Holdings(), s.Uplink.Holdings(2+len(view.Devices)+len(view.Alarms), s.d.box.Stats().InFlight)...)
	for _, h := range s.d.box.Holdings() {
		all = append(all, gateway.Holding(h))
	}
	return append(append(all, s.d.inForce.parts.Trace.Holdings()...),
		gateway.Holding{What: "commands not ended", Held: len(s.d.unfinished.Commands), Most: mostUnfinished},
		gateway.Holding{What: "commands that wait for the core", Held: len(s.queue.waiting), Most: queueMost},
		gateway.Holding{What: "events of the history", Held: len(view.Events), Most: hub.EventsKept},
	)
}

// Pass lets the time of a transfer pass, as field.Lockstep does.
func (s *Stepped) Pass(d time.Duration) bool { return s.field.Pass(d) }

// Die ends the daemon without a word.
func (s *Stepped) Die() { s.field.End() }

// Stop ends the daemon in order.
func (s *Stepped) Stop() error {
	s.field.Apply(field.Input{Kind: field.EventInput, Event: gateway.Event{
		Type: gateway.GatewayStopping, ID: gateway.GatewayID, At: s.d.clock.Now(), Data: gateway.StoppingData{Reason: "signal"},
	}})
	err := s.d.closeTruths()
	s.field.End()
	s.Close()
	if e := s.d.box.Close(); err == nil {
		err = e
	}
	return err
}
