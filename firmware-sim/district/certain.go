package district

import (
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
)

// certainty is whether something that was planned has to be told: whether it came to that, where anybody could see it.
type certainty uint8

const (
	mustBeTold certainty = iota
	mayBeTold            // once, if at all: it is at the edge
	cannotBe
)

// wanted tells whether what a fault wants has to be told.
func (g *Gateway) wanted(f Injected, n name, latest time.Duration) bool {
	if f.shows == nil {
		return true
	}
	switch f.shows(g) {
	case cannotBe:
		return false
	case mayBeTold:
		return slices.ContainsFunc(g.Events, func(e Issued) bool {
			return nameOf(e.Event) == n && f.At-early <= e.At && e.At <= f.At+latest
		})
	}
	return true
}

// jamsUnderWay: an arm that jams between its limits is late, and its limit switches show it. One that jams at its limit looks
// like one that rests there, because its controller closes it without being told to. It is there when it was opened before
// the ticket was taken: in autonomy.
func jamsUnderWay(lane string, at time.Duration) func(*Gateway) certainty {
	return func(g *Gateway) certainty {
		var arm plant.Kind
		for _, t := range g.Truths {
			if t.At <= at && t.Device == lane+".gate" && (t.Kind == plant.ArmOpening || t.Kind == plant.ArmClosing || t.Kind.Limit()) {
				arm = t.Kind
			}
		}
		if arm == plant.ArmUp {
			return cannotBe
		}
		return mustBeTold
	}
}

// glimpses are what reads of an expander could see of one of its pins.
type glimpses struct {
	bus     string
	address uint16
	is      rig.Drive
	seen    rig.Drive
	changes []time.Duration // that were seen
}

// glimpse notes what reads see of a line from now on; of one that is no expander's they see every edge.
func (g *Gateway) glimpse(line string) {
	chip, _, onChip := strings.Cut(line, ".")
	for _, c := range Site(g.Config).Chips {
		if onChip && g.real != nil && c.Name == chip {
			g.real.glimpses[line] = &glimpses{bus: c.Bus, address: c.Address}
		}
	}
}

// read is told that a part has been read.
func (h *hardware) read(bus string, address uint16) {
	for _, l := range h.glimpses {
		if l.bus == bus && l.address == address && l.seen != l.is {
			l.seen = l.is
			l.changes = append(l.changes, h.now())
		}
	}
}

// chatters: a loose wire has to be told of when reads saw more changes than its budget in the first minute of them. They come
// when they come, and see what is there then: a change and another one back between two of them are none. In another minute
// it may be told.
func chatters(point, line string, at time.Duration) func(*Gateway) certainty {
	return func(g *Gateway) certainty {
		if g.real == nil || g.real.glimpses[line] == nil {
			return mustBeTold
		}
		most := *g.Config.Points[point].Budget
		all := g.real.glimpses[line].changes
		first, _ := slices.BinarySearch(all, at)
		all = all[first:]
		for i := most; i < len(all); i++ { // the one too many
			if all[i]-all[i-most] < time.Minute {
				if i == most {
					return mustBeTold
				}
				return mayBeTold
			}
		}
		return cannotBe
	}
}
