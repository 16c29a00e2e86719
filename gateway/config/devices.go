package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// longestSettle of a wire with pulses: the shortest pulse of a detector (50 ms) less the bounce of its relay (15 ms).
const longestSettle = 35 * time.Millisecond

// checkDevices holds that devices are made of parts that fit together.
func (c *checker) checkDevices() {
	inLane := map[string]string{}
	for _, id := range c.ids(lanes) {
		c.checkLane(id, inLane)
	}
	for _, id := range c.ids(loops) {
		c.checkLoop(id)
	}
	for _, id := range c.ids(cameras) {
		c.checkPulse(c.cfg.Cameras[id].Heartbeat)
	}
}

func (c *checker) checkLane(id string, inLane map[string]string) {
	l, path := c.cfg.Lanes[id], join(lanes, id)
	if l.A == l.B && c.good(path+".a") && c.good(path+".b") {
		c.fail(path+".b", "same_loop", l.B).also(c.place(path + ".a"))
		return
	}
	for _, side := range []string{path + ".a", path + ".b"} {
		if !c.good(side) {
			continue
		}
		loop := c.at[side].text
		if other, ok := inLane[loop]; ok {
			c.warn(side, "loop_in_two_lanes", loop, owner(other)).also(c.place(other))
		}
		inLane[loop] = side
	}
	a, okA := c.cfg.Points[c.cfg.Loops[l.A].Input]
	b, okB := c.cfg.Points[c.cfg.Loops[l.B].Input]
	pathA, pathB := join(points, c.cfg.Loops[l.A].Input), join(points, c.cfg.Loops[l.B].Input)
	if !okA || !okB || pathA == pathB || c.bad[pathA+".settle"] || c.bad[pathB+".settle"] {
		return
	}
	// Loops that wait for different times are compared in the wrong order.
	if *a.Settle != *b.Settle {
		c.fail(path, "settle_differs", id, l.A, formatDuration(*a.Settle), l.B, formatDuration(*b.Settle)).
			also(c.place(pathA+".settle"), c.place(pathB+".settle"))
	}
	if a.Debounce != b.Debounce && !c.bad[pathA+".debounce"] && !c.bad[pathB+".debounce"] {
		c.fail(path, "debounce_differs", id, l.A, formatDuration(a.Debounce), l.B, formatDuration(b.Debounce)).
			also(c.place(pathA+".debounce"), c.place(pathB+".debounce"))
	}
}

func (c *checker) checkLoop(id string) {
	input := c.cfg.Loops[id].Input
	p := c.cfg.Points[input]
	chip, onChip := c.cfg.Chips[p.Chip]
	if onChip && chip.Interrupt == "" && !c.bad[join(chips, p.Chip)] {
		c.warn(join(points, input)+".chip", "loop_on_polled_chip", p.Chip, id, formatDuration(chip.Poll))
	}
	c.checkPulse(input)
}

// checkPulse warns of a settle time that eats the pulses of the wire.
func (c *checker) checkPulse(point string) {
	path := join(points, point) + ".settle"
	if s := c.cfg.Points[point].Settle; s != nil && *s > longestSettle && c.good(path) {
		c.warn(path, "long_settle", c.at[path].text, formatDuration(longestSettle))
	}
}

// checkUse holds that each wire belongs to one device, and warns of what nobody uses.
func (c *checker) checkUse() {
	first := map[string]string{}
	use := func(path string) {
		if !c.good(path) {
			return
		}
		point := c.at[path].text
		if _, ok := c.cfg.Points[point]; !ok {
			return
		}
		if other, ok := first[point]; ok {
			p := c.fail(path, "point_taken", point, owner(other)).also(c.place(other))
			if loop := c.loopOf(point); loop != "" && strings.Contains(path, ".safety.") {
				p.Nearest = loop // a gate's safety names the loop, not its wire
			}
			return
		}
		first[point] = path
	}
	for _, id := range c.ids(loops) {
		use(join(loops, id) + ".input")
	}
	for _, id := range c.ids(gates) {
		path := join(gates, id)
		use(path + ".open_limit")
		use(path + ".closed_limit")
		seen := map[string]string{}
		for i, part := range c.cfg.Gates[id].Safety {
			item := fmt.Sprintf("%s.safety.%d", path, i)
			if other, ok := seen[part]; ok && c.good(item) {
				c.fail(item, "listed_twice", part).also(c.place(other))
				continue
			}
			seen[part] = item
			use(item)
		}
	}
	for _, id := range c.ids(fires) {
		use(join(fires, id) + ".input")
	}
	use("service.lockout")
	use("service.button")
	for _, id := range c.ids(elevators) {
		use(join(elevators, id) + ".fault")
	}
	for _, id := range c.ids(cameras) {
		use(join(cameras, id) + ".heartbeat")
	}
	c.checkUnused(first)
}

func (c *checker) checkUnused(usedPoints map[string]string) {
	used := map[string]bool{}
	for _, chip := range c.cfg.Chips {
		used[join(buses, chip.Bus)] = true
	}
	for _, p := range c.cfg.Points {
		used[join(chips, p.Chip)] = true
	}
	for point := range usedPoints {
		used[join(points, point)] = true
	}
	if slices.ContainsFunc(c.problems, func(p *Problem) bool { return !p.Warning }) {
		return // what a wrong value was meant to use is not known
	}
	for _, section := range []string{buses, chips, points} {
		for _, id := range c.ids(section) {
			if path := join(section, id); !used[path] && !c.bad[path] {
				c.warn(path, "unused", id, noun(section))
			}
		}
	}
}
