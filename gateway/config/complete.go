package config

import (
	"time"

	"lotusgate/gateway"
)

// Defaults that depend on other keys.
const (
	pollWithInterrupt = time.Second // only to find an INT line that died
	pollAlone         = 20 * time.Millisecond
	settleNative      = 20 * time.Millisecond
	settleOnChip      = 30 * time.Millisecond
	budgetOfPoint     = 60 // changes a minute
	groupWindow       = 30 * time.Second
)

// budgets of points whose device has a use, or a diagnosis of its own, for many changes a minute.
func (c *Config) budgets() map[string]int {
	of := map[string]int{}
	for _, l := range c.Loops {
		of[l.Input] = budgetOfPoint + 2*l.Erratic // erratic counts tell it first
		of[l.Fault] = 0                           // pulses tell the fault
	}
	for _, cam := range c.Cameras {
		if cam.Period > 0 {
			of[cam.Heartbeat] = budgetOfPoint + int(4*time.Minute/cam.Period)
		}
	}
	for _, m := range c.Counters {
		of[m.Input] = 0
	}
	return of
}

// complete fills in what the file leaves open and the rules could not.
func (c *checker) complete() {
	cfg := c.cfg
	if cfg.MQTT.ClientID == "" {
		cfg.MQTT.ClientID = cfg.Gateway.Site + "_" + cfg.Gateway.ID // nats-server refuses a dot
	}
	cfg.MQTT.Broker = withPort(cfg.MQTT.Broker)
	for id, chip := range cfg.Chips {
		part, _ := partOf(chip.Kind)
		if chip.Poll == 0 {
			chip.Poll = pollAlone
			switch {
			case part.poll != 0:
				chip.Poll = part.poll
			case chip.Interrupt != "":
				chip.Poll = pollWithInterrupt
			}
		}
		cfg.Chips[id] = chip
	}
	for id, l := range cfg.Lanes {
		if l.WhenAway == "" {
			l.WhenAway = AwayNone
			if l.Direction == gateway.Out {
				l.WhenAway = AwayOpen
			}
		}
		cfg.Lanes[id] = l
	}
	for id, l := range cfg.Loops {
		if l.Fail == "" {
			l.Fail = FailSafe
			if l.Output == OutputPulse {
				l.Fail = FailSecure // no pulse without power
			}
		}
		cfg.Loops[id] = l
	}
	for id, g := range cfg.CameraGroups {
		if g.Window == 0 {
			g.Window = groupWindow
			for _, cam := range g.Cameras {
				if c := cfg.Cameras[cam]; c.Heartbeat != "" {
					g.Window = max(g.Window, c.Period) // they fall silent together and are missed one after another
				}
			}
		}
		cfg.CameraGroups[id] = g
	}
	for id, in := range cfg.Inputs {
		cfg.Inputs[id] = completeInput(in)
	}
	for id, l := range cfg.Lots {
		cfg.Lots[id] = completeLot(l)
	}
	budgets := cfg.budgets()
	for id, p := range cfg.Points {
		if p.Budget == nil {
			budget := budgetOfPoint
			if need, ok := budgets[id]; ok {
				budget = need
			}
			p.Budget = &budget
		}
		onChip := p.Chip != ""
		if p.Settle == nil {
			settle := settleNative
			if onChip {
				settle = settleOnChip
			}
			p.Settle = &settle
		}
		if p.Bias == BiasAsIs {
			part, _ := partOf(cfg.Chips[p.Chip].Kind)
			switch {
			case onChip && (part.noPullUp || part.units != nil):
				p.Bias = BiasNone
			case p.Active == ActiveLow:
				p.Bias = BiasUp
			case onChip:
				p.Bias = BiasNone // no expander has pull-downs
			default:
				p.Bias = BiasDown
			}
		}
		cfg.Points[id] = p
	}
}
