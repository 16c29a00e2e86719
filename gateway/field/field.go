package field

import (
	"context"
	"sync"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// Field runs the sources and the core.
type Field struct {
	cfg  Config
	core *Core
	in   chan Input
	now  func() gateway.Mono
	beat func()

	drives    map[int]chan driveAsk // source → the owner of its bus
	stops     chan gateway.Command  // past the queue
	queue     chan gateway.Command
	questions chan question
	actuators map[int]*actuator // by device
}

// inputsWaiting bounds what sources may be ahead of the core.
const inputsWaiting = 1024

// commandsWaiting bounds the commands that wait for the core.
const commandsWaiting = 16

// New makes a field that has not started. now is the monotonic clock; beat, if not nil, is called by the core at least
// once a second: the proof of life that a watchdog wants.
func New(cfg Config, h *hub.Hub, r Recorder, now func() gateway.Mono, beat func()) *Field {
	f := &Field{
		cfg: cfg, core: NewCore(cfg, h, r, now()), in: make(chan Input, inputsWaiting), now: now, beat: beat,
		stops: make(chan gateway.Command, commandsWaiting), queue: make(chan gateway.Command, commandsWaiting),
		questions: make(chan question, commandsWaiting), actuators: map[int]*actuator{},
	}
	f.drives = map[int]chan driveAsk{}
	for _, b := range cfg.Buses {
		asks := make(chan driveAsk)
		for _, c := range b.Chips {
			f.drives[c.Source] = asks
		}
	}
	for i, d := range cfg.Devices {
		if d.Relays != [device.Outputs]Relay{} {
			f.actuators[i] = newActuator(i, d, now, f.in)
		}
	}
	f.core.drive = func(i int, d device.Drive) {
		if a := f.actuators[i]; a != nil {
			a.want(d)
		}
	}
	f.core.ask = func(q question) {
		select {
		case f.questions <- q:
		default: // nobody answers, and no answer is a refusal
		}
	}
	return f
}

// Command hands a command over, in order; stop goes past the others. It is false when too many wait: nothing will become
// of the command then. It never waits.
func (f *Field) Command(c gateway.Command) bool {
	to := f.queue
	if c.Action == gateway.Stop {
		to = f.stops
	}
	select {
	case to <- c:
		return true
	default:
		return false
	}
}

// Signal tells the internal devices of a kind that something is so.
func (f *Field) Signal(ctx context.Context, kind string, on bool) bool {
	return push(ctx, f.in, Input{Kind: SignalInput, ID: kind, On: on})
}

// Post hands an event of another part of the daemon to the core, so that all events are issued in one order. It waits
// while the core is behind, and gives up when ctx ends.
func (f *Field) Post(ctx context.Context, e gateway.Event) bool {
	return push(ctx, f.in, Input{Kind: EventInput, Event: e})
}

// Last issues the last event of the run. Run must have returned.
func (f *Field) Last(e gateway.Event) { f.core.Apply(f.now(), Input{Kind: EventInput, Event: e}) }

// ActOnAlarm hands what somebody does about an alarm to the core. It waits as Post does.
func (f *Field) ActOnAlarm(ctx context.Context, act AlarmAct) bool {
	return push(ctx, f.in, Input{Kind: AlarmInput, Alarm: act})
}

// Run acquires and steps until ctx ends, and returns when every goroutine it started has ended. The owners of the buses
// end last: relays on their chips want to be made inactive. The events of first are issued before all others.
func (f *Field) Run(ctx context.Context, first ...gateway.Event) {
	owners, leave := context.WithCancel(context.WithoutCancel(ctx))
	var sources, hands sync.WaitGroup
	asks := make(chan levelAsk)
	toINT := map[int]chan<- drivers.Edge{}
	chips := make([]chan<- chipAsk, len(f.cfg.Sources))
	for _, b := range f.cfg.Buses {
		ints := make(chan drivers.Edge, 64)
		var drive chan driveAsk
		for _, c := range b.Chips {
			for _, channel := range c.Interrupts {
				toINT[channel] = ints
			}
			drive = f.drives[c.Source]
		}
		fresh := make(chan chipAsk)
		for _, c := range b.Chips {
			chips[c.Source] = fresh
		}
		a := &acquireBus{cfg: b, now: f.now, core: f.in, ints: ints, level: asks, drive: drive, ask: fresh}
		sources.Go(func() { a.run(owners) })
	}
	if f.cfg.Lines != nil {
		a := &acquireLines{cfg: *f.cfg.Lines, now: f.now, core: f.in, toINT: toINT, level: asks}
		sources.Go(func() { a.run(owners) })
	}
	p := &proof{cfg: f.cfg, now: f.now, core: f.in, questions: f.questions, lines: asks, chips: chips}
	hands.Go(func() { p.run(ctx) })
	for _, a := range f.actuators {
		hands.Go(func() { a.run(ctx) })
	}
	for _, e := range first {
		f.core.Apply(f.now(), Input{Kind: EventInput, Event: e})
	}
	f.steps(ctx)
	resting := make(chan struct{})
	go func() {
		hands.Wait()
		close(resting)
	}()
	for waiting := true; waiting; {
		select {
		case <-f.in: // nobody decides any more, and the owners of the buses must not wait for it
		case <-resting:
			waiting = false
		}
	}
	leave()
	sources.Wait()
}

// lateBy is how late a timer may fire before we suspect that the whole process was held up, its readers too.
const lateBy = 2 * time.Millisecond

// steps is the core goroutine.
func (f *Field) steps(ctx context.Context) {
	const idle = time.Second
	timer := time.NewTimer(idle)
	defer timer.Stop()
	yielded := false
	f.core.begin(f.now())
	for {
		select {
		case <-ctx.Done():
			f.drain()
			return
		case c := <-f.stops:
			f.core.Apply(f.now(), Input{Kind: CommandInput, Command: c})
		case in := <-f.in:
			f.core.Apply(f.now(), in)
		case c := <-f.queue:
			f.drain() // what happened before it is known before it
			f.core.Apply(f.now(), Input{Kind: CommandInput, Command: c})
		case <-timer.C:
		}
		f.drain()
		now, wake := f.now(), f.core.Wake()
		if !wake.IsZero() && wake <= now {
			// Edges that happened before now must be known before time passes. When this timer is late, so is the
			// reader of the edges: let it speak first, once.
			if now.Sub(wake) > lateBy && !yielded {
				yielded = true
				timer.Reset(lateBy)
				continue
			}
			f.core.Tick(now)
			wake = f.core.Wake()
		}
		yielded = false
		if f.beat != nil {
			f.beat()
		}
		next := idle
		if !wake.IsZero() {
			next = min(idle, max(wake.Sub(f.now()), 0))
		}
		timer.Reset(next)
	}
}

// drain applies what has arrived, without waiting, and lets stop in between.
func (f *Field) drain() {
	for range inputsWaiting {
		select {
		case c := <-f.stops:
			f.core.Apply(f.now(), Input{Kind: CommandInput, Command: c})
		default:
		}
		select {
		case in := <-f.in:
			f.core.Apply(f.now(), in)
		default:
			return
		}
	}
}
