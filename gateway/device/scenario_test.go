package device

import (
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lotusgate/firmware-sim/scenario"
	"lotusgate/gateway"
)

var update = flag.Bool("update", false, "rewrite the expectations of testdata/*.txtar")

// A scenario file tells one behaviour; package scenario says of what parts it is made. Inputs of one machine, a line a moment:
// "1.5s A+" covers loop A at 1.5 s, "2s A-" leaves it, "3s A?" loses it, "4s A~+" finds it covered but doubtful, "5s mA=180" is
// a reading, "every:5s 60s mA=180" one every 5 s until 60 s, "6s ack!" an act, "7s" only lets time pass. Events are without
// the device, and among them are what became of orders ("2s #1 accepted"; "rule" is one that a rule gave) and of relays ("2s
// OPEN on"). Relays obey at once, and questions for fresh samples are answered with what the safety inputs say. The state has
// its detail.
func TestScenarios(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			f, err := scenario.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			spec := strings.Fields(f.Part(scenario.Device))
			kind, ok := kinds[spec[0]]
			if !ok {
				t.Fatalf("no kind of device is called %q", spec[0])
			}
			params := params{t: t, used: map[string]bool{}, text: map[string]string{}}
			for _, p := range spec[1:] {
				key, value, _ := strings.Cut(p, "=")
				params.text[key] = value
			}
			events, state := kind(t, &params, f.Part(scenario.Inputs))
			params.done()
			for part, lines := range map[string][]string{scenario.Events: events, scenario.State: {describe(state)}} {
				if diff := f.Differs(part, lines); diff != "" && !*update {
					t.Error(diff)
				}
				f.Set(part, lines)
			}
			if *update {
				if err := f.Write(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Each event that a machine of this package can give has a scenario in which it does.
func TestEveryEventHasAScenario(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, name := range names {
		f, err := scenario.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(f.Part(scenario.Events)) {
			if words := strings.Fields(line); len(words) > 1 {
				seen[words[1]] = true
			}
		}
	}
	elsewhere := map[gateway.Type]bool{
		// Package field tests these.
		gateway.InputChattering: true, gateway.AlarmAcknowledged: true, gateway.AlarmShelved: true, gateway.AlarmUnshelved: true,
	}
	of := map[gateway.Type]bool{ // the gateway's, and of machines of this package
		gateway.MaintenanceOpened: true, gateway.MaintenanceClosed: true, gateway.LockoutOn: true, gateway.LockoutOff: true,
		gateway.PowerLost: true, gateway.PowerRestored: true, gateway.CabinetOpened: true, gateway.CabinetClosed: true,
	}
	for _, s := range gateway.Catalogue() {
		if kind := s.Type.Kind(); kind == "gateway" && !of[s.Type] || kind == "bus" || kind == "command" || elsewhere[s.Type] {
			continue
		}
		if !seen[string(s.Type)] {
			t.Errorf("no scenario of %s", s.Type)
		}
	}
}

// kinds is the table of what a scenario can be about.
var kinds = map[string]func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState){
	"loop": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewLoop(loopConfig(p)), loopRoles, script)
	},
	"lane": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewLane(laneConfig(p)), laneRoles, script)
	},
	"gate": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewGate(gateConfig(p)), gateRoles, script)
	},
	"fire": func(t *testing.T, _ *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewFireInput(), fireRoles, script)
	},
	"key": func(t *testing.T, _ *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewKey(), inputRole, script)
	},
	"window": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewWindow(p.duration("length", 10*time.Minute)), inputRole, script)
	},
	"autonomy": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		mode := OpenOnPresence
		if p.flag("hold") {
			mode = HoldWhileAway
		}
		return run(t, NewAutonomy(mode), map[string]Input{"away": {Role: RoleAway}, "A": {Role: RolePresence}}, script)
	},
	"mains": func(t *testing.T, _ *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewCondition(gateway.PowerLost, gateway.PowerRestored, time.Second).Inverted(), inputRole, script)
	},
	"cabinet": func(t *testing.T, _ *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewCondition(gateway.CabinetOpened, gateway.CabinetClosed, time.Second), inputRole, script)
	},
	"elevator": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		cfg := testElevator()
		cfg.TestEvery = p.duration("test_every", 0)
		roles := map[string]Input{"I": {Role: RoleInput}, "ack": {Kind: Acknowledged, Ref: "alarm_button"}, "end": {Kind: Ended}, "confirm": {Kind: Confirmed}}
		if wires, ok := p.get("wired"); ok {
			for _, word := range strings.Split(wires, ",") {
				if word == "all" {
					word = "button,zone,closed,moving,inspection,fire,supply"
				}
				for _, word := range strings.Split(word, ",") {
					c, ok := elevatorContactWords[word]
					if !ok {
						t.Fatal(word)
					}
					cfg.Wired = cfg.Wired.With(c)
				}
			}
		}
		for word, c := range elevatorContactWords {
			roles[word] = Input{Role: RoleLift, Index: uint8(c)}
		}
		return run(t, NewElevator(cfg), roles, script)
	},
	"bay": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewBay(5*time.Second, 5*time.Second), inputRole, script)
	},
	"lot": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		l := NewLot(LotConfig{
			Capacity: int64(p.number("capacity", 4)), Bays: uint8(p.number("bays", 0)), Lanes: uint8(p.number("lanes", 0)),
			AvailableAt: 2, Drift: 1, DriftAfter: 15 * time.Minute,
		})
		if n := p.number("restored", -1); n >= 0 {
			l = l.Restore(LotSnapshot{Passed: int64(n), Counted: true}, 0)
		}
		roles := map[string]Input{"L": {Role: RoleLane, Value: 1}, "set": {Kind: OrderGiven, Order: Order{Number: 1, Action: gateway.SetCount, Count: 3}}}
		for i := range uint8(4) {
			roles[strconv.Itoa(int(i)+1)] = Input{Role: RoleBay, Index: i}
		}
		return run(t, l, roles, script)
	},
	"input": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		cfg := StandardBands()
		cfg.ActiveOpen = p.flag("opens")
		return run(t, NewSupervised(cfg), map[string]Input{"r": {Role: RoleInput, Value: 1}}, script)
	},
	"contact": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		cfg := ContactConfig{RaiseAfter: p.duration("raise", time.Second), ClearAfter: p.duration("clear", time.Second)}
		cfg.Text, _ = p.get("text")
		if word, ok := p.get("severity"); ok && cfg.Severity.UnmarshalText([]byte(word)) != nil {
			t.Fatal(word)
		}
		return run(t, NewContact(cfg), inputRole, script)
	},
	"counter": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewCounter(p.duration("every", time.Minute)), inputRole, script)
	},
	"camera": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		cfg := CameraConfig{Period: p.duration("period", time.Minute), Hold: p.duration("hold", 0)}
		return run(t, NewCamera(cfg), cameraRoles, script)
	},
	"supply": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		c := NewSupplyCamera(p.duration("hold", 0))
		if usual := p.number("usual", 0); usual > 0 {
			c = c.Restore(SupplySnapshot{MilliAmp: int64(usual), Samples: supplyLearn}, 0)
		}
		return run(t, c, cameraRoles, script)
	},
	"group": func(t *testing.T, p *params, script string) ([]string, gateway.DeviceState) {
		return run(t, NewCameraGroup(uint8(p.number("cameras", 4)), p.duration("window", 30*time.Second)), groupRoles, script)
	},
}

