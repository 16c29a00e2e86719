package field

import (
	"fmt"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/trace"
)

// Core owns all device state. It is stepped by one goroutine and holds no clock: every method takes the time.
type Core struct {
	points   []point
	byPlace  [][]int // source → channel → point, -1 = none
	devices  []logical
	sources  []source
	alarms   alarms
	hub      *hub.Hub
	record   Recorder
	trace    *trace.Trace
	orders   orders
	memory   Memory
	fresh    []Truth // of the input that is being applied
	latency  *latency
	tape     Tape
	recorded []byte // Config.Recorded
	moved    bool   // what is being applied has had an effect
	due      gateway.Mono
	dueKnown bool // due is what Wake returns

	ask   func(question)             // where evidence is read; nil = nowhere
	drive func(string, device.Drive) // what a gate's relays shall do; nil = there are none
}

// point is one wire.
type point struct {
	n      int // index
	cfg    PointConfig
	settle device.Settle
	wake   gateway.Mono
	budget device.Budget
	rest   gateway.Mono // wake of the budget
	sent   device.Signal
	feeds  []feed
	view   hub.Point
	fault  string // why it cannot be read, while it is alone in that

	value int64        // of a measured point
	shown gateway.Mono // when it was last shown
}

// feed says who wants to know.
type feed struct {
	device int
	role   device.Role
	index  uint8
}

// logical is one device.
type logical struct {
	cfg   DeviceConfig
	wake  gateway.Mono
	feeds []feed
	view  hub.Device
}

// source is where levels come from.
type source struct {
	cfg   SourceConfig
	view  hub.Source
	shown gateway.Mono // when the count of reads was last shown
	blind gateway.Mono // since when INT cannot be relied on; zero = it can
	heard bool         // it has spoken, or was found to be unreadable
}

// showEvery bounds how often a count of reads, which is of no urgency, costs everybody a new view.
const showEvery = time.Second

// NewCore makes a core that knows nothing yet: every point and device is bad until its source has spoken.
func NewCore(cfg Config, h *hub.Hub, r Recorder, now gateway.Mono) *Core {
	c := &Core{
		hub: h, record: r, trace: cfg.Trace, byPlace: make([][]int, len(cfg.Sources)), orders: newOrders(cfg),
		memory: cfg.Memory, latency: &latency{}, tape: cfg.Tape, recorded: cfg.Recorded,
	}
	if c.tape == nil {
		c.tape = blank{}
	}
	if c.memory == nil {
		c.memory = forgetful{}
	}
	for i, s := range cfg.Sources {
		c.byPlace[i] = make([]int, MaxChannels)
		for n := range c.byPlace[i] {
			c.byPlace[i][n] = -1
		}
		c.sources = append(c.sources, source{cfg: s, view: hub.Source{ID: s.ID, Kind: s.Kind, Where: s.Where, Bus: s.Bus, Since: now}})
		if s.ID != GPIO || cfg.Lines != nil { // a board may have chips only
			h.PutSource(c.sources[i].view)
		}
	}
	for i, p := range cfg.Points {
		c.byPlace[p.Source][p.Channel] = i
		c.points = append(c.points, point{
			n: i, cfg: p, settle: device.Settle{For: p.Settle}, budget: device.Budget{Most: p.Budget},
			view: hub.Point{ID: p.ID, Label: p.Label, Terminal: p.Terminal, Unit: p.Unit},
		})
		h.PutPoint(c.points[i].view)
	}
	for _, d := range cfg.Devices {
		c.devices = append(c.devices, logical{cfg: d, view: hub.Device{MetaDevice: d.Meta}})
	}
	for i, d := range cfg.Devices {
		for _, part := range d.Parts {
			f := feed{device: i, role: part.Role, index: part.Index}
			if part.Point >= 0 {
				c.points[part.Point].feeds = append(c.points[part.Point].feeds, f)
			} else {
				c.devices[part.Device].feeds = append(c.devices[part.Device].feeds, f)
			}
		}
		if !d.Internal {
			h.PutDevice(c.devices[i].view)
		}
	}
	return c
}

