package sim

import (
	"hash/fnv"
	"maps"
	"time"

	"lotusgate/gateway/config"
)

// Hardware says whether chips, buses and the real drivers are in a world.
type Hardware uint8

// Hardware of a world.
const (
	Shared    Hardware = iota // in one of seven days of a gateway, which one its name decides
	Everybody                 // always
	Nobody                    // never: the field tells the core what wires do
)

// hardwareShare is one in so many days of a gateway: to read every chip costs several times as much as all the rest. It is
// odd, so that days with and without kills come.
const hardwareShare = 7

// ConverterPoll is how often the world looks at a converter, which a gateway does every 10 ms: the same samples, fewer.
const ConverterPoll = 50 * time.Millisecond

// hardware tells whether chips, buses and drivers are in the world.
func (o Options) hardware() bool {
	if o.Hardware != Shared {
		return o.Hardware == Everybody
	}
	name := fnv.New32a()
	_, _ = name.Write([]byte(o.Config.Gateway.ID)) // it cannot fail
	return (uint64(name.Sum32())+o.Seed+uint64(o.Day))%hardwareShare == 0
}

// unhurried is a configuration whose converters are looked at every ConverterPoll.
func unhurried(cfg *config.Config) {
	cfg.Chips = maps.Clone(cfg.Chips)
	for id, c := range cfg.Chips {
		if c.Kind == config.ADS1115 {
			c.Poll = max(c.Poll, ConverterPoll)
			cfg.Chips[id] = c
		}
	}
}
