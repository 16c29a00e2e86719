package config

import (
	"maps"
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
		add(id, KindLane, l.Label, l.Labels, []string{l.A, l.B}, nil)
	}
	for id, g := range c.Gates {
		var parts, wires []string
		if g.Lane != "" {
			parts = append(parts, g.Lane)
		}
		wires = append(wires, wired(g.OpenLimit, g.ClosedLimit)...)
		for _, s := range g.Safety {
			if _, ok := c.Loops[s]; ok {
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
		add(id, KindFire, f.Label, f.Labels, nil, []string{f.Input})
		list[len(list)-1].Commands = []string{string(gateway.ResetFire)}
	}
	for id, e := range c.Elevators {
		add(id, KindElevator, e.Label, e.Labels, nil, []string{e.Fault})
	}
	for id, cam := range c.Cameras {
		add(id, KindCamera, cam.Label, cam.Labels, nil, wired(cam.Heartbeat, cam.Supply))
	}
	for id, g := range c.CameraGroups {
		add(id, KindCameraGroup, g.Label, g.Labels, slices.Clone(g.Cameras), nil)
	}
	for id, k := range c.Contacts {
		add(id, KindContact, k.Label, k.Labels, nil, []string{k.Input})
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
