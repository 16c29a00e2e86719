package config

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Elevator is read only, by construction. Every contact is a point; which ones are wired decides what can be concluded.
type Elevator struct {
	Label       string            `yaml:"label"`
	Labels      map[string]string `yaml:"labels"`
	Fault       string            `yaml:"fault"`        // general fault contact
	Faults      map[string]string `yaml:"faults"`       // symbolic name: point; further fault contacts
	AlarmButton string            `yaml:"alarm_button"` // in the car
	DoorZone    string            `yaml:"door_zone"`    // active = the car is where doors may open
	DoorClosed  string            `yaml:"door_closed"`
	Moving      string            `yaml:"moving"`
	Inspection  string            `yaml:"inspection"`
	FireMode    string            `yaml:"fire_mode"`
	Supply      string            `yaml:"supply"`      // active = healthy
	Presence    string            `yaml:"presence"`    // somebody is in the car
	AlarmEnd    string            `yaml:"alarm_end"`   // the switch at the lift that ends an alarm
	Test        string            `yaml:"test"`        // closes when a test call has succeeded
	RaiseAfter  *time.Duration    `yaml:"raise_after"` // of a fault; default 1s
	ClearAfter  *time.Duration    `yaml:"clear_after"` // of a fault; default 1s
	Filter      *time.Duration    `yaml:"filter"`      // a door that opens so soon after the button makes the alarm needless, 0s = no filter; default 10s
	Override    *time.Duration    `yaml:"override"`    // holding the button so long overrides the filter, 0s = never; default 30s
	OutOfZone   time.Duration     `yaml:"out_of_zone"` // standing closed outside a door zone is suspicious after; default 15s
	InZone      time.Duration     `yaml:"in_zone"`     // standing closed in a door zone, with a sign of people; default 90s
	TestEvery   time.Duration     `yaml:"test_every"`  // a test call is due so often, if test is wired; default 72h
}

// elevatorCodes are the symbolic names of this product with their codes in GB/T 24476-2017; those from 91 on are a
// platform's own, which other cities number otherwise. A site replaces what it needs to in elevator_codes.
func elevatorCodes() map[string]string {
	return map[string]string{
		"general": "", "safety_circuit": "1", "door_close": "2", "door_open": "3", "outside_zone": "4", "unintended_movement": "5",
		"run_time_limiter": "6", "position_lost": "7", "restart_prevention": "8", "main_power": "41", "out_of_service": "42",
		"emergency_power": "46", "earthquake": "47", "bottom_overrun": "91", "top_overrun": "92",
		"mode_normal": "40", "mode_inspection": "43", "mode_fire": "44", "alarm_button": "90",
	}
}

// faultNames are those of elevatorCodes that a fault contact can have; the supply has a contact of its own.
func faultNames() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(elevatorCodes())), func(name string) bool {
		return name == "general" || name == "main_power" || name == "alarm_button" || strings.HasPrefix(name, "mode_")
	})
}

// ElevatorCode of a symbolic name; "" where there is none.
func (c *Config) ElevatorCode(name string) string {
	if code, ok := c.ElevatorCodes[name]; ok {
		return code
	}
	return elevatorCodes()[name]
}

// maxFaults is how many fault contacts a lift can have beside the general one.
const maxFaults = 7

func (c *checker) checkElevator(id string) {
	e, path := c.cfg.Elevators[id], join(elevators, id)
	if n := c.at[path+".faults"]; n != nil {
		for _, k := range n.kids {
			if at := path + ".faults." + k.name; !slices.Contains(faultNames(), k.name) {
				p := c.fail(at, "unknown_fault", k.name, strings.Join(faultNames(), ", ")).near(faultNames()...)
				p.Place = c.key(at)
			}
		}
	}
	if len(e.Faults) > maxFaults {
		c.fail(path+".faults", "too_many_faults", "", "7")
	}
	// What an entrapment is concluded from: all of it, or nothing is.
	needs := []string{"alarm_button", "door_zone", "door_closed", "moving", "supply"}
	var missing []string
	for _, key := range needs {
		if !c.written(path + "." + key) {
			missing = append(missing, key)
		}
	}
	if !c.written(path+".inspection") && !c.written(path+".fire_mode") {
		missing = append(missing, "inspection")
	}
	if c.written(path+".door_zone") && len(missing) > 0 {
		c.warn(path, "no_entrapment", id, strings.Join(missing, ", "))
	}
}

func (c *checker) checkElevatorCodes() {
	n := c.at["elevator_codes"]
	if n == nil {
		return
	}
	names := slices.Sorted(maps.Keys(elevatorCodes()))
	for _, k := range n.kids {
		if at := "elevator_codes." + k.name; !slices.Contains(names, k.name) {
			p := c.fail(at, "unknown_fault", k.name, strings.Join(names, ", ")).near(names...)
			p.Place = c.key(at)
		}
	}
}

// elevatorWires are the keys of the contacts of a lift beside its further faults.
func elevatorWires() []string {
	return []string{
		"fault", "alarm_button", "door_zone", "door_closed", "moving", "inspection", "fire_mode", "supply", "presence", "alarm_end", "test",
	}
}