// Names of inputs in scripts.
var (
	inputRole   = map[string]Input{"I": {Role: RoleInput}}
	loopRoles   = map[string]Input{"I": {Role: RoleInput}, "F": {Role: RoleFault}, "night": {Role: RoleNight}}
	fireRoles   = map[string]Input{"I": {Role: RoleInput}, "reset": order(gateway.ResetFire, 0)}
	cameraRoles = map[string]Input{"I": {Role: RoleInput}, "gap": {Kind: Unwatched, Role: RoleInput}, "P": {Role: RoleParent}, "mA": {Role: RoleSupply, Value: 1000}}
	groupRoles  = map[string]Input{
		"1": {Role: RoleChild}, "2": {Role: RoleChild, Index: 1}, "3": {Role: RoleChild, Index: 2}, "4": {Role: RoleChild, Index: 3},
	}
	laneRoles = map[string]Input{
		"A": {Role: RoleA}, "B": {Role: RoleB}, "T": {Role: RoleCredit}, "open": {Kind: Authorised, Value: 1}, "free": {Role: RoleFree},
		"paid": {Kind: Authorised, Value: 1, Ref: "ticket-8812"}, "group": {Kind: Authorised, Value: 2, Ref: "ticket-8813"},
	}
	gateRoles = map[string]Input{
		"O": {Role: RoleOpenLimit}, "C": {Role: RoleClosedLimit}, "S": {Role: RoleSafety}, "fire": {Role: RoleFire},
		"key": {Role: RoleLockout}, "window": {Role: RoleWindow}, "want": {Role: RoleOpenRule}, "keep": {Role: RoleHoldRule},
		"fob": {Role: RoleManual}, "force": {Role: RoleForce}, "off": {Role: RoleArm}, "blackout": {Role: RolePower},
		"lane": {Role: RoleLane}, "in": {Role: RoleLane, Value: 1},
		"open": order(gateway.Open, 1), "open2": order(gateway.Open, 2), "close": order(gateway.Close, 0),
		"stop": order(gateway.Stop, 0), "hold": order(gateway.HoldOpen, 0), "release": order(gateway.Release, 0),
	}
)

