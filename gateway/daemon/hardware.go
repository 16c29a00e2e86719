package daemon

import (
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/line"
	"lotusgate/gateway/field"

	"periph.io/x/conn/v3/i2c"
)

// Hardware is where lines and buses come from: a board, or a simulated one. cmd chooses.
type Hardware struct {
	Lines   line.Provider
	OpenBus func(name string) (i2c.BusCloser, error)
	LEDs    string               // folder of the board's LEDs, /sys/class/leds; empty = it has none
	Now     func() time.Duration // the clock of the edges, since the kernel booted; nil = the kernel's

	// Inputs opens input lines where they do not come from Lines: those of a simulation without goroutines.
	Inputs func([]line.Input) (field.Lines, []error)
}

func (h Hardware) now() time.Duration {
	if h.Now != nil {
		return h.Now()
	}
	return line.Now()
}

// lineSet adapts drivers/line to the core's port.
type lineSet struct{ *line.Inputs }

func (h Hardware) openLines(all []line.Input, channels []int) (field.Lines, []error) {
	if len(channels) == 0 {
		return nil, nil
	}
	want := make([]line.Input, len(channels))
	for i, n := range channels {
		want[i] = all[n]
	}
	if h.Inputs != nil {
		return h.Inputs(want)
	}
	in, errs := h.Lines.Inputs(want)
	for _, err := range errs {
		if err == nil {
			return lineSet{in}, errs
		}
	}
	if in != nil {
		in.Close() // nothing is open in it
	}
	return nil, errs
}

// Edges passes on the edges of the set.
func (l lineSet) Edges() <-chan drivers.Edge { return l.Inputs.Edges() }
