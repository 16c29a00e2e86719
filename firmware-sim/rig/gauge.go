package rig

import (
	"time"

	"lotusgate/firmware-sim/plant"
)

// gauge is a wire that is measured.
type gauge struct {
	Gauge
	contact *plant.Contact
	camera  *plant.Camera
	fault   wireFault
	last    int64  // of a contact
	drawn   *int64 // what a scenario wants shown; nil = what is true

	show func(value func(ago time.Duration) int64) // brings it to a chip; nil = there is none
}

// carry brings the value to the chip at the far end.
func (g *gauge) carry(at time.Duration) {
	if g.show != nil {
		g.show(func(ago time.Duration) int64 { return g.read(max(0, at-ago)) })
	}
}

// Parts per thousand of the pull-up's supply that a contact with 2.2 kΩ and 8.2 kΩ gives to a converter, with 4.7 kΩ.
const (
	ratioShort  = 2
	ratioClosed = 319
	ratioParted = 689
	ratioCut    = 998

	ratioCorroded = 813 // parted, and 10 kΩ of a bad terminal
)

// Reading is what one gauge shows: µA, or ‰ of the supply.
type Reading struct {
	To    string
	Value int64
}

// Gauges reads every gauge, in the order of the site.
func (b *Board) Gauges() []Reading {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Reading, 0, len(b.gauges))
	for i := range b.gauges {
		all = append(all, Reading{b.gauges[i].To, b.gauges[i].read(b.at)})
	}
	return all
}

// watch tells whether the contact of a gauge, or its wire, has changed.
func (g *gauge) watch(at time.Duration) bool {
	was := g.last
	if g.contact != nil {
		g.last = g.read(at)
	}
	return g.last != was
}

func (g *gauge) read(at time.Duration) int64 {
	if g.drawn != nil {
		return *g.drawn
	}
	if g.camera != nil {
		return g.camera.Supply(at, Night(at))
	}
	switch {
	case g.fault == wireCut:
		return ratioCut
	case g.fault == wireGrounded:
		return ratioShort
	case g.fault == wirePowered:
		return 1000
	case g.fault == wireCorroded:
		return ratioCorroded
	case g.contact.Closed() != g.Opens:
		return ratioClosed
	}
	return ratioParted
}

// Night tells whether it is dark: virtual time begins at midnight.
func Night(at time.Duration) bool {
	hour := at % (24 * time.Hour) / time.Hour
	return hour < 6 || hour >= 19
}