func order(a gateway.Action, passages uint16) Input {
	return Input{Kind: OrderGiven, Order: Order{Action: a, Passages: passages}}
}

func gateConfig(p *params) GateConfig {
	cfg := GateConfig{
		Travel: p.duration("travel", 5*time.Second), Safety: uint8(p.number("safety", 0)), Clear: p.duration("clear", time.Second),
		Exclusive: p.flag("exclusive"), HeldOpen: p.duration("held_open", 0), Lockout: p.flag("lockout"),
		StopTrip: p.flag("stop_trip"), HasLane: p.flag("lane"), HasArm: true, PowerOpens: p.flag("power_opens"),
		Closing: ClosingRules{NoPass: p.duration("no_pass", 0), Idle: p.duration("idle", 0)},
	}
	if p.flag("relays") {
		cfg.Has = [Outputs]bool{true, true, true}
	}
	if p.flag("after_pass") {
		cfg.Closing.AfterPass, cfg.Closing.PassDelay = true, p.duration("after_pass", 0)
	}
	return cfg
}

var elevatorContactWords = map[string]ElevatorContact{
	"button": AlarmButton, "zone": DoorZone, "closed": DoorClosed, "moving": CarMoving, "inspection": Inspection,
	"fire": FireMode, "supply": MainSupply, "presence": Presence, "key": AlarmEnd, "test": TestCall,
}

// testElevator has the defaults of a site, and a general fault contact.
func testElevator() ElevatorConfig {
	cfg := ElevatorConfig{
		RaiseAfter: time.Second, ClearAfter: time.Second, Filter: 10 * time.Second, Override: 30 * time.Second,
		OutOfZone: 15 * time.Second, InZone: 90 * time.Second,
		Codes: ElevatorCodes{Supply: "41", Alarm: "90", Modes: [3]string{"40", "43", "44"}},
	}
	cfg.Faults[0].Name = "general"
	return cfg
}

func loopConfig(p *params) LoopConfig {
	cfg := LoopConfig{
		Blank: p.duration("blank", 0), Healthy: p.duration("healthy", time.Minute),
		MaxPresence: p.duration("max_presence", 0), NoActivity: p.duration("no_activity", 0),
		Erratic: uint16(p.number("erratic", 0)), Pulse: p.flag("pulse"),
	}
	if word, ok := p.get("reports"); ok {
		cfg.Reports, _ = ParseLoopCause(word)
	}
	if rows, ok := p.get("codes"); ok { // open:40ms-60ms,short:90ms-110ms
		for i, row := range strings.Split(rows, ",") {
			word, span, _ := strings.Cut(row, ":")
			least, most, _ := strings.Cut(span, "-")
			c := &cfg.Codes[i]
			c.Means, _ = ParseLoopCause(word)
			c.Min, _ = time.ParseDuration(least)
			c.Max, _ = time.ParseDuration(most)
		}
	}
	return cfg
}

func laneConfig(p *params) LaneConfig {
	return LaneConfig{
		Direction: gateway.In, OneWay: p.flag("oneway"), Gap: p.duration("gap", 3*time.Second),
		Jitter: p.duration("jitter", 50*time.Millisecond), Single: p.flag("single"),
		Spacing: int64(p.number("spacing", 0)), Waiting: p.duration("waiting", 0), UTurn: p.duration("u_turn", 0), CreditFor: p.duration("credit", 2*time.Minute),
	}
}

// params are what a scenario says about its device.
type params struct {
	t    *testing.T
	text map[string]string
	used map[string]bool
}

func (p *params) get(key string) (string, bool) {
	p.used[key] = true
	v, ok := p.text[key]
	return v, ok
}

func (p *params) duration(key string, def time.Duration) time.Duration {
	v, ok := p.get(key)
	if !ok {
		return def
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		p.t.Fatal(err)
	}
	return d
}

func (p *params) number(key string, def int) int {
	v, ok := p.get(key)
	if !ok {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

func (p *params) flag(key string) bool { _, ok := p.get(key); return ok }

func (p *params) done() {
	for key := range p.text {
		if !p.used[key] {
			p.t.Errorf("device: nothing is called %q there", key)
		}
	}
}

// run plays a script and gives the machine's last word.
func run[T Machine[T]](t *testing.T, m T, roles map[string]Input, script string) ([]string, gateway.DeviceState) {
	m, events := play(t, m, roles, script)
	return events, m.State()
}

// describe writes a state as a scenario does.
func describe(s gateway.DeviceState) string {
	value := string(gateway.WireValue(s))
	if s.Detail == nil {
		return value + " " + s.Quality.String()
	}
	detail, err := json.Marshal(s.Detail)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%s %s %s", value, s.Quality, detail)
}
