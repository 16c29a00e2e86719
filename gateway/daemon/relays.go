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

// relays are the movement relays of all barriers, on native lines and on pins of expanders, and the signs of lots. They are
// inactive from the first moment; the actuator of their gate or lot switches them, and keep looks after those that rest.
type relays struct {
	provider line.Provider
	log      *slog.Logger
	all      []*heldRelay
	guarded  map[string]bool // gates whose CLOSE relay becomes inactive when this program dies
}

// coil is a relay that is ours to drive.
type coil interface {
	field.Relay
	Close() error // makes it inactive and gives it back
}

// heldRelay is one relay. It is safe for concurrent use.
type heldRelay struct {
	id   string // "entry-gate-open", for people and events
	gate string // or the lot
	kind device.Output
	on   string // what its faults are reported of: "gpio", or its bus

	mu     sync.Mutex
	open   func() (coil, error) // makes it inactive
	relay  coil                 // nil: not ours
	active bool                 // the actuator wants it so
	err    error                // why not

	told  bool // the fault was reported; keep's own
	since gateway.Mono
}

// beeper is whose relay that of the maintenance window is; no gate can be called so.
const beeper = "service beeper"

// relayLook is how often a relay at rest is driven inactive again, which is also how a line that is gone shows.
const relayLook = time.Second

// errNotOurs is what became of a relay that could not be claimed.
var errNotOurs = errors.New("the relay is not ours to drive")

// claimRelays drives every configured relay on a native line inactive. It comes before everything else that the daemon
// does. A relay that cannot be claimed keeps nothing from starting; keep goes on trying. Relays on expanders are at rest
// already (restExpanders) and are claimed through the owner of their bus, once there is one.
func claimRelays(cfg *config.Config, p line.Provider, log *slog.Logger) *relays {
	r := &relays{provider: p, log: log, guarded: map[string]bool{}}
	for _, id := range config.IDs(cfg.Gates) {
		for name, out := range cfg.Gates[id].Outputs.All() {
			h := &heldRelay{id: id + "-" + name, gate: id, kind: outputOf(name), on: field.GPIO}
			r.all = append(r.all, h)
			if out.Chip != "" {
				h.on = cfg.Chips[out.Chip].Bus
			}
			if h.kind == device.CloseOutput {
				r.guarded[id] = r.guard(id, out)
			}
			if out.Chip == "" {
				h.open = func() (coil, error) { return openLine(p, lineOf(out)) }
			}
		}
	}
	for _, id := range config.IDs(cfg.Lots) {
		if s := cfg.Lots[id].Sign; s != nil {
			out := line.Output{Name: s.Line, ActiveLow: s.Active == config.ActiveLow}
			r.all = append(r.all, &heldRelay{
				id: id + "-sign", gate: id, kind: device.SignOutput, on: field.GPIO,
				open: func() (coil, error) { return openLine(p, out) },
			})
		}
	}
	if s := cfg.Service.Beeper; s != nil {
		out := line.Output{Name: s.Line, ActiveLow: s.Active == config.ActiveLow}
		r.all = append(r.all, &heldRelay{
			id: "service-beeper", gate: beeper, kind: device.BeepOutput, on: field.GPIO,
			open: func() (coil, error) { return openLine(p, out) },
		})
	}
	for _, h := range r.all {
		if err := h.claim(); err != nil {
			log.Error("relay is not ours to drive; trying again", "relay", h.id, "error", err)
		}
	}
	return r
}

func lineOf(out config.Output) line.Output {
	return line.Output{Name: out.Line, ActiveLow: out.Active == config.ActiveLow}
}

func outputOf(name string) device.Output {
	for o := range device.Outputs {
		if o.String() == name {
			return o
		}
	}
	panic("daemon: no output " + name)
}

