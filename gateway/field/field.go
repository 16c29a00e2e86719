package field

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// Field runs the sources and the core. It lives as long as the daemon does; Change gives it another configuration.
type Field struct {
	cfg  Config // the core goroutine's
	core *Core
	in   queue
	now  func() gateway.Mono
	beat func()

	drives    drives
	stops     chan gateway.Command // past the queue
	queue     chan gateway.Command
	changes   chan *change
	questions chan question
	actuators map[string]*actuator // by gate or lot
	held      *heldLines           // open lines that the next readers go on with
	latency   *latency
	watched   atomic.Int64 // gateway.Mono when the reader of the lines last moved; 0 = there is none
}

// inputsWaiting bounds what sources may be ahead of the core.
const inputsWaiting = 1024

// turn is how many inputs are applied before commands get their turn: a command waits for no more of them, however many
// there are. A CLOSE rests on evidence that comes behind all of them.
const turn = 64

// commandsWaiting bounds the commands that wait for the core.
const commandsWaiting = 16

// New makes a field that has not started. now is the monotonic clock; beat, if not nil, is called by the core at least
// once a second: the proof of life that a watchdog wants.
func New(cfg Config, h *hub.Hub, r Recorder, now func() gateway.Mono, beat func()) *Field {
	f := &Field{
		cfg: cfg, core: NewCore(cfg, h, r, now()), in: make(queue, inputsWaiting), now: now, beat: beat,
		stops: make(chan gateway.Command, commandsWaiting), queue: make(chan gateway.Command, commandsWaiting),
		changes: make(chan *change), questions: make(chan question, commandsWaiting), actuators: map[string]*actuator{},
	}
	f.latency = f.core.latency
	f.drives.set(cfg)
	for _, d := range cfg.Devices {
		if d.Relays != [device.Outputs]Relay{} {
			f.actuators[d.Meta.ID] = newActuator(d, now, f.in)
		}
	}
	f.connect()
	return f
}

// connect tells the core where its drives and questions go.
func (f *Field) connect() {
	f.core.drive = func(id string, d device.Drive) {
		if a := f.actuators[id]; a != nil {
			a.want(d)
			runtime.Gosched() // the relay first, the events of it then
		}
	}
	f.core.ask = func(q question) {
		select {
		case f.questions <- q:
		default: // nobody answers, and no answer is a refusal
		}
	}
}

// Watched is when the reader of native lines last moved, which it does at least once a second whether or not there are
// lines to read; ok is false where none are configured. A bus is no such proof: one that hangs takes the kernel seconds, is
// told as bus.fault, and no restart frees it.
func (f *Field) Watched() (at gateway.Mono, ok bool) {
	at = gateway.Mono(f.watched.Load())
	return at, at != 0
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
	return f.in.push(ctx, Input{Kind: SignalInput, ID: kind, On: on})
}

// Post hands an event of another part of the daemon to the core, so that all events are issued in one order. It waits
// while the core is behind, and gives up when ctx ends.
func (f *Field) Post(ctx context.Context, e gateway.Event) bool {
	return f.in.push(ctx, Input{Kind: EventInput, Event: e})
}

// Last issues the last event of the run. Run must have returned.
func (f *Field) Last(e gateway.Event) { f.core.Apply(f.now(), Input{Kind: EventInput, Event: e}) }

// ActOnAlarm hands what somebody does about an alarm to the core. It waits as Post does.
func (f *Field) ActOnAlarm(ctx context.Context, act AlarmAct) bool {
	return f.in.push(ctx, Input{Kind: AlarmInput, Alarm: act})
}

// Run acquires and steps until ctx ends, and returns when every goroutine it started has ended. The owners of the buses
// end last: relays on their chips want to be made inactive. The events of first are issued before all others.
func (f *Field) Run(ctx context.Context, first ...gateway.Event) {
	owners, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	var hands sync.WaitGroup
	for _, a := range f.actuators {
		hands.Go(func() { a.run(ctx) })
	}
	for _, e := range first {
		f.core.Apply(f.now(), Input{Kind: EventInput, Event: e})
	}
	f.core.begin(f.now())
	for {
		reading, stop := context.WithCancel(owners)
		ended := f.acquire(reading)
		next := f.steps(ctx, stop, ended)
		if next == nil {
			f.rest(&hands)
		}
		stop()
		<-ended
		if next == nil {
			f.held.close()
			return
		}
		f.adopt(next)
	}
}

