package config

import "time"

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
