package daemon

import (
	"slices"

	"lotusgate/drivers/line"
	"lotusgate/drivers/meter"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
)

var lineBias = map[config.Bias]line.Bias{
	config.BiasAsIs: line.AsIs, config.BiasUp: line.PullUp, config.BiasDown: line.PullDown, config.BiasNone: line.Float,
}

func (a *attach) addPoints() {
	for _, id := range config.IDs(a.cfg.Points) {
		p := a.cfg.Points[id]
		pc := field.PointConfig{
			ID: id, Label: p.Label, ActiveLow: p.Active == config.ActiveLow, Settle: *p.Settle, Budget: uint32(*p.Budget),
			Unit: a.cfg.Chips[p.Chip].Unit(p.Pin),
		}
		if p.Line != "" {
			pc.Channel, pc.Terminal = len(a.lines), p.Line
			a.lines = append(a.lines, line.Input{Name: p.Line, Bias: lineBias[p.Bias], Debounce: p.Debounce})
		} else {
			pc.Source, pc.Channel, pc.Terminal = a.sources[p.Chip], a.channel(p), p.Chip+" "+p.Pin
		}
		a.points[id] = len(a.out.Points)
		a.out.Points = append(a.out.Points, pc)
	}
}

// channel of a point on its chip; the configuration was checked, so the pin exists.
func (a *attach) channel(p config.Point) int { return a.pin(p.Chip, p.Pin) }

func (a *attach) pin(chip, pin string) int {
	n, err := config.ChannelOf(a.cfg.Chips[chip].Kind, pin)
	if err != nil {
		panic(err)
	}
	return n
}

// addBuses comes after addPoints: interrupt lines follow the points' lines.
func (a *attach) addBuses() {
	for _, id := range config.IDs(a.cfg.Buses) {
		b := bus{id: id, cfg: a.cfg.Buses[id], meter: &meter.Meter{}}
		bc := field.BusConfig{ID: id, Source: len(a.out.Sources), Speed: int64(b.cfg.Speed)}
		for _, chipID := range config.IDs(a.cfg.Chips) {
			c := a.cfg.Chips[chipID]
			if c.Bus != id {
				continue
			}
			wired := a.chipOf(chipID)
			if wired.idle() {
				continue // check has warned of it; it may not even be there
			}
			cc := field.ChipConfig{ID: chipID, Source: a.sources[chipID], Poll: c.Poll}
			if c.Interrupt != "" {
				cc.Interrupts = append(cc.Interrupts, a.interruptLine(c.Interrupt))
			}
			if c.InterruptB != "" {
				cc.Interrupts = append(cc.Interrupts, a.interruptLine(c.InterruptB))
			}
			b.chips = append(b.chips, wired)
			bc.Chips = append(bc.Chips, cc)
		}
		bc.Open = func() (field.Bus, error) { return a.hw.openBus(b) }
		if len(bc.Chips) > 0 {
			a.buses = append(a.buses, b)
			a.out.Buses = append(a.out.Buses, bc)
			a.out.Sources = append(a.out.Sources, field.SourceConfig{
				ID: id, Kind: "i2c", Where: b.cfg.Device, Bus: id, Quiet: true,
			})
		}
	}
}

// interruptLine adds a line for INT, or finds the one that chips share: their outputs are open drain.
func (a *attach) interruptLine(name string) int {
	if n := slices.IndexFunc(a.lines, func(l line.Input) bool { return l.Name == name }); n >= 0 {
		return n
	}
	a.lines = append(a.lines, line.Input{Name: name, Bias: line.PullUp})
	return len(a.lines) - 1
}

// chipOf is a chip with the channels that points and relays use.
func (a *attach) chipOf(chipID string) chip {
	c := chip{id: chipID, cfg: a.cfg.Chips[chipID], clock: a.clock, now: a.hw.now}
	for _, p := range a.cfg.Points {
		if p.Chip != chipID {
			continue
		}
		bit := uint16(1) << a.channel(p)
		c.inputs |= bit
		if p.Bias == config.BiasUp {
			c.pullUps |= bit
		}
	}
	for _, g := range a.cfg.Gates {
		for _, out := range g.Outputs.All() {
			if out.Chip != chipID {
				continue
			}
			bit := uint16(1) << a.pin(out.Chip, out.Pin)
			c.outputs |= bit
			if out.Active == config.ActiveLow {
				c.inactive |= bit
			}
		}
	}
	return c
}

// idle tells whether nobody wants anything of a chip. A clock serves the gateway itself.
func (c chip) idle() bool { return c.inputs|c.outputs == 0 && c.cfg.Kind != config.DS3231 }
