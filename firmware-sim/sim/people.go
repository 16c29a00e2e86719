package sim

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// peopled tells whether somebody wants something of the gateway that day: an honest center, a hostile one, technicians, and
// who changes the configuration. So it is on half of the seeds, with and without kills, whoever has the last word.
func (o Options) peopled() bool { return (o.Seed^o.Seed>>1^o.Seed>>2)&1 == 1 }

// actor is what somebody is called on the command line: the first word.
func actor(name string) string {
	word, _, _ := strings.Cut(name, " ")
	return word
}

// lacks tells whether somebody is left out of the world. What the others do is the same without that one: each has chance of
// its own.
func (o Options) lacks(name string) bool { return slices.Contains(o.Without, actor(name)) }

// people are those, and the books that are kept about them.
type people struct {
	w      *world
	keys   map[string]ed25519.PrivateKey
	book   book
	rules  *rules
	status gateway.Status // as the center heard it last
	there  []string       // who might do something
	signed signedWatermark

	caller     caller
	attacker   attacker
	technician technician
	editor     editor
	visitor    visitor
	resident   resident
}

// invite lets people come. It is called before the field is built: they bring keys and a fob.
func (w *world) invite(dir string) error {
	receivers(w.cfg)
	chance := w.o.world().For("keys")
	p := &people{w: w, keys: map[string]ed25519.PrivateKey{}}
	for _, id := range []string{centerKey, guardKey, strangerKey} {
		p.keys[id] = newKey(chance)
	}
	may := map[string]config.Key{
		centerKey: {Devices: []string{config.Anything}, Actions: []string{config.Anything}},
		guardKey:  {Devices: []string{gateway.GatewayID}, Actions: []string{string(gateway.Identify)}},
	}
	if ids := config.IDs(w.cfg.Gates); len(ids) > 0 {
		may[guardKey] = config.Key{Devices: []string{ids[0]}, Actions: []string{string(gateway.Open), string(gateway.Stop)}}
	}
	if err := allow(w.cfg, dir, p.keys, may); err != nil {
		return err
	}
	p.book = book{w: w, orders: map[string]*order{}}
	w.people = p
	p.rules = newRules(w)
	p.caller, p.attacker, p.technician = caller{people: p}, attacker{people: p}, technician{people: p}
	p.visitor, p.resident = newVisitor(p), resident{p}
	p.editor = editor{people: p, file: w.cfg, inForce: w.cfg, known: map[string]*config.Config{w.cfg.Hash: w.cfg}}
	w.center.beside = p.hear
	w.broker.slow = func() time.Duration {
		return plant.Span{Max: time.Second}.Draw(w.o.world().For(fmt.Sprint("subscription ", w.dialled)))
	}
	return p.editor.keep(dir)
}

// arrive is called when the field is there: everybody begins who is not left out.
func (p *people) arrive() error {
	tell := p.w.field.Tell
	p.w.field.Tell = func(at time.Duration, what fmt.Stringer) {
		p.rules.tell(at, what)
		if tell != nil {
			tell(at, what)
		}
	}
	if p.w.o.world().For("protection").IntN(2) == 0 { // a plant that protects vehicles proves nothing about who commands it
		for _, g := range p.rules.gates {
			p.do(rig.Protect{Lane: g.lane, Off: true})
			p.count("barrier without safety of its own")
		}
	}
	p.every("honest center", plant.Span{Min: 20 * time.Second, Max: 4 * time.Minute}, p.caller.act)
	p.every("hostile center", plant.Span{Min: 10 * time.Second, Max: 10 * time.Minute}, p.attacker.act)
	p.every("technician", plant.Span{Min: 5 * time.Minute, Max: 40 * time.Minute}, p.technician.act)
	p.every("visitor", plant.Span{Min: 10 * time.Minute, Max: 50 * time.Minute}, p.visitor.act)
	p.every("resident", plant.Span{Min: 10 * time.Minute, Max: 50 * time.Minute}, p.resident.act)
	p.every("editor", plant.Span{Min: 20 * time.Minute, Max: 4 * time.Hour}, p.editor.act)
	for _, who := range p.w.o.Without {
		if !slices.Contains(p.there, who) {
			return fmt.Errorf("nobody is called %q; there are: %s", who, strings.Join(p.there, ", "))
		}
	}
	return nil
}

