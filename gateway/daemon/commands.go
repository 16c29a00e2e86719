package daemon

import (
	"context"
	"slices"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
	"lotusgate/gateway/intake"
)

// newIntake makes the one way in for commands from the broker.
func newIntake(d *daemon, fc field.Config, text func() string) (*intake.Intake, error) {
	c := d.cfg.Commands
	o := intake.Options{
		Audience: d.cfg.Source(), Unsigned: c.Auth == config.AuthNone, PerMinute: c.PerMinute,
		Local:   intake.Permission{Devices: orAll(c.Local.Devices), Actions: orAll(c.Local.Actions)},
		Devices: commandsOf(fc), Text: text,
		Now:  d.clock.Now,
		Wall: func() (time.Time, gateway.ClockQuality) { return d.clock.Stamp(d.clock.boot, d.clock.Now()) },
		// The core does not exist yet, but neither does a connection.
		Command: func(c gateway.Command) bool {
			if slices.Contains(gateway.GatewayActions(), c.Action) {
				return d.services.take(c)
			}
			return d.core.Command(c)
		},
		Audit: func(ctx context.Context, e gateway.Event) bool { return d.core.Post(ctx, e) },
		Log:   d.log,
	}
	for _, id := range config.IDs(c.Keys) {
		k := c.Keys[id]
		o.Keys = append(o.Keys, intake.KeyFile{ID: id, File: k.File, Alg: k.Alg, Devices: k.Devices, Actions: k.Actions})
	}
	return intake.New(o)
}

// commandsOf is what each id takes. Every id that can have an alarm takes what somebody may do about one.
func commandsOf(fc field.Config) map[string][]gateway.Action {
	all := map[string][]gateway.Action{gateway.GatewayID: append(gateway.GatewayActions(), gateway.AlarmActions()...)}
	for _, p := range fc.Points {
		all[p.ID] = gateway.AlarmActions()
	}
	for _, s := range fc.Sources {
		all[s.Bus] = gateway.AlarmActions()
	}
	for _, dev := range fc.Devices {
		if dev.Internal {
			continue
		}
		takes := gateway.AlarmActions()
		for _, a := range dev.Meta.Commands {
			takes = append(takes, gateway.Action(a))
		}
		all[dev.Meta.ID] = takes
	}
	return all
}

// orAll is a list of a permission; none = all.
func orAll(list []string) []string {
	if len(list) == 0 {
		return []string{config.Anything}
	}
	return list
}
