package record

import (
	"fmt"

	"lotusgate/gateway"
	"lotusgate/gateway/field"
)

// Comparison is what two configurations make of the same inputs.
type Comparison struct {
	Inputs    int
	Foreign   int // inputs of what the other configuration does not have
	Decisions int // that both made
	Different *Contrast
}

// Contrast is the first decision in which two configurations differ; nil = nothing was decided then, later perhaps.
type Contrast struct{ Recorded, Other *Decision }

// Compare gives the same inputs to two gateways that have just been started, one with the configuration that recorded them
// and one with another, and names the first decision in which they differ. What a wire said goes to the point of the same id,
// wherever it is wired to now. Time passes for each as its own machines want it.
func Compare(steps []Step, recorded, other field.Config) (Comparison, error) {
	a, b, to := newRun(recorded), newRun(other), translation(&recorded, &other)
	var c Comparison
	for _, s := range steps {
		if err := a.until(s.Now); err != nil {
			return c, err
		}
		if err := b.until(s.Now); err != nil {
			return c, err
		}
		if err := a.give(s); err != nil {
			return c, fmt.Errorf("with the recorded configuration: %w", err)
		}
		c.Inputs++
		there := true
		for _, s := range to.step(s, &there) {
			there = there && b.give(s) == nil // else it is of a device that is not there
		}
		if !there {
			c.Foreign++
		}
		if c.judge(a.tape, b.tape) {
			return c, nil
		}
	}
	return c, nil
}

// judge compares the decisions since the last time, and tells whether they differ.
func (c *Comparison) judge(a, b *player) bool {
	for i := range max(len(a.made), len(b.made)) {
		var d Contrast
		if i < len(a.made) {
			d.Recorded = &a.made[i]
		}
		if i < len(b.made) {
			d.Other = &b.made[i]
		}
		if d.Recorded == nil || d.Other == nil || d.Recorded.Now != d.Other.Now || d.Recorded.String() != d.Other.String() {
			c.Different = &d
			return true
		}
		c.Decisions++
	}
	a.made, b.made = a.made[:0], b.made[:0]
	return false
}

// until lets the time pass before a step, as the machines of this configuration want it.
func (r *run) until(now gateway.Mono) error {
	r.begin(now)
	last := r.tape.now
	for n := 0; ; n++ {
		wake := r.core.Wake()
		if wake.IsZero() || wake >= now {
			return nil
		}
		if n > 1000 && wake <= last {
			return fmt.Errorf("a machine wants to be woken at %v for ever", wake)
		}
		if wake > last {
			last, n = wake, 0
		}
		r.tape.now = max(wake, r.tape.now)
		r.core.Tick(r.tape.now)
	}
}

// wired is where a wire ends.
type wired struct {
	source  string
	channel int
}

// translator knows where the points of one configuration are in another.
type translator struct {
	points  map[wired]*wired // nil = it has no such point
	sources map[string]bool  // of the other one
}

func translation(from, to *field.Config) translator {
	t := translator{points: map[wired]*wired{}, sources: map[string]bool{}}
	at := map[string]*wired{}
	for _, p := range to.Points {
		at[p.ID] = &wired{to.Sources[p.Source].ID, p.Channel}
	}
	for _, p := range from.Points {
		t.points[wired{from.Sources[p.Source].ID, p.Channel}] = at[p.ID]
	}
	for _, s := range to.Sources {
		t.sources[s.ID] = true
	}
	return t
}

// step is what a step is in the other configuration; there becomes false when something in it is of a wire or source that
// is not. Of a channel without a point, such as a chip's interrupt line, machines hear nothing.
func (t translator) step(s Step, there *bool) []Step {
	switch {
	case s.Source == "":
		return []Step{s}
	case s.Levels != nil:
		return t.levels(s, there)
	case s.Edge != nil:
		edge := *s.Edge
		s.Edge = &edge
		return t.moved(s, &edge.Channel, there)
	case s.Reading != nil:
		reading := *s.Reading
		s.Reading = &reading
		return t.moved(s, &reading.Channel, there)
	case s.Channel != nil:
		channel := *s.Channel
		s.Channel = &channel
		return t.moved(s, &channel, there)
	case !t.sources[s.Source]:
		*there = false
		return nil
	}
	return []Step{s}
}

// moved is a step of one channel.
func (t translator) moved(s Step, channel *int, there *bool) []Step {
	to, known := t.points[wired{s.Source, *channel}]
	if to == nil {
		*there = *there && !known
		return nil
	}
	s.Source, *channel = to.source, to.channel
	return []Step{s}
}

// levels may be of several sources in the other configuration.
func (t translator) levels(s Step, there *bool) (all []Step) {
	of := map[string]*field.Levels{}
	for n := range field.MaxChannels {
		level, valid := s.Levels.Get(n)
		to, known := t.points[wired{s.Source, n}]
		if !valid || to == nil {
			*there = *there && !(valid && known)
			continue
		}
		if of[to.source] == nil {
			of[to.source] = &field.Levels{At: s.Levels.At}
			all = append(all, Step{Now: s.Now, Source: to.source, Levels: of[to.source]})
		}
		of[to.source].Set(to.channel, level)
	}
	return all
}
