// Package homeassistant describes a gateway to Home Assistant: one retained device payload of its MQTT discovery, whose
// entities read the topics of docs/wire.md as they are. It is an adapter of the uplink and no second path: there is no
// topic, no state and no command of its own.
//
// Barriers are shown as covers without buttons. Home Assistant orders a cover with a fixed word, which says neither when it
// was given nor to whom, and its client repeats what it could not send: a barrier would move by an order of yesterday.
// Where commands need no signature there are buttons instead, whose templates write the claims of a command, which expires.
package homeassistant

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// Gateway is what a description needs to know beside the view.
type Gateway struct {
	Prefix  string // of Home Assistant's discovery: homeassistant
	Root    string // of every topic of this gateway
	Source  string // audience of commands
	Buttons bool   // commands need no signature
}

// object is JSON; encoding/json sorts its keys.
type object = map[string]any

// Topic is where the description stands.
func (g Gateway) Topic(v *hub.View) string { return g.Prefix + "/device/" + node(v) + "/config" }

// Birth is where Home Assistant says that it has started; the description is published again then.
func (g Gateway) Birth() string { return g.Prefix + "/status" }

// Born tells whether a message at Birth says so.
func Born(payload []byte) bool { return string(payload) == "online" }

func node(v *hub.View) string { return "lotusgate_" + v.Gateway.Site + "_" + v.Gateway.ID }

// Payload describes the gateway and every device of it.
func (g Gateway) Payload(v *hub.View) []byte {
	parts := object{
		"problem": g.entity(v, "problem", "binary_sensor", object{
			"name": "Problem", "device_class": "problem", "entity_category": "diagnostic", "state_topic": g.Root + "/status",
			"value_template": on("value_json.state", "degraded"),
		}, g.alive()),
	}
	if g.Buttons {
		parts["session"] = g.entity(v, "session", "sensor", object{
			"name": "Session", "entity_category": "diagnostic", "default_entity_id": sessionEntity(v), "state_topic": g.Root + "/status",
			"value_template": "{{ value_json.session }}",
		}, g.alive())
	}
	for _, d := range v.Devices {
		for key, part := range g.parts(v, d) {
			parts[key] = part
		}
	}
	label := v.Gateway.Label
	if label == "" {
		label = v.Gateway.Site + "/" + v.Gateway.ID
	}
	b, _ := json.Marshal(object{ // plain data cannot fail
		"dev":  object{"ids": []string{node(v)}, "name": label, "mf": "Lotusgate", "mdl": "gateway", "sw": v.Gateway.Version},
		"o":    object{"name": "lotusgate", "sw": v.Gateway.Version},
		"cmps": parts,
	})
	return b
}

// entity is a component with what all have.
func (g Gateway) entity(v *hub.View, key, platform string, more object, available ...object) object {
	e := object{
		"p": platform, "uniq_id": node(v) + "_" + key, "availability": available, "availability_mode": "all", "qos": 1,
	}
	for k, x := range more {
		e[k] = x
	}
	return e
}

// alive is that the gateway is there; a device has its own quality beside it, because a gateway that is lost leaves its last
// states behind.
func (g Gateway) alive() object {
	return object{
		"topic":          g.Root + "/status",
		"value_template": "{{ 'online' if value_json.state in ['online', 'degraded'] else 'offline' }}",
	}
}

// on is a template of a binary sensor: ON for these words.
func on(value string, words ...string) string {
	return fmt.Sprintf("{{ 'ON' if %s in ['%s'] else 'OFF' }}", value, strings.Join(words, "', '"))
}

const value = "value_json.value"

// parts are the entities of a device, by key.
func (g Gateway) parts(v *hub.View, d hub.Device) map[string]object {
	topic := g.Root + "/state/" + d.ID
	good := object{"topic": topic, "value_template": "{{ 'online' if value_json.quality == 'good' else 'offline' }}"}
	name := d.Label
	if name == "" {
		name = d.ID
	}
	all := map[string]object{}
	add := func(key, platform string, more object) {
		more["state_topic"] = topic
		if more["name"] == nil {
			more["name"] = name
		}
		all[key] = g.entity(v, key, platform, more, g.alive(), good)
	}
	binary := func(key, suffix, class string, words ...string) {
		add(key, "binary_sensor", object{"name": name + suffix, "device_class": class, "value_template": on(value, words...)})
	}
	word := func(options ...string) {
		add(d.ID, "sensor", object{"device_class": "enum", "options": options, "value_template": "{{ value_json.value }}"})
	}
	number := func(class string) {
		add(d.ID, "sensor", object{"state_class": class, "value_template": "{{ value_json.value }}"})
	}
	switch d.Kind {
	case "loop", "bay":
		binary(d.ID, "", "occupancy", "occupied")
	case "lane":
		word("clear", "waiting", "passing")
	case "lot":
		number("measurement")
	case "counter":
		number("total_increasing")
	case "gate":
		add(d.ID, "cover", object{
			"device_class": "gate",
			// What a cover has no word for: it is known where the arm is, or that nobody knows.
			"value_template": "{{ {'obstructed': 'stopped', 'forced': 'open', 'arm_off': 'open', 'fault': 'None'}.get(value_json.value, value_json.value) }}",
		})
		binary(d.ID+"_problem", " problem", "problem", "obstructed", "forced", "arm_off", "fault")
	case "elevator":
		word("normal", "service", "fault", "alarm", "entrapment_suspected", "entrapment_confirmed")
		binary(d.ID+"_problem", " problem", "problem", "fault", "alarm", "entrapment_suspected", "entrapment_confirmed")
	case "camera":
		binary(d.ID, "", "connectivity", "online", "late")
	case "camera_group":
		binary(d.ID, "", "connectivity", "online")
	case "fire":
		binary(d.ID, "", "safety", "alarm", "latched")
	case "contact":
		binary(d.ID, "", "problem", "raised")
	case "input":
		binary(d.ID, "", "tamper", "short", "open", "out_of_tolerance")
	}
	if g.Buttons {
		for _, action := range d.Commands {
			if slices.Contains(plainActions, gateway.Action(action)) {
				all[d.ID+"_"+action] = g.button(v, d.ID, name, action)
			}
		}
	}
	return all
}

// plainActions need no argument.
var plainActions = []gateway.Action{gateway.Open, gateway.Close, gateway.Stop, gateway.Release, gateway.ResetFire}

// button gives a command. It is never retained and never queued by the broker, and it expires: what Home Assistant sends
// late is refused.
func (g Gateway) button(v *hub.View, id, name, action string) object {
	template := `{"jti":"ha-{{ (now().timestamp() * 1000) | int }}","iat":{{ now().timestamp() | int }},` +
		`"exp":{{ now().timestamp() | int + 10 }},"aud":"` + g.Source + `","session":"{{ states('` + sessionEntity(v) + `') }}",` +
		`"device":"` + id + `","action":"` + action + `","args":{}}`
	e := g.entity(v, id+"_"+action, "button", object{
		"name": name + " " + strings.ReplaceAll(action, "_", " "), "command_topic": g.Root + "/command/" + id,
		"command_template": template, "retain": false,
	}, g.alive())
	e["qos"] = 0
	return e
}

func sessionEntity(v *hub.View) string {
	return "sensor." + strings.ReplaceAll(node(v), "-", "_") + "_session"
}
