package daemon

import (
	"context"
	"log/slog"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
)

// relays are the movement relays of all barriers, held inactive. This version drives none of them. Those on native
// lines and those on expanders are held by one value each, so that a bus that hangs keeps no native line waiting.
type relays struct {
	log *slog.Logger
	all []heldRelay
}

// coil is one relay that is ours to drive. Close makes it inactive and gives it back.
type coil interface {
	Set(active bool) error
	Close() error
}

type heldRelay struct {
	id    string // "entry-gate-open", for people and events
	on    string // what its faults are reported of: "gpio", or the bus
	open  func() (coil, error)
	relay coil  // nil: not ours
	err   error // why not
	told  bool  // the fault was reported
	since gateway.Mono
}

// relayLook is how often a relay is driven inactive again, which is also how a line that is gone shows.
const relayLook = time.Second

// claimRelays drives every configured relay inactive. It comes before everything else that the daemon does. A relay that
// cannot be claimed keeps nothing from starting; keep goes on trying.
func claimRelays(gates map[string]config.Gate, p line.Provider, log *slog.Logger) *relays {
	r := &relays{log: log}
	for _, id := range config.IDs(gates) {
		for name, out := range gates[id].Outputs.All() {
			if out.Line == "" {
				continue
			}
			wanted := line.Output{Name: out.Line, ActiveLow: out.Active == config.ActiveLow}
			r.all = append(r.all, heldRelay{id: id + "-" + name, on: field.GPIO, open: func() (coil, error) { return p.Output(wanted) }})
		}
	}
	for i := range r.all {
		r.claim(&r.all[i])
	}
	return r
}

func (r *relays) claim(h *heldRelay) {
	if h.relay, h.err = h.open(); h.err != nil {
		h.relay = nil
		r.log.Error("relay is not ours to drive; trying again", "relay", h.id, "error", h.err)
	}
}

// keep holds the relays inactive until ctx ends, claims those it can get, and reports what it lacks.
func (r *relays) keep(ctx context.Context, now func() gateway.Mono, report func(gateway.Event)) {
	tick := time.NewTicker(relayLook)
	defer tick.Stop()
	for {
		for i := range r.all {
			h := &r.all[i]
			if h.err != nil && !h.told {
				h.told, h.since = true, now()
				report(h.event(gateway.BusFault, h.since, gateway.BusFaultData{Cause: drivers.Classify(h.err).String(), Error: h.err.Error()}))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i := range r.all {
			r.look(&r.all[i], now, report)
		}
	}
}

func (r *relays) look(h *heldRelay, now func() gateway.Mono, report func(gateway.Event)) {
	if h.relay != nil {
		if h.err = h.relay.Set(false); h.err == nil {
			return
		}
		r.log.Error("relay lost", "relay", h.id, "error", h.err)
		_ = h.relay.Close() // it has just failed
		h.relay = nil
		return
	}
	relay, err := h.open()
	if err != nil {
		h.err = err
		return
	}
	h.relay = relay
	if h.told {
		data := gateway.BusFaultData{Cause: drivers.Classify(h.err).String(), ForMS: now().Sub(h.since).Milliseconds()}
		report(h.event(gateway.BusRecovered, now(), data))
	}
	h.err, h.told = nil, false
}

func (h *heldRelay) event(t gateway.Type, at gateway.Mono, data gateway.BusFaultData) gateway.Event {
	data.Part = h.id
	return gateway.Event{Type: t, ID: h.on, At: at, Data: data}
}

// release makes every relay inactive and gives its line back.
func (r *relays) release() {
	for i := range r.all {
		if h := &r.all[i]; h.relay != nil {
			if err := h.relay.Close(); err != nil {
				r.log.Error("relay was not released", "relay", h.id, "error", err)
			}
		}
	}
}