// begin recalls what an earlier run has left, lets time begin for every device, and tells them what was true before
// anything was read: a fire that is latched. It comes before the first input.
func (c *Core) begin(now gateway.Mono) {
	c.recall(now)
	for i := range c.devices {
		d := &c.devices[i]
		if s, ok := d.cfg.Machine.signal(); ok && s.Known() && s.On {
			c.lead(now, d, device.Input{Kind: device.SignalChanged, Signal: s})
		}
		c.step(now, i, device.Input{})
	}
	c.keep()
	c.moved, c.dueKnown = false, false
	c.begins(now)
}

// Apply gives one input to the core. now must not be before the now of an earlier call.
func (c *Core) Apply(now gateway.Mono, in Input) {
	c.tape.Given(now, &in)
	c.apply(now, in)
	c.dueKnown = c.dueKnown && !c.moved
	c.keep()
	c.applied(now)
}

func (c *Core) apply(now gateway.Mono, in Input) {
	switch in.Kind {
	case EdgeInput, LevelsInput, DownInput, ReadingInput, TrafficInput: // what they do says whether they matter
	default:
		c.moved = true
	}
	switch in.Kind {
	case EdgeInput:
		c.edge(now, in.Source, in.Edge)
	case LevelsInput:
		c.levels(now, in.Source, &in.Levels)
	case DownInput:
		c.down(now, in)
	case UpInput:
		c.up(now, in)
	case ResetInput:
		s := &c.sources[in.Source]
		s.view.Resets++
		c.hub.PutSource(s.view)
		c.emit(gateway.Event{Type: gateway.BusChipReset, ID: s.cfg.Bus, At: now, Data: gateway.ChipResetData{Chip: s.cfg.ID}})
	case EventInput:
		c.emit(in.Event)
	case ReadingInput:
		c.reading(now, in.Source, in.Reading)
	case TrafficInput:
		s := &c.sources[in.Source]
		s.view.Transfers, s.view.Failed = in.Traffic.Transfers, in.Traffic.Failed
		s.view.Retries, s.view.Missed, s.view.Load = in.Traffic.Retries, in.Traffic.Missed, in.Traffic.Load
		c.hub.PutSource(s.view)
	case InterruptInput:
		c.interrupt(now, in)
	case AlarmInput:
		c.act(now, in.Alarm)
	case CommandInput:
		c.command(now, in.Command)
	case ProofInput:
		c.step(now, in.Device, device.Input{Kind: device.EvidenceRead, Evidence: in.Evidence})
	case ReportInput:
		if i := c.deviceNamed(in.ID); i >= 0 {
			c.step(now, i, device.Input{Kind: device.OutputTold, Report: in.Report})
		}
	case SignalInput:
		for i := range c.devices {
			if d := &c.devices[i]; d.cfg.Internal && d.cfg.Meta.Kind == in.ID {
				c.step(now, i, device.Changed(device.RoleInput, 0, device.Signal{On: in.On, Quality: gateway.Good, Since: now}))
			}
		}
	}
}

// Wake is when Tick wants to be called; zero = not before another input.
func (c *Core) Wake() gateway.Mono {
	if c.dueKnown {
		return c.due
	}
	w := c.alarms.wake()
	for i := range c.points {
		w = gateway.Earliest(w, gateway.Earliest(c.points[i].wake, c.points[i].rest))
	}
	for i := range c.devices {
		w = gateway.Earliest(w, c.devices[i].wake)
	}
	c.due, c.dueKnown = w, true
	return w
}

// Tick lets time pass. Every edge that happened before now must have been applied. What is due happens in the order of
// its times, however late Tick comes: which of two loops was left first decides the direction of a vehicle.
func (c *Core) Tick(now gateway.Mono) {
	c.tape.Ticked(now)
	c.pass(now)
	c.dueKnown = false
	c.keep()
	c.applied(now)
}

