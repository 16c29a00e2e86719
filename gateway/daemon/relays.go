package daemon

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
)

// relays are the movement relays of all barriers, and the signs of lots. They are inactive from the first moment; the actuator of their gate
// switches them, and keep looks after those that rest.
type relays struct {
	provider line.Provider
	log      *slog.Logger
	all      []*heldRelay
	guarded  map[string]bool // gates whose CLOSE relay becomes inactive when this program dies
}

// heldRelay is one relay. It is safe for concurrent use.
type heldRelay struct {
	id     string // "entry-gate-open", for people and events
	gate   string // or the lot
	kind   device.Output
	output line.Output

	mu     sync.Mutex
	relay  *line.Relay // nil: not ours
	active bool        // the actuator wants it so
	err    error       // why not

	told  bool // the fault was reported; keep's own
	since gateway.Mono
}

// relayLook is how often a relay at rest is driven inactive again, which is also how a line that is gone shows.
const relayLook = time.Second

// errNotOurs is what became of a relay that could not be claimed.
var errNotOurs = errors.New("the relay is not ours to drive")

// claimRelays drives every configured relay inactive. It comes before everything else that the daemon does. A relay that
// cannot be claimed keeps nothing from starting; keep goes on trying.
func claimRelays(cfg *config.Config, p line.Provider, log *slog.Logger) *relays {
	r := &relays{provider: p, log: log, guarded: map[string]bool{}}
	for _, id := range config.IDs(cfg.Gates) {
		for name, out := range cfg.Gates[id].Outputs.All() {
			if out.Chip != "" {
				log.Error("a movement relay on an expander is not driven by this version; wire it to a native line", "relay", id+"-"+name)
				continue
			}
			h := held(id, name, out)
			r.all = append(r.all, h)
			if h.kind == device.CloseOutput {
				r.guarded[id] = r.guard(h, out.Guard)
			}
		}
	}
	for _, id := range config.IDs(cfg.Lots) {
		if s := cfg.Lots[id].Sign; s != nil {
			r.all = append(r.all, &heldRelay{
				id: id + "-sign", gate: id, kind: device.SignOutput,
				output: line.Output{Name: s.Line, ActiveLow: s.Active == config.ActiveLow},
			})
		}
	}
	for _, h := range r.all {
		if err := h.claim(p); err != nil {
			log.Error("relay is not ours to drive; trying again", "relay", h.id, "error", err)
		}
	}
	return r
}

func held(gate, name string, out config.Output) *heldRelay {
	return &heldRelay{
		id: gate + "-" + name, gate: gate, kind: outputOf(name),
		output: line.Output{Name: out.Line, ActiveLow: out.Active == config.ActiveLow},
	}
}

func outputOf(name string) device.Output {
	for o := range device.Outputs {
		if o.String() == name {
			return o
		}
	}
	panic("daemon: no output " + name)
}

// guard tells whether something makes a relay inactive when this program dies.
func (r *relays) guard(h *heldRelay, g config.Guard) bool {
	if g != config.GuardKernel {
		return true
	}
	back, err := r.provider.ReturnsToInput(h.output)
	if back {
		return true
	}
	r.log.Warn("CLOSE is refused: nothing makes its relay inactive when this program dies; set dtparam=strict_gpiod in "+
		"/boot/firmware/config.txt and restart the board, or use a one-shot or watchdogged relay and say so with guard",
		"gate", h.gate, "error", err)
	return false
}

// of returns the relays of a gate, or the sign of a lot, for its actuator.
func (r *relays) of(gate string) (all [device.Outputs]field.Relay) {
	for _, h := range r.all {
		if h.gate == gate {
			all[h.kind] = h
		}
	}
	return all
}

func (h *heldRelay) claim(p line.Provider) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.relay, h.err = p.Output(h.output)
	if h.err != nil {
		h.relay = nil
	}
	return h.err
}

// Set switches the relay.
func (h *heldRelay) Set(active bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active = active
	return h.set(active)
}

func (h *heldRelay) set(active bool) error {
	if h.relay == nil {
		return errors.Join(errNotOurs, h.err)
	}
	if h.err = h.relay.Set(active); h.err != nil {
		_ = h.relay.Close() // it has just failed
		h.relay = nil
	}
	return h.err
}

// Active reads the relay back.
func (h *heldRelay) Active() (active, ok bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.relay == nil {
		return false, false, errors.Join(errNotOurs, h.err)
	}
	return h.relay.Active()
}

// keep holds the relays at rest inactive until ctx ends, claims those it can get, and reports what it lacks.
func (r *relays) keep(ctx context.Context, now func() gateway.Mono, report func(gateway.Event)) {
	tick := time.NewTicker(relayLook)
	defer tick.Stop()
	for {
		for _, h := range r.all {
			h.tell(now, report)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, h := range r.all {
			if err := h.look(r.provider); err != nil {
				r.log.Error("relay lost", "relay", h.id, "error", err)
			}
		}
	}
}

// look drives a relay at rest inactive again, or tries to claim one that is not ours. An error is news.
func (h *heldRelay) look(p line.Provider) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.relay == nil:
		if relay, err := p.Output(h.output); err == nil { // which makes it inactive
			h.relay, h.err = relay, nil
		}
		return nil
	case h.active: // the actuator's, until it says otherwise
		return nil
	}
	return h.set(false)
}

// tell reports that a relay is not ours, and that it is again.
func (h *heldRelay) tell(now func() gateway.Mono, report func(gateway.Event)) {
	h.mu.Lock()
	err := h.err
	h.mu.Unlock()
	switch {
	case err != nil && !h.told:
		h.told, h.since = true, now()
		report(h.event(gateway.BusFault, h.since, gateway.BusFaultData{Cause: drivers.Classify(err).String(), Error: err.Error()}))
	case err == nil && h.told:
		h.told = false
		report(h.event(gateway.BusRecovered, now(), gateway.BusFaultData{Cause: "io", ForMS: now().Sub(h.since).Milliseconds()}))
	}
}

func (h *heldRelay) event(t gateway.Type, at gateway.Mono, data gateway.BusFaultData) gateway.Event {
	data.Part = h.id
	return gateway.Event{Type: t, ID: field.GPIO, At: at, Data: data}
}

// release makes every relay inactive and gives its line back.
func (r *relays) release() {
	for _, h := range r.all {
		h.mu.Lock()
		if h.relay != nil {
			if err := h.relay.Close(); err != nil {
				r.log.Error("relay was not released", "relay", h.id, "error", err)
			}
			h.relay = nil
		}
		h.mu.Unlock()
	}
}
