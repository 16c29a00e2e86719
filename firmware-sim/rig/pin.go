package rig

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/pin"
)

// kernelEdges is how many edges wait for a reader: the kernel's default for a request of one line.
const kernelEdges = 16

// Drive is what the world does to a wire.
type Drive uint8

const (
	Open    Drive = iota // nothing: a pull decides
	ToGnd                // a closed contact to ground
	ToPower              // a closed contact to the supply
)

// Pin is one pin of the header. It is safe for concurrent use.
type Pin struct {
	name    string
	number  int
	reset   gpio.Pull // after power-on
	changed func()    // called after the level has changed, with nothing locked; may be nil

	mu     sync.Mutex
	wire   Drive // as wired
	fault  wireFault
	output bool
	out    gpio.Level
	pull   gpio.Pull
	edge   gpio.Edge
	hear   func(level bool) // told of every edge instead of WaitForEdge; nil = nobody
	level  gpio.Level       // as a meter shows it
	lost   uint64
	gone   bool // the board is closed
	edges  chan struct{}
	halt   chan struct{} // closed to end the waits of now
}

var (
	_ gpio.PinIO  = (*Pin)(nil)
	_ pin.PinFunc = (*Pin)(nil)
)

func newPin(number int) *Pin {
	p := &Pin{
		name: fmt.Sprintf("GPIO%d", number), number: number, reset: gpio.PullDown,
		edges: make(chan struct{}, kernelEdges), halt: make(chan struct{}),
	}
	if number <= 8 { // BCM2835 ARM Peripherals, table 6-31
		p.reset = gpio.PullUp
	}
	p.pull = p.reset
	p.level = p.reset == gpio.PullUp
	return p
}

// String implements conn.Resource.
func (p *Pin) String() string { return fmt.Sprintf("%s(%d)", p.name, p.number) }

// Name implements pin.Pin.
func (p *Pin) Name() string { return p.name }

// Number implements pin.Pin.
func (p *Pin) Number() int { return p.number }

// Function implements pin.Pin.
func (p *Pin) Function() string { return string(p.Func()) }

// Func implements pin.PinFunc. Here, unlike on some hosts, to ask changes nothing.
func (p *Pin) Func() pin.Func {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := [2][2]pin.Func{{gpio.IN_LOW, gpio.IN_HIGH}, {gpio.OUT_LOW, gpio.OUT_HIGH}}
	return f[bit(p.output)][bit(bool(p.level))]
}

// SupportedFuncs implements pin.PinFunc.
func (p *Pin) SupportedFuncs() []pin.Func { return []pin.Func{gpio.IN, gpio.OUT} }

// SetFunc implements pin.PinFunc.
func (p *Pin) SetFunc(f pin.Func) error {
	switch f {
	case gpio.IN:
		return p.In(gpio.PullNoChange, gpio.NoEdge)
	case gpio.OUT_LOW:
		return p.Out(gpio.Low)
	case gpio.OUT_HIGH:
		return p.Out(gpio.High)
	}
	return fmt.Errorf("set function of %s: %q is not supported; use IN, Out/High or Out/Low", p.name, f)
}

// In implements gpio.PinIn. It forgets the edges so far and ends a wait.
func (p *Pin) In(pull gpio.Pull, edge gpio.Edge) error {
	if edge < gpio.NoEdge || edge > gpio.BothEdges {
		return fmt.Errorf("make %s an input: no such edge: %v", p.name, edge)
	}
	return p.configure("make "+p.name+" an input", func() {
		p.output, p.edge = false, edge
		if pull != gpio.PullNoChange {
			p.pull = pull
		}
	})
}

// Out implements gpio.PinOut.
func (p *Pin) Out(l gpio.Level) error {
	return p.configure("drive "+p.name, func() { p.output, p.out, p.edge = true, l, gpio.NoEdge })
}

