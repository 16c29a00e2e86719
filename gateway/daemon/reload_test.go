package daemon

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
)

// What a change of the configuration means: what goes on, what begins anew, what waits for a restart.
func TestCompare(t *testing.T) {
	all := []string{"cam-01", "car-1", "entry", "entry-a", "entry-b", "entry-gate"}
	without := func(ids ...string) []string {
		return slices.DeleteFunc(slices.Clone(all), func(id string) bool { return slices.Contains(ids, id) })
	}
	for _, c := range []struct {
		name    string
		change  func(*config.Config)
		keeps   []string
		restart string
	}{
		{"nothing", func(*config.Config) {}, all, ""},
		{"a label", func(c *config.Config) { l := c.Lanes["entry"]; l.Label = "East"; c.Lanes["entry"] = l }, all, ""},
		{"a label of a wire", func(c *config.Config) { p := c.Points["entry-a-in"]; p.Label = "x"; c.Points["entry-a-in"] = p }, all, ""},
		{"what else is done for who is on a lane", func(c *config.Config) {
			l := c.Lanes["entry"]
			l.FreeExit, l.WhenAway = true, config.AwayOpen
			c.Lanes["entry"] = l
		}, without("entry-gate"), ""},
		{"a lane's direction, which its gate goes by", func(c *config.Config) {
			l := c.Lanes["entry"]
			l.Direction = l.Direction.Opposite()
			c.Lanes["entry"] = l
		}, without("entry", "entry-gate"), ""},
		{"a lane's gap time", func(c *config.Config) {
			l := c.Lanes["entry"]
			l.Gap *= 2
			c.Lanes["entry"] = l
		}, without("entry"), ""},
		{"the settle time of a wire", func(c *config.Config) {
			p := c.Points["entry-a-in"]
			settle := *p.Settle * 2
			p.Settle = &settle
			c.Points["entry-a-in"] = p
		}, without("entry-a", "entry"), ""},
		{"an elevator's delay", func(c *config.Config) {
			e := c.Elevators["car-1"]
			after := *e.RaiseAfter * 2
			e.RaiseAfter = &after
			c.Elevators["car-1"] = e
		}, without("car-1"), ""},
		{"the chip's address", func(c *config.Config) { x := c.Chips["x1"]; x.Address++; c.Chips["x1"] = x }, without("car-1", "cam-01"), ""},
		{"a camera less", func(c *config.Config) { c.Cameras = nil }, without("cam-01"), ""},
		{"a relay", func(c *config.Config) {
			g := c.Gates["entry-gate"]
			g.Outputs.Open = &config.Output{Line: "GPIO26", Active: config.ActiveHigh}
			c.Gates["entry-gate"] = g
		}, all, "gates.entry-gate.outputs"},
		{"a gate less", func(c *config.Config) { c.Gates = nil }, without("entry-gate"), "gates.entry-gate.outputs"},
		{"everything that needs a restart", func(c *config.Config) {
			c.Gateway.ID, c.MQTT.Window, c.Storage.Alarm, c.Status.Listen = "other", 7, 8<<20, ":1"
		}, all, "gateway,mqtt,status,storage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := example(t)
			load := func() *config.Config {
				cfg := example(t)
				cfg.Storage.Path = old.Storage.Path
				return cfg
			}
			var f inForce
			f.set(old, attachAlone(old))
			fresh := load()
			c.change(fresh)
			r := f.compare(fresh, attachAlone)
			var keeps []string
			for _, dev := range r.parts.Devices {
				if !dev.Internal && r.kept.Device(dev.Meta.Kind, dev.Meta.ID) {
					keeps = append(keeps, dev.Meta.ID)
				}
			}
			slices.Sort(keeps)
			if !slices.Equal(keeps, c.keeps) {
				t.Errorf("go on: %v, want %v", keeps, c.keeps)
			}
			if got := strings.Join(r.told.Restart, ","); got != c.restart {
				t.Errorf("needs a restart: %q, want %q", got, c.restart)
			}
			if r.told.Begun != r.told.Devices-len(c.keeps) || r.cfg.Gateway.ID != old.Gateway.ID || r.cfg.MQTT.Window != old.MQTT.Window {
				t.Errorf("%+v, %+v", r.told, r.cfg.Gateway)
			}
		})
	}
}

