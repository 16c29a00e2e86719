package config

import (
	"maps"
	"net/url"
	"slices"

	"lotusgate/gateway"
)

// Kinds of devices.
const (
	KindLoop        = "loop"
	KindLane        = "lane"
	KindGate        = "gate"
	KindElevator    = "elevator"
	KindCamera      = "camera"
	KindCameraGroup = "camera_group"
	KindBay         = "bay"
	KindLot         = "lot"
	KindInput       = "input"
	KindContact     = "contact"
	KindCounter     = "counter"
	KindFire        = "fire"
)

// wired lists the points that are given.
func wired(points ...string) []string {
	return slices.DeleteFunc(points, func(p string) bool { return p == "" })
}

// IDs of a section in alphabetical order, so that everything that walks a configuration does so in the same order.
func IDs[T any](section map[string]T) []string { return slices.Sorted(maps.Keys(section)) }

// Root is the topic that everything of this gateway is below.
func (c *Config) Root() string { return c.MQTT.Prefix + "/" + c.Gateway.Site + "/" + c.Gateway.ID }

// Source is the CloudEvents source of this gateway's events.
func (c *Config) Source() string { return "//" + c.Gateway.Site + "/" + c.Gateway.ID }

// EventLabels are the labels that go out with the events of a device, or of the gateway itself with none: its own, over those of
// the gateway, as a form is encoded: building=1&grid=0195.
func (c *Config) EventLabels(device map[string]string) string {
	all := url.Values{}
	for _, labels := range []map[string]string{c.Gateway.Labels, device} {
		for name, value := range labels {
			if slices.Contains(c.MQTT.EventLabels, Anything) || slices.Contains(c.MQTT.EventLabels, name) {
				all.Set(name, value)
			}
		}
	}
	return all.Encode()
}

// Devices describes every device, by id. Parts are the loops of a lane, and the lane and safety loops of a gate; points the wires
// that a device reads itself. Commands are the actions that
// it takes.
func (c *Config) Devices() []gateway.MetaDevice {
	var list []gateway.MetaDevice
	add := func(id, kind, label string, labels map[string]string, parts, points []string) {
		list = append(list, gateway.MetaDevice{
			ID: id, Kind: kind, Label: label, Labels: maps.Clone(labels), Parts: parts, Points: points, Commands: []string{},
		})
	}
	for id, l := range c.Loops {
		add(id, KindLoop, l.Label, l.Labels, nil, wired(l.Input, l.Fault))
	}
	for id, l := range c.Lanes {
		add(id, KindLane, l.Label, l.Labels, wired(l.A, l.B), wired(l.Authorise))
	}
	for id, g := range c.Gates {
		var parts, wires []string
		if g.Lane != "" {
			parts = append(parts, g.Lane)
		}
		wires = append(wires, wired(g.OpenLimit, g.ClosedLimit, g.Manual, g.Force, g.Arm)...)
		for _, s := range g.Safety {
			_, loop := c.Loops[s]
			_, input := c.Inputs[s]
			if loop || input {
				parts = append(parts, s)
			} else {
				wires = append(wires, s)
			}
		}
		add(id, KindGate, g.Label, g.Labels, parts, wires)
		d := &list[len(list)-1]
		if g.Outputs != (GateOutputs{}) {
			for _, a := range gateway.GateActions(g.Outputs.Open != nil, g.Outputs.Close != nil) {
				d.Commands = append(d.Commands, string(a))
			}
		}
	}
	for id, f := range c.Fires {
		parts, wires := c.split(f.Input)
		add(id, KindFire, f.Label, f.Labels, parts, wires)
		list[len(list)-1].Commands = []string{string(gateway.ResetFire)}
	}
	for id, e := range c.Elevators {
		parts, wires := c.split(e.points()...)
		add(id, KindElevator, e.Label, e.Labels, parts, wires)
	}
	for id, cam := range c.Cameras {
		add(id, KindCamera, cam.Label, cam.Labels, nil, wired(cam.Heartbeat, cam.Supply))
	}
	for id, g := range c.CameraGroups {
		add(id, KindCameraGroup, g.Label, g.Labels, slices.Clone(g.Cameras), nil)
	}
	for id, b := range c.Bays {
		if _, ok := c.Loops[b.Input]; ok {
			add(id, KindBay, b.Label, b.Labels, []string{b.Input}, nil)
		} else {
			add(id, KindBay, b.Label, b.Labels, nil, []string{b.Input})
		}
	}
	for id, l := range c.Lots {
		add(id, KindLot, l.Label, l.Labels, slices.Concat(l.Lanes, l.Bays), nil)
		if len(l.Lanes) > 0 {
			list[len(list)-1].Commands = []string{string(gateway.SetCount)}
		}
	}
	for id, in := range c.Inputs {
		add(id, KindInput, in.Label, in.Labels, nil, []string{in.Point})
	}
	for id, k := range c.Contacts {
		parts, wires := c.split(k.Input)
		add(id, KindContact, k.Label, k.Labels, parts, wires)
	}
	for id, m := range c.Counters {
		add(id, KindCounter, m.Label, m.Labels, nil, []string{m.Input})
	}
	slices.SortFunc(list, func(a, b gateway.MetaDevice) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list
}

// points that an elevator reads.
func (e Elevator) points() []string {
	list := wired(e.Fault, e.AlarmButton, e.DoorZone, e.DoorClosed, e.Moving, e.Inspection, e.FireMode, e.Supply, e.Presence, e.AlarmEnd, e.Test)
	for _, name := range IDs(e.Faults) {
		list = append(list, e.Faults[name])
	}
	return list
}

// split tells supervised inputs, which are devices, from points.
func (c *Config) split(ids ...string) (parts, points []string) {
	for _, id := range ids {
		if _, ok := c.Inputs[id]; ok {
			parts = append(parts, id)
		} else {
			points = append(points, id)
		}
	}
	return parts, points
}
