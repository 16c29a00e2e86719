package daemon

import (
	"context"
	"log/slog"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
)

// coils are the relays on expanders, held inactive. This version drives none of them: an expander's latch outlives the
// program that set it. They are apart from those on native lines, so that a bus that hangs keeps no native line waiting.
type coils struct {
	log *slog.Logger
	all []heldCoil
}

// coil is one relay that is ours to drive. Close makes it inactive and gives it back.
type coil interface {
	Set(active bool) error
	Close() error
}

type heldCoil struct {
	id    string // "entry-gate-open", for people and events
	on    string // what its faults are reported of: "gpio", or the bus
	open  func() (coil, error)
	relay coil  // nil: not ours
	err   error // why not
	told  bool  // the fault was reported
	since gateway.Mono
}

// keep holds the relays inactive until ctx ends, claims those it can get, and reports what it lacks.
func (r *coils) keep(ctx context.Context, now func() gateway.Mono, report func(gateway.Event)) {
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

func (r *coils) look(h *heldCoil, now func() gateway.Mono, report func(gateway.Event)) {
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

func (h *heldCoil) event(t gateway.Type, at gateway.Mono, data gateway.BusFaultData) gateway.Event {
	data.Part = h.id
	return gateway.Event{Type: t, ID: h.on, At: at, Data: data}
}

// release makes every relay inactive and gives its line back.
func (r *coils) release() {
	for i := range r.all {
		if h := &r.all[i]; h.relay != nil {
			if err := h.relay.Close(); err != nil {
				r.log.Error("relay was not released", "relay", h.id, "error", err)
			}
		}
	}
}
