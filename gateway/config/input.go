package config

import (
	"slices"
	"time"
)

// Input is a supervised contact: two resistors at its end make a cut or shorted wire tell itself. Contacts and elevators
// name it in place of a point.
type Input struct {
	Label     string            `yaml:"label"`
	Labels    map[string]string `yaml:"labels"`
	Point     string            `yaml:"point"`     // that measures the part of the reference voltage
	Contact   string            `yaml:"contact"`   // closes or opens to be active; default closes
	Bands     *Bands            `yaml:"bands"`     // where not the standard ones
	Tolerance time.Duration     `yaml:"tolerance"` // between the bands for so long is a fault; default 10s
}

// Bands of a supervised input, in parts per thousand of the reference.
type Bands struct {
	Short  int   `yaml:"short"`  // below it: shorted; default 120
	Closed []int `yaml:"closed"` // from, to
	Parted []int `yaml:"parted"` // from, to
	Open   int   `yaml:"open"`   // above it: cut; default 900
}

// standardBands are those of 2.2 kΩ in series and 8.2 kΩ parallel to the contact, with 4.7 kΩ to the reference.
func standardBands() Bands {
	return Bands{Short: 120, Closed: []int{200, 450}, Parted: []int{550, 800}, Open: 900}
}

// completeInput fills in the bands that are not written.
func completeInput(in Input) Input {
	standard := standardBands()
	if in.Bands == nil {
		in.Bands = &standard
	}
	if in.Bands.Closed == nil {
		in.Bands.Closed = standard.Closed
	}
	if in.Bands.Parted == nil {
		in.Bands.Parted = standard.Parted
	}
	return in
}

func (c *checker) checkInputs() {
	for _, id := range c.ids(inputs) {
		b, path := c.cfg.Inputs[id].Bands, join(inputs, id)+".bands"
		if b == nil || !c.written(path) {
			continue
		}
		edges := slices.Concat([]int{b.Short}, b.Closed, b.Parted, []int{b.Open})
		if len(b.Closed) != 2 || len(b.Parted) != 2 || !slices.IsSorted(edges) || len(slices.Compact(edges)) != 6 {
			c.fail(path, "bad_bands", "")
		}
	}
}
