package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// resident has a fob: its receiver opens the barrier at the barrier's own controller, and closes the contact that the
// gateway has for it.
type resident struct{ *people }

// receivers gives each gate a receiver for fobs, on a line that is free, and changes nothing of what is shared.
func receivers(cfg *config.Config) {
	like, ok := cfg.Points[cfg.Service.Button]
	if !ok || like.Line == "" {
		return
	}
	cfg.Points, cfg.Gates = maps.Clone(cfg.Points), maps.Clone(cfg.Gates)
	for _, id := range config.IDs(cfg.Gates) {
		line, g := freeLine(cfg), cfg.Gates[id]
		if g.Manual != "" || line == "" {
			continue
		}
		g.Manual = id + "-fob"
		like.Line = line
		cfg.Points[g.Manual], cfg.Gates[id] = like, g
	}
}

// freeLine is a line of the header that nothing is wired to; "" = there is none.
func freeLine(cfg *config.Config) string {
	used := map[string]bool{}
	for _, p := range cfg.Points {
		used[p.Line] = true
	}
	for _, c := range cfg.Chips {
		used[c.Interrupt], used[c.InterruptB] = true, true
	}
	for _, g := range cfg.Gates {
		for _, out := range g.Outputs.All() {
			used[out.Line] = true
		}
	}
	for _, l := range cfg.Lots {
		if l.Sign != nil {
			used[l.Sign.Line] = true
		}
	}
	if b := cfg.Service.Beeper; b != nil {
		used[b.Line] = true
	}
	for n := 4; n < 28; n++ { // 0 to 3 are for EEPROM and I2C
		if line := fmt.Sprint("GPIO", n); !used[line] {
			return line
		}
	}
	return ""
}

// act lets a resident drive up and use his fob.
func (r *resident) act(chance *rand.Rand) {
	gate := r.gate(chance)
	if gate == "" || r.w.cfg.Gates[gate].Manual == "" || r.w.now < morning {
		return
	}
	g := r.rules.gates[gate]
	r.drive(g, chance)
	r.count("resident: opens with a fob")
	r.press(g, g.entered, chance)
}

// press presses the fob, again and again until the car is through.
func (r *resident) press(g *barrier, car int, chance *rand.Rand) {
	if !g.has(car) {
		return
	}
	at := r.w.now + plant.Span{Min: 3 * time.Second, Max: 6 * time.Second}.Draw(chance)
	r.w.agenda.at(at, func() { r.do(rig.Fob{Lane: g.lane, Switch: g.cfg.Manual}) })
	r.w.agenda.at(at+fobLasts, func() { r.do(rig.Fob{Lane: g.lane, Switch: g.cfg.Manual, Released: true}) })
	r.w.agenda.at(at+20*time.Second, func() { r.press(g, car, chance) })
}

// fobLasts is how long a receiver closes its contact.
const fobLasts = time.Second

// opens is told that an arm which was down goes up for a fob: the gateway has to say so, unless it had another reason.
func (r *resident) opens(g *barrier, at time.Duration) {
	w, run := r.w, len(r.w.runs)
	w.agenda.at(w.now+2*g.cfg.Travel, func() {
		life := w.runs[len(w.runs)-1]
		ordered := slices.ContainsFunc([]gateway.Action{gateway.Open, gateway.HoldOpen}, func(a gateway.Action) bool {
			given, ok := g.orders[a]
			return ok && given > at-30*time.Second
		})
		if w.proc == nil || len(w.runs) != run || at-life.begin < learning || w.reloaded(learning) || ordered || g.hold > at || r.burns(g) {
			return
		}
		for _, i := range slices.Backward(w.issued) {
			if i.at < at-time.Second {
				break
			}
			if d, ok := i.event.Data.(gateway.MovementData); ok && i.event.ID == g.id && d.Cause == gateway.CauseManual {
				return
			}
		}
		w.violateAt(at, "%s: a fob has opened it, and nobody says so", g.id)
	})
}

// burns tells whether the gateway has a reason of its own to open.
func (r *resident) burns(g *barrier) bool {
	lane := r.w.inForce().Lanes[g.lane]
	return r.rules.burns() || g.autonomy || lane.FreeExit
}

// issued holds that no fob is named where nobody has pressed one.
func (r *resident) issued(e gateway.Event) {
	g := r.rules.gates[e.ID]
	if d, ok := e.Data.(gateway.MovementData); ok && g != nil && d.Cause == gateway.CauseManual && (g.fob == 0 || r.w.now-g.fob > fobLasts+4*g.cfg.Travel) {
		r.w.violate("%s: %s for a fob that nobody has pressed", e.ID, e.Type)
	}
}
