package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A line name is what periph's registry or the kernel calls a line: at most 31 bytes (GPIO_MAX_NAME_SIZE).
var lineName = regexp.MustCompile(`^[!-~]([ -~]{0,29}[!-~])?$`)

var bareNumber = regexp.MustCompile(`^\d+$`)

// numbered is a GPIO by number, in any case.
var numbered = regexp.MustCompile(`(?i)^gpio(\d+)$`)

func checkLine(c *checker, path, line string) {
	switch {
	case bareNumber.MatchString(line):
		c.fail(path, "bad_line", line).Nearest = "GPIO" + line
	case !lineName.MatchString(line):
		c.fail(path, "bad_line", line)
	case numbered.MatchString(line) && !strings.HasPrefix(line, "GPIO"):
		c.warn(path, "line_spelling", line).Nearest = strings.ToUpper(line)
	}
}

var (
	deviceName = regexp.MustCompile(`^(/dev/[A-Za-z0-9_./-]+|[A-Za-z0-9_.-]+)$`)
	i2cNumber  = regexp.MustCompile(`(?i)^(?:/?dev/)?i2c-?(\d+)$`)
)

func checkBusDevice(c *checker, path, device string) {
	m := i2cNumber.FindStringSubmatch(device)
	switch {
	case m != nil && device != "/dev/i2c-"+m[1] && device != "I2C"+m[1]:
		c.fail(path, "bad_bus_device", device).Nearest = "/dev/i2c-" + m[1]
	case !deviceName.MatchString(device):
		c.fail(path, "bad_bus_device", device)
	}
}

// sameBus is equal for the names of one bus.
func sameBus(device string) string {
	if m := i2cNumber.FindStringSubmatch(device); m != nil {
		return "I2C" + m[1]
	}
	return device
}

// checkWiring holds that no two things share a line, a pin, an address or a bus device, and that each is where the part
// has one. Two names of one line (GPIO17 and P1_11) are seen only once the board resolved them.
func (c *checker) checkWiring() {
	c.checkBuses()
	c.checkChips()
	c.checkPoints()
	c.checkOutputs()
	c.checkPins()
	c.checkLines()
}

func (c *checker) checkBuses() {
	first := map[string]string{}
	for _, id := range c.ids(buses) {
		path := join(buses, id) + ".device"
		if !c.good(path) {
			continue
		}
		device := sameBus(c.cfg.Buses[id].Device)
		if other, ok := first[device]; ok {
			c.fail(path, "bus_taken", c.cfg.Buses[id].Device, owner(other)).also(c.place(other))
			continue
		}
		first[device] = path
	}
}

func (c *checker) checkChips() {
	type seat struct {
		bus     string
		address uint16
	}
	first := map[seat]string{}
	for _, id := range c.ids(chips) {
		chip, path := c.cfg.Chips[id], join(chips, id)
		at := path + ".address"
		part, known := partOf(chip.Kind)
		if !known || !c.good(at) {
			continue
		}
		if chip.Address < part.first || chip.Address > part.last {
			p := c.fail(at, "address_range", c.at[at].text, chip.Kind, address(part.first), address(part.last))
			if n, err := strconv.ParseUint(c.at[at].text, 16, 16); err == nil && uint16(n) >= part.first && uint16(n) <= part.last {
				p.Nearest = address(uint16(n)) // 20 was meant as 0x20
			}
			continue
		}
		c.checkPart(id, part)
		s := seat{chip.Bus, chip.Address}
		if other, ok := first[s]; ok && c.good(path+".bus") {
			c.fail(at, "address_taken", c.at[at].text, chip.Bus, owner(other)).also(c.place(other))
			continue
		}
		first[s] = at
	}
}

