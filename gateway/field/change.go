package field

import (
	"context"
	"slices"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// Kept tells what of a configuration means the same as before: the same wire, the same device made of the same parts.
type Kept struct {
	Point  func(id string) bool
	Device func(kind, id string) bool // an internal device may have the id of another
}

// change is a configuration that waits for its moment.
type change struct {
	ctx  context.Context
	cfg  Config
	kept Kept
	told func() gateway.Event
	done chan struct{}
}

// Change puts another configuration in the place of the one that runs. It waits until no relay of a barrier is active, no
// order is open, no arm is falling and no fire is latched; when ctx ends before, nothing changes and its error is returned.
// Relays stay those that New was given.
//
// What is kept goes on with its state, counts, alarms and traces. Everything else begins anew, as after a start: what a device must
// not forget it does not. Alarms of what is gone, and those that a device that begins anew does not stand for, are cleared. Native lines stay open if their Wires are the same, and no edge is lost; what a chip
// says meanwhile is found by the first read.
//
// told is called by the core at that moment; its event is the first one of the new configuration.
func (f *Field) Change(ctx context.Context, cfg Config, kept Kept, told func() gateway.Event) error {
	c := &change{ctx: ctx, cfg: cfg, kept: kept, told: told, done: make(chan struct{})}
	select {
	case f.changes <- c:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ripe tells whether a change may take place now.
func (f *Field) ripe(c *change) bool {
	return c.ctx.Err() == nil && f.core.ripe(f.now(), func(gate string) *actuator { return f.actuators[gate] })
}

// ripe tells whether nothing stands against another configuration now.
func (c *Core) ripe(now gateway.Mono, hand func(gate string) *actuator) bool {
	return len(c.orders.open) == 0 && !slices.ContainsFunc(c.devices, func(d logical) bool {
		busy, moves := d.cfg.Machine.busy(now)
		a := hand(d.cfg.Meta.ID)
		return busy || moves && a != nil && a.busy.Load()
	})
}

// adopt makes a change. The readers of before have ended, those of after have not begun.
func (f *Field) adopt(c *change) {
	c.cfg.Reply, c.cfg.Memory, c.cfg.Tape = f.cfg.Reply, f.cfg.Memory, f.cfg.Tape
	f.core.tape.Ends()
	f.cfg = c.cfg
	f.core = f.core.successor(f.now(), c.cfg, c.kept)
	f.connect()
	f.drives.set(c.cfg)
	for _, a := range f.actuators {
		f.core.instruct(a)
	}
	f.core.begins(f.now())
	f.core.Apply(f.now(), Input{Kind: EventInput, Event: c.told()})
	close(c.done)
}

// instruct tells the actuator of a gate what this core wants of it.
func (c *Core) instruct(a *actuator) {
	var want device.Drive // of who is no more
	if i := c.deviceNamed(a.gate); i >= 0 {
		a.held.Store(c.devices[i].cfg.Held)
		want, _ = c.devices[i].cfg.Machine.drive()
	}
	a.want(want)
}

// successor is a core of another configuration that goes on where c ends.
func (c *Core) successor(now gateway.Mono, cfg Config, kept Kept) *Core {
	next := NewCore(cfg, hub.New(func() gateway.Mono { return now }), c.record, now) // on a hub that nobody looks at
	next.hub, next.alarms, next.latency = c.hub, c.alarms, c.latency
	next.orders.last, next.orders.open = c.orders.last, c.orders.open
	for i := range next.sources {
		s := &next.sources[i]
		if n := slices.IndexFunc(c.sources, func(o source) bool { return o.cfg == s.cfg }); n >= 0 {
			*s = c.sources[n]
			s.view.Interrupt, s.blind = "", 0 // its wire is watched anew
		}
	}
	for i := range next.points {
		p := &next.points[i]
		if n := c.pointNamed(p.cfg.ID); n >= 0 && kept.Point(p.cfg.ID) {
			next.adoptPoint(p, c, &c.points[n])
		}
	}
	begins := make([]bool, len(next.devices))
	for i := range next.devices {
		d := &next.devices[i]
		n := slices.IndexFunc(c.devices, d.same)
		if begins[i] = n < 0 || !kept.Device(d.cfg.Meta.Kind, d.cfg.Meta.ID); !begins[i] {
			o := &c.devices[n]
			d.cfg.Machine, d.wake = o.cfg.Machine, o.wake
			d.view.State, d.view.Event = o.view.State, o.view.Event
		} else if n >= 0 {
			d.cfg.Machine.inherit(c.devices[n].cfg.Machine)
		}
	}
	next.showAll()
	next.clearOld(now, c, kept)
	for i, begin := range begins {
		if begin {
			next.introduce(now, i)
		}
	}
	return next
}

// same tells whether o has the name of d.
func (d *logical) same(o logical) bool {
	return o.cfg.Internal == d.cfg.Internal && o.cfg.Meta.Kind == d.cfg.Meta.Kind && o.cfg.Meta.ID == d.cfg.Meta.ID
}

func (c *Core) pointNamed(id string) int {
	return slices.IndexFunc(c.points, func(p point) bool { return p.cfg.ID == id })
}

func (c *Core) adoptPoint(p *point, before *Core, old *point) {
	p.settle, p.wake, p.budget, p.rest = old.settle, old.wake, old.budget, old.rest
	p.sent, p.fault, p.value, p.shown = old.sent, old.fault, old.value, old.shown
	label, terminal, unit := p.view.Label, p.view.Terminal, p.view.Unit
	p.view = old.view
	p.view.Label, p.view.Terminal, p.view.Unit = label, terminal, unit
	c.trace.Keep(p.n, before.trace, old.n)
}

// showAll puts everything into the hub in one step, and takes out what is no more.
func (c *Core) showAll() {
	var devices []hub.Device
	var points []hub.Point
	var sources []hub.Source
	for i := range c.devices {
		if !c.devices[i].cfg.Internal {
			devices = append(devices, c.devices[i].view)
		}
	}
	for i := range c.points {
		points = append(points, c.points[i].view)
	}
	for i := range c.sources {
		sources = append(sources, c.sources[i].view)
	}
	c.hub.Replace(devices, points, sources)
}

// clearOld ends the alarms whose ground is gone. Those that other parts of the daemon posted, about relays, stay theirs.
func (c *Core) clearOld(now gateway.Mono, old *Core, kept Kept) {
	for _, a := range c.alarms.all() {
		goesOn := true
		switch n := old.deviceNamed(a.ID); {
		case a.Type == gateway.BusFault:
			goesOn = c.speaks(a, kept) || !old.speaks(a, Kept{Point: func(string) bool { return true }})
		case n >= 0:
			i := c.deviceNamed(a.ID)
			goesOn = i >= 0 && c.devices[i].same(old.devices[n]) &&
				(kept.Device(old.devices[n].cfg.Meta.Kind, a.ID) || c.devices[i].cfg.Machine.stands(a.Name))
		case old.pointNamed(a.ID) >= 0:
			goesOn = c.pointNamed(a.ID) >= 0 && kept.Point(a.ID)
		}
		if !goesOn {
			c.emit(gateway.Event{Type: gateway.AlarmCleared, ID: a.ID, At: now, Data: gateway.AlarmClearedData{Alarm: a.Name}})
		}
	}
}

// speaks tells whether a fault of a bus is one that a source of this core, or a kept point, has raised and will clear.
func (c *Core) speaks(a gateway.Alarm, kept Kept) bool {
	of := func(part string) bool { return gateway.BusFaultData{Part: part}.AlarmCause() == a.Name }
	return slices.ContainsFunc(c.sources, func(s source) bool {
		return s.cfg.Bus == a.ID && (s.view.Fault != "" && of(s.cfg.part()) || s.view.Interrupt != "" && of(s.cfg.ID+".int"))
	}) || slices.ContainsFunc(c.points, func(p point) bool {
		return c.sources[p.cfg.Source].cfg.Bus == a.ID && p.fault != "" && of(p.cfg.ID) && kept.Point(p.cfg.ID)
	})
}

// introduce tells a device that begins anew what its parts say already.
func (c *Core) introduce(now gateway.Mono, i int) {
	if s, ok := c.devices[i].cfg.Machine.signal(); ok && s.Known() && s.On {
		c.lead(now, &c.devices[i], device.Input{Kind: device.SignalChanged, Signal: s})
	}
	c.step(now, i, device.Input{}) // time begins
	for _, part := range c.devices[i].cfg.Parts {
		if part.Point < 0 {
			of := c.devices[part.Device].cfg.Machine
			if signal, ok := of.signal(); ok {
				c.step(now, i, device.Changed(part.Role, part.Index, signal))
			}
			if signal, value, ok := of.balance(); ok {
				c.step(now, i, device.Stands(part.Role, part.Index, signal, value))
			}
			continue
		}
		p := &c.points[part.Point]
		switch {
		case !p.sent.Readable():
		case p.cfg.Unit != "":
			c.step(now, i, device.Reading(part.Role, part.Index, p.sent, p.value))
		default:
			c.step(now, i, device.Changed(part.Role, part.Index, p.sent))
		}
	}
}
