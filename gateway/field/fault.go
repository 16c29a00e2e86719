package field

import (
	"lotusgate/drivers"
	"lotusgate/gateway"
)

// down marks a source, or one channel of it, as unreadable. It is reported once, not with every attempt.
func (c *Core) down(now gateway.Mono, in *Input) {
	s := &c.sources[in.Source]
	s.heard = s.heard || in.Channel == All
	s.view.Errors++
	word, text := drivers.Classify(in.Err).String(), in.Err.Error()
	data := gateway.BusFaultData{Cause: word, Error: text}
	if in.Channel != All {
		p := c.pointAt(in.Source, in.Channel)
		if p == nil || p.fault != "" {
			return
		}
		p.fault, data.Part = word, p.cfg.ID
		c.lose(now, p)
		c.emit(gateway.Event{Type: gateway.BusFault, ID: s.cfg.Bus, At: now, Data: data})
		return
	}
	known := s.view.Fault != ""
	c.moved = c.moved || s.view.Fault != word
	if !known {
		s.view.Since = now
	}
	s.view.OK, s.view.Fault, s.view.Error = false, word, text
	c.hub.PutSource(s.view)
	if known {
		return
	}
	for i := range c.points {
		if c.points[i].cfg.Source == in.Source {
			c.lose(now, &c.points[i])
		}
	}
	if s.cfg.Quiet {
		return
	}
	data.Part = s.cfg.part()
	c.emit(gateway.Event{Type: gateway.BusFault, ID: s.cfg.Bus, At: now, Data: data})
}

// up marks a source, or one channel of it, as readable again.
func (c *Core) up(now gateway.Mono, in *Input) {
	s := &c.sources[in.Source]
	if in.Channel != All {
		p := c.pointAt(in.Source, in.Channel)
		if p == nil || p.fault == "" {
			return
		}
		data := gateway.BusFaultData{Part: p.cfg.ID, Cause: p.fault, ForMS: now.Sub(p.view.Since).Milliseconds()}
		p.fault = ""
		c.emit(gateway.Event{Type: gateway.BusRecovered, ID: s.cfg.Bus, At: now, Data: data})
		return
	}
	word, since := s.view.Fault, s.view.Since
	s.view.OK, s.view.Fault, s.view.Error = true, "", ""
	if word != "" {
		s.view.Since = now
	}
	c.hub.PutSource(s.view)
	if word != "" && !s.cfg.Quiet {
		data := gateway.BusFaultData{Part: s.cfg.part(), Cause: word, ForMS: now.Sub(since).Milliseconds()}
		c.emit(gateway.Event{Type: gateway.BusRecovered, ID: s.cfg.Bus, At: now, Data: data})
	}
}

// interrupt notes whether the INT wire of a chip can be relied on. Its points are read all the same, by polling.
func (c *Core) interrupt(now gateway.Mono, in *Input) {
	s := &c.sources[in.Source]
	was, since := s.view.Interrupt, s.blind
	s.view.Interrupt, s.blind = "", 0
	data := gateway.BusFaultData{Part: s.cfg.ID + ".int", Cause: was}
	if in.Err != nil {
		s.view.Interrupt, s.blind = drivers.Classify(in.Err).String(), now
	}
	c.hub.PutSource(s.view)
	if was != "" {
		data.ForMS = now.Sub(since).Milliseconds()
		c.emit(gateway.Event{Type: gateway.BusRecovered, ID: s.cfg.Bus, At: now, Data: data})
	}
	if in.Err != nil {
		data = gateway.BusFaultData{Part: data.Part, Cause: s.view.Interrupt, Error: in.Err.Error()}
		c.emit(gateway.Event{Type: gateway.BusFault, ID: s.cfg.Bus, At: now, Data: data})
	}
}

// part is what a fault event calls the source: nothing, when the source is all of the bus.
func (s SourceConfig) part() string {
	if s.ID == s.Bus {
		return ""
	}
	return s.ID
}