// againMost is how often each machine may be woken at one moment. One that never has enough is a mistake: to crash with its
// name is better than to hang until the watchdog bites.
const againMost = 100

func (c *Core) pass(now gateway.Mono) {
	c.unshelve(now)
	c.disown(now)
	last, again := gateway.Mono(0), 0
	for {
		p, due := c.nextPoint(now, All)
		d := c.nextDevice(now, due)
		if d >= 0 {
			due = c.devices[d].wake
		}
		if again++; due > last {
			last, again = due, 0
		} else if again > againMost*(1+len(c.points)+len(c.devices)) {
			panic(fmt.Sprintf("a machine wants to be woken for ever at %v: device %d, point %d", time.Duration(due), d, p))
		}
		switch {
		case d >= 0:
			c.step(now, d, device.Input{})
		case p >= 0:
			c.tick(now, p)
		default:
			c.calmAll(now)
			return
		}
	}
}

// calmAll ends the chatter of the points that have been at rest for long enough.
func (c *Core) calmAll(now gateway.Mono) {
	for i := range c.points {
		if p := &c.points[i]; !p.rest.IsZero() && p.rest <= now {
			c.calm(now, p)
		}
	}
}

// nextPoint is the point that is due first, not after until, and when; of one source, or of All.
func (c *Core) nextPoint(until gateway.Mono, src int) (first int, due gateway.Mono) {
	first = -1
	for i := range c.points {
		p := &c.points[i]
		if !p.wake.IsZero() && p.wake <= until && (first < 0 || p.wake < due) && (src == All || p.cfg.Source == src) {
			first, due = i, p.wake
		}
	}
	return first, due
}

// nextDevice is the device that is due first, not after until and before a point that is; -1 = none.
func (c *Core) nextDevice(until, point gateway.Mono) int {
	first, due := -1, point
	for i := range c.devices {
		w := c.devices[i].wake
		if !w.IsZero() && w <= until && (due.IsZero() || w < due) {
			first, due = i, w
		}
	}
	return first
}

func (c *Core) tick(now gateway.Mono, i int) {
	p := &c.points[i]
	c.moved = true
	var changed bool
	p.settle, changed, p.wake = p.settle.Tick(now)
	c.settled(now, p, changed)
}

func (c *Core) edge(now gateway.Mono, src int, e drivers.Edge) {
	p := c.pointAt(src, e.Channel)
	if p == nil {
		return
	}
	if e.Clock == drivers.KernelClock {
		c.latency.note(now.Sub(gateway.MonoOf(e.At)))
	}
	// Edges of one source come in order. What was due on other wires of it before this one has settled before it.
	for {
		i, due := c.nextPoint(gateway.MonoOf(e.At), src)
		if i < 0 || &c.points[i] == p || due > now {
			break
		}
		c.tick(now, i)
	}
	p.view.Edges++
	p.view.Missed += uint64(e.Lost)
	p.view.LastEdge = gateway.MonoOf(e.At)
	c.raw(now, p, gateway.MonoOf(e.At), e.Level)
}

// levels repairs what no edge had announced.
func (c *Core) levels(now gateway.Mono, src int, l *Levels) {
	s := &c.sources[src]
	c.moved = c.moved || !s.heard
	s.heard = true
	s.view.Reads++
	if now.Sub(s.shown) >= showEvery {
		s.shown = now
		c.hub.PutSource(s.view)
	}
	if l.Valid == [2]uint64{} { // what measures has none
		return
	}
	for n, i := range c.byPlace[src] {
		level, ok := l.Get(n)
		if i < 0 || !ok {
			continue
		}
		p := &c.points[i]
		_, _, known := p.settle.Level()
		fresh := !known && p.wake.IsZero() // the first level after a start or an outage
		if !fresh && level == p.settle.Raw() {
			continue
		}
		if !fresh {
			p.view.Missed++
		}
		c.raw(now, p, l.At, level)
	}
}

