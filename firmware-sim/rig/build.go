package rig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/chip"
	"lotusgate/firmware-sim/plant"
)

// build makes what the site names and wires it up.
func (b *Board) build(seed plant.Seed, site Site) error {
	contacts := b.plant(seed, site)
	of, err := b.fit(site.Chips)
	if err != nil {
		return err
	}
	used := map[string]string{}
	take := func(line, by string) error {
		if other, ok := used[line]; ok {
			return fmt.Errorf("%s is wired to %s already; it can't be wired to %s too", line, other, by)
		}
		used[line] = by
		return nil
	}
	for _, c := range site.Chips {
		if c.Interrupt != "" {
			if err := take(c.Interrupt, c.Name+".INT"); err != nil {
				return err
			}
		}
	}
	for _, w := range site.Wires {
		contact := contacts[w.From]
		if contact == nil {
			return fmt.Errorf("no such contact: %q; there are %s", w.From, strings.Join(slices.Sorted(maps.Keys(contacts)), ", "))
		}
		to, err := b.pinOf(w.To, of)
		if err == nil {
			err = take(w.To, w.From)
		}
		if err != nil {
			return err
		}
		b.wires = append(b.wires, &wire{Wire: w, contact: contact, end: to})
	}
	if err := b.hang(site.Gauges, site.Chips, contacts); err != nil {
		return err
	}
	for _, r := range site.Relays {
		p, lane := b.pins[r.Line], b.lanes[r.Lane]
		if p == nil || (lane == nil || inputNames[r.Input] == "") && r.Lamp == "" {
			return fmt.Errorf("relay %s at %s of lane %q: no such pin, lane or input", inputNames[r.Input], r.Line, r.Lane)
		}
		if err := take(r.Line, "a relay"); err != nil {
			return err
		}
		p.changed = b.output
		b.relays = append(b.relays, &relay{Relay: r, pin: p, lane: lane})
	}
	return nil
}

// hang gives every gauge the contact or camera that it measures.
func (b *Board) hang(gauges []Gauge, chips []Chip, contacts map[string]*plant.Contact) error {
	for _, g := range gauges {
		name, isSupply := strings.CutSuffix(g.From, ".supply")
		m := gauge{Gauge: g, contact: contacts[g.From]}
		if m.contact == nil && isSupply {
			m.camera = b.cameras[name]
		}
		if m.contact == nil && m.camera == nil {
			return fmt.Errorf("nothing to measure: %q", g.From)
		}
		var err error
		if m.show, err = b.shows(g.To, chips); err != nil {
			return err
		}
		b.gauges = append(b.gauges, m)
		if i := slices.IndexFunc(chips, func(c Chip) bool { return m.camera != nil && strings.HasPrefix(g.To, c.Name+".") }); i >= 0 {
			n := len(b.gauges) - 1
			b.bus[chips[i].Bus].fresh[chips[i].Address] = func() {
				b.mu.Lock()
				defer b.mu.Unlock()
				at := b.at
				if b.opt.Now != nil { // the transfer is later than what the field was brought to
					at = max(at, b.opt.Now())
				}
				b.gauges[n].carry(at)
			}
		}
	}
	return nil
}

// plant makes the field and returns its contacts by name.
func (b *Board) plant(seed plant.Seed, site Site) map[string]*plant.Contact {
	contacts := map[string]*plant.Contact{}
	for _, l := range site.Lanes {
		m := plant.NewLane(l.Name, l.LaneOptions, seed, &b.journal)
		b.lanes[l.Name] = m
		b.field.Add(m)
		for name, d := range map[string]*plant.Detector{".a": m.A, ".b": m.B, ".photocell": m.Photocell} {
			b.detectors[l.Name+name] = d
			contacts[l.Name+name] = d.Output
			contacts[l.Name+name+".fault"] = d.Fault
		}
		contacts[l.Name+".gate.open"] = m.Barrier.Open
		contacts[l.Name+".gate.closed"] = m.Barrier.Closed
		contacts[l.Name+".gate.off"] = m.Barrier.Off
	}
	for _, e := range site.Elevators {
		m := plant.NewElevator(e.Name, e.Bounce, seed, &b.journal)
		b.elevators[e.Name] = m
		b.field.Add(m)
		contacts[e.Name+".fault"] = m.Fault
	}
	for _, c := range site.Cameras {
		m := plant.NewCamera(c.Name, c.CameraOptions, seed, &b.journal)
		b.cameras[c.Name] = m
		b.field.Add(m)
		contacts[c.Name+".heartbeat"] = m.Heartbeat
	}
	for _, e := range site.Lifts {
		m := plant.NewLift(e.Name, e.Bounce, seed, &b.journal)
		b.lifts[e.Name] = m
		b.field.Add(m)
		for name, c := range map[string]*plant.Contact{
			".fault": m.Fault, ".button": m.Button, ".zone": m.Zone, ".closed": m.Closed, ".moving": m.Moving,
			".inspection": m.Inspection, ".supply": m.Supply, ".key": m.Key,
		} {
			contacts[e.Name+name] = c
		}
	}
	for _, w := range site.Switches {
		m := plant.NewSwitch(w.Name, w.Bounce, seed, &b.journal)
		b.switches[w.Name] = m
		b.field.Add(m)
		contacts[w.Name+".contact"] = m.Contact
	}
	for _, w := range site.Meters {
		m := plant.NewMeter(w.Name, w.Flow, seed)
		b.meters[w.Name] = m
		b.field.Add(m)
		contacts[w.Name+".pulse"] = m.Pulse
	}
	return contacts
}

// fit puts the chips on their buses and returns the kind of each. A board without chips has no bus.
func (b *Board) fit(chips []Chip) (of map[string]string, err error) {
	of = map[string]string{}
	began := time.Now()
	now := func() time.Duration { return time.Since(began) }
	if b.opt.Now != nil {
		now = b.opt.Now
	}
	for _, c := range chips {
		kind, ok := kinds[c.Kind]
		if !ok {
			return nil, fmt.Errorf("chip %s: no such kind: %q; there are %s", c.Name, c.Kind, strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
		}
		bus := b.bus[c.Bus]
		if bus == nil {
			if bus, err = newBus(c.Bus); err != nil {
				return nil, fmt.Errorf("chip %s: %w", c.Name, err)
			}
			b.bus[c.Bus], bus.pass, bus.read = bus, b.opt.Pass, b.opt.Read
		}
		interrupt := func(bool) {}
		if c.Interrupt != "" {
			p := b.pins[c.Interrupt]
			if p == nil {
				return nil, fmt.Errorf("chip %s: no such pin for its interrupt: %q", c.Name, c.Interrupt)
			}
			p.set(ToPower) // INT is inactive, with a pull-up on the board
			interrupt = func(high bool) { p.set([...]Drive{ToGnd, ToPower}[bit(high)]) }
		}
		m := kind.make(interrupt, now)
		if adc, ok := m.(*chip.ADS1115); ok {
			adc.Drive(referencePin, reference)
		}
		var on chip.Device = m
		if c.Twin != "" {
			twin, ok := b.chips[c.Twin]
			if !ok {
				return nil, fmt.Errorf("chip %s: its twin %q must come before it", c.Name, c.Twin)
			}
			bus.Detach(c.Address)
			on = chip.Shared{A: twin, B: m}
		}
		if err := bus.Attach(c.Address, on); err != nil {
			return nil, fmt.Errorf("chip %s: %w", c.Name, err)
		}
		b.chips[c.Name], of[c.Name] = m, c.Kind
	}
	return of, nil
}
