package soak

import (
	"math"
	"slices"
)

// trend is the slope of a series, by Theil and Sen: the median of the slopes between all pairs of points, with the interval
// in which it lies with 95 % confidence (Sen 1968, by Kendall's variance). One outlier, or a hundred, do not move it.
type trend struct{ slope, low, high float64 }

// most points of a trend: the number of pairs grows with the square. More are taken together, by their medians.
const most = 720

func theilSen(x, y []float64) trend {
	x, y = thin(x), thin(y)
	var slopes []float64
	for i := range x {
		for j := range i {
			if x[i] != x[j] {
				slopes = append(slopes, (y[i]-y[j])/(x[i]-x[j]))
			}
		}
	}
	if len(slopes) == 0 {
		return trend{}
	}
	slices.Sort(slopes)
	n, pairs := float64(len(x)), float64(len(slopes))
	c := 1.96 * math.Sqrt(n*(n-1)*(2*n+5)/18)
	at := func(k float64) float64 { return slopes[int(min(max(k, 0), pairs-1))] }
	return trend{median(slopes), at((pairs - c) / 2), at((pairs + c) / 2)}
}

// thin takes points together until there are few enough.
func thin(v []float64) []float64 {
	group := (len(v) + most - 1) / most
	if group <= 1 {
		return v
	}
	var out []float64
	for part := range slices.Chunk(v, group) {
		part = slices.Clone(part)
		slices.Sort(part)
		out = append(out, median(part))
	}
	return out
}

// median of what is sorted.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
