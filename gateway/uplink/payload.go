package uplink

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// writer turns views into payloads.
type writer struct {
	opt    *Options
	clock  Clock
	ledger Ledger
}

// wall is a time of this kernel boot for a payload; nil while the date is unknown.
func (w writer) wall(at gateway.Mono) *string {
	if at.IsZero() {
		return nil
	}
	t, _ := w.clock.Stamp(w.opt.KernelBoot, at)
	return gateway.WireTime(t)
}

// condition is what a status says about the gateway's health: when it changes, the status is published.
type condition struct {
	alarms   int
	clock    gateway.ClockQuality
	problems []gateway.Text
}

func (c condition) equal(d condition) bool {
	return c.alarms == d.alarms && c.clock == d.clock && slices.Equal(c.problems, d.problems)
}

func (w writer) condition(v *hub.View) condition {
	_, quality := w.clock.Stamp(w.opt.KernelBoot, w.clock.Now())
	return condition{alarms: len(v.Alarms), clock: quality, problems: w.opt.Problems(v)}
}

func (w writer) status(session string, since gateway.Mono, c condition) gateway.Status {
	s := gateway.Status{
		State: gateway.Online, Session: session, Version: w.opt.Version, KernelBoot: w.opt.KernelBoot,
		Uptime: time.Duration(w.clock.Now()).Truncate(time.Microsecond).Seconds(),
		Clock:  c.clock, Ledger: w.ledger.Ledger(), Alarms: c.alarms,
		Problems: notNil(c.problems), Since: w.wall(since),
	}
	s.Ledger.Unconfirmed = notNil(s.Ledger.Unconfirmed)
	if len(s.Problems) > 0 {
		s.State = gateway.Degraded
	}
	return s
}

func (w writer) will(session string) []byte {
	l := w.ledger.Ledger()
	return encode(gateway.Will{State: gateway.Lost, Session: session, Ledger: gateway.WillLedger{Epoch: l.Epoch, Run: l.Run}})
}

func meta(v *hub.View) []byte {
	m := gateway.Meta{
		Gateway: v.Gateway.ID, Site: v.Gateway.Site, Labels: maps.Clone(v.Gateway.Labels), Config: v.Gateway.Config,
		Devices: make([]gateway.MetaDevice, 0, len(v.Devices)),
	}
	for _, d := range v.Devices {
		d.Commands = notNil(d.Commands)
		m.Devices = append(m.Devices, d.MetaDevice)
	}
	return encode(m)
}

func (w writer) state(d hub.Device) []byte {
	s := gateway.State{
		Device: d.ID, Kind: d.Kind, Value: gateway.WireValue(d.State), Quality: d.State.Quality,
		Event: d.Event.String(), Detail: d.State.Detail,
	}
	if d.State.Value != "" {
		s.Since = w.wall(d.State.Since)
	}
	return encode(s)
}

func (w writer) alarm(a gateway.Alarm) []byte {
	return encode(gateway.AlarmPayload{
		Device: a.ID, Alarm: a.Name, Severity: a.Severity, Since: w.wall(a.Since),
		Acknowledged: w.wall(a.Acknowledged), ShelvedUntil: w.wall(a.ShelvedUntil),
		Text: w.opt.AlarmText(a), Event: a.Event.String(),
	})
}

// encode marshals our own types: plain data that cannot fail, but for a device's Detail, which then is left out.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err == nil {
		return b
	}
	if s, ok := v.(gateway.State); ok && s.Detail != nil {
		s.Detail = nil
		return encode(s)
	}
	return nil
}

func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// known tells whether anything about id is known yet in v. Of what is not configured, all is known: it is not there.
func known(v *hub.View, id string) bool {
	if d, ok := v.Device(id); ok {
		return d.State.Quality != gateway.Bad
	}
	if i, ok := slices.BinarySearchFunc(v.Points, id, func(p hub.Point, id string) int { return strings.Compare(p.ID, id) }); ok {
		return v.Points[i].Quality != gateway.Bad
	}
	if i, ok := slices.BinarySearchFunc(v.Sources, id, func(s hub.Source, id string) int { return strings.Compare(s.ID, id) }); ok {
		return v.Sources[i].OK || v.Sources[i].Fault != ""
	}
	return true
}
