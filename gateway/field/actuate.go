package field

import (
	"context"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
)

// actuator owns the relays of one gate and their one timer. It carries out the newest Drive that it was given; there is no
// queue, so a core that stalls leaves no late pulses behind.
//
// Whatever it is told: OPEN and CLOSE are never both active and device.Gap apart, no pulse is longer than
// device.MaxPulse (but for an OPEN relay that may be held), and a relay that could not be switched off is tried again
// until it is known to be off. It does not need the core to end a pulse.
type actuator struct {
	device int
	held   bool
	now    func() gateway.Mono
	core   chan<- Input
	out    [device.Outputs]output
	poke   chan struct{}
	told   chan device.Report // on their way to the core, which may be behind: a pulse ends all the same

	mu     sync.Mutex
	newest device.Drive
}

// output is one relay and the pulse it was last given.
type output struct {
	relay  Relay
	active bool         // or not known to be inactive
	dirty  bool         // could not be switched off
	pulse  device.Pulse // as it was given; From names it
	began  gateway.Mono
	ended  gateway.Mono
}

// Tries to switch a relay off that would not go.
const (
	offFirst = 10 * time.Millisecond
	offAgain = 100 * time.Millisecond
)

func newActuator(i int, d DeviceConfig, now func() gateway.Mono, core chan<- Input) *actuator {
	a := &actuator{device: i, held: d.Held, now: now, core: core, poke: make(chan struct{}, 1), told: make(chan device.Report, 64)}
	for n, r := range d.Relays {
		a.out[n].relay = r
	}
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
				push(ctx, a.core, Input{Kind: ReportInput, Device: a.device, Report: r})
			}
		}
	})
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			for n := range a.out {
				if o := &a.out[n]; o.relay != nil {
					_ = o.relay.Set(false) // the last word; whoever holds the lines says it once more
				}
			}
			return
		case <-a.poke:
		case <-timer.C:
		}
		timer.Reset(a.step(ctx))
	}
}

// step switches what is due and returns when it wants to be called again. What ends comes before what begins.
func (a *actuator) step(ctx context.Context) time.Duration {
	a.mu.Lock()
	want := a.newest
	a.mu.Unlock()
	next := a.now().Add(time.Hour)
	for n := range a.out {
		o := &a.out[n]
		if !o.active {
			continue
		}
		end := o.end(want[n], a.limit(device.Output(n)))
		if now := a.now(); now >= end {
			a.off(ctx, device.Output(n))
			if o.dirty {
				next = min(next, now.Add(offAgain))
			}
			continue
		}
		next = min(next, end)
	}
	for n := range a.out {
		o, p, now := &a.out[n], want[n], a.now()
		if o.relay == nil || o.active || p.From == o.pulse.From || !p.Ahead(now) {
			continue
		}
		if from := a.earliest(device.Output(n), p); now < from {
			next = min(next, from)
			continue
		}
		a.on(ctx, device.Output(n), p)
		if o.active {
			next = min(next, o.end(p, a.limit(device.Output(n))))
		}
	}
	return max(next.Sub(a.now()), 0)
}

// limit is the longest that an output may be active.
func (a *actuator) limit(n device.Output) time.Duration {
	if n == device.OpenOutput && a.held {
		return time.Duration(device.Forever)
	}
	return device.MaxPulse
}

// end is when an active output becomes inactive: at once if its pulse was cut or is not wanted any more, else after its
// full length, counted from when it really began.
func (o *output) end(want device.Pulse, limit time.Duration) gateway.Mono {
	switch {
	case o.dirty || want.From != o.pulse.From:
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

// on begins a pulse, or reports why it could not.
func (a *actuator) on(ctx context.Context, n device.Output, p device.Pulse) {
	o := &a.out[n]
	o.pulse, o.began, o.active = p, a.now(), true
	err := o.relay.Set(true)
	failed := gateway.BusLost
	if err == nil {
		active, ok, readErr := o.relay.Active()
		if readErr == nil && (active || !ok) {
			a.report(device.Report{Output: n})
			return
		}
		failed = gateway.RelayReadback
	}
	a.report(device.Report{Output: n, Failed: failed})
	a.off(ctx, n)
}

// off makes an output inactive. If that is not sure it stays dirty, which is reported once, and is tried again.
func (a *actuator) off(ctx context.Context, n device.Output) {
	o := &a.out[n]
	wait := offFirst
	for try := range 3 {
		if try > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
		err := o.relay.Set(false)
		failed := gateway.BusLost
		if err == nil {
			active, ok, readErr := o.relay.Active()
			if readErr == nil && (!active || !ok) {
				o.active, o.ended = false, a.now()
				if o.dirty {
					o.dirty = false
					a.report(device.Report{Output: n, Off: true})
				}
				return
			}
			failed = gateway.RelayReadback
		}
		if !o.dirty {
			o.dirty = true
			a.report(device.Report{Output: n, Failed: failed})
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