// reading passes a measured value on to the devices that use it. The view shows it once a second, and at once when it can
// be read again.
func (c *Core) reading(now gateway.Mono, src int, r drivers.Reading) {
	p := c.pointAt(src, r.Channel)
	if p == nil || p.cfg.Unit == "" {
		return
	}
	at := min(gateway.MonoOf(r.At), now)
	s := device.Signal{Quality: gateway.Good, Since: at}
	if p.view.Value = r.Value; !p.sent.Known() || now.Sub(p.shown) >= showEvery {
		p.shown = now
		p.view.Quality, p.view.Since, p.view.Clipped = gateway.Good, at, r.Clipped
		c.hub.PutPoint(p.view)
	}
	c.moved = c.moved || !p.sent.Known()
	p.value, p.sent = r.Value, s
	c.tell(now, p, s)
}

// raw gives a level to a point's filter, and passes on what settled.
func (c *Core) raw(now gateway.Mono, p *point, at gateway.Mono, level bool) {
	if at > now {
		at = now
	}
	c.trace.Raw(p.n, at, level)
	c.moved = true
	var changed bool
	p.settle, changed, p.wake = p.settle.Edge(at, level)
	c.settled(now, p, changed)
}

// settled updates the view of a point, and tells its devices when the settled level changed.
func (c *Core) settled(now gateway.Mono, p *point, changed bool) {
	p.view.Raw, p.view.Bounces = p.settle.Raw(), p.settle.Bounces()
	if !changed {
		c.hub.PutPoint(p.view)
		return
	}
	level, since, _ := p.settle.Level()
	c.trace.Settled(p.n, since, level)
	c.count(now, p)
	c.show(now, p)
}

// show puts what a point says now into the view, and tells its devices.
func (c *Core) show(now gateway.Mono, p *point) {
	s := p.signal()
	p.view.Active, p.view.Quality, p.view.Since = s.On, s.Quality, s.Since
	c.hub.PutPoint(p.view)
	c.offer(now, p, s)
}

// signal is what a point says: its settled level, or, while it chatters, that nobody knows.
func (p *point) signal() device.Signal {
	level, since, known := p.settle.Level()
	s := device.Signal{Since: since}
	if known {
		s.On, s.Quality = level != p.cfg.ActiveLow, gateway.Good
	}
	if _, chattering := p.budget.Chattering(); chattering && known {
		s.On, s.Quality = true, gateway.Stale // it was active within the minute, and may be now
		s.Since = p.sent.Since
		if p.sent.Quality != gateway.Stale {
			s.Since = since
		}
	}
	return s
}

// offer tells the devices of a point what is new to them.
func (c *Core) offer(now gateway.Mono, p *point, s device.Signal) {
	if s != p.sent {
		p.sent = s
		c.tell(now, p, s)
	}
}

// count holds a point to its budget of changes. What chatters becomes one fault with a count.
func (c *Core) count(now gateway.Mono, p *point) {
	_, since, _ := p.settle.Level()
	var began bool
	if p.budget, began = p.budget.Change(since); !began {
		return
	}
	n, _ := p.budget.Chattering()
	c.emit(gateway.Event{Type: gateway.InputChattering, ID: p.cfg.ID, At: now, Data: gateway.ChatteringData{Count: n}})
	_, _, p.rest = p.budget.Tick(now)
}

// calm ends the fault of a point that has been quiet for long enough, and tells what its level is.
func (c *Core) calm(now gateway.Mono, p *point) {
	n, _ := p.budget.Chattering()
	c.moved = true
	var ended bool
	if p.budget, ended, p.rest = p.budget.Tick(now); !ended {
		return
	}
	c.emit(gateway.Event{
		Type: gateway.AlarmCleared, ID: p.cfg.ID, At: now,
		Data: gateway.AlarmClearedData{Alarm: gateway.InputChattering.Name(), Count: n},
	})
	if _, _, known := p.settle.Level(); known {
		c.show(now, p)
	}
}

