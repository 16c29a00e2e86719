package config

import (
	"maps"
	"slices"
	"strings"
)

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