// guard tells whether something makes a CLOSE relay inactive when this program dies: a kernel that returns released
// lines to inputs, which is tried and not believed, or the relay itself. An expander's latch does not.
func (r *relays) guard(gate string, out config.Output) bool {
	if out.Guard != config.GuardKernel {
		return true
	}
	if out.Chip != "" {
		r.log.Warn("CLOSE is refused: its relay is on an expander, which keeps its outputs when this program dies; use a "+
			"one-shot or watchdogged relay and say so with guard", "gate", gate)
		return false
	}
	back, err := r.provider.ReturnsToInput(lineOf(out))
	if back {
		return true
	}
	r.log.Warn("CLOSE is refused: nothing makes its relay inactive when this program dies; set dtparam=strict_gpiod in "+
		"/boot/firmware/config.txt and restart the board, or use a one-shot or watchdogged relay and say so with guard",
		"gate", gate, "error", err)
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

// claim makes the relay ours and inactive.
func (h *heldRelay) claim() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.take()
	return h.err
}

func (h *heldRelay) take() {
	if h.open == nil {
		return // the owner of its bus does not run yet
	}
	if relay, err := h.open(); err != nil {
		h.err = err
	} else {
		h.relay, h.err = relay, nil
	}
}

// Set switches the relay.
func (h *heldRelay) Set(ctx context.Context, active bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.active = active
	return h.set(ctx, active)
}

func (h *heldRelay) set(ctx context.Context, active bool) error {
	if h.relay == nil {
		return errors.Join(errNotOurs, h.err)
	}
	err := h.relay.Set(ctx, active)
	if errors.Is(err, context.Canceled) {
		return err // nobody wants it any more, which is no fault
	}
	if h.err = err; err != nil && h.on == field.GPIO {
		_ = h.relay.Close() // it has just failed: the line has to be requested anew
		h.relay = nil
	}
	return err
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

// keep holds the relays at rest inactive until ctx ends, claims those it can get, and reports what it lacks. A bus that
// hangs keeps no relay elsewhere waiting.
func (r *relays) keep(ctx context.Context, now func() gateway.Mono, report func(gateway.Event)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	places := map[string][]*heldRelay{}
	for _, h := range r.all {
		places[h.on] = append(places[h.on], h)
	}
	for _, some := range places {
		wg.Go(func() { r.keepSome(ctx, some, now, report) })
	}
}

func (r *relays) keepSome(ctx context.Context, some []*heldRelay, now func() gateway.Mono, report func(gateway.Event)) {
	tick := time.NewTicker(relayLook)
	defer tick.Stop()
	for {
		for _, h := range some {
			h.tell(now, report)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, h := range some {
			if err := h.look(ctx); err != nil && !h.told {
				r.log.Error("relay lost", "relay", h.id, "error", err)
			}
		}
	}
}

// look drives a relay at rest inactive again, or tries to claim one that is not ours.
func (h *heldRelay) look(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.relay == nil:
		h.take()
		return nil
	case h.active: // the actuator's, until it says otherwise
		return nil
	}
	return h.set(ctx, false)
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
	return gateway.Event{Type: t, ID: h.on, At: at, Data: data}
}

// release makes the relays on native lines inactive and gives the lines back. Those on expanders were made so by their
// actuator, while the owner of their bus still ran.
func (r *relays) release() {
	for _, h := range r.all {
		h.mu.Lock()
		var err error
		if h.on != field.GPIO {
			err = h.err
		} else if h.relay != nil {
			err = h.relay.Close()
			h.relay = nil
		}
		if err != nil {
			r.log.Error("relay was not made inactive", "relay", h.id, "error", err)
		}
		h.mu.Unlock()
	}
}

// lineCoil is a relay on a native line.
type lineCoil struct{ *line.Relay }

func openLine(p line.Provider, o line.Output) (coil, error) {
	r, err := p.Output(o) // which makes it inactive
	if err != nil {
		return nil, err
	}
	return lineCoil{r}, nil
}

// Set implements field.Relay; a line takes no time.
func (l lineCoil) Set(_ context.Context, active bool) error { return l.Relay.Set(active) }