// A gate that was removed and put back has the relays that were held all the time: no restart is needed for it. Others are.
func TestGateThatComesBack(t *testing.T) {
	var f inForce
	first := example(t)
	f.set(first, attachAlone(first))
	fresh := func(change func(*config.Config)) reload {
		cfg := example(t)
		cfg.Storage.Path = first.Storage.Path
		change(cfg)
		return f.compare(cfg, attachAlone)
	}
	gone := fresh(func(c *config.Config) { c.Gates = nil })
	f.set(gone.cfg, gone.parts)
	back := fresh(func(*config.Config) {})
	if len(back.told.Restart) != 0 || !reflect.DeepEqual(back.cfg.Gates["entry-gate"].Outputs, first.Gates["entry-gate"].Outputs) {
		t.Errorf("needs a restart: %v; outputs %+v", back.told.Restart, back.cfg.Gates["entry-gate"].Outputs)
	}
	other := fresh(func(c *config.Config) {
		g := c.Gates["entry-gate"]
		g.Outputs.Open = &config.Output{Line: "GPIO26", Active: config.ActiveHigh}
		c.Gates["entry-gate"] = g
	})
	if got := strings.Join(other.told.Restart, ","); got != "gates.entry-gate.outputs" {
		t.Errorf("with another relay it needs a restart for %q", got)
	}
}

// A relay on an expander is not moved while the daemon runs.
func TestExpanderRelayNeedsRestart(t *testing.T) {
	with := func(pin string, address uint16) *config.Config {
		cfg := example(t)
		g := cfg.Gates["entry-gate"]
		g.Outputs.Open = &config.Output{Chip: "x1", Pin: pin, Active: config.ActiveHigh}
		cfg.Gates["entry-gate"] = g
		x := cfg.Chips["x1"]
		x.Address = address
		cfg.Chips["x1"] = x
		return cfg
	}
	gone := with("GPB0", 0x20)
	gone.Gates = nil
	less := with("GPB0", 0x20)
	less.Cameras = nil
	for want, list := range map[string][]*config.Config{
		"entry-gate": {with("GPB1", 0x20), with("GPB0", 0x21), gone, example(t)},
		"":           {with("GPB0", 0x20), less},
	} {
		for i, fresh := range list {
			var f inForce
			f.set(with("GPB0", 0x20), field.Config{})
			if got := f.refuse(fresh); (got != nil) != (want != "") || got != nil && !strings.Contains(got.Error(), want) {
				t.Errorf("%d: %v, want %q", i, got, want)
			}
		}
	}
	var f inForce
	f.set(example(t), field.Config{})
	if err := f.refuse(with("GPB0", 0x20)); err == nil {
		t.Error("a new relay is taken")
	}
}

// Cameras and their group hear each other: both go on, or both begin anew.
func TestCompareCameraGroups(t *testing.T) {
	load := func() *config.Config {
		cfg, err := config.Load("../../deploy/examples/building.yaml")
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	begun := func(change func(*config.Config)) string {
		old, fresh := load(), load()
		change(fresh)
		var f inForce
		f.set(old, attachAlone(old))
		r := f.compare(fresh, attachAlone)
		var ids []string
		for _, dev := range r.parts.Devices {
			if !r.kept.Device(dev.Meta.Kind, dev.Meta.ID) {
				ids = append(ids, dev.Meta.ID)
			}
		}
		slices.Sort(ids)
		return strings.Join(ids, " ")
	}
	for _, c := range []struct {
		change func(*config.Config)
		want   string
	}{
		{func(*config.Config) {}, ""},
		{func(c *config.Config) { g := c.CameraGroups["switch-1"]; g.Window *= 2; c.CameraGroups["switch-1"] = g }, "cam-01 cam-02 switch-1"},
		{func(c *config.Config) { c.CameraGroups = nil }, "cam-01 cam-02"},
		{func(c *config.Config) { g := c.Cameras["cam-01"]; g.Period *= 2; c.Cameras["cam-01"] = g }, "cam-01 cam-02 switch-1"},
		{func(c *config.Config) { c.ElevatorCodes = map[string]string{"door_open": "7"} }, "car-1"},
	} {
		if got := begun(c.change); got != c.want {
			t.Errorf("begin anew: %q, want %q", got, c.want)
		}
	}
}

// attachAlone makes the field of a configuration on a board that has nothing.
func attachAlone(cfg *config.Config) field.Config {
	return attachConfig(cfg, Hardware{}, nil, &relays{}).out
}
