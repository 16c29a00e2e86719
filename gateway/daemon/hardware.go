package daemon

import (
	"fmt"

	"lotusgate/drivers"
	"lotusgate/drivers/line"
	"lotusgate/drivers/mcp23017"
	"lotusgate/drivers/meter"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"

	"periph.io/x/conn/v3/i2c"
)

// Hardware is where lines and buses come from: a board, or a simulated one. cmd chooses.
type Hardware struct {
	Lines   line.Provider
	OpenBus func(name string) (i2c.BusCloser, error)
}

// chipKinds is the one table of chips: kind → constructor. The mask holds the channels in use.
var chipKinds = map[string]func(bus i2c.Bus, c config.Chip, used, pullUps uint16) (field.Chip, error){
	"mcp23017": func(bus i2c.Bus, c config.Chip, used, pullUps uint16) (field.Chip, error) {
		return mcp23017.New(bus, c.Address, mcp23017.Opts{
			Inputs: used, PullUps: pullUps, Interrupt: c.Interrupt != "", Now: line.Now,
		})
	},
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

// bus is one configured bus with what its chips need.
type bus struct {
	id    string
	cfg   config.Bus
	chips []chip
	meter *meter.Meter
}

type chip struct {
	id            string
	cfg           config.Chip
	used, pullUps uint16
}

func (h Hardware) openBus(b bus) (field.Bus, error) {
	opened, err := h.OpenBus(b.cfg.Device)
	if err != nil {
		return field.Bus{}, fmt.Errorf("open bus %s (%s): %w", b.id, b.cfg.Device, err)
	}
	counted := b.meter.Wrap(opened)
	out := field.Bus{Close: opened.Close, Traffic: b.traffic}
	for _, c := range b.chips {
		dev, err := chipKinds[c.cfg.Kind](counted, c.cfg, c.used, c.pullUps)
		if err != nil {
			opened.Close() // the first error is the one that counts
			return field.Bus{}, fmt.Errorf("chip %s: %w", c.id, err)
		}
		out.Chips = append(out.Chips, dev)
	}
	return out, nil
}

// traffic is what went to one chip, or over the bus.
func (b bus) traffic(n int) drivers.Traffic {
	if n == field.All {
		return b.meter.Bus()
	}
	return b.meter.Chip(b.chips[n].cfg.Address)
}