func (c *checker) checkPoints() {
	for _, id := range c.ids(points) {
		p, path := c.cfg.Points[id], join(points, id)
		line, chip, pin := c.written(path+".line"), c.written(path+".chip"), c.written(path+".pin")
		switch {
		case c.bad[path], c.bad[path+".line"] && !line, c.bad[path+".chip"] && !chip, c.bad[path+".pin"] && !pin:
		case line && (chip || pin):
			with := ".chip"
			if !chip {
				with = ".pin"
			}
			c.fail(path+".line", "line_and_chip", id).also(c.key(path + with)).Place = c.key(path + ".line")
		case !line && !chip && !pin:
			c.fail(path, "no_wire", id)
		case pin && !chip:
			c.fail(path+".pin", "pin_without_chip", p.Pin)
		case chip && !pin:
			c.fail(path, "chip_without_pin", p.Chip)
		}
		if p.Chip == "" {
			continue
		}
		if c.good(path+".bias") && p.Bias == BiasDown {
			c.fail(path+".bias", "no_pull_down", string(p.Bias))
		}
		part, known := partOf(c.cfg.Chips[p.Chip].Kind)
		if known && part.units != nil {
			for key, set := range map[string]bool{ // beyond the defaults, which a complete file has written out
				"active": p.Active != ActiveLow, "bias": p.Bias != BiasNone, "settle": *p.Settle != settleOnChip,
			} {
				if at := path + "." + key; set && c.good(at) {
					place := c.key(at)
					c.fail(at, "not_of_measured", key, part.kind).Place = place
				}
			}
		}
		if known && part.noPullUp && c.good(path+".bias") && p.Bias == BiasUp {
			c.fail(path+".bias", "no_pull_up", string(p.Bias), part.kind)
		}
		if c.good(path+".debounce") && p.Debounce > 0 {
			c.fail(path+".debounce", "no_debounce", c.at[path+".debounce"].text)
		}
	}
}

// checkPins holds that each pin is on its chip and is read once.
func (c *checker) checkPins() {
	first := map[[2]string]string{}
	take := func(chip, pin, path string) (part, bool) {
		part, known := partOf(c.cfg.Chips[chip].Kind)
		if !known || !c.good(path) {
			return part, false
		}
		if !slices.Contains(part.pins, pin) {
			c.fail(path, "bad_pin", pin, part.kind, strings.Join(part.pins, ", ")).near(part.pins...)
			return part, false
		}
		key := [2]string{chip, pin}
		if other, ok := first[key]; ok {
			c.fail(path, "pin_taken", pin, chip, owner(other)).also(c.place(other))
			return part, false
		}
		first[key] = path
		return part, true
	}
	for _, id := range c.ids(points) {
		p, path := c.cfg.Points[id], join(points, id)+".pin"
		if part, ok := take(p.Chip, p.Pin, path); ok && slices.Contains(part.outputOnly, p.Pin) {
			c.warn(path, "output_only_pin", p.Pin, part.kind)
		}
	}
	for _, path := range c.outputs() {
		out := c.output(path)
		take(out.Chip, out.Pin, path+".pin")
	}
}

// lineUses are the paths of all native lines, in the order of the files.
func (c *checker) lineUses() []string {
	var paths []string
	for _, id := range c.ids(chips) {
		paths = append(paths, join(chips, id)+".interrupt", join(chips, id)+".interrupt_b")
	}
	for _, id := range c.ids(points) {
		paths = append(paths, join(points, id)+".line")
	}
	for _, id := range c.ids(gates) {
		for _, output := range []string{"open", "close", "stop"} {
			paths = append(paths, join(gates, id)+".outputs."+output+".line")
		}
	}
	for _, id := range c.ids(lots) {
		paths = append(paths, join(lots, id)+".sign.line")
	}
	paths = append(paths, "service.beeper.line")
	paths = slices.DeleteFunc(paths, func(path string) bool { return !c.good(path) })
	slices.SortStableFunc(paths, func(a, b string) int { return c.compare(c.spot(a).bare(), c.spot(b).bare()) })
	return paths
}

// checkLines holds that each native line has one use, and warns of lines that a Raspberry Pi uses itself.
func (c *checker) checkLines() {
	first := map[string]string{}
	i2c1 := slices.ContainsFunc(c.ids(buses), func(id string) bool { return sameBus(c.cfg.Buses[id].Device) == "I2C1" })
	for _, path := range c.lineUses() {
		text := c.at[path].text
		line := strings.ToUpper(text)
		if other, ok := first[line]; ok {
			c.fail(path, "line_taken", text, owner(other)).also(c.place(other))
			continue
		}
		first[line] = path
		number := -1
		if m := numbered.FindStringSubmatch(line); m != nil {
			number, _ = strconv.Atoi(m[1])
		}
		switch {
		case i2c1 && (number == 2 || number == 3):
			c.warn(path, "line_of_bus", text)
		case strings.HasPrefix(path, gates) && (number >= 0 && number <= 8 || number == 14 || number == 15):
			c.warn(path, "boot_line", text)
		}
	}
}

// owner of a value: the path without the key, points.eg-open for points.eg-open.line.
func owner(path string) string {
	parts := strings.Split(path, ".")
	return strings.Join(parts[:min(2, len(parts))], ".")
}
