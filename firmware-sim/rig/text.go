package rig

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lotusgate/firmware-sim/plant"
)

// ParseSite reads a site from text, one thing a line; what follows # is a remark. Beside what it says there is nothing:
//
//	switch pump
//	lift car-2
//	camera cam-01 60s
//	chip x1 mcp23017 /dev/i2c-1 0x20 int GPIO25
//	chip x2 mcp23017 /dev/i2c-1 0x20 twin x1       # at the same address
//	chip i1 ina219 /dev/i2c-1 0x40 shunt 100mOhm supply 12V
//	gauge cam-01.supply i1.current
//	gauge pump.contact a1.AIN0                      # with its resistors
//	wire pump.contact x1.GPA0
//	wire pump.contact GPIO17 nc                     # normally closed
func ParseSite(text string) (Site, error) {
	var s Site
	err := eachLine(text, func(f fields) error {
		switch f[0] {
		case "switch":
			s.Switches = append(s.Switches, Switch{Name: f.at(1)})
		case "lift":
			s.Lifts = append(s.Lifts, Lift{Name: f.at(1)})
		case "camera":
			period, err := time.ParseDuration(f.at(2))
			s.Cameras = append(s.Cameras, Camera{f.at(1), plant.CameraOptions{Period: period}})
			return err
		case "chip":
			address, err := strconv.ParseUint(f.at(4), 0, 7)
			c := Chip{
				Name: f.at(1), Kind: f.at(2), Bus: f.at(3), Address: uint16(address),
				Interrupt: f.after("int"), Twin: f.after("twin"),
			}
			if v := f.after("shunt"); v != "" && err == nil {
				err = errors.Join(c.Shunt.Set(v), c.Supply.Set(f.after("supply")))
			}
			s.Chips = append(s.Chips, c)
			return err
		case "gauge":
			s.Gauges = append(s.Gauges, Gauge{From: f.at(1), To: f.at(2), Opens: f.at(3) == "opens"})
		case "wire":
			s.Wires = append(s.Wires, Wire{From: f.at(1), To: f.at(2), NormallyClosed: f.at(3) == "nc"})
		default:
			return fmt.Errorf("no such thing: %q", f[0])
		}
		return nil
	})
	return s, err
}

// ParseScript reads the cues of a scenario from text: a time, then what happens; what follows # is a remark.
//
//	5s bus /dev/i2c-1 nack                 # or arbitration, remote, hang, ok
//	5s bus /dev/i2c-1 stretch 30ms
//	5s bus /dev/i2c-1 flip 40 at 3 times 1 # the bits of byte 3 of one transfer
//	6s chip x1 unplug                      # or plug, reset, stop (a clock's oscillator)
//	7s wire x1.GPA0 cut                    # or ground, supply, corrode, mend
//	8s gauge i1.current 900000             # shows that, in its unit; -1 = what is so
//	9s switch pump on                      # or off
//	9s camera cam-01 dies                  # or hangs, starts
//	9s lift car-2 traps                    # or frees, rings
func ParseScript(text string) ([]Cue, error) {
	var all []Cue
	err := eachLine(text, func(f fields) error {
		at, err := time.ParseDuration(f[0])
		if err != nil {
			return err
		}
		do, err := parseAction(f[1:])
		all = append(all, Cue{at, do})
		return err
	})
	return all, err
}

func parseAction(f fields) (Action, error) {
	name, word := f.at(1), f.at(2)
	switch f.at(0) {
	case "bus":
		return parseBus(f)
	case "chip":
		life, err := find("act of a chip", map[string]ChipLife{"reset": Resets, "unplug": Unplugs, "plug": Plugs, "stop": Stops}, word)
		return ChipAct{name, life}, err
	case "wire":
		life, err := find("act of a wire", map[string]WireLife{
			"mend": Mended, "cut": Cut, "ground": Grounded, "supply": Powered, "corrode": Corroded,
		}, word)
		return WireAct{name, life}, err
	case "gauge":
		value, err := strconv.ParseInt(word, 10, 64)
		return Draw{name, value}, err
	case "switch":
		rest, err := find("position", map[string]bool{"on": false, "off": true}, word)
		return Move{name, rest}, err
	case "camera":
		life, err := find("act of a camera", map[string]CameraLife{"dies": Dies, "hangs": Hangs, "starts": Starts}, word)
		return CameraAct{name, life}, err
	case "lift":
		life, err := find("act of a lift", map[string]LiftLife{"traps": Traps, "frees": Frees, "rings": Rings}, word)
		return LiftAct{name, life}, err
	}
	return nil, fmt.Errorf("nothing is called %q", f.at(0))
}

func parseBus(f fields) (Action, error) {
	a := BusAct{Bus: f.at(1)}
	var err error
	if n := f.after("times"); n != "" {
		a.Times, err = strconv.Atoi(n)
	}
	if err != nil {
		return nil, err
	}
	switch f.at(2) {
	case "ok":
	case "nack":
		a.Errno = syscall.ENXIO
	case "arbitration":
		a.Errno = syscall.EAGAIN
	case "remote":
		a.Errno = syscall.EREMOTEIO
	case "hang":
		a.Hangs = true
	case "stretch":
		a.Stretch, err = time.ParseDuration(f.at(3))
	case "flip":
		var bits uint64
		if bits, err = strconv.ParseUint(f.at(3), 16, 8); err == nil {
			a.Flip = byte(bits)
			a.After, err = strconv.Atoi(f.after("at"))
		}
	default:
		err = fmt.Errorf("no such fault of a bus: %q", f.at(2))
	}
	return a, err
}

// fields are the words of a line.
type fields []string

// at is word n, or "".
func (f fields) at(n int) string {
	if n < len(f) {
		return f[n]
	}
	return ""
}

// after is the word behind a word, or "".
func (f fields) after(word string) string {
	for n, w := range f {
		if w == word {
			return f.at(n + 1)
		}
	}
	return ""
}

func eachLine(text string, do func(fields) error) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		f := fields(strings.Fields(line))
		if len(f) == 0 {
			continue
		}
		if err := do(f); err != nil {
			return fmt.Errorf("line %d, %q: %w", n, strings.TrimSpace(line), err)
		}
	}
	return nil
}
