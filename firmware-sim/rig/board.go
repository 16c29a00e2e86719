package rig

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/i2c/i2creg"

	"lotusgate/firmware-sim/plant"
)

// Options say how a board lives.
type Options struct {
	Scenario Scenario   // nil = nothing happens by itself
	Speed    float64    // virtual seconds in a second of Run; 0 = 1
	Private  bool       // don't register with periph: pins and buses through the Board only
	Tell     func(Note) // called in order, with the board locked: it must be quick and not call the board; nil = nobody

	// Now is the clock of the chips and Pass lets the time of a transfer pass, half of it before and half after; a false
	// one gives it up. nil = the clock of this process, on which transfers take no time but for what holds the bus.
	Now  func() time.Duration
	Pass func(time.Duration) bool

	// Read is told of each transfer that has read from a part, when it is on the wire; only with Pass, and nil = nobody is.
	Read func(bus string, address uint16)
}

// Board is the simulated board with its field. It is safe for concurrent use.
type Board struct {
	opt  Options
	pins map[string]*Pin
	bus  map[string]*Bus

	mu        sync.Mutex
	at        time.Duration // virtual time that everything has been brought to
	field     plant.Group
	journal   plant.Journal
	lanes     map[string]*plant.Lane
	elevators map[string]*plant.Elevator
	cameras   map[string]*plant.Camera
	detectors map[string]*plant.Detector
	switches  map[string]*plant.Switch
	lifts     map[string]*plant.Lift
	meters    map[string]*plant.Meter
	chips     map[string]model
	ends      map[string]end // by the name of the pin: GPIO17, x1.GPA0
	wires     []*wire
	shown     map[string]Drive // by the name of the pin: what was told of it
	relays    []*relay
	gauges    []gauge
	cue       Cue // the next one; its Do is nil when there is none
	running   *pace
	kick      chan struct{} // tells Run that something is due sooner than it thought
	undo      []func()      // what Close does, last first
}

type relay struct {
	Relay
	pin  *Pin
	lane *plant.Lane
	on   bool
}

var inputNames = map[plant.Input]string{
	plant.OpenInput: "open", plant.CloseInput: "close", plant.StopInput: "stop", plant.TicketInput: "ticket",
}

// header is where the pins of a Raspberry Pi are on its header: P1_11 is GPIO17.
var header = [28]int{
	27, 28, 3, 5, 7, 29, 31, 26, 24, 21, 19, 23, 32, 33, 8, 10, 36, 11, 12, 35, 38, 40, 15, 16, 18, 22, 37, 13,
}

// New builds a site on a board and registers GPIO0 to GPIO27 and its buses with periph, under the names of a Raspberry
// Pi. Virtual time stands at zero until Run or Advance.
func New(seed uint64, site Site, o Options) (*Board, error) {
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Speed < 0 {
		return nil, fmt.Errorf("new board: speed %v: time does not run backward", o.Speed)
	}
	b := &Board{
		opt: o, pins: map[string]*Pin{}, bus: map[string]*Bus{}, kick: make(chan struct{}, 1),
		lanes: map[string]*plant.Lane{}, elevators: map[string]*plant.Elevator{}, cameras: map[string]*plant.Camera{},
		detectors: map[string]*plant.Detector{}, switches: map[string]*plant.Switch{}, lifts: map[string]*plant.Lift{}, meters: map[string]*plant.Meter{}, chips: map[string]model{}, ends: map[string]end{}, shown: map[string]Drive{},
	}
	for n := range header {
		p := newPin(n)
		b.pins[p.name], b.ends[p.name] = p, p
	}
	err := b.build(plant.Seed(seed), site)
	if err == nil && !o.Private {
		err = b.register()
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("new board: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next()
	b.settle()
	return b, nil
}

// register puts everything where drivers look for it.
func (b *Board) register() error {
	for _, p := range b.pins {
		if err := gpioreg.Register(p); err != nil {
			return fmt.Errorf("%w; is another board still open?", err)
		}
		b.undo = append(b.undo, func() { _ = gpioreg.Unregister(p.name) })
		for _, alias := range []string{fmt.Sprint(p.number), fmt.Sprintf("P1_%d", header[p.number])} {
			if err := gpioreg.RegisterAlias(alias, p.name); err != nil {
				return err
			}
			b.undo = append(b.undo, func() { _ = gpioreg.Unregister(alias) })
		}
	}
	for _, bus := range b.bus {
		if err := bus.register(); err != nil {
			return err
		}
		b.undo = append(b.undo, func() { _ = i2creg.Unregister(bus.name) })
	}
	return nil
}

// Close takes everything away: names are unregistered, waits end, pins and buses that somebody still holds fail. Run
// must have returned.
func (b *Board) Close() error {
	for _, undo := range slices.Backward(b.undo) {
		undo()
	}
	b.undo = nil
	for _, p := range b.pins {
		p.remove()
	}
	var errs []error
	for _, bus := range b.bus {
		bus.hang(false)
		errs = append(errs, bus.Bus.Close())
	}
	return errors.Join(errs...)
}

// Pin returns a pin by its name, GPIO17; nil when there is none.
func (b *Board) Pin(name string) *Pin { return b.pins[name] }

// Pins are all pins of the header, GPIO0 first.
func (b *Board) Pins() []*Pin {
	pins := slices.Collect(maps.Values(b.pins))
	slices.SortFunc(pins, func(x, y *Pin) int { return x.number - y.number })
	return pins
}

// Bus returns a bus by its device, /dev/i2c-1; nil when there is none.
func (b *Board) Bus(device string) *Bus { return b.bus[device] }

// Now is the virtual time.
func (b *Board) Now() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now()
}

// Relay tells whether the coil at a pin is on.
func (b *Board) Relay(line string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.relays, func(r *relay) bool { return r.Line == line })
	return i >= 0 && b.relays[i].on
}

