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
)

// complete fills in what the file leaves open and the rules could not.
func (c *checker) complete() {
	cfg := c.cfg
	if cfg.MQTT.ClientID == "" {
		cfg.MQTT.ClientID = cfg.Gateway.Site + "." + cfg.Gateway.ID
	}
	cfg.MQTT.Broker = withPort(cfg.MQTT.Broker)
	for id, chip := range cfg.Chips {
		if chip.Poll == 0 {
			chip.Poll = pollAlone
			if chip.Interrupt != "" {
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
	for id, p := range cfg.Points {
		onChip := p.Chip != ""
		if p.Settle == nil {
			settle := settleNative
			if onChip {
				settle = settleOnChip
			}
			p.Settle = &settle
		}
		if p.Bias == BiasAsIs {
			switch {
			case p.Active == ActiveLow:
				p.Bias = BiasUp
			case onChip:
				p.Bias = BiasNone // an MCP23017 has no pull-downs
			default:
				p.Bias = BiasDown
			}
		}
		cfg.Points[id] = p
	}
}
