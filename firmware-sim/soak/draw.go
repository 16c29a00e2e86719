package soak

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sizes of the picture.
const (
	pictureWidth = 760
	left, right  = 70, 10
	panel, plot  = 92, 60
)

// draw is the picture of the samples: a panel for each measure, with what went wrong as lines behind it.
func (r *report) draw() string {
	var b strings.Builder
	height := measures*panel + 24
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n"+
		`<rect width="100%%" height="100%%" fill="#fff"/>`+"\n", pictureWidth, height)
	across := func(hours float64) float64 {
		return left + (pictureWidth-left-right)*hours/max(r.took.Hours(), 1e-9)
	}
	for _, m := range r.marks {
		colour := map[string]string{"broker killed": "#f3c6c0", "broker stopped": "#f6dfa8"}[m.what]
		if colour != "" { // the link is cut too often to be drawn
			x := across(m.at.Hours())
			fmt.Fprintf(&b, `<path d="M%.1f 20V%d" stroke="%s"><title>%s</title></path>`+"\n", x, height-20, colour, m.what)
		}
	}
	for m, what := range table() {
		r.panel(&b, m, what, across)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">0</text><text x="%d" y="%d" text-anchor="end">%s; red: broker killed, yellow: broker stopped</text>`+"\n</svg>\n",
		left, height-6, pictureWidth-right, height-6, r.took.Round(time.Second))
	return b.String()
}

func (r *report) panel(b *strings.Builder, m int, what measure, across func(float64) float64) {
	x, y := r.series(m, 0)
	if len(y) == 0 {
		return
	}
	top := m*panel + 26
	high := slices.Max(y) * 1.05
	if high == 0 {
		high = 1
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", left, top-6, what.name)
	fmt.Fprintf(b, `<path d="M%d %dV%dH%d" fill="none" stroke="#999"/>`+"\n", left, top, top+plot, pictureWidth-right)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%.4g %s</text><text x="%d" y="%d" text-anchor="end">0</text>`+"\n",
		left-5, top+8, high, what.unit, left-5, top+plot)
	b.WriteString(`<polyline fill="none" stroke="#1f5f8b" stroke-width="1.2" points="`)
	for i := range x {
		fmt.Fprintf(b, "%.1f,%.1f ", across(x[i]), float64(top)+plot*(1-y[i]/high))
	}
	b.WriteString("\"/>\n")
}
