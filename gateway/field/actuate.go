package field

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
)

// actuator owns the relays of one gate and their one timer. It carries out the newest Drive that it was given; there is no
// queue, so a core that stalls leaves no late pulses behind.
//
// Whatever it is told: OPEN and CLOSE are never both active and device.Gap apart, no pulse is longer than
// device.MaxPulse (but for an OPEN relay that may be held), and a relay that could not be switched off is tried again
// until it is known to be off. It does not need the core to end a pulse.
//
// Relays are switched beside its goroutine: one on a bus that hangs takes seconds, and keeps no other one waiting.
type actuator struct {
	gate    string
	held    atomic.Bool // OPEN may be active for longer than a pulse
	now     func() gateway.Mono
	core    inlet
	out     [device.Outputs]output
	poke    chan struct{}
	results chan switched
	told    chan device.Report // on their way to the core, which may be behind: a pulse ends all the same
	hands   sync.WaitGroup
	busy    atomic.Bool  // an output is active, or not known to be inactive
	beside  func(func()) // runs what switches a relay

	mu     sync.Mutex
	newest device.Drive
}

// output is one relay and the pulse it was last given.
type output struct {
	relay  Relay
	active bool         // or not known to be inactive
	dirty  bool         // could not be switched off
	over   bool         // is to be switched off, whatever is wanted
	pulse  device.Pulse // as it was given; From names it
	began  gateway.Mono
	ended  gateway.Mono

	hand  context.CancelFunc // gives up the switching that is under way; nil = there is none
	on    bool               // what is under way
	shown bool               // the core was told that the pulse has begun
	tries int                // to switch it off, in vain
	again gateway.Mono       // not switched off before
	next  gateway.Mono       // not switched on before
	look  gateway.Mono       // while it is active: told again then, and read back
}

// switched is what became of one attempt.
type switched struct {
	n   device.Output
	on  bool
	err error
}

const (
	// Tries to switch a relay off that would not go.
	offFirst, offAgain = 10 * time.Millisecond, 100 * time.Millisecond
	// onAgain is the pause after a relay could not be switched on.
	onAgain = 100 * time.Millisecond
	// holdLook is how often an active relay is told again and read back: a chip may lose its supply while it holds one,
	// and a watchdogged relay wants to be told.
	holdLook = time.Second
	// lastWord is how long the end of the program waits for relays to be made inactive.
	lastWord = 2 * time.Second
)

// errReadBack says that a relay is not as it was switched.
var errReadBack = errors.New("the relay does not read back what it was told")

func newActuator(d DeviceConfig, now func() gateway.Mono, core inlet) *actuator {
	a := &actuator{
		gate: d.Meta.ID, now: now, core: core,
		poke: make(chan struct{}, 1), results: make(chan switched, device.Outputs), told: make(chan device.Report, 64),
	}
	a.held.Store(d.Held)
	for n, r := range d.Relays {
		a.out[n].relay = r
	}
	a.beside = a.hands.Go
	return a
}

// want replaces what the relays shall do. It never waits.
func (a *actuator) want(d device.Drive) {
	a.mu.Lock()
	a.newest = d
	a.mu.Unlock()
	select {
	case a.poke <- struct{}{}:
	default:
	}
}

// run switches until ctx ends, and leaves every relay inactive, as far as it can be.
func (a *actuator) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case r := <-a.told:
				a.core.push(ctx, Input{Kind: ReportInput, ID: a.gate, Report: r})
			}
		}
	})
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			a.rest(ctx)
			return
		case <-a.poke:
		case <-timer.C:
		case r := <-a.results:
			a.learn(r)
		}
		timer.Reset(a.step(ctx))
	}
}

// rest is the last word to every relay, once what was under way has been given up.
func (a *actuator) rest(ctx context.Context) {
	a.hands.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWord)
	defer cancel()
	for n := range a.out {
		if r := a.out[n].relay; r != nil {
			a.hands.Go(func() { _ = r.Set(ctx, false) }) // whoever holds it says it once more
		}
	}
	a.hands.Wait()
}

