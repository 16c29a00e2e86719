package field

import (
	"fmt"
	"time"

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
	given    Input  // what is being applied, so that to show it to the tape costs no allocation
	moved    bool   // what is being applied has had an effect
	due      gateway.Mono
	dueKnown bool // due is what Wake returns

	ask   func(question)             // where evidence is read; nil = nowhere
	drive func(string, device.Drive) // what a gate's relays shall do; nil = there are none
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
	c.given = in
	c.take(now, &c.given)
}

// take is Apply of an input that lies somewhere until it was applied.
func (c *Core) take(now gateway.Mono, in *Input) {
	c.tape.Given(now, in)
	c.apply(now, in)
	c.dueKnown = c.dueKnown && !c.moved
	c.keep()
	c.applied(now)
}

func (c *Core) apply(now gateway.Mono, in *Input) {
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
		c.unwatched(now, in.Source)
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