// rest waits until the hands have made their relays inactive.
func (f *Field) rest(hands *sync.WaitGroup) {
	resting := make(chan struct{})
	go func() {
		hands.Wait()
		close(resting)
	}()
	for {
		select {
		case <-f.in: // nobody decides any more, and the owners of the buses must not wait for it
		case <-resting:
			return
		}
	}
}

// acquire starts the readers of lines, buses and evidence. They end with ctx, and then ended is closed.
func (f *Field) acquire(ctx context.Context) (ended <-chan struct{}) {
	var wg sync.WaitGroup
	asks := make(chan levelAsk)
	toINT := map[int]chan<- drivers.Edge{}
	chips := make([]chan<- chipAsk, len(f.cfg.Sources))
	for _, b := range f.cfg.Buses {
		ints, fresh := make(chan drivers.Edge, 64), make(chan chipAsk)
		for _, c := range b.Chips {
			for _, channel := range c.Interrupts {
				toINT[channel] = ints
			}
			chips[c.Source] = fresh
		}
		a := &acquireBus{cfg: b, now: f.now, core: f.in, ints: ints, level: asking(asks), drive: f.drives.bus(b.ID), ask: fresh}
		wg.Go(func() { a.run(ctx) })
	}
	f.watched.Store(0)
	if f.cfg.Lines != nil {
		a := &acquireLines{cfg: *f.cfg.Lines, now: f.now, core: f.in, toINT: toINT, level: asks, held: f.held, watched: &f.watched}
		a.move()
		wg.Go(func() { f.held = a.run(ctx) })
	} else {
		f.held.close()
		f.held = nil
	}
	p := &proof{cfg: f.cfg, now: f.now, core: f.in, questions: f.questions, lines: asking(asks), chips: chips, safety: f.core.orders.safety}
	wg.Go(func() { p.run(ctx) })
	all := make(chan struct{})
	go func() {
		wg.Wait()
		close(all)
	}()
	return all
}

// lateBy is how late a timer may fire before we suspect that the whole process was held up, its readers too.
const lateBy = 2 * time.Millisecond

// steps is the core goroutine. It returns nil when ctx ended, or, after it has stopped the readers and they have ended,
// the change that shall take place. Meanwhile everything goes on but for commands, which wait.
func (f *Field) steps(ctx context.Context, stop func(), ended <-chan struct{}) *change {
	const idle = time.Second
	timer := time.NewTimer(idle)
	defer timer.Stop()
	yielded, turns := false, 0
	var waits *change
	var over <-chan struct{} // ended, once the readers were stopped
	queue := f.queue
	for {
		select {
		case <-ctx.Done():
			f.drainAll()
			return nil
		case <-over:
			f.drainAll()
			return waits
		case c := <-f.changes:
			waits = c
		case c := <-f.stops:
			f.core.Apply(f.now(), Input{Kind: CommandInput, Command: c})
		case in := <-f.in:
			f.core.Apply(f.now(), in)
		case c := <-queue:
			f.drain() // what happened before it is known before it
			f.core.Apply(f.now(), Input{Kind: CommandInput, Command: c})
		case <-timer.C:
		}
		if f.drain() && turns < inputsWaiting/turn {
			turns++ // more has happened already; time passes after it
			continue
		}
		turns = 0
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
		if waits != nil && over == nil && f.ripe(waits) {
			stop()
			over, queue = ended, nil
		}
		next := idle
		if !wake.IsZero() {
			next = min(idle, max(wake.Sub(f.now()), 0))
		}
		timer.Reset(next)
	}
}

// drain applies a turn of what has arrived, without waiting, and lets stop in between. It tells whether there may be more.
func (f *Field) drain() bool {
	for range turn {
		select {
		case c := <-f.stops:
			f.core.Apply(f.now(), Input{Kind: CommandInput, Command: c})
		default:
		}
		select {
		case in := <-f.in:
			f.core.Apply(f.now(), in)
		default:
			return false
		}
	}
	return true
}

// drainAll applies everything that has arrived, as far as a full channel goes.
func (f *Field) drainAll() {
	for n := 0; f.drain() && n < inputsWaiting/turn; n++ {
	}
}
