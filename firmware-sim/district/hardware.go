package district

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers"
	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/field"
)

// hardware is what a gateway reads itself: pins behind a kernel's queue of edges, and buses whose transfers take their time.
type hardware struct {
	g     *Gateway
	at    time.Duration // that the field is being brought to
	lines *kernelLines  // that are open
	loses map[string]int

	glimpses map[string]*glimpses // by line
}

// timed is a process that reads its hardware itself.
type timed interface {
	Pass(time.Duration) bool
	Die()
}

// Hardware is what a process reads; nil = it is told.
func (g *Gateway) Hardware() *daemon.Hardware {
	if g.real == nil {
		return nil
	}
	return &daemon.Hardware{
		Lines: g.lines, Inputs: g.real.inputs, Now: g.real.kernel,
		OpenBus: func(name string) (i2c.BusCloser, error) {
			if b := g.Board.Bus(name); b != nil {
				return b, nil
			}
			return nil, fmt.Errorf("open %s: %w", name, syscall.ENOENT)
		},
	}
}

// LoseEdge lets the kernel miss the next edges of a pin, as when two are merged before anybody reads the level.
func (g *Gateway) LoseEdge(pin string, edges int) {
	if g.real.loses == nil {
		g.real.loses = map[string]int{}
	}
	g.real.loses[pin] = edges
}

// Carries is the level at a point's terminal, and since when.
func (g *Gateway) Carries(p config.Point) (level bool, since time.Duration) {
	t := terminal(p)
	return g.levels[t], g.since[t]
}

// now is virtual time as chips have it: later than that of the board's field, while a transfer is under way.
func (h *hardware) now() time.Duration {
	if h.g.lock == nil {
		return h.at
	}
	return max(h.at, h.g.now())
}

// kernel is the clock of the kernel's edges.
func (h *hardware) kernel() time.Duration { return time.Duration(epoch) + h.now() - h.g.boot }

func (h *hardware) pass(d time.Duration) bool {
	if p, ok := h.g.lock.(timed); ok {
		return p.Pass(d)
	}
	return true
}

// die ends the process: the kernel takes its lines back.
func (h *hardware) die() {
	if p, ok := h.g.lock.(timed); ok {
		p.Die()
	}
}

// lose takes the supply away from every chip for a moment.
func (h *hardware) lose() {
	for _, c := range Site(h.g.Config).Chips {
		_ = h.g.Board.Do(rig.ChipAct{Chip: c.Name, Life: rig.Resets}) // it is on the board
	}
}

// edgesWaiting is how many edges of one line wait for a reader: the kernel's default.
const edgesWaiting = 16

// kernelLines are open lines: a request of the kernel.
type kernelLines struct {
	h     *hardware
	pins  []*rig.Pin
	edges chan drivers.Edge
	lost  []uint32
}

var pulls = map[line.Bias]gpio.Pull{
	line.AsIs: gpio.PullNoChange, line.PullUp: gpio.PullUp, line.PullDown: gpio.PullDown, line.Float: gpio.Float,
}

// inputs opens lines.
func (h *hardware) inputs(want []line.Input) (field.Lines, []error) {
	l := &kernelLines{h: h, edges: make(chan drivers.Edge, edgesWaiting*len(want)), lost: make([]uint32, len(want))}
	errs := make([]error, len(want))
	for n, in := range want {
		pin := h.g.Board.Pin(in.Name)
		if pin == nil {
			return nil, []error{fmt.Errorf("open line %s: %w", in.Name, syscall.ENOENT)}
		}
		if errs[n] = pin.In(pulls[in.Bias], gpio.BothEdges); errs[n] == nil {
			pin.Listen(func(level bool) { l.edge(n, level) })
		}
		l.pins = append(l.pins, pin)
	}
	h.lines = l
	return l, errs
}

// edge is the kernel's interrupt.
func (l *kernelLines) edge(n int, level bool) {
	if name := l.pins[n].Name(); l.h.loses[name] > 0 {
		l.h.loses[name]--
		return
	}
	e := drivers.Edge{Channel: n, Level: level, At: l.h.kernel(), Clock: drivers.KernelClock, Lost: l.lost[n]}
	select {
	case l.edges <- e:
		l.lost[n] = 0
	default:
		l.lost[n]++
	}
}

// Edges implements field.Lines.
func (l *kernelLines) Edges() <-chan drivers.Edge { return l.edges }

// Level implements field.Lines.
func (l *kernelLines) Level(n int) (bool, error) { return bool(l.pins[n].Read()), nil }

// Close implements field.Lines.
func (l *kernelLines) Close() error {
	var errs []error
	for _, p := range l.pins {
		p.Listen(nil)
		errs = append(errs, p.In(gpio.PullNoChange, gpio.NoEdge))
	}
	return errors.Join(errs...)
}
