package daemon

import (
	"cmp"
	"slices"

	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/status"
	"lotusgate/gateway/trace"
)

// traceOf makes a trace of a field's points, in their order.
func traceOf(f field.Config) *trace.Trace {
	ids := make([]string, len(f.Points))
	for n, p := range f.Points {
		ids[n] = p.ID
	}
	return trace.New(ids)
}

// liftContacts are the words of a lift's contacts beside its faults.
var liftContacts = map[device.ElevatorContact]string{
	device.AlarmButton: "alarm_button", device.DoorZone: "door_zone", device.DoorClosed: "door_closed", device.CarMoving: "moving",
	device.Inspection: "inspection", device.FireMode: "fire_mode", device.MainSupply: "supply", device.Presence: "presence",
	device.AlarmEnd: "alarm_end", device.TestCall: "test",
}

// roleOf is what a wire means to a device of a kind: the key of a word in package text; "input" = it is the only one.
func roleOf(kind string, part field.Part) string {
	switch {
	case part.Role == device.RoleLift:
		return "lift_" + liftContacts[device.ElevatorContact(part.Index)]
	case part.Role != device.RoleInput:
		return part.Role.String()
	case kind == config.KindElevator:
		return "lift_fault"
	case kind == config.KindCamera:
		return "heartbeat"
	case kind == config.KindCounter:
		return "pulses"
	case kind == config.KindBay:
		return "bay"
	case kind == kindKey:
		return "lockout"
	case kind == kindWindow:
		return "window"
	}
	return "input"
}

// terminals lists every wire of the cabinet with who uses it: inputs first, then relays, each in the order of the
// terminals on their module.
func terminals(cfg *config.Config, f field.Config) []status.Terminal {
	uses := make([][]status.Use, len(f.Points))
	for _, d := range f.Devices {
		for _, part := range d.Parts {
			if part.Point >= 0 {
				uses[part.Point] = append(uses[part.Point], status.Use{Device: d.Meta.ID, Role: roleOf(d.Meta.Kind, part)})
			}
		}
	}
	var list []status.Terminal
	header := headerOf(readLine("/proc/device-tree/model"))
	for n, p := range f.Points {
		c := cfg.Points[p.ID]
		list = append(list, status.Terminal{
			ID: p.ID, Label: p.Label, Source: f.Sources[p.Source].ID, Pin: cmp.Or(c.Line, c.Pin), Header: header(c.Line),
			ActiveLow: p.ActiveLow, Bias: string(c.Bias), Settle: p.Settle, Unit: p.Unit, Uses: uses[n],
		})
	}
	order := func(t status.Terminal) int {
		return slices.IndexFunc(f.Sources, func(s field.SourceConfig) bool { return s.ID == t.Source })
	}
	slices.SortStableFunc(list, func(a, b status.Terminal) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(len(a.Pin), len(b.Pin)), cmp.Compare(a.Pin, b.Pin))
	})
	for _, id := range config.IDs(cfg.Gates) {
		for name, out := range cfg.Gates[id].Outputs.All() {
			list = append(list, status.Terminal{
				ID: id + "/" + name, Source: cmp.Or(out.Chip, field.GPIO), Pin: cmp.Or(out.Line, out.Pin), Header: header(out.Line), Output: true,
				ActiveLow: out.Active == config.ActiveLow, Uses: []status.Use{{Device: id, Role: "relay_" + name}},
			})
		}
	}
	for _, id := range config.IDs(cfg.Lots) {
		if s := cfg.Lots[id].Sign; s != nil {
			list = append(list, status.Terminal{
				ID: id + "/sign", Source: field.GPIO, Pin: s.Line, Header: header(s.Line), Output: true,
				ActiveLow: s.Active == config.ActiveLow, Uses: []status.Use{{Device: id, Role: "relay_sign"}},
			})
		}
	}
	return list
}
