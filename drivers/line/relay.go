package line

import (
	"errors"
	"fmt"
	"sync"

	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers"
)

// Relay is one output. It is never read back: on periph pins a read turns the output into an input, and the truth about
// a movement is a limit switch, not the level at a coil.
type Relay struct {
	place  string
	mu     sync.Mutex // orders Set and Close, so that nothing is active after Close
	closed bool
	drive  func(active bool) error
	free   func() error
}

// Output opens a line as an inactive output.
func (p Provider) Output(o Output) (*Relay, error) {
	at, err := p.directory().resolve(o.Name)
	if err != nil {
		return nil, err
	}
	if at.pin != nil {
		return openRelayPin(at, o)
	}
	return p.openRelay(at, o)
}

// openRelay requests a line of the kernel, which becomes an output and inactive in one step.
func (p Provider) openRelay(at place, o Output) (*Relay, error) {
	r := outputRequest(at.Info, o.ActiveLow)
	h, err := p.kernel.request(at.Chip, &r)
	if err != nil {
		return nil, openError(at.Info, o.Name, err)
	}
	return &Relay{place: at.String(), drive: h.set, free: h.close}, nil
}

// openRelayPin drives a pin that only periph has. Whether the level comes before the direction is up to its driver.
func openRelayPin(at place, o Output) (*Relay, error) {
	r := &Relay{
		place: at.String(),
		drive: func(active bool) error { return at.pin.Out(gpio.Level(active != o.ActiveLow)) },
		free:  func() error { return nil },
	}
	if err := r.Set(false); err != nil {
		return nil, fmt.Errorf("open line %s: %w", o.Name, err)
	}
	return r, nil
}

// Place is where the relay is: "gpiochip0 line 5 (GPIO5)".
func (r *Relay) Place() string { return r.place }

// Set switches the relay. After an error its state is not known.
func (r *Relay) Set(active bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.failed("set", errClosed)
	}
	if err := r.drive(active); err != nil {
		return r.failed("set", err)
	}
	return nil
}

// Close makes the relay inactive and releases its line. What a released line does is up to the kernel and the chip. A
// second Close does nothing.
func (r *Relay) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	err := r.drive(false)
	if err != nil {
		err = r.failed("make inactive", err)
	}
	return errors.Join(err, r.free())
}

func (r *Relay) failed(op string, err error) error {
	return &drivers.Error{Fault: drivers.Classify(err), Op: fmt.Sprintf("%s relay at %s", op, r.place), Err: err}
}
