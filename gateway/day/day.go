// Package day remembers how the last 24 hours of every device and source went: how long it was in which state, how much
// happened to it, and how often it failed, in slots of five minutes.
//
// Promises: memory is bounded, 10 KiB a device; time during which nobody looked is not counted as anything. One
// writer, any readers.
//
// What it does not do: survive a restart, or replace the events. It is a picture for the technician.
package day

import (
	"slices"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// Slot length and number; together more than a day, so that a whole day can always be shown.
const (
	SlotTime = 5 * time.Minute
	Slots    = 289
)

// statesKept of one device; a device with more words has the rest counted as the last one.
const statesKept = 8

// State of a device as it is told apart here. The empty value means that it was not known.
type State struct {
	Value string
	Stale bool
}

// Slot is what happened in SlotTime.
type Slot struct {
	Begin  gateway.Mono
	Spent  []Spent // in the order in which the states were first seen
	Events uint64  // that the device issued
	Pulses uint64  // pairs of edges on its wires that were no bounce
	Errors uint64  // of a source
}

// Spent is time in a state.
type Spent struct {
	State State
	For   time.Duration
}

// Diary holds the days. The zero value is empty and ready.
type Diary struct {
	mu     sync.Mutex
	last   gateway.Mono
	newest uint64 // number of the newest event seen; they grow within a run
	things map[string]*thing
}

// thing is a device or a source.
type thing struct {
	states [statesKept]State
	known  int
	slots  [Slots]slot // slot n is at n % Slots
	edges  uint64      // less bounces, at the last look
	errors uint64
	seen   bool // edges and errors were read before
}

type slot struct {
	n      int64              // number since the kernel booted, from 1; a slot of another day is empty
	spent  [statesKept]uint16 // hundredths of a second
	events uint16
	pulses uint16
	errors uint16
}

// longest time between two looks that is still believed to have been as it is now.
const longest = 5 * time.Second

// Look accounts the time since the last look to what is now. Look about once a second.
func (d *Diary) Look(v *hub.View, now gateway.Mono) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.things == nil {
		d.things = map[string]*thing{}
	}
	passed := now.Sub(d.last)
	if d.last.IsZero() || passed > longest {
		passed = 0
	}
	d.last = now
	edges := map[string]uint64{}
	for _, p := range v.Points {
		edges[p.ID] = p.Edges - min(p.Bounces, p.Edges)
	}
	for _, dev := range v.Devices {
		var sum uint64
		for _, id := range dev.Points {
			sum += edges[id]
		}
		s := State{Value: dev.State.Value, Stale: dev.State.Quality == gateway.Stale}
		if dev.State.Quality == gateway.Bad {
			s = State{}
		}
		if dev.State.Number && s.Value != "" {
			s.Value = "number"
		}
		d.of(dev.ID).add(now, s, passed, sum, 0)
	}
	for _, src := range v.Sources {
		s := State{Value: "ok"}
		if !src.OK {
			s.Value = "failed"
		}
		d.of(src.ID).add(now, s, passed, 0, src.Errors)
	}
	d.count(v)
}

// count adds the events that are new. The view has the newest first.
func (d *Diary) count(v *hub.View) {
	for _, e := range slices.Backward(v.Events) {
		if e.ID.Number <= d.newest {
			continue
		}
		d.newest = e.ID.Number
		if t, ok := d.things[e.Event.ID]; ok {
			t.at(e.At).events++
		}
	}
}

func (d *Diary) of(id string) *thing {
	t := d.things[id]
	if t == nil {
		t = &thing{}
		d.things[id] = t
	}
	return t
}

func (t *thing) add(now gateway.Mono, s State, passed time.Duration, edges, errors uint64) {
	slot := t.at(now)
	slot.spent[t.index(s)] += uint16(passed.Round(10*time.Millisecond) / (10 * time.Millisecond))
	if t.seen {
		slot.pulses += uint16((edges+1)/2 - (t.edges+1)/2)
		slot.errors += uint16(errors - t.errors)
	}
	t.edges, t.errors, t.seen = edges, errors, true
}

func (t *thing) index(s State) int {
	if i := slices.Index(t.states[:t.known], s); i >= 0 {
		return i
	}
	if t.known == statesKept {
		return statesKept - 1
	}
	t.states[t.known] = s
	t.known++
	return t.known - 1
}

func (t *thing) at(m gateway.Mono) *slot {
	n := number(m)
	s := &t.slots[n%Slots]
	if s.n < n {
		*s = slot{n: n}
	}
	return s
}

// number of the slot that m is in.
func number(m gateway.Mono) int64 { return int64(m)/int64(SlotTime) + 1 }

// Of returns the day of a device or source up to now, oldest slot first; slots in which nobody looked are left out.
func (d *Diary) Of(id string, now gateway.Mono) []Slot {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.things[id]
	if t == nil {
		return nil
	}
	var out []Slot
	newest := number(now)
	for n := max(1, newest-Slots+1); n <= newest; n++ {
		s := t.slots[n%Slots]
		if s.n != n {
			continue
		}
		day := Slot{
			Begin: gateway.Mono((n - 1) * int64(SlotTime)), Events: uint64(s.events), Pulses: uint64(s.pulses), Errors: uint64(s.errors),
		}
		for i, n := range s.spent {
			if n > 0 {
				day.Spent = append(day.Spent, Spent{t.states[i], time.Duration(n) * 10 * time.Millisecond})
			}
		}
		out = append(out, day)
	}
	return out
}