// step begins what is due and returns when it wants to be called again. What ends comes before what begins.
func (a *actuator) step(ctx context.Context) time.Duration {
	a.mu.Lock()
	want := a.newest
	a.mu.Unlock()
	now := a.now()
	next := now.Add(time.Hour)
	for n := range a.out {
		o := &a.out[n]
		if !o.active {
			continue
		}
		end := o.end(want[n], a.limit(device.Output(n)))
		switch due := max(end, o.again); {
		case o.hand != nil && o.on && now >= end:
			o.hand()
		case o.hand != nil && o.on:
			next = min(next, end)
		case o.hand != nil:
		case now >= due:
			a.begin(ctx, device.Output(n), false)
		case now >= o.look && now < end: // not one that is to be off and waits for its next try
			o.look = now.Add(holdLook)
			a.begin(ctx, device.Output(n), true)
			next = min(next, due)
		case now < end:
			next = min(next, due, o.look)
		default:
			next = min(next, due)
		}
	}
	for n := range a.out {
		o, p := &a.out[n], want[n]
		if o.relay == nil || o.active || p.From == o.pulse.From || !p.Ahead(now) {
			continue
		}
		if from := max(a.earliest(device.Output(n), p), o.next); now < from {
			next = min(next, from)
			continue
		}
		if device.Output(n) == device.CloseOutput && now.Sub(p.From) > device.FreshTime {
			o.pulse = p // what it was decided on is old by now: OPEN would not go in time
			a.report(device.Report{Output: device.CloseOutput, Failed: gateway.RelayReadback})
			continue
		}
		o.pulse, o.began, o.active, o.shown, o.look = p, now, true, false, now.Add(holdLook)
		a.begin(ctx, device.Output(n), true)
		next = min(next, o.end(p, a.limit(device.Output(n))))
	}
	a.busy.Store(slices.ContainsFunc(a.out[:], func(o output) bool { return o.active }))
	return max(next.Sub(a.now()), 0)
}

// limit is the longest that an output may be active.
func (a *actuator) limit(n device.Output) time.Duration {
	if n == device.OpenOutput && a.held.Load() {
		return time.Duration(device.Forever)
	}
	return device.MaxPulse
}

// end is when an active output becomes inactive: at once if its pulse was cut or is not wanted any more, else after its
// full length, counted from when it really began.
func (o *output) end(want device.Pulse, limit time.Duration) gateway.Mono {
	switch {
	case o.over || want.From != o.pulse.From:
		return 0
	case want.Until < o.pulse.Until:
		return want.Until
	case want.Until == device.Forever && limit == time.Duration(device.Forever):
		return device.Forever
	}
	o.pulse.Until = want.Until
	return o.began.Add(min(want.Until.Sub(want.From), limit, time.Duration(device.Forever-o.began)))
}

// earliest is when an output may begin: OPEN and CLOSE only Gap after the other was really inactive.
func (a *actuator) earliest(n device.Output, p device.Pulse) gateway.Mono {
	other := device.CloseOutput
	switch n {
	case device.StopOutput:
		return p.From
	case device.CloseOutput:
		other = device.OpenOutput
	}
	o := &a.out[other]
	if o.active {
		return a.now().Add(offAgain)
	}
	if o.ended == 0 {
		return p.From
	}
	return max(p.From, o.ended.Add(device.Gap))
}

// begin switches an output. What becomes of it comes as a result.
func (a *actuator) begin(ctx context.Context, n device.Output, on bool) {
	ctx, cancel := context.WithCancel(ctx)
	o := &a.out[n]
	o.hand, o.on = cancel, on
	a.beside(func() {
		defer cancel()
		err := o.relay.Set(ctx, on)
		if err == nil {
			active, ok, readErr := o.relay.Active()
			if err = readErr; err == nil && ok && active != on {
				err = errReadBack
			}
		}
		a.results <- switched{n, on, err} // has room: one hand for each output
	})
}

// learn notes what became of an attempt, and tells the core what is news. An output that could not be switched on is
// switched off; one that could not be switched off stays dirty, which is told once, and is tried again.
func (a *actuator) learn(r switched) {
	o, now := &a.out[r.n], a.now()
	o.hand = nil
	failed := gateway.BusLost
	if errors.Is(r.err, errReadBack) || drivers.Classify(r.err) == drivers.FaultReadBack {
		failed = gateway.RelayReadback
	}
	switch {
	case r.on && r.err == nil:
		if !o.shown {
			o.shown = true
			a.report(device.Report{Output: r.n})
		}
	case r.on:
		o.over, o.again, o.next = true, 0, now.Add(onAgain)
		if !errors.Is(r.err, context.Canceled) { // it was not wanted any more
			o.shown = true
			a.report(device.Report{Output: r.n, Failed: failed})
		}
	case r.err == nil:
		o.active, o.over, o.tries, o.again, o.ended = false, false, 0, 0, now
		if o.dirty {
			o.dirty = false
			a.report(device.Report{Output: r.n, Off: true})
		}
	default:
		o.over, o.again = true, now.Add(offAgain)
		if o.tries++; o.tries < 3 {
			o.again = now.Add(offFirst)
		}
		if !o.dirty {
			o.dirty = true
			a.report(device.Report{Output: r.n, Failed: failed})
		}
	}
}

// report never waits: 64 reports behind, nobody listens.
func (a *actuator) report(r device.Report) {
	select {
	case a.told <- r:
	default:
	}
}