// Halt implements conn.Resource: no more edges, and waits end. An output stays driven, as by a Linux kernel.
func (p *Pin) Halt() error {
	return p.configure("halt "+p.name, func() { p.edge = gpio.NoEdge })
}

// PWM implements gpio.PinOut.
func (p *Pin) PWM(gpio.Duty, physic.Frequency) error {
	return fmt.Errorf("pwm on %s: not supported", p.name)
}

// configure changes how the pin is used.
func (p *Pin) configure(op string, change func()) error {
	p.mu.Lock()
	if p.gone {
		p.mu.Unlock()
		return fmt.Errorf("%s: the board is closed: %w", op, syscall.ENODEV)
	}
	change()
	moved := p.settle()
	p.flush() // after it: the step from one pull to another is no edge
	p.mu.Unlock()
	if moved && p.changed != nil {
		p.changed()
	}
	return nil
}

// flush forgets edges and ends waits.
func (p *Pin) flush() {
	close(p.halt)
	p.halt = make(chan struct{})
	for {
		select {
		case <-p.edges:
		default:
			return
		}
	}
}

// Read implements gpio.PinIn.
func (p *Pin) Read() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level
}

// WaitForEdge implements gpio.PinIn by the letter of its documentation: an edge since the last call returns at once, a
// negative timeout means no end, zero means not to wait.
func (p *Pin) WaitForEdge(timeout time.Duration) bool {
	p.mu.Lock()
	halt, gone := p.halt, p.gone
	p.mu.Unlock()
	select {
	case <-p.edges:
		return true
	default:
	}
	if timeout == 0 || gone {
		return false
	}
	var late <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		late = t.C
	}
	select {
	case <-p.edges:
		return true
	case <-halt:
	case <-late:
	}
	return false
}

// Listen tells f of every edge, in the moment in which it happens, with the pin locked: f must not call it. WaitForEdge is
// told nothing then. nil ends that.
func (p *Pin) Listen(f func(level bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hear = f
}

// coil is the level at the other end of the wire of an output, and false when nothing arrives there.
func (p *Pin) coil() (l gpio.Level, wired bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := ToGnd
	if p.level {
		d = ToPower
	}
	d = p.fault.on(d)
	return d == ToPower, d != Open
}

// Pull implements gpio.PinIn.
func (p *Pin) Pull() gpio.Pull {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.output {
		return gpio.PullNoChange
	}
	return p.pull
}

// DefaultPull implements gpio.PinIn.
func (p *Pin) DefaultPull() gpio.Pull { return p.reset }

// Lost is how many edges came when the queue was full.
func (p *Pin) Lost() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// set is what the world does to the pin. Only the board calls it, and what answers to an output is not wired so.
func (p *Pin) set(d Drive) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wire = d
	p.settle()
}

// arrives is what is left of the wire's drive.
func (p *Pin) arrives() Drive {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault.on(p.wire)
}

// fail is what is wrong with the wire.
func (p *Pin) fail(f wireFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	p.settle()
}

// settle works out the level and keeps the edge; p.mu is held.
func (p *Pin) settle() (moved bool) {
	was := p.level
	switch d := p.fault.on(p.wire); {
	case p.output:
		p.level = p.out
	case d != Open:
		p.level = d == ToPower
	case p.pull == gpio.PullUp:
		p.level = gpio.High
	case p.pull == gpio.PullDown:
		p.level = gpio.Low
	} // an open wire without a pull keeps its charge
	if p.level == was {
		return false
	}
	seen := gpio.FallingEdge
	if p.level {
		seen = gpio.RisingEdge
	}
	if !p.output && p.edge&seen != 0 && p.hear != nil {
		p.hear(bool(p.level))
		return true
	}
	if !p.output && p.edge&seen != 0 {
		select {
		case p.edges <- struct{}{}:
		default:
			p.lost++
		}
	}
	return true
}

// remove takes the pin away, as a chip that is unplugged does.
func (p *Pin) remove() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.flush()
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