// lose makes a point bad.
func (c *Core) lose(now gateway.Mono, p *point) {
	c.moved = true
	p.settle, p.wake = p.settle.Lose(), 0
	c.trace.Lose(p.n, now)
	p.view.Quality, p.view.Since = gateway.Bad, now
	c.hub.PutPoint(p.view)
	if s := (device.Signal{Since: now}); p.sent.Readable() {
		p.sent = s
		c.tell(now, p, s)
	}
}

// tell gives what is known of a point to the devices that it feeds.
func (c *Core) tell(now gateway.Mono, p *point, s device.Signal) {
	for _, f := range p.feeds {
		if p.cfg.Unit != "" {
			c.step(now, f.device, device.Reading(f.role, f.index, s, p.value))
			continue
		}
		c.step(now, f.device, device.Changed(f.role, f.index, s))
	}
}

// step runs one device and everything that depends on it.
func (c *Core) step(now gateway.Mono, i int, in device.Input) {
	d := &c.devices[i]
	before, _ := d.cfg.Machine.signal()
	doubt, balance, _ := d.cfg.Machine.balance()
	drove, moves := d.cfg.Machine.drive()
	fx, wake, moved := d.cfg.Machine.step(now, in)
	c.moved = c.moved || moved || wake != d.wake
	d.wake = wake
	if drive, _ := d.cfg.Machine.drive(); moves && drive != drove {
		if c.drive != nil {
			c.drive(d.cfg.Meta.ID, drive) // before anything that takes time
		}
		c.tape.Drove(d.cfg.Meta.ID, drive)
	}
	if fx.Ask != 0 {
		if c.ask != nil {
			c.ask(question{device: i, number: fx.Ask})
		}
		c.tape.Asked(d.cfg.Meta.ID, fx.Ask)
	}
	for _, e := range fx.Events {
		d.view.Event = c.emit(gateway.Event{Type: e.Type, ID: d.cfg.Meta.ID, At: e.At, Data: e.Data})
	}
	if state := d.cfg.Machine.state(); state != d.view.State || len(fx.Events) > 0 {
		d.view.State = state
		if !d.cfg.Internal {
			c.hub.PutDevice(d.view)
		}
	}
	c.note(i)
	for _, o := range fx.Outcomes {
		c.outcome(now, i, o)
	}
	if signal, ok := d.cfg.Machine.signal(); ok && signal != before {
		c.lead(now, d, device.Input{Kind: device.SignalChanged, Signal: signal})
	}
	if s, value, ok := d.cfg.Machine.balance(); ok && (value != balance || s.Quality != doubt.Quality) {
		c.lead(now, d, device.Reading(0, 0, s, value))
	}
}

// lead tells the devices that are made of d what it says.
func (c *Core) lead(now gateway.Mono, d *logical, in device.Input) {
	for _, f := range d.feeds {
		in.Role, in.Index = f.role, f.index
		c.step(now, f.device, in)
	}
}

// emit records an event and keeps alarms and history in step with it.
func (c *Core) emit(e gateway.Event) gateway.EventID {
	c.moved = true
	id := c.record.Record(e)
	c.tape.Decided(id, e)
	c.hub.AddEvent(hub.Event{ID: id, Event: e})
	raised, cleared := c.alarms.apply(e, id)
	for _, key := range cleared {
		c.hub.DropAlarm(key)
	}
	for _, a := range raised {
		c.hub.PutAlarm(a)
	}
	return id
}

func (c *Core) pointAt(src, channel int) *point {
	if channel < 0 || channel >= MaxChannels {
		return nil
	}
	if i := c.byPlace[src][channel]; i >= 0 {
		return &c.points[i]
	}
	return nil
}
