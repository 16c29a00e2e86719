package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxLoopCodes is how many pulse widths a detector can have.
const maxLoopCodes = 4

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
		c.checkCamera(id)
	}
	c.checkGroups()
	for _, id := range c.ids(elevators) {
		c.checkElevator(id)
	}
	c.checkElevatorCodes()
	c.checkLots()
	c.checkInputs()
}

func (c *checker) checkLane(id string, inLane map[string]string) {
	l, path := c.cfg.Lanes[id], join(lanes, id)
	if l.A == l.B && c.good(path+".a") && c.good(path+".b") {
		c.fail(path+".b", "same_loop", l.B).also(c.place(path + ".a"))
		return
	}
	if !c.written(path+".b") && !c.bad[path+".b"] {
		if c.good(path + ".one_way") {
			c.warn(path+".one_way", "single_loop", id)
		}
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
	for _, side := range []string{path + ".a", path + ".b"} {
		if loop := c.cfg.Loops[c.text(side)]; loop.Output == OutputPulse && c.good(side) && l.B != "" {
			c.fail(side, "pulse_in_lane", c.text(side)).also(c.place(join(loops, c.text(side)) + ".output"))
		}
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
	l, path := c.cfg.Loops[id], join(loops, id)
	input := l.Input
	if len(l.FaultCodes) > maxLoopCodes {
		c.fail(path+".fault_codes", "too_many_codes", strconv.Itoa(len(l.FaultCodes)), strconv.Itoa(maxLoopCodes))
	}
	for i, code := range l.FaultCodes {
		if at := fmt.Sprintf("%s.fault_codes.%d", path, i); code.Max < code.Min && c.good(at+".min") && c.good(at+".max") {
			c.fail(at+".max", "max_below_min", c.at[at+".max"].text, c.at[at+".min"].text)
		}
	}
	if l.Fault == "" && (len(l.FaultCodes) > 0 || c.written(path+".fault_means")) {
		key := ".fault_means"
		if !c.written(path + key) {
			key = ".fault_codes"
		}
		c.warn(path+key, "no_fault_contact", id)
	}
	if l.Fail == FailSafe && l.Output == OutputPulse && c.good(path+".fail") {
		c.fail(path+".fail", "pulse_is_secure", c.at[path+".fail"].text)
	}
	c.checkPulse(l.Fault)
	p := c.cfg.Points[input]
	chip, onChip := c.cfg.Chips[p.Chip]
	if onChip && chip.Interrupt == "" && !c.bad[join(chips, p.Chip)] {
		c.warn(join(points, input)+".chip", "loop_on_polled_chip", p.Chip, id, formatDuration(chip.Poll))
	}
	c.checkPulse(input)
}

func (c *checker) checkCamera(id string) {
	cam, path := c.cfg.Cameras[id], join(cameras, id)
	switch {
	case c.bad[path+".heartbeat"] || c.bad[path+".supply"]:
	case cam.Heartbeat == "" && cam.Supply == "":
		c.fail(path, "camera_without_sign", id)
	case cam.Heartbeat != "" && cam.Supply != "":
		c.fail(path+".supply", "camera_two_signs", id).also(c.place(path + ".heartbeat"))
	}
	c.checkPulse(cam.Heartbeat)
}

// Cameras of one group: fewer have nothing in common, more are more than device.MaxCameras.
const leastGroup, mostGroup = 2, 64

func (c *checker) checkGroups() {
	first := map[string]string{}
	for _, id := range c.ids(groups) {
		path := join(groups, id)
		if n := len(c.cfg.CameraGroups[id].Cameras); n < leastGroup || n > mostGroup {
			c.fail(path+".cameras", "group_too_small", strconv.Itoa(n), strconv.Itoa(leastGroup), strconv.Itoa(mostGroup))
		}
		for i, cam := range c.cfg.CameraGroups[id].Cameras {
			item := fmt.Sprintf("%s.cameras.%d", path, i)
			if other, ok := first[cam]; ok && c.good(item) {
				c.fail(item, "camera_in_two_groups", cam, owner(other)).also(c.place(other))
				continue
			}
			first[cam] = item
		}
	}
}

// checkPulse warns of a settle time that eats the pulses of the wire.
func (c *checker) checkPulse(point string) {
	path := join(points, point) + ".settle"
	if s := c.cfg.Points[point].Settle; s != nil && *s > longestSettle && c.good(path) {
		c.warn(path, "long_settle", c.at[path].text, formatDuration(longestSettle))
	}
}

// cannotMiss tells whether a change of a wire that nobody sees is lost for good: of a loop, a limit switch, a meter.
func cannotMiss(path string) bool {
	section, _, _ := strings.Cut(path, ".")
	return (section == loops || section == counters) && strings.HasSuffix(path, ".input") ||
		strings.HasSuffix(path, "_limit") || strings.HasSuffix(path, ".authorise")
}

// checkUse holds that each wire belongs to one device, and warns of what nobody uses.
func (c *checker) checkUse() {
	first := map[string]string{}
	use := func(path string) {
		if !c.good(path) {
			return
		}
		point := c.at[path].text
		_, isPoint := c.cfg.Points[point]
		if _, isInput := c.cfg.Inputs[point]; !isPoint && !isInput {
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
		switch {
		case strings.HasPrefix(path, cameras) && strings.HasSuffix(path, ".supply"):
			c.checkMeasured(path, "µA")
		case strings.HasPrefix(path, inputs):
			c.checkMeasured(path, "‰")
		default:
			c.checkContact(path, cannotMiss(path))
		}
	}
	for _, id := range c.ids(inputs) {
		use(join(inputs, id) + ".point")
	}
	for _, id := range c.ids(loops) {
		use(join(loops, id) + ".input")
		use(join(loops, id) + ".fault")
	}
	for _, id := range c.ids(lanes) {
		use(join(lanes, id) + ".authorise")
	}
	for _, id := range c.ids(gates) {
		path := join(gates, id)
		use(path + ".open_limit")
		use(path + ".closed_limit")
		use(path + ".manual")
		use(path + ".force")
		use(path + ".arm")
		seen := map[string]string{}
		for i, part := range c.cfg.Gates[id].Safety {
			item := fmt.Sprintf("%s.safety.%d", path, i)
			if other, ok := seen[part]; ok && c.good(item) {
				c.fail(item, "listed_twice", part).also(c.place(other))
				continue
			}
			seen[part] = item
			c.checkSafetyLoop(item, part)
			use(item)
			c.checkSafety(item)
		}
	}
	for _, id := range c.ids(fires) {
		use(join(fires, id) + ".input")
	}
	use("service.lockout")
	use("service.button")
	use("service.mains")
	use("service.cabinet")
	for _, id := range c.ids(elevators) {
		path := join(elevators, id)
		for _, key := range elevatorWires() {
			use(path + "." + key)
		}
		for _, name := range IDs(c.cfg.Elevators[id].Faults) {
			use(path + ".faults." + name)
		}
	}
	for _, id := range c.ids(cameras) {
		use(join(cameras, id) + ".heartbeat")
		use(join(cameras, id) + ".supply")
	}
	for _, id := range c.ids(bays) {
		use(join(bays, id) + ".input")
	}
	for _, id := range c.ids(contacts) {
		use(join(contacts, id) + ".input")
	}
	for _, id := range c.ids(counters) {
		use(join(counters, id) + ".input")
	}
	c.checkUnused(first)
}

// checkSafetyLoop refuses what cannot show its own fault: without power it would say "clear".
func (c *checker) checkSafetyLoop(item, id string) {
	l, ok := c.cfg.Loops[id]
	switch {
	case !ok || !c.good(item):
	case l.Output == OutputPulse:
		c.fail(item, "pulse_in_safety", id).also(c.place(join(loops, id) + ".output"))
	case l.Fail == FailSecure:
		c.fail(item, "secure_in_safety", id).also(c.place(join(loops, id) + ".fail"))
	}
}

func (c *checker) checkUnused(usedPoints map[string]string) {
	used := map[string]bool{}
	for _, chip := range c.cfg.Chips {
		used[join(buses, chip.Bus)] = true
	}
	for id, p := range c.cfg.Points {
		used[join(chips, p.Chip)] = true
		if c.cfg.Chips[p.Chip].Unit(p.Pin) != "" {
			used[join(points, id)] = true // its value is shown and scraped
		}
	}
	for _, path := range c.outputs() {
		used[join(chips, c.output(path).Chip)] = true
	}
	for id, chip := range c.cfg.Chips {
		if chip.Kind == DS3231 { // the gateway's own clock
			used[join(chips, id)] = true
		}
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
