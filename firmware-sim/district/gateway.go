package district

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
)

// Issued is an event of a gateway, on the virtual clock.
type Issued struct {
	At    time.Duration
	Event gateway.Event
}

// Gateway is one gateway with its field. What reads lines and buses is left out, unless its hardware is real: a wire that
// changes is known at once.
type Gateway struct {
	Config *config.Config
	Board  *rig.Board
	Truths []plant.Truth
	Events []Issued
	Tell   func(at time.Duration, what fmt.Stringer) // truths, actions, relays and events, as they happen; nil = nobody

	Wires func(at time.Duration, c rig.Change) // changes of wires, as they happen; nil = nobody

	Faults []Injected

	lock     Process       // nil = the power is off, or nobody has started it
	boot     time.Duration // when its kernel booted, so that its clock shows epoch then
	lines    line.Provider
	levels   map[string]bool // of every terminal, as they are
	since    map[string]time.Duration
	kinds    map[string]string // by id
	gateOf   map[string]string // by lane
	changes  []rig.Note        // of wires, since the last look
	pulls    map[string]bool   // terminal → an open wire is high
	gauges   []gaugeLook
	acts     []act
	orders   int
	attended bool // somebody sits at the center
	real     *hardware
}

// Process is one run of a gateway, in lockstep with its field: daemon.Lockstep, or the whole of it, daemon.Stepped.
type Process interface {
	Level(terminal string, level bool)
	Measure(terminal string, value int64)
	Begin()
	Center(there bool)
	Command(gateway.Command) bool
	Act(field.AlarmAct)
	View() *hub.View
	Now() gateway.Mono
	Next() gateway.Mono
	Advance(to gateway.Mono)
	Close()
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
	g, err := Build(cfg, seed, scenario)
	if err != nil {
		return nil, err
	}
	g.Start(daemon.NewLockstep(daemon.LockstepOptions{Config: cfg, Start: epoch, Event: g.Issued, Lines: g.lines}))
	g.Center(true)
	return g, nil
}

// Build is Open without a gateway: Start comes next.
func Build(cfg *config.Config, seed uint64, scenario rig.Scenario) (*Gateway, error) {
	return build(cfg, seed, scenario, false)
}

func build(cfg *config.Config, seed uint64, scenario rig.Scenario, real bool) (*Gateway, error) {
	g := &Gateway{
		Config: cfg, pulls: map[string]bool{}, kinds: map[string]string{}, gateOf: map[string]string{}, levels: map[string]bool{}, since: map[string]time.Duration{},
	}
	for _, d := range cfg.Devices() {
		g.kinds[d.ID] = d.Kind
	}
	for id, gate := range cfg.Gates {
		g.gateOf[cmp.Or(gate.Lane, id)] = id
	}
	site := Site(cfg)
	o := rig.Options{Private: true, Scenario: scenario, Tell: g.hear}
	if real {
		g.real = &hardware{g: g, glimpses: map[string]*glimpses{}}
		o.Now, o.Pass, o.Read = g.real.now, g.real.pass, g.real.read
	}
	board, err := rig.New(seed, site, o)
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
	g.lines = line.Pins(func(name string) gpio.PinIO {
		if p := board.Pin(name); p != nil {
			return p
		}
		return nil
	}, nil)
	g.levels = maps.Clone(g.pulls)
	g.pass()
	return g, nil
}

// Lines are the pins of the board, for relays.
func (g *Gateway) Lines() line.Provider { return g.lines }

// Clock is what a process shows as the time since its kernel booted.
func (g *Gateway) Clock() gateway.Mono { return epoch.Add(g.Board.Now() - g.boot) }

// Start makes p the gateway of this field.
func (g *Gateway) Start(p Process) {
	g.lock = p
	if g.real != nil {
		p.Begin()
		return
	}
	for _, terminal := range slices.Sorted(maps.Keys(g.levels)) {
		p.Level(terminal, g.levels[terminal])
	}
	p.Begin()
	for i := range g.gauges {
		g.gauges[i].due, g.gauges[i].last = g.Board.Now(), -1
	}
}

// Stop takes the gateway away, as kill -9 does: outputs stay as they are.
func (g *Gateway) Stop() {
	if g.real != nil {
		g.real.die()
	}
	g.lock = nil
}

// Cut takes the power of the board away: its outputs float, and the next process has a kernel of its own.
func (g *Gateway) Cut() {
	g.Stop()
	for _, p := range g.Board.Pins() {
		_ = p.In(gpio.PullNoChange, gpio.NoEdge) // a board that is open refuses nothing
	}
	if g.real != nil {
		g.real.lose()
	}
}

