package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
)

// driveMost is how long the owner of a bus may take to drive a relay: a hung bus takes the kernel a second.
const driveMost = 2 * time.Second

// restExpanders makes the relays on expanders inactive before anything else happens: the last owner may have died with a
// coil on, and the latch of a chip keeps it so. What cannot be reached now is made inactive when its bus works.
func restExpanders(cfg *config.Config, hw Hardware, log *slog.Logger) {
	a := attachConfig(cfg, hw, nil, &relays{}, nil) // a clock is not asked for the time here
	for _, b := range a.buses {
		b.chips = onlyOutputs(b.chips)
		if len(b.chips) == 0 {
			continue
		}
		opened, err := a.hw.openBus(b)
		if err != nil {
			log.Error("relays on expanders cannot be made inactive; trying again", "bus", b.id, "error", err)
			continue
		}
		for i, c := range opened.Chips {
			if err := c.Init(); err != nil {
				log.Error("relays of an expander cannot be made inactive; trying again", "chip", b.chips[i].id, "error", err)
			}
		}
		if err := opened.Close(); err != nil { // the field opens it anew
			log.Warn("bus was not closed", "bus", b.id, "error", err)
		}
	}
}

func onlyOutputs(all []chip) (some []chip) {
	for _, c := range all {
		if c.outputs != 0 {
			some = append(some, c)
		}
	}
	return some
}

// driver drives a pin of a chip: field.Field.
type driver interface {
	Drive(ctx context.Context, source, channel int, level bool) error
}

// expanderRelays are the relays on pins of chips. They go through the owner of the bus, who makes them inactive first
// when it sets a chip up, and proves each write by reading back.
func (a *attach) expanderRelays(ctx context.Context, d driver, log *slog.Logger) *coils {
	r := &coils{log: log}
	for _, id := range config.IDs(a.cfg.Gates) {
		for name, out := range a.cfg.Gates[id].Outputs.All() {
			if out.Chip == "" {
				continue
			}
			c := chipCoil{ctx: ctx, driver: d, source: a.sources[out.Chip], channel: a.pin(out.Chip, out.Pin), low: out.Active == config.ActiveLow}
			r.all = append(r.all, heldCoil{
				id: id + "-" + name, on: a.cfg.Chips[out.Chip].Bus,
				open: func() (coil, error) { return c, c.Set(false) },
			})
		}
	}
	return r
}

// chipCoil is a relay at a pin of a chip.
type chipCoil struct {
	ctx             context.Context // of the field
	driver          driver
	source, channel int
	low             bool // low switches it on
}

// Set implements coil.
func (c chipCoil) Set(active bool) error {
	ctx, cancel := context.WithTimeout(c.ctx, driveMost)
	defer cancel()
	err := c.driver.Drive(ctx, c.source, c.channel, active != c.low)
	if errors.Is(err, context.DeadlineExceeded) {
		return &drivers.Error{Fault: drivers.FaultTimeout, Op: "drive relay: the bus is not free", Err: err}
	}
	return err
}

// Close implements coil.
func (c chipCoil) Close() error { return c.Set(false) }

var _ driver = (*field.Field)(nil)
