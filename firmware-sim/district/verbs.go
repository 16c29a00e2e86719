package district

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
)

// verbs of each kind of thing, beside wires: what a scenario calls them → what happens.
var (
	liftVerbs = map[string]rig.LiftLife{
		"traps": rig.Traps, "frees": rig.Frees, "inspects": rig.Inspects, "serves": rig.Serves, "rings": rig.Rings,
		"fails": rig.Fails, "works": rig.Works, "darkens": rig.Darkens, "lights": rig.Lights,
	}
	cameraVerbs = map[string]rig.CameraLife{
		"dies": rig.Dies, "hangs": rig.Hangs, "hangs-closed": rig.HangsClosed, "starts": rig.Starts, "sickens": rig.Sickens, "loops": rig.Loops,
	}
	wireVerbs     = map[string]rig.WireLife{"cut": rig.Cut, "grounded": rig.Grounded, "powered": rig.Powered, "mended": rig.Mended}
	detectorVerbs = map[string]func(name string) rig.Action{
		"no-power": func(n string) rig.Action { return rig.Detector{Name: n, NoPower: true} },
		"broken":   func(n string) rig.Action { return rig.Detector{Name: n, Broken: true} },
		"mended":   func(n string) rig.Action { return rig.Detector{Name: n} },
		"drifts":   func(n string) rig.Action { return rig.DetectorAct{Name: n, Life: rig.Drifts} },
		"tunes":    func(n string) rig.Action { return rig.DetectorAct{Name: n, Life: rig.Tunes} },
		"talks":    func(n string) rig.Action { return rig.DetectorAct{Name: n, Life: rig.Talks} },
	}
	barrierVerbs = map[string]func(lane string) rig.Action{
		"lift":        func(l string) rig.Action { return rig.Hand{Lane: l} },
		"lower":       func(l string) rig.Action { return rig.Hand{Lane: l, Down: true} },
		"jam":         func(l string) rig.Action { return rig.Jam{Lane: l} },
		"free":        func(l string) rig.Action { return rig.Jam{Lane: l, Freed: true} },
		"obstruct":    func(l string) rig.Action { return rig.Obstruct{Lane: l, Percent: 50} },
		"clear":       func(l string) rig.Action { return rig.Obstruct{Lane: l} },
		"knock":       func(l string) rig.Action { return rig.Knock{Lane: l} },
		"mount":       func(l string) rig.Action { return rig.Knock{Lane: l, Mounted: true} },
		"unprotected": func(l string) rig.Action { return rig.Protect{Lane: l, Off: true} },
		"protected":   func(l string) rig.Action { return rig.Protect{Lane: l} },
	}
	switchVerbs = map[string]func(name string) rig.Action{
		"raised": func(n string) rig.Action { return rig.Move{Switch: n} },
		"rests":  func(n string) rig.Action { return rig.Move{Switch: n, Rest: true} },
		"loose": func(n string) rig.Action {
			return rig.Loosen{Switch: n, For: 90 * time.Second, Pauses: plant.Span{Min: 50 * time.Millisecond, Max: 600 * time.Millisecond}}
		},
	}
	vehicleWords = map[string]plant.Vehicle{
		"car":        {Length: plant.Metres(4.2), Speed: 2 * plant.MetrePerSecond},
		"van":        {Length: plant.Metres(7), Speed: 1500 * plant.MillimetrePerSecond},
		"motorcycle": {Length: plant.Metres(2), Speed: 3 * plant.MetrePerSecond},
		"trailer":    {Length: plant.Metres(4.2), Hitch: plant.Metres(1.2), Tow: plant.Metres(3), Speed: 2 * plant.MetrePerSecond},
	}
)

// action reads what happens in the field; nil = it is no such thing.
func action(g *Gateway, words []string) (rig.Action, error) {
	if len(words) < 2 {
		return nil, nil
	}
	name, verb, args := words[0], words[1], words[2:]
	if life, ok := wireVerbs[verb]; ok && g.Terminal(name) != "" {
		return rig.WireAct{Line: g.Terminal(name), Life: life}, nil
	}
	if v, ok := vehicleWords[verb]; ok {
		return enter(name, v, args)
	}
	if act, ok := barrierVerbs[verb]; ok && g.LaneOf(name) != "" {
		return act(g.LaneOf(name)), nil
	}
	if act, ok := detectorVerbs[verb]; ok && g.DetectorOf(name) != "" {
		return act(g.DetectorOf(name)), nil
	}
	switch g.Kind(name) {
	case "elevator":
		if life, ok := liftVerbs[verb]; ok {
			return rig.LiftAct{Lift: name, Life: life}, nil
		}
	case "camera":
		if life, ok := cameraVerbs[verb]; ok {
			return rig.CameraAct{Camera: name, Life: life}, nil
		}
	}
	if act, ok := switchVerbs[verb]; ok {
		return act(name), nil
	}
	return nil, nil
}

