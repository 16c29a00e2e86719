package config

import "slices"

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
