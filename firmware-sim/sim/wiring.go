package sim

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"lotusgate/deploy/examples"
	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/status"
)

// miswired is a time in which inputs say what is not so: somebody has wired them wrongly, and nobody has corrected that yet.
type miswired struct {
	ids       []string // devices
	from, to  time.Duration
	corrected bool // the drop-in is written
}

// keep writes the configuration as a file, so that a correction can be a drop-in beside it. Of a configuration that is not
// shipped there is no text, and nobody corrects it.
func (e *editor) keep(dir string) error {
	text, err := examples.Read(e.w.o.Config.Gateway.ID)
	if err != nil {
		return nil
	}
	name := filepath.Join(dir, "gateway.yaml")
	if cfg, err := config.Parse(filepath.Base(name), text); err != nil || cfg.Hash != e.w.o.Config.Hash {
		return nil
	}
	e.path = name
	return os.WriteFile(name, text, 0o600)
}

// reread takes the wires as the file and its drop-ins have them now.
func (e *editor) reread() error {
	cfg, err := config.Load(e.path)
	if err != nil {
		return err
	}
	for id, p := range e.file.Points {
		if _, ok := cfg.Points[id]; !ok { // a receiver's
			cfg.Points[id] = p
		}
	}
	fresh := *e.file
	fresh.Points = cfg.Points
	e.write(&fresh)
	return nil
}

// swap lets somebody confuse the wires of two inputs; somebody else finds that and corrects it at the page.
func (t *technician) swap(chance *rand.Rand) time.Duration {
	ids, points := t.editor.wires()
	if len(ids) < 2 {
		return 0
	}
	a := chance.IntN(len(ids))
	b := (a + 1 + chance.IntN(len(ids)-1)) % len(ids)
	t.do(rig.Swap{A: t.terminal(points[a]), B: t.terminal(points[b])})
	return t.correct([]string{ids[a], ids[b]}, status.Correction{Swap: [2]string{points[a], points[b]}}, chance)
}

// turn lets somebody replace a contact by one that works the other way round.
func (t *technician) turn(chance *rand.Rand) time.Duration {
	ids, points := t.editor.wires()
	if len(ids) == 0 {
		return 0
	}
	n := chance.IntN(len(ids))
	t.do(rig.Turn{Line: t.terminal(points[n])})
	return t.correct(ids[n:n+1], status.Correction{Invert: points[n]}, chance)
}

// correct lets a technician find out what is wrong, and correct it.
func (t *technician) correct(ids []string, c status.Correction, chance *rand.Rand) time.Duration {
	m := &miswired{ids: ids, from: t.w.now, to: never}
	t.editor.wrong = append(t.editor.wrong, m)
	lasts := plant.Span{Min: 20 * time.Second, Max: 5 * time.Minute}.Draw(chance)
	var does func()
	does = func() {
		if t.w.proc == nil {
			t.later(time.Minute, does)
			return
		}
		t.editor.corrects = true
		err := t.w.proc.Correct(c)
		t.editor.corrects = false
		if err != nil {
			t.w.violate("a correction of %v is refused: %v", ids, err)
		}
		m.corrected = true
		t.count("reload: correction as a drop-in")
	}
	t.later(lasts, does)
	return lasts + time.Minute
}

// wires are the devices that have one wire each which nothing depends on but what they tell, with the points of the wires:
// bays and contacts at expanders. There are none while one is wrong, or a change of the configuration waits.
func (e *editor) wires() (ids, points []string) {
	if e.path == "" || e.inForce != e.file || slices.ContainsFunc(e.wrong, func(m *miswired) bool { return m.to == never }) {
		return nil, nil
	}
	add := func(id, input string) {
		if e.file.Points[input].Chip != "" {
			ids, points = append(ids, id), append(points, input)
		}
	}
	for _, id := range config.IDs(e.file.Bays) {
		add(id, e.file.Bays[id].Input)
	}
	if len(ids) > 0 { // the wire of the last bay is loose for a while
		ids, points = ids[:len(ids)-1], points[:len(points)-1]
	}
	for _, id := range config.IDs(e.file.Contacts) {
		add(id, e.file.Contacts[id].Input)
	}
	return ids, points
}

func (t *technician) terminal(point string) string {
	p := t.editor.file.Points[point]
	return fmt.Sprint(p.Chip, ".", p.Pin)
}

// inForceAgain ends what a configuration that has just taken effect has put right.
func (e *editor) inForceAgain() {
	for _, m := range e.wrong {
		if m.corrected && m.to == never {
			m.to = e.w.now
		}
	}
}

// miswired tells whether an input was wired wrongly then.
func (w *world) miswired(id string, at time.Duration) bool {
	const around = 10 * time.Second
	return w.people != nil && slices.ContainsFunc(w.people.editor.wrong, func(m *miswired) bool {
		return slices.Contains(m.ids, id) && at >= m.from-around && (m.to == never || at <= m.to+around)
	})
}

// corrected is until when an input was wired wrongly; 0 = never.
func (w *world) corrected(id string) (at time.Duration) {
	if w.people == nil {
		return 0
	}
	for _, m := range w.people.editor.wrong {
		if slices.Contains(m.ids, id) {
			at = max(at, min(m.to, w.now))
		}
	}
	return at
}

// switchOff takes the power of a barrier's controller. The center tries to open, and hears that nothing moves.
func (t *technician) switchOff(chance *rand.Rand) time.Duration {
	id := t.gate(chance)
	if id == "" {
		return 0
	}
	g := t.rules.gates[id]
	off := t.w.now
	t.do(rig.Controller{Lane: g.lane, Off: true})
	t.later(plant.Span{Min: time.Second, Max: 10 * time.Second}.Draw(chance), func() {
		if t.w.field.Board.Arm(g.lane) > 0 { // it was on its way
			return
		}
		o := t.caller.order(id, gateway.Open, gateway.Args{})
		t.later(15*time.Second, func() { t.unmoved(g, o, off) })
	})
	lasts := plant.Span{Min: 30 * time.Second, Max: 4 * time.Minute}.Draw(chance)
	t.later(lasts, func() { t.do(rig.Controller{Lane: g.lane}) })
	return lasts + time.Minute
}

// unmoved holds what is said of an OPEN that could not move anything.
func (t *technician) unmoved(g *barrier, o *order, off time.Duration) {
	if o == nil || len(o.accepted) == 0 || len(t.w.runs) == 0 || t.w.runs[len(t.w.runs)-1].begin > off || t.w.proc == nil {
		return
	}
	switch {
	case o.stage == gateway.Done:
		t.w.violate("open of %s is done, and its controller has no power", g.id)
	case o.stage == gateway.Failed && o.why == gateway.NoMotion:
		t.count("technician: and hears that the barrier does not move")
	case len(o.ended) == 0:
		t.w.violate("open of %s has no end after 15 s, and its controller has no power", g.id)
	}
}