// issued is told of every event of the gateway.
func (p *people) issued(e gateway.Event) {
	p.rules.issued(e)
	p.editor.issued(e)
	p.resident.issued(e)
	p.book.audit(e)
}

// bereaved is told that the daemon is dead. Where it is not the power, systemd runs lotusgate safe.
func (p *people) bereaved(power bool) {
	p.rules.died()
	if power {
		return
	}
	p.w.agenda.at(p.w.now+plant.Span{Min: 50 * time.Millisecond, Max: 900 * time.Millisecond}.Draw(p.w.o.world().For(fmt.Sprint("safe ", p.w.starts))), func() {
		if p.w.proc == nil {
			p.w.safe()
		}
	})
}

// safe does what lotusgate safe does.
func (w *world) safe() {
	lines := w.field.Lines()
	for _, id := range config.IDs(w.cfg.Gates) {
		for _, out := range w.cfg.Gates[id].Outputs.All() {
			relay, err := lines.Output(line.Output{Name: out.Line, ActiveLow: out.Active == config.ActiveLow})
			if err == nil {
				err = relay.Close()
			}
			if err != nil {
				w.violate("lotusgate safe: %v", err)
			}
		}
	}
}

// session is the one that commands have to quote; "" = there is none.
func (w *world) session() string {
	if w.proc == nil {
		return ""
	}
	return w.proc.View().Link.Session
}

// word is the system's chance for a daemon.
func (w *world) word() string {
	w.words++
	return word(w.words)
}

func word(n int) string { return fmt.Sprintf("WORD%022d", n) }

// stop ends the daemon in order.
func (w *world) stop() error {
	err := w.proc.Stop()
	w.fall(false)
	return err
}

// every lets somebody do something again and again until the day ends, by a chance of its own, unless the world is to be
// without that one.
func (p *people) every(name string, gap plant.Span, do func(*rand.Rand)) {
	p.there = append(p.there, actor(name))
	if p.w.o.lacks(name) {
		return
	}
	p.w.result.People = append(p.w.result.People, actor(name))
	chance := p.w.o.world().For(name)
	var next func()
	next = func() {
		do(chance)
		if at := p.w.now + gap.Draw(chance); at < p.w.o.Length-time.Hour {
			p.w.agenda.at(at, next)
		}
	}
	p.w.agenda.at(gap.Draw(chance), next)
}

// count notes that something was done.
func (p *people) count(what string) { p.w.result.Faults[what]++ }

// do lets something happen in the field; what the configuration does not have does not happen.
func (p *people) do(a rig.Action) {
	if err := p.w.field.Do(a); err != nil {
		p.w.violate("%v: %v", a, err)
	}
}

// date is the time of day that everybody but the gateway knows.
func (w *world) date() time.Time { return began.Add(w.now) }

// hear is what the center hears beside events and alarms.
func (p *people) hear(kind, rest string, payload []byte) {
	switch kind {
	case "status":
		var s gateway.Status
		if json.Unmarshal(payload, &s) == nil {
			fresh := s.Session != p.status.Session
			if p.status = s; fresh {
				p.attacker.early()
			}
		}
	case "reply":
		var r gateway.Reply
		if err := json.Unmarshal(payload, &r); err != nil {
			p.w.violate("a reply of %s cannot be read: %v", rest, err)
			return
		}
		p.book.reply(r)
	case "state":
		p.caller.state(rest, payload)
	}
}

// clear tells whether nothing has disturbed the way to the center since a time.
func (w *world) clear(since time.Duration) bool {
	b := w.broker
	return w.proc != nil && w.proc.Uplink.Connected() && b.conn != nil && w.calm <= since && w.disturbed < since &&
		!b.silent && !b.stopped && !b.cut && !b.down
}

// actions of movement.
func moves(a gateway.Action) bool {
	return slices.Contains([]gateway.Action{gateway.Open, gateway.Close, gateway.HoldOpen}, a)
}
