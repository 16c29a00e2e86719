package sim

import (
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"lotusgate/firmware-sim/district"
	"lotusgate/firmware-sim/rig"
)

// damage is something that is broken between the wires and the daemon. There is one at a time, and the next comes when all
// of the last one must be over: what is said belongs to it.
type damage struct {
	what       string
	parts      []string      // of the bus, that cannot be read or relied on, as a bus.fault names them
	begin, end time.Duration // end = never while it lasts
	found      time.Duration // how long after its beginning a fault must have been told
	back       time.Duration // how long after its end everything is known again
	brief      bool          // it is over when it is tried again: no fault, but while a chip is being set up
	silent     bool          // nothing shows it as long as nothing changes: a fault may be told
	interrupt  string        // the chip whose INT wire is broken; "" = none
	mend       []rig.Action
}

// What a gateway needs at most, by what docs/wiring.md and gateway/field promise.
const (
	hangsFor   = time.Second      // the kernel waits so long for a transfer on a bus that is held
	retriedFor = 30 * time.Second // the longest pause before what cannot be read is tried again
	slack      = 2 * time.Second
)

// intact tells whether nothing is damaged, and all that was is over.
func (w *world) intact() bool { return w.now >= w.sore }

// breaks lets a damage happen.
func (w *world) breaks(d damage, acts ...rig.Action) {
	d.begin, d.end = w.now, never
	w.damages, w.sore = append(w.damages, &d), never
	w.do(acts)
	w.lookAt = w.now
	w.agenda.at(w.now, w.believe)
}

// mend ends the damage that there is.
func (w *world) mend() {
	if len(w.damages) == 0 {
		return
	}
	d := w.damages[len(w.damages)-1]
	if d.end != never {
		return
	}
	d.end = w.now
	w.sore = w.now + d.back
	w.do(d.mend)
}

func (w *world) do(acts []rig.Action) {
	for _, a := range acts {
		if err := w.field.Do(a); err != nil {
			w.violate("%v", err)
		}
	}
}

// onBus is the chips of a bus by their names, and the longest pause between two looks at one of them.
func (w *world) onBus(bus string) (names []string, poll time.Duration) {
	for _, c := range district.Site(w.cfg).Chips {
		if c.Bus == bus {
			names = append(names, c.Name)
			poll = max(poll, w.cfg.Chips[c.Name].Poll)
		}
	}
	return names, poll
}

// anyChip is one of the chips that are so.
func (w *world) anyChip(chance *rand.Rand, so func(rig.Chip) bool) (rig.Chip, bool) {
	chips := slices.DeleteFunc(district.Site(w.cfg).Chips, func(c rig.Chip) bool { return !so(c) })
	if len(chips) == 0 {
		return rig.Chip{}, false
	}
	return chips[chance.IntN(len(chips))], true
}

func every(rig.Chip) bool { return true }

// unplug takes one chip off its bus.
func unplug(w *world, chance *rand.Rand) {
	c, ok := w.anyChip(chance, every)
	if !ok {
		return
	}
	w.breaks(damage{
		what: c.Name + " unplugged", parts: []string{c.Name}, found: w.cfg.Chips[c.Name].Poll + slack, back: retriedFor + slack,
		mend: []rig.Action{rig.ChipAct{Chip: c.Name, Life: rig.Plugs}},
	}, rig.ChipAct{Chip: c.Name, Life: rig.Unplugs})
}

// hang holds SDA: each transfer takes until the kernel gives up, one chip after another.
func hang(w *world, chance *rand.Rand) {
	c, ok := w.anyChip(chance, every)
	if !ok {
		return
	}
	names, poll := w.onBus(c.Bus)
	all := time.Duration(len(names)) * hangsFor
	w.breaks(damage{
		what: c.Bus + " hangs", parts: names, found: poll + all + slack, back: retriedFor + all + slack,
		mend: []rig.Action{rig.BusAct{Bus: c.Bus}},
	}, rig.BusAct{Bus: c.Bus, Hangs: true})
}

// refusals are how a transfer fails at once.
var refusals = []syscall.Errno{syscall.ENXIO, syscall.EAGAIN, syscall.EREMOTEIO}

// refuse lets every transfer of a bus fail.
func refuse(w *world, chance *rand.Rand) {
	c, ok := w.anyChip(chance, every)
	if !ok {
		return
	}
	names, poll := w.onBus(c.Bus)
	w.breaks(damage{
		what: c.Bus + " fails", parts: names, found: poll + slack, back: retriedFor + slack,
		mend: []rig.Action{rig.BusAct{Bus: c.Bus}},
	}, rig.BusAct{Bus: c.Bus, Errno: refusals[chance.IntN(len(refusals))]})
}

// stumble lets one or two transfers fail, which is over when they are tried again: nobody may notice.
func stumble(w *world, chance *rand.Rand) {
	c, ok := w.anyChip(chance, every)
	if !ok {
		return
	}
	names, poll := w.onBus(c.Bus)
	w.breaks(damage{
		what: c.Bus + " stumbles", parts: names, found: poll + slack, back: retriedFor + slack, brief: true,
		mend: []rig.Action{rig.BusAct{Bus: c.Bus}},
	}, rig.BusAct{Bus: c.Bus, Errno: refusals[chance.IntN(len(refusals))], Times: 1 + chance.IntN(2)})
}

// breakINT cuts the wire of an interrupt, or shorts it to ground.
func breakINT(life rig.WireLife) func(*world, *rand.Rand) {
	return func(w *world, chance *rand.Rand) {
		c, ok := w.anyChip(chance, interrupts)
		if !ok {
			return
		}
		w.breaks(damage{
			what: c.Name + ".int broken", parts: []string{c.Name + ".int"}, found: 4*w.cfg.Chips[c.Name].Poll + slack, silent: life == rig.Cut, interrupt: c.Name,
			mend: []rig.Action{rig.WireAct{Line: c.Interrupt, Life: rig.Mended}},
		}, rig.WireAct{Line: c.Interrupt, Life: life})
	}
}

func interrupts(c rig.Chip) bool { return c.Interrupt != "" }

// loseINT lets the kernel lose the next edges of an INT line: what they would have told is found by the next poll. Where
// heartbeats come together, all but the first of a port would be over by then, and nobody could know.
func loseINT(w *world, chance *rand.Rand) {
	if c, ok := w.anyChip(chance, func(c rig.Chip) bool { return interrupts(c) && !w.pulses(c.Name) }); ok {
		w.field.LoseEdge(c.Interrupt, 1+chance.IntN(3))
	}
}

// pulses tells whether heartbeats come in at a chip.
func (w *world) pulses(chip string) bool {
	for _, c := range w.cfg.Cameras {
		if c.Heartbeat != "" && w.cfg.Points[c.Heartbeat].Chip == chip {
			return true
		}
	}
	return false
}
