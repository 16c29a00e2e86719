package district

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
)

// Issued is an event of a gateway, on the virtual clock.
type Issued struct {
	At    time.Duration
	Event gateway.Event
}

// Gateway is one gateway with its field. What reads lines and buses is left out: a wire that changes is known at once.
type Gateway struct {
	Config *config.Config
	Board  *rig.Board
	Truths []plant.Truth
	Events []Issued
	Tell   func(at time.Duration, what fmt.Stringer) // truths, actions, relays and events, as they happen; nil = nobody

	Faults []Injected

	lock     *daemon.Lockstep
	kinds    map[string]string // by id
	gateOf   map[string]string // by lane
	changes  []rig.Note        // of wires, since the last look
	begun    bool
	pulls    map[string]bool // terminal → an open wire is high
	gauges   []gaugeLook
	acts     []act
	orders   int
	attended bool // somebody sits at the center
}

// act is something that people do about the gateway.
type act struct {
	at time.Duration
	do func()
}

// gaugeLook is when a converter is read next.
type gaugeLook struct {
	to    string
	due   time.Duration
	every time.Duration
	swift time.Duration // read as often as the part does until then, after a change
	last  int64
}

// epoch is what the gateway's clock shows when virtual time begins: a board that has been up for a while.
const epoch = gateway.Mono(time.Minute)

// A converter of contacts reads 20 times a second. While nothing changes a look every few seconds says the same.
const (
	lookSwift = 50 * time.Millisecond
	lookCalm  = 10 * time.Second
	swiftFor  = time.Second
	lookSlow  = 5 * time.Second // at a supply current
)

// Open builds the field of a configuration and a gateway in it.
func Open(cfg *config.Config, seed uint64, scenario rig.Scenario) (*Gateway, error) {
	g := &Gateway{Config: cfg, pulls: map[string]bool{}, kinds: map[string]string{}, gateOf: map[string]string{}}
	for _, d := range cfg.Devices() {
		g.kinds[d.ID] = d.Kind
	}
	for id, gate := range cfg.Gates {
		g.gateOf[cmp.Or(gate.Lane, id)] = id
	}
	site := Site(cfg)
	board, err := rig.New(seed, site, rig.Options{Private: true, Scenario: scenario, Tell: g.hear})
	if err != nil {
		return nil, fmt.Errorf("gateway %s: %w", cfg.Gateway.ID, err)
	}
	g.Board = board
	for _, p := range cfg.Points {
		onBoard := slices.Contains([]string{config.PCF8574, config.PCF8574A, config.PCA9555, config.TCA9555}, cfg.Chips[p.Chip].Kind)
		g.pulls[terminal(p)] = p.Bias == config.BiasUp || onBoard
	}
	for _, gauge := range site.Gauges {
		every := lookCalm
		if _, ok := cfg.Cameras[camera(gauge.From)]; ok {
			every = lookSlow
		}
		g.gauges = append(g.gauges, gaugeLook{to: gauge.To, every: every, last: -1})
	}
	g.lock = daemon.NewLockstep(daemon.LockstepOptions{
		Config: cfg, Start: epoch, Event: g.issued,
		Lines: line.Pins(func(name string) gpio.PinIO {
			if p := board.Pin(name); p != nil {
				return p
			}
			return nil
		}, nil),
	})
	for terminal, high := range g.pulls {
		g.lock.Level(terminal, high)
	}
	g.pass()
	g.lock.Begin()
	g.begun = true
	return g, nil
}

func camera(supply string) string { return supply[:max(0, len(supply)-len(".supply"))] }

// Close gives the relays back.
func (g *Gateway) Close() error {
	g.lock.Close()
	return g.Board.Close()
}

// hear is the board's ear. The board is locked meanwhile.
func (g *Gateway) hear(n rig.Note) {
	switch what := n.What.(type) {
	case rig.Change:
		if !what.Relay {
			g.changes = append(g.changes, n)
			return
		}
	case plant.Truth:
		g.Truths = append(g.Truths, what)
	}
	if g.Tell != nil {
		g.Tell(n.At, n.What)
	}
}

func (g *Gateway) issued(_ gateway.EventID, e gateway.Event) {
	i := Issued{time.Duration(e.At - epoch), e}
	g.Events = append(g.Events, i)
	if g.attended {
		g.attend(e)
	}
	if g.Tell != nil {
		g.Tell(g.now(), i)
	}
}

// now is the virtual time of the gateway.
func (g *Gateway) now() time.Duration {
	if g.lock == nil {
		return 0
	}
	return time.Duration(g.lock.Now() - epoch)
}

// pass tells the gateway what wires have done.
func (g *Gateway) pass() {
	for len(g.changes) > 0 {
		n := g.changes[0]
		g.changes = g.changes[1:]
		c := n.What.(rig.Change)
		for i := range g.gauges {
			if l := &g.gauges[i]; c.Gauge && l.to == c.Line {
				l.due = min(l.due, n.At)
			}
		}
		if c.Gauge {
			continue
		}
		level := g.pulls[c.Line]
		switch c.Drive {
		case rig.ToGnd:
			level = false
		case rig.ToPower:
			level = true
		}
		g.lock.Level(c.Line, level)
	}
}

// measure reads the converters that are due.
func (g *Gateway) measure(now time.Duration) {
	if !slices.ContainsFunc(g.gauges, func(l gaugeLook) bool { return l.due <= now }) {
		return
	}
	for i, r := range g.Board.Gauges() {
		l := &g.gauges[i]
		if l.due > now {
			continue
		}
		if l.every == lookCalm && r.Value != l.last {
			l.swift = now + swiftFor
		}
		l.last, l.due = r.Value, now+l.every
		if now < l.swift {
			l.due = now + lookSwift
		}
		g.lock.Measure(r.To, r.Value)
	}
}

// At lets people do something about the gateway at a time that has not come yet.
func (g *Gateway) At(at time.Duration, do func()) {
	i := slices.IndexFunc(g.acts, func(a act) bool { return a.at > at })
	if i < 0 {
		i = len(g.acts)
	}
	g.acts = slices.Insert(g.acts, i, act{at, do})
}

// next is when something is due: in the field, in the gateway, or by people.
func (g *Gateway) next() time.Duration {
	next := g.Board.Next()
	if w := g.lock.Next(); w != gateway.Mono(plant.Never) {
		next = min(next, time.Duration(w-epoch))
	}
	for _, l := range g.gauges {
		next = min(next, l.due)
	}
	if len(g.acts) > 0 {
		next = min(next, g.acts[0].at)
	}
	return next
}

// Run lets time pass until end.
func (g *Gateway) Run(end time.Duration) error {
	for g.Board.Now() < end {
		at := max(min(g.next(), end), g.Board.Now())
		g.lock.Advance(epoch.Add(at) - 1) // what was due before is over before the field moves
		if err := g.Board.Advance(at - g.Board.Now()); err != nil {
			return fmt.Errorf("gateway %s: %w", g.Config.Gateway.ID, err)
		}
		g.lock.Advance(epoch.Add(at))
		g.pass()
		g.measure(at)
		for len(g.acts) > 0 && g.acts[0].at <= at {
			do := g.acts[0].do
			g.acts = g.acts[1:]
			do()
		}
		g.lock.Advance(epoch.Add(at))
		g.pass() // a relay may have moved something at once
	}
	return nil
}

// String says it as a person would write it down.
func (i Issued) String() string { return fmt.Sprintf("%s %s", i.Event.ID, i.Event.Type) }
