package daemon

import (
	"errors"
	"fmt"

	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
)

// restExpanders makes the relays on expanders inactive before anything else happens: the last owner may have died with a
// coil on, and the latch of a chip keeps it so. It returns what could not be reached; that is made inactive when its bus
// works.
func restExpanders(cfg *config.Config, hw Hardware) error {
	a := attachConfig(cfg, hw, nil, &relays{}) // a clock is not asked for the time here
	var errs []error
	for _, b := range a.buses {
		b.chips = onlyOutputs(b.chips)
		if len(b.chips) == 0 {
			continue
		}
		opened, err := a.hw.openBus(b)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for i, c := range opened.Chips {
			if err := c.Init(); err != nil {
				errs = append(errs, fmt.Errorf("chip %s: %w", b.chips[i].id, err))
			}
		}
		if err := opened.Close(); err != nil { // the field opens it anew
			errs = append(errs, fmt.Errorf("close bus %s: %w", b.id, err))
		}
	}
	return errors.Join(errs...)
}

func onlyOutputs(all []chip) (some []chip) {
	for _, c := range all {
		if c.outputs != 0 {
			some = append(some, c)
		}
	}
	return some
}

// connect hands the relays on pins of chips to the owner of their bus, who makes them inactive first when it sets a chip
// up, and proves each write by reading back. It comes before the field runs.
func (a *attach) connect(f *field.Field) {
	for _, h := range a.relays.all {
		if h.on != field.GPIO {
			out := a.outputOf(h)
			h.relay = chipCoil{f.Relay(out.Chip, a.pin(out.Chip, out.Pin), out.Active == config.ActiveLow)}
		}
	}
}

func (a *attach) outputOf(h *heldRelay) config.Output {
	for name, out := range a.cfg.Gates[h.gate].Outputs.All() {
		if outputOf(name) == h.kind {
			return out
		}
	}
	panic("daemon: no output for " + h.id)
}

// chipCoil is a relay at a pin of a chip.
type chipCoil struct{ field.Relay }

// Close implements coil: the pin stays its chip's.
func (chipCoil) Close() error { return nil }
