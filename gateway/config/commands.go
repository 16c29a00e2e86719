package config

import (
	"fmt"
	"slices"
	"strings"

	"lotusgate/gateway"
)

// Commands is who may command, and how they prove it.
type Commands struct {
	Auth      Auth           `yaml:"auth"`       // jws, none (leaves authority to the broker's rules); default jws
	PerMinute int            `yaml:"per_minute"` // commands of one key, and to one device; default 60
	Keys      map[string]Key `yaml:"keys"`       // by key id; without keys and with auth jws no center may command
	Local     LocalCommands  `yaml:"local"`      // what the page and the local socket may; movement also needs the maintenance window
}

// LocalCommands is what an operator at the page, and a member of control.group at the local socket, may do.
type LocalCommands struct {
	Devices []string `yaml:"devices"` // ids, or "*"; none = all
	Actions []string `yaml:"actions"` // actions, or "*"; none = all
}

// Auth is how commands prove who gave them.
type Auth string

const (
	AuthJWS  Auth = "jws"
	AuthNone Auth = "none"
)

// Key is one key that commands are signed with.
type Key struct {
	File    string   `yaml:"file"`    // public key in PEM; of HS256 the secret, in base64
	Alg     string   `yaml:"alg"`     // EdDSA, ES256, HS256; default EdDSA
	Devices []string `yaml:"devices"` // ids, or "*"
	Actions []string `yaml:"actions"` // actions, or "*"
}

// maxSafety is how many safety inputs, and fire inputs, one gate may have.
const maxSafety = 4

// Anything stands for every device, or every action.
const Anything = "*"

func actions() []string {
	var list []string
	for _, a := range slices.Concat(gateway.GateActions(true, true), []gateway.Action{gateway.ResetFire, gateway.SetCount}, gateway.AlarmActions()) {
		list = append(list, string(a))
	}
	for _, a := range append(gateway.GatewayActions(), gateway.ConfirmEvents, gateway.Beat) {
		list = append(list, string(a))
	}
	return append(list, Anything)
}

func checkAction(c *checker, path, text string) {
	if list := actions(); !slices.Contains(list, text) {
		c.fail(path, "bad_action", text, strings.Join(list, ", ")).near(list...)
	}
}

// checkCommands holds that keys can be used and warns of what makes commands less safe than they seem.
func (c *checker) checkCommands() {
	known := append([]string{Anything, gateway.GatewayID}, c.commanded()...)
	for id, k := range c.cfg.Commands.Keys {
		path := "commands.keys." + id
		if gateway.CheckID(id) != nil {
			c.fail(path, "bad_kid", id)
		}
		if c.good(path + ".file") {
			checkFileMode(c, path+".file", k.File, k.Alg == "HS256")
		}
		c.checkTargets(path, k.Devices, known)
	}
	c.checkTargets("commands.local", c.cfg.Commands.Local.Devices, known)
	if c.cfg.Commands.Auth == AuthNone && !loopback(c.cfg.MQTT.Broker) {
		c.warn("commands.auth", "open_commands", "")
	}
	c.checkWords()
	for _, id := range c.ids(gates) {
		c.checkGate(id)
		c.checkGateRules(id)
	}
	c.checkFires()
}

// checkWords holds that somebody may say what the configuration waits for: where commands are signed, so are watermark
// and heartbeat.
func (c *checker) checkWords() {
	m := c.cfg.MQTT
	for _, word := range []struct {
		path   string
		wanted bool
		action gateway.Action
	}{{"mqtt.ack", m.Ack == AckCenter, gateway.ConfirmEvents}, {"mqtt.heartbeat", m.Heartbeat > 0, gateway.Beat}} {
		if word.wanted && c.cfg.Commands.Auth != AuthNone && len(c.cfg.Commands.Keys) > 0 && !c.allowed(word.action) {
			c.fail(word.path, "no_key_for", string(word.action), string(word.action))
		}
	}
}

// allowed tells whether any key has the permission for an action of the gateway.
func (c *checker) allowed(a gateway.Action) bool {
	has := func(list []string, s string) bool { return slices.Contains(list, Anything) || slices.Contains(list, s) }
	for _, k := range c.cfg.Commands.Keys {
		if has(k.Devices, gateway.GatewayID) && has(k.Actions, string(a)) {
			return true
		}
	}
	return false
}

// checkTargets holds that the devices of a permission exist. What takes no commands may still have alarms, and those may
// be acknowledged.
func (c *checker) checkTargets(path string, devices, known []string) {
	alarmed := []string{gateway.GatewayID}
	for _, section := range sections() {
		alarmed = append(alarmed, c.ids(section)...)
	}
	for i, d := range devices {
		if slices.Contains(alarmed, d) {
			continue
		}
		if at := fmt.Sprintf("%s.devices.%d", path, i); !slices.Contains(known, d) {
			c.fail(at, "unknown_id", d, "gate", choices(known)).near(known...)
		}
	}
}

func (c *checker) commanded() []string {
	return slices.Concat(c.ids(gates), c.ids(fires), c.ids(lots))
}

func (c *checker) checkGate(id string) {
	g, path := c.cfg.Gates[id], join(gates, id)
	if c.cfg.Service.Lockout != "" && g.Outputs.Close != nil && g.Outputs.Stop == nil {
		c.warn(path+".outputs", "no_stop", id)
	}
	if n := len(c.cfg.Fires); n > maxSafety {
		c.fail(fires, "many_safety", fmt.Sprint(n), fmt.Sprint(maxSafety))
	}
	if g.Outputs.Close == nil {
		return
	}
	if len(g.Safety) == 0 {
		c.warn(path+".outputs.close", "no_safety", id)
	}
	if n := len(g.Safety); n > maxSafety {
		c.fail(path+".safety", "many_safety", fmt.Sprint(n), fmt.Sprint(maxSafety))
	}
	for i, part := range g.Safety {
		p := c.cfg.Points[part]
		if l, ok := c.cfg.Loops[part]; ok {
			p = c.cfg.Points[l.Input]
		}
		if in, ok := c.cfg.Inputs[part]; ok {
			p = c.cfg.Points[in.Point]
		}
		if chip, ok := c.cfg.Chips[p.Chip]; ok && chip.Interrupt == "" && !c.bad[join(chips, p.Chip)] {
			c.warn(fmt.Sprintf("%s.safety.%d", path, i), "polled_safety", part, formatDuration(chip.Poll))
		}
	}
}
