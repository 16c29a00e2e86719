package field

import (
	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

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

// calmAll ends the chatter of the points that have been at rest for long enough.
func (c *Core) calmAll(now gateway.Mono) {
	for i := range c.points {
		if p := &c.points[i]; !p.rest.IsZero() && p.rest <= now {
			c.calm(now, p)
		}
	}
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

// unwatched tells the devices of a chip that it has seen nothing since it lost its registers.
func (c *Core) unwatched(now gateway.Mono, src int) {
	for _, i := range c.byPlace[src] {
		if i < 0 || c.points[i].cfg.Unit != "" {
			continue
		}
		for _, f := range c.points[i].feeds {
			c.step(now, f.device, device.Input{Kind: device.Unwatched, Role: f.role, Index: f.index})
		}
	}
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
