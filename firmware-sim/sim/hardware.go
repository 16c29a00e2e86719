package sim

import (
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
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

// hardwareShare is one in so many days of a gateway: to read every chip costs more than all the rest. It is
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

// foundWithin is how long after a chip has lost its registers the gateway must have said so and set it up again.
const foundWithin = 15 * time.Second

// resetChip takes the supply of one chip away for a moment: its registers are at their power-on values. It must be said once,
// unless the daemon falls before it can.
func resetChip(w *world, chance *rand.Rand) {
	chips := slices.DeleteFunc(district.Site(w.cfg).Chips, func(c rig.Chip) bool {
		return strings.HasPrefix(c.Kind, config.PCF8574) // it has none
	})
	if len(chips) == 0 || w.proc == nil {
		return
	}
	hit := chips[chance.IntN(len(chips))]
	chip, proc, before := hit.Name, w.proc, len(w.issued)
	w.sore = w.now + foundWithin
	if err := w.field.Do(rig.ChipAct{Chip: chip, Life: rig.Resets}); err != nil {
		w.violate("%v", err)
	}
	w.agenda.at(w.now+foundWithin, func() {
		if w.proc != proc {
			return
		}
		said := 0
		for _, i := range w.issued[before:] {
			if d, ok := i.event.Data.(gateway.ChipResetData); ok && d.Chip == chip {
				said++
			}
		}
		if said == 0 && hit.Kind == config.ADS1115 {
			return // just before its only register was written anew: nobody can know
		}
		if said != 1 {
			w.violate("chip %s lost its registers, and it was said %d times", chip, said)
		}
	})
}

// look holds what the gateway knows of its chips against what is so: each of them can be read again soon after a start, a loss of
// supply or a damage.
func (w *world) look() {
	w.agenda.at(w.now+foundWithin, w.look)
	if w.proc == nil || w.now-w.runs[len(w.runs)-1].begin < foundWithin || !w.intact() {
		return
	}
	for _, s := range w.proc.View().Sources {
		if !s.OK {
			w.violate("%s cannot be read: %s", s.ID, s.Error)
		}
	}
}
