package config

import (
	"fmt"
	"strconv"
	"time"
)

// Bay is one parking bay with a sensor.
type Bay struct {
	Label      string            `yaml:"label"`
	Labels     map[string]string `yaml:"labels"`
	Input      string            `yaml:"input"`       // point or loop
	RaiseAfter *time.Duration    `yaml:"raise_after"` // default 5s
	ClearAfter *time.Duration    `yaml:"clear_after"` // default 5s
}

// Lot is a place with a number of bays, counted by their sensors, at its lanes, or both.
type Lot struct {
	Label       string            `yaml:"label"`
	Labels      map[string]string `yaml:"labels"`
	Capacity    int               `yaml:"capacity"` // default: the bays that are listed
	Bays        []string          `yaml:"bays"`
	Lanes       []string          `yaml:"lanes"`
	FullAt      int               `yaml:"full_at"`      // full when so many are free; default none are
	AvailableAt *int              `yaml:"available_at"` // available again when so many are; default: 2 more than full_at
	Drift       int               `yaml:"drift"`        // bays and lanes may differ by so many; default 5
	DriftAfter  time.Duration     `yaml:"drift_after"`  // more than that for so long is reported; default 15m
	Sign        *Sign             `yaml:"sign"`         // lit while the lot is full; none = there is none
}

// Sign is the relay of a sign that says "full", or of a beeper.
type Sign struct {
	Line   string `yaml:"line"`
	Active Level  `yaml:"active"` // level that switches it on; default high
}

// Bounds of one lot: device.MaxBays less one, device.MaxLotLanes.
const mostBays, mostLotLanes = 255, 16

// completeLot fills in what depends on other keys of the lot.
func completeLot(l Lot) Lot {
	if l.Capacity == 0 {
		l.Capacity = len(l.Bays)
	}
	if l.AvailableAt == nil {
		at := l.FullAt + 2
		l.AvailableAt = &at
	}
	return l
}

func (c *checker) checkLots() {
	first := map[string]string{}
	for _, id := range c.ids(lots) {
		l, path := c.cfg.Lots[id], join(lots, id)
		switch {
		case c.bad[path] || c.bad[path+".bays"] || c.bad[path+".lanes"]:
			continue
		case len(l.Bays) == 0 && len(l.Lanes) == 0:
			c.fail(path, "lot_uncounted", id)
		case len(l.Bays) > mostBays:
			c.fail(path+".bays", "lot_too_large", strconv.Itoa(len(l.Bays)), strconv.Itoa(mostBays))
		case len(l.Lanes) > mostLotLanes:
			c.fail(path+".lanes", "lot_too_large", strconv.Itoa(len(l.Lanes)), strconv.Itoa(mostLotLanes))
		case l.Capacity == 0 && !c.bad[path+".capacity"]:
			c.fail(path, "lot_capacity", id)
		}
		if at := path + ".available_at"; c.good(at) && *l.AvailableAt <= l.FullAt {
			c.fail(at, "lot_hysteresis", c.text(at), strconv.Itoa(l.FullAt))
		}
		for i, bay := range l.Bays {
			item := fmt.Sprintf("%s.bays.%d", path, i)
			if other, ok := first[bay]; ok && c.good(item) {
				c.fail(item, "bay_in_two_lots", bay, owner(other)).also(c.place(other))
				continue
			}
			first[bay] = item
		}
	}
}
