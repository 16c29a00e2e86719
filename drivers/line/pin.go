package line

import (
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers"
)

const (
	// pinWait is how long a pin waits at a time. Zero and negative times mean opposite things in different drivers.
	pinWait = 200 * time.Millisecond
	// pinTries is how many waits in a row may end early and without an edge, as they do when the device is gone.
	pinTries = 5
	// pinDrain bounds how many old edges are thrown away at first.
	pinDrain = 64
)

var pulls = [...]gpio.Pull{AsIs: gpio.PullNoChange, PullUp: gpio.PullUp, PullDown: gpio.PullDown, Float: gpio.Float}

// pinInput reads one pin through periph.
type pinInput struct {
	pin  gpio.PinIn
	now  func() time.Duration
	stop chan struct{}
	once sync.Once
}

func openPin(p gpio.PinIO, want Input, now func() time.Duration) (*pinInput, error) {
	if err := p.In(pulls[want.Bias], gpio.BothEdges); err != nil {
		return nil, &drivers.Error{Fault: drivers.Classify(err), Op: "open line " + want.Name + ": make the pin an input", Err: err}
	}
	// In does not flush everywhere: edges from before would come first.
	for n := 0; n < pinDrain && p.WaitForEdge(time.Millisecond); n++ {
	}
	return &pinInput{pin: p, now: now, stop: make(chan struct{})}, nil
}

func (p *pinInput) run(tell func(slot int, e drivers.Edge) bool) error {
	defer func() { _ = p.pin.Halt() }() // ends edge detection where there is such a thing
	for early := 0; early < pinTries; {
		began := time.Now()
		woken := p.pin.WaitForEdge(pinWait)
		at := p.now()
		waited := time.Since(began)
		switch {
		case p.stopped(0):
			return nil
		case woken:
			early = 0
			if !tell(0, drivers.Edge{Level: bool(p.pin.Read()), At: at, Clock: drivers.UserClock}) {
				return nil
			}
		case waited >= pinWait/2:
			early = 0
		default: // halted by somebody, once; or the device is gone, and this would spin
			early++
			if p.stopped(pinWait - waited) {
				return nil
			}
		}
	}
	return &drivers.Error{
		Fault: drivers.FaultMissing, Op: "wait for an edge",
		Err: fmt.Errorf("the pin stopped waiting %d times in a row without an edge: its device seems to be gone", pinTries),
	}
}

// stopped tells whether close was called, waiting for it up to d.
func (p *pinInput) stopped(d time.Duration) bool {
	select {
	case <-p.stop:
		return true
	default:
	}
	if d <= 0 {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-p.stop:
		return true
	case <-t.C:
		return false
	}
}

// level cannot fail: periph's Read answers Low when it does. A dead device shows in run only.
func (p *pinInput) level(int) (bool, error) { return bool(p.pin.Read()), nil }

func (p *pinInput) close() error {
	p.once.Do(func() { close(p.stop) })
	return nil
}
