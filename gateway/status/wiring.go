package status

import (
	"cmp"
	"slices"
	"unicode"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// module is a drawing of one module, or of the board itself, with every wire at its terminals: terminal, level,
// meaning. It is an SVG, so that it prints as sharp as it shows.
type module struct {
	ID, Title, Kind string
	Height, Body    int // of the drawing and of the module in it, in its own units
	Rows            []moduleRow
}

type moduleRow struct {
	Y             int
	Pin, Header   string // Header: where the line is on the board's connector
	Output        bool
	State         mark   // settled
	Level         string // "high", as a word
	Meaning, Wire string // cut to fit
	Polarity      string
	Whole         string // not cut
}

func (m module) part() (id, template string) { return m.ID, "module" }

// Measures of the drawing, which is 360 units wide.
const (
	moduleTop = 8
	rowHigh   = 62
	textEms   = 13.6 // room for the meaning, in widths of a Chinese character
)

func (sc *screen) wiring() []group {
	var all []block
	for _, src := range boardFirst(sc.v.Sources) {
		m := module{ID: "m-" + src.ID, Title: src.ID, Kind: sc.sourceWhere(src)}
		for _, t := range sc.s.wired.Load().terminals {
			if t.Source == src.ID {
				m.add(sc, t)
			}
		}
		m.Body = rowHigh * len(m.Rows)
		m.Height = moduleTop + m.Body + 2
		if len(m.Rows) > 0 {
			all = append(all, m)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []group{
		{"wiring", "wiring.title", all}, {"wires", "section.wires", sc.wires()}, {"sources", "section.sources", sc.sources()},
	}
}

// jump leads to one part of a long screen.
type jump struct{ Href, Word string }

// jumps to the modules and the tables below them.
func (sc *screen) jumps() (list []jump) {
	for _, g := range sc.wiring() {
		if g.id != "wiring" {
			list = append(list, jump{"#" + g.id, sc.l.T(text.Key(g.title))})
			continue
		}
		for _, b := range g.blocks {
			id, _ := b.part()
			list = append(list, jump{"#" + id, b.(module).Title})
		}
	}
	return list
}

func (m *module) add(sc *screen, t Terminal) {
	row := moduleRow{Y: moduleTop + rowHigh*len(m.Rows), Pin: fit(t.Pin, 5), Output: t.Output, Whole: sc.meaning(t)}
	row.State, row.Level = mark{Tone: unknown, Icon: "unknown", Word: sc.l.T("value.unknown")}, ""
	if p, ok := pointAt(sc.v, t.ID); ok {
		row.State, row.Level = sc.settled(p), sc.level(p).Word
		if p.Quality == gateway.Bad {
			row.Level = "" // nothing was read
		}
	}
	row.State.Since = "" // the drawing is not drawn anew because time passes
	if t.Output {
		row.State, row.Level = mark{Tone: idle, Icon: "idle", Word: sc.l.T("wiring.output")}, ""
	}
	if t.Header > 0 {
		row.Header = sc.l.T("wiring.header", t.Header)
	}
	row.Meaning = fit(row.Whole, textEms)
	row.Wire = fit(firstOf(t.Label, t.ID), textEms*14/12)
	row.Polarity = sc.polarity(t)
	m.Rows = append(m.Rows, row)
}

// polarity and bias of a wire.
func (sc *screen) polarity(t Terminal) string {
	word := "high"
	if t.ActiveLow {
		word = "low"
	}
	s := sc.l.Of(text.Word("polarity", word))
	if t.Bias == "up" || t.Bias == "down" {
		s += " · " + sc.l.Of(text.Word("bias", t.Bias))
	}
	return s
}

// fit cuts s to a width in ems; a Latin letter is taken for a little more than half of one.
func fit(s string, ems float64) string {
	used := 0.0
	for i, r := range s {
		w := 0.62
		if unicode.In(r, unicode.Han, unicode.Hangul) || r >= 0x3000 {
			w = 1
		}
		if used += w; used > ems {
			return s[:i] + "…"
		}
	}
	return s
}

// boardFirst puts the board's own lines before the modules.
func boardFirst(sources []hub.Source) []hub.Source {
	list := slices.Clone(sources)
	rank := func(s hub.Source) int {
		if s.Kind == "gpio" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b hub.Source) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}
