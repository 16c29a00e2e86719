package line

import (
	"errors"
	"fmt"
	"sync"

	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers"
)

// Relay is one output. Kernel lines are read back on demand; periph pins never are, because there a read may turn the
// output into an input. The truth about a movement is a limit switch, not the level at a coil.
type Relay struct {
	place  string
	mu     sync.Mutex // orders Set and Close, so that nothing is active after Close
	closed bool
	drive  func(active bool) error
	read   func() (bool, error) // nil = cannot be read back
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
	return &Relay{place: at.String(), drive: h.set, free: h.close, read: func() (bool, error) { return h.level(0) }}, nil
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

// Active reads the relay back; ok is false where that is impossible.
func (r *Relay) Active() (active, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return false, false, r.failed("read back", errClosed)
	case r.read == nil:
		return false, false, nil
	}
	if active, err = r.read(); err != nil {
		return false, true, r.failed("read back", err)
	}
	return active, true, nil
}

// ReturnsToInput finds out whether the kernel makes an input of this output when it is released: as when the program
// that drives it dies. The line is made an inactive output, released, and looked at. It must not be held by anybody.
// Many Raspberry Pi kernels leave it driven (dtparam=strict_gpiod changes that).
func (p Provider) ReturnsToInput(o Output) (bool, error) {
	at, err := p.directory().resolve(o.Name)
	if err != nil {
		return false, err
	}
	if at.pin != nil {
		return false, refuse(o.Name, "the kernel has no such line, so what becomes of it is not known")
	}
	r := outputRequest(at.Info, o.ActiveLow)
	h, err := p.kernel.request(at.Chip, &r)
	if err != nil {
		return false, openError(at.Info, o.Name, err)
	}
	if err := h.close(); err != nil {
		return false, openError(at.Info, o.Name, err)
	}
	r.Config.Flags = 0 // as it is: the request only makes the kernel look at the direction again
	if h, err = p.kernel.request(at.Chip, &r); err != nil {
		return false, openError(at.Info, o.Name, err)
	}
	again, err := p.directory().resolve(o.Name)
	if closeErr := h.close(); err == nil {
		err = closeErr
	}
	return err == nil && !again.Output, err
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
