package config

import (
	"slices"
	"strings"
	"time"
)

// pollPulse is the longest pause between two looks at a chip that keeps no pulse: the shortest pulse of a detector is
// 50 ms, of which a relay bounces 15.
const pollPulse = 20 * time.Millisecond

// checkPart holds that a chip has the keys of its kind and stands what is wired to it.
func (c *checker) checkPart(id string, p part) {
	chip, path := c.cfg.Chips[id], join(chips, id)
	for _, key := range []string{"interrupt", "interrupt_b", "reference", "supply"} {
		needed := slices.IndexFunc(p.needs, func(like string) bool { return strings.HasPrefix(like, key+":") })
		switch at := path + "." + key; {
		case needed >= 0 && !c.written(at) && !c.bad[at]:
			c.fail(at, "missing_key", "", p.needs[needed])
		case needed < 0 && !slices.Contains(p.may, key) && c.good(at):
			place := c.key(at)
			c.fail(at, "not_of_this_kind", key, p.kind).Place = place
		}
	}
	if at := path + ".interrupt_b"; c.good(at) && !c.written(path+".interrupt") && slices.Contains(p.may, "interrupt_b") {
		c.fail(at, "interrupt_b_alone", chip.InterruptB)
	}
	if at := path + ".reference"; c.good(at) && !slices.Contains(p.pins, chip.Reference) {
		c.fail(at, "bad_pin", chip.Reference, p.kind, strings.Join(p.pins, ", ")).near(p.pins...)
	}
	if p.supply != 0 && chip.Supply != nil {
		c.checkSupply(path+".supply", *chip.Supply, p)
	}
	if bus := c.cfg.Buses[chip.Bus]; p.speed != 0 && bus.Speed > p.speed && c.good(path+".kind") {
		c.warn(path+".kind", "bus_too_fast", p.kind, p.speed.String(), chip.Bus, bus.Speed.String()).
			also(c.place(join(buses, chip.Bus) + ".speed"))
	}
}

func (c *checker) checkSupply(path string, s Supply, p part) {
	if at := path + ".nominal"; c.good(at) && (s.Nominal > p.supply || s.Nominal == 0) {
		c.fail(at, "supply_too_high", c.at[at].text, p.kind, p.supply.String())
	}
	shunt, most := path+".shunt", path+".max"
	if !c.good(shunt) || !c.good(most) {
		return
	}
	if drop := Volts(int64(s.Shunt) / 1000 * (int64(s.Max) / 1000)); drop > p.shunt { // mΩ · mA = µV
		c.fail(most, "shunt_too_large", c.at[most].text, c.at[shunt].text, p.kind, p.shunt.String()).also(c.place(shunt))
	}
}

// checkMeasured holds that a point measures what is wanted of it.
func (c *checker) checkMeasured(path, unit string) {
	if !c.good(path) {
		return
	}
	p := c.cfg.Points[c.at[path].text]
	chip := c.cfg.Chips[p.Chip]
	_, known := partOf(chip.Kind)
	if p.Chip != "" && (!known || c.bad[join(chips, p.Chip)] || c.bad[join(points, c.at[path].text)+".pin"]) {
		return
	}
	if chip.Unit(p.Pin) != unit {
		c.fail(path, "not_measured", c.at[path].text, unit).also(c.place(join(points, c.at[path].text)))
	}
}

// checkContact holds that a wire that is read as a contact is one, and that a chip which keeps no pulse is read while
// the shortest pulse lasts. use is what the wire is: a loop or a limit switch cannot be missed.
func (c *checker) checkContact(path string, cannotMiss bool) {
	if !c.good(path) {
		return
	}
	p, ok := c.cfg.Points[c.at[path].text]
	chip, onChip := c.cfg.Chips[p.Chip]
	part, known := partOf(chip.Kind)
	switch {
	case !ok || !onChip || !known || c.bad[join(chips, p.Chip)]:
	case part.units != nil:
		c.fail(path, "not_a_contact", c.at[path].text, part.kind).also(c.place(join(points, c.at[path].text) + ".pin"))
	case cannotMiss && !part.latch && chip.Interrupt == "" && chip.Poll > pollPulse:
		c.fail(path, "pulse_would_be_missed", c.at[path].text, p.Chip, part.kind, formatDuration(chip.Poll), formatDuration(pollPulse)).
			also(c.place(join(chips, p.Chip) + ".poll"))
	}
}

// checkSafety holds that what must be clear to close shows its own fault: an expander without a latch does not.
func (c *checker) checkSafety(path string) {
	if !c.good(path) {
		return
	}
	point := c.at[path].text
	if loop, ok := c.cfg.Loops[point]; ok {
		point = loop.Input
	}
	if in, ok := c.cfg.Inputs[point]; ok {
		point = in.Point
	}
	p := c.cfg.Points[point]
	if part, known := partOf(c.cfg.Chips[p.Chip].Kind); known && !part.latch && part.units == nil {
		c.fail(path, "safety_without_latch", c.at[path].text, p.Chip, part.kind).also(c.place(join(points, point) + ".chip"))
	}
}

// outputs are the paths of all relays that are configured.
func (c *checker) outputs() []string {
	var paths []string
	for _, id := range c.ids(gates) {
		for _, name := range []string{"open", "close", "stop"} {
			if path := join(gates, id) + ".outputs." + name; c.written(path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// output is the relay at a path of outputs.
func (c *checker) output(path string) Output {
	names := strings.Split(path, ".")
	for name, out := range c.cfg.Gates[names[1]].Outputs.All() {
		if name == names[3] {
			return out
		}
	}
	return Output{}
}

// checkOutputs holds that each relay is on one wire that can drive it.
func (c *checker) checkOutputs() {
	for _, path := range c.outputs() {
		line, chip, pin := c.written(path+".line"), c.written(path+".chip"), c.written(path+".pin")
		out := c.output(path)
		switch {
		case c.bad[path], c.bad[path+".line"], c.bad[path+".chip"], c.bad[path+".pin"]:
			continue
		case line && (chip || pin):
			c.fail(path+".line", "output_twice", out.Line).Place = c.key(path + ".line")
			continue
		case !line && !chip && !pin:
			c.fail(path, "output_without_wire", "")
			continue
		case pin && !chip:
			c.fail(path+".pin", "pin_without_chip", out.Pin)
			continue
		case chip && !pin:
			c.fail(path, "chip_without_pin", out.Chip)
			continue
		}
		part, known := partOf(c.cfg.Chips[out.Chip].Kind)
		switch {
		case !chip || !known:
		case part.units != nil || part.pins == nil:
			c.fail(path+".chip", "no_outputs", out.Chip, part.kind)
		case part.lowOutputs && out.Active != ActiveLow:
			c.fail(path, "low_output_only", out.Pin, part.kind)
		case out.Guard != GuardKernel: // the relay itself lets go
		case strings.HasSuffix(path, ".close"):
			c.warn(path+".chip", "close_latches", out.Chip)
		default:
			c.warn(path+".chip", "relay_latches", out.Chip)
		}
	}
}