// enter sends a vehicle. It takes a ticket unless it is told otherwise: "ticket=no" waits for somebody to open, "back" thinks
// better of it at the barrier, "wrong-way" comes from the far end, "bold" does not wait for the arm to be up.
func enter(lane string, v plant.Vehicle, args []string) (rig.Action, error) {
	hold := plant.StandardLane().Hold
	v.Gap, v.Plan = plant.Metres(2.5), []plant.Leg{{To: hold, Pause: 3 * time.Second, Ticket: true}}
	for _, arg := range args {
		switch key, value, _ := strings.Cut(arg, "="); {
		case arg == "ticket=no":
			v.Plan = nil
		case arg == "bold":
			v.Bold = true
		case arg == "back":
			v.Plan = []plant.Leg{{To: hold, Pause: 3 * time.Second}, {To: -plant.Metre}}
		case arg == "wrong-way":
			v.Far, v.Plan = true, nil
		case key == "gap", key == "speed":
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return nil, fmt.Errorf("%q: in metres, as in gap=0.8", arg)
			}
			if key == "gap" {
				v.Gap = plant.Metres(n)
			} else {
				v.Speed = plant.Speed(plant.Metres(n))
			}
		default:
			return nil, fmt.Errorf("a vehicle knows no %q", arg)
		}
	}
	return rig.Enter{Lane: lane, Vehicle: v}, nil
}

// do lets people do something about the gateway, or a chip fail; false = it is no such thing.
func do(g *Gateway, words []string) (bool, error) {
	name := words[0]
	if len(words) == 1 {
		return wire(g, name)
	}
	verb, args := words[1], words[2:]
	switch {
	case name == "center" && (verb == "away" || verb == "back"):
		g.Center(verb == "back")
	case strings.HasSuffix(verb, "!"):
		return true, order(g, name, strings.TrimSuffix(verb, "!"), args)
	case slices.Contains([]string{"lost", "found", "reset"}, verb):
		return true, g.Chip(name, verb)
	default:
		return false, nil
	}
	return true, nil
}

// wire activates one (entry-a-in+) or lets it rest (entry-a-in-), whatever the field does.
func wire(g *Gateway, word string) (bool, error) {
	point, active := strings.CutSuffix(word, "+")
	if !active {
		var rests bool
		if point, rests = strings.CutSuffix(word, "-"); !rests {
			return false, nil
		}
	}
	return true, g.Wire(point, active)
}

// order is a command, or what somebody does about an alarm: "car-1 ack! alarm_button".
func order(g *Gateway, device, verb string, args []string) error {
	acts := map[string]func(alarm string) error{"ack": g.Acknowledge, "end": g.EndAlarm, "shelve": g.Shelve, "unshelve": g.Unshelve}
	if act, ok := acts[verb]; ok {
		if len(args) != 1 {
			return fmt.Errorf("which alarm of %s?", device)
		}
		return act(device + "/" + args[0])
	}
	var a gateway.Args
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case key == "ref":
			a.Ref, err = value, nil
		case key == "passages":
			a.Passages = int(n)
		case key == "seconds":
			a.Seconds = int(n)
		case key == "value":
			a.Value = &n
		case key == "expected":
			a.Expected = &n
		default:
			err = fmt.Errorf("no such argument")
		}
		if err != nil {
			return fmt.Errorf("%q: %w", arg, err)
		}
	}
	g.Order(device, gateway.Action(verb), a)
	return nil
}

// vocabulary is every word that an input may have after its name, for who wrote another one.
func vocabulary() string {
	var all []string
	for _, list := range [][]string{
		slices.Collect(maps.Keys(vehicleWords)), slices.Collect(maps.Keys(barrierVerbs)), slices.Collect(maps.Keys(detectorVerbs)),
		slices.Collect(maps.Keys(liftVerbs)), slices.Collect(maps.Keys(cameraVerbs)), slices.Collect(maps.Keys(switchVerbs)), slices.Collect(maps.Keys(wireVerbs)),
		{"lost", "found", "reset"},
	} {
		all = append(all, list...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}