// Boot begins a new life of the board's kernel.
func (g *Gateway) Boot() { g.boot = g.Board.Now() }

// Running tells whether there is a process.
func (g *Gateway) Running() bool { return g.lock != nil }

// Center says whether the center is in reach.
func (g *Gateway) Center(there bool) {
	if g.lock == nil {
		return
	}
	g.lock.Center(there)
	for _, id := range config.IDs(g.Config.Lanes) {
		if !there && g.Config.Lanes[id].WhenAway != config.AwayNone {
			g.Faults = append(g.Faults, Injected{At: g.now(), What: "the center is away", wants: []name{{id, gateway.AutonomyEntered, ""}}})
		}
	}
}

func camera(supply string) string { return supply[:max(0, len(supply)-len(".supply"))] }

// Close gives the relays back.
func (g *Gateway) Close() error {
	if g.lock != nil {
		g.lock.Close()
	}
	return g.Board.Close()
}

// hear is the board's ear. The board is locked meanwhile.
func (g *Gateway) hear(n rig.Note) {
	switch what := n.What.(type) {
	case rig.Change:
		if !what.Relay {
			g.changes = append(g.changes, n)
			if g.real != nil && g.real.glimpses[what.Line] != nil {
				g.real.glimpses[what.Line].is = what.Drive
			}
			if g.Wires != nil {
				g.Wires(n.At, what)
			}
			return
		}
	case plant.Truth:
		g.Truths = append(g.Truths, what)
	}
	if g.Tell != nil {
		g.Tell(n.At, n.What)
	}
}

// Issued is to be told of every event of the process.
func (g *Gateway) Issued(_ gateway.EventID, e gateway.Event) {
	i := Issued{time.Duration(e.At-epoch) + g.boot, e}
	g.Events = append(g.Events, i)
	if g.attended {
		g.attend(e)
	}
	if g.Tell != nil {
		g.Tell(g.now(), i)
	}
}

// Now is the virtual time of the gateway.
func (g *Gateway) Now() time.Duration { return g.now() }

// now is the virtual time of the gateway.
func (g *Gateway) now() time.Duration {
	if g.lock == nil {
		return g.Board.Now()
	}
	return time.Duration(g.lock.Now()-epoch) + g.boot
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
		if level != g.levels[c.Line] {
			g.levels[c.Line], g.since[c.Line] = level, n.At
		}
		if g.lock != nil && g.real == nil {
			g.lock.Level(c.Line, level)
		}
	}
}

// measure reads the converters that are due.
func (g *Gateway) measure(now time.Duration) {
	if g.lock == nil || g.real != nil || !slices.ContainsFunc(g.gauges, func(l gaugeLook) bool { return l.due <= now }) {
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

// Next is when something is due: in the field, in the gateway, or by people.
func (g *Gateway) Next() time.Duration {
	next := g.Board.Next()
	if g.lock != nil {
		if w := g.lock.Next(); w != gateway.Mono(plant.Never) {
			next = min(next, time.Duration(w-epoch)+g.boot)
		}
		for _, l := range g.gauges {
			if g.real == nil {
				next = min(next, l.due)
			}
		}
	}
	if len(g.acts) > 0 {
		next = min(next, g.acts[0].at)
	}
	return next
}

// Run lets time pass until end.
func (g *Gateway) Run(end time.Duration) error {
	for g.Board.Now() < end {
		if err := g.To(min(g.Next(), end)); err != nil {
			return err
		}
	}
	return nil
}

// To lets time pass until at, which is not later than Next. With real hardware it stops on the way when the gateway has told
// of something.
func (g *Gateway) To(at time.Duration) error {
	at = max(at, g.Board.Now())
	mono := epoch.Add(at - g.boot)
	g.advance(mono - 1) // what was due before is over before the field moves
	if g.real != nil {
		if now := g.now(); g.lock != nil && now+1 < at {
			at, mono = now, g.lock.Now()
		}
		g.real.at = at
	}
	if err := g.Board.Advance(at - g.Board.Now()); err != nil {
		return fmt.Errorf("gateway %s: %w", g.Config.Gateway.ID, err)
	}
	g.advance(mono)
	g.pass()
	g.measure(at)
	for len(g.acts) > 0 && g.acts[0].at <= at {
		do := g.acts[0].do
		g.acts = g.acts[1:]
		do()
	}
	g.advance(mono)
	g.pass() // a relay may have moved something at once
	return nil
}

func (g *Gateway) advance(to gateway.Mono) {
	if g.lock != nil {
		g.lock.Advance(to)
	}
}

// String says it as a person would write it down.
func (i Issued) String() string { return fmt.Sprintf("%s %s", i.Event.ID, i.Event.Type) }