// Raised tells whether a switch is raised.
func (b *Board) Raised(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.switches[name]
	return s != nil && s.Raised()
}

// Arm is how far the arm of a lane is up, in percent.
func (b *Board) Arm(lane string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lanes[lane]; l != nil {
		return l.Barrier.Percent()
	}
	return 0
}

// Units is how many units have flowed through a meter.
func (b *Board) Units(name string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.meters[name]; m != nil {
		return m.Units()
	}
	return 0
}

// Trapped tells whether somebody is shut in a lift.
func (b *Board) Trapped(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lifts[name]
	return l != nil && l.Trapped()
}

// Do makes something happen now.
func (b *Board) Do(a Action) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.catchUp(); err != nil {
		return err
	}
	err := b.act(a)
	b.settle()
	b.wake()
	return err
}

// act lets an action happen at b.at. The plant must be stepped after it.
func (b *Board) act(a Action) error {
	err := a.apply(b)
	b.field.Touch()
	if err != nil {
		return fmt.Errorf("%v: %w", a, err)
	}
	b.tell(a)
	return nil
}

// output is called when the level of a relay's pin has changed.
func (b *Board) output() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.catchUp() // a scenario that fails is Run's to report, not the relay's
	b.settle()
	b.wake()
}

// settle brings relays, plant and wires in line at b.at, and tells what has happened.
func (b *Board) settle() {
	b.field.Step(b.at)
	b.hear()
	for _, r := range b.relays {
		level, wired := r.pin.coil()
		on := wired && r.active(level)
		if on == r.on {
			continue
		}
		r.on = on
		name := r.Lamp
		if r.lane != nil {
			name = r.Lane + ".gate " + inputNames[r.Input]
			r.lane.Barrier.Set(b.at, r.Input, on)
			b.field.Touch()
		}
		b.tell(Change{Line: r.Line, Relay: true, On: on, Name: name})
	}
	b.carry(func(g *gauge) bool { return g.camera != nil }) // what has been converted until now saw the plant as it was
	b.field.Step(b.at)
	b.hear()
	for _, w := range b.wires {
		if w.carry() {
			b.show(w.To, w.From)
		}
	}
	b.carry(func(g *gauge) bool { return g.camera == nil })
	for i := range b.gauges {
		if g := &b.gauges[i]; g.watch(b.at) {
			b.tell(Change{Line: g.To, Gauge: true, Name: g.From})
		}
	}
}

// carry brings the values of some gauges to their chips.
func (b *Board) carry(which func(*gauge) bool) {
	for i := range b.gauges {
		if g := &b.gauges[i]; which(g) {
			g.carry(b.at)
		}
	}
}

// show tells what arrives at the end of a wire, if that has changed.
func (b *Board) show(line, from string) {
	if d := b.ends[line].arrives(); d != b.shown[line] {
		b.shown[line] = d
		b.tell(Change{Line: line, Drive: d, Name: from})
	}
}

// hear tells what the plant has written into its journal.
func (b *Board) hear() {
	for _, t := range b.journal.Take() {
		b.note(t.At, t)
	}
}

func (b *Board) tell(what fmt.Stringer) { b.note(b.at, what) }

func (b *Board) note(at time.Duration, what fmt.Stringer) {
	if b.opt.Tell != nil {
		b.opt.Tell(Note{At: at, What: what})
	}
}

// pinOf finds the end of a wire by name, GPIO17 or x1.GPA0, and makes it if it is a chip's.
func (b *Board) pinOf(name string, of map[string]string) (end, error) {
	if e := b.ends[name]; e != nil {
		return e, nil
	}
	part, pin, ok := strings.Cut(name, ".")
	if !ok || b.chips[part] == nil {
		return nil, fmt.Errorf("no such pin: %q; write GPIO17, or chip and pin: x1.GPA0", name)
	}
	n := slices.Index(kinds[of[part]].pins, pin)
	if n < 0 {
		return nil, fmt.Errorf("no such pin: %q; %s has %s", name, part, strings.Join(kinds[of[part]].pins, ", "))
	}
	m, ok := b.chips[part].(expander)
	if !ok {
		return nil, fmt.Errorf("%s is measured: put a gauge there", name)
	}
	e := &chipEnd{chip: m, pin: n}
	b.ends[name] = e
	return e, nil
}
