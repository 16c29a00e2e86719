package status

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// screen is a view in the words and order in which one language shows it.
type screen struct {
	s        *Server // nil where only the view is needed
	l        text.Lang
	v        *hub.View
	now      gateway.Mono
	zone     *time.Location
	problems []text.Problem
}

func newScreen(l text.Lang, v *hub.View, now gateway.Mono, zone *time.Location) *screen {
	fresh := *v // a view that nobody changed is as old as its last change; problems grow worse with time all the same
	fresh.At = now
	return &screen{l: l, v: v, now: now, zone: zone, problems: text.Problems(&fresh)}
}

// block is one part of the page before it is HTML: a template and what it shows.
type block interface {
	part() (id, template string)
}

// group is a section before it is HTML.
type group struct {
	id, title string
	blocks    []block
}

// groups lists the page from top to bottom; empty ones are left out.
func (sc *screen) groups() []group {
	lanes, rest := sc.lanes()
	all := []group{
		{"verdict", "", []block{sc.verdict()}},
		{"lanes", "section.lanes", lanes},
		{"lots", "section.lots", sc.devices(rest, "lot")},
		{"bays", "section.bays", sc.bays()},
		{"elevators", "section.elevators", sc.devices(rest, "elevator")},
		{"cameras", "section.cameras", sc.devices(rest, "camera")},
		{"devices", "section.devices", sc.devices(rest, "")},
		{"system", "section.system", []block{sc.link(), sc.outbox(), sc.storage(), sc.clock(), sc.board()}},
		{"modules", "section.sources", sc.modules()},
		{"events", "section.events", []block{sc.events("p-events", filter{}, shownEvents)}},
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.blocks) == 0 })
}

// Tones: how something stands, each with its colour and icon.
const (
	good    = "good"
	idle    = "idle" // nothing to say, in order
	active  = "active"
	warn    = "warn"
	bad     = "bad"
	crit    = "crit"
	unknown = "unknown"
)

// mark is how one thing stands: colour, icon and word always come together.
type mark struct {
	Tone, Icon, Word string
	Since            string // point in time for a time element; "" = not known
	Note             string // what limits the word: out of date, not readable
}

// looks of device states; what is not listed is idle.
var looks = map[string]struct{ tone, icon string }{
	"loop.occupied":                 {active, "car"},
	"lane.waiting":                  {active, "car"},
	"lane.passing":                  {active, "car"},
	"bay.occupied":                  {active, "car"},
	"gate.open":                     {active, "up"},
	"gate.opening":                  {active, "up"},
	"gate.closing":                  {active, "down"},
	"gate.stopped":                  {warn, "warn"},
	"gate.obstructed":               {warn, "warn"},
	"gate.forced":                   {bad, "bad"},
	"gate.arm_off":                  {bad, "bad"},
	"gate.fault":                    {bad, "bad"},
	"elevator.normal":               {good, "ok"},
	"elevator.fault":                {bad, "bad"},
	"elevator.alarm":                {bad, "bad"},
	"elevator.entrapment_suspected": {bad, "bad"},
	"elevator.entrapment_confirmed": {crit, "bad"},
	"elevator.service":              {warn, "warn"},
	"camera.online":                 {good, "ok"},
	"camera.late":                   {warn, "warn"},
	"camera.offline":                {bad, "bad"},
	"camera.stuck":                  {bad, "bad"},
	"camera.power_lost":             {bad, "bad"},
	"camera.hung_or_dark":           {bad, "bad"},
	"camera.overcurrent":            {bad, "bad"},
	"camera.reboot_loop":            {bad, "bad"},
	"camera_group.online":           {good, "ok"},
	"camera_group.outage":           {bad, "bad"},
	"contact.raised":                {active, "on"},
	"input.active":                  {active, "on"},
	"input.short":                   {bad, "bad"},
	"input.open":                    {bad, "bad"},
	"input.out_of_tolerance":        {bad, "bad"},
}

// state marks a device.
func (sc *screen) state(d hub.Device) mark {
	s := d.State
	if s.Value == "" || s.Quality == gateway.Bad {
		return mark{
			Tone: unknown, Icon: "unknown", Word: sc.l.Of(text.Value(d.Kind, "")),
			Note: sc.l.T("quality.bad"),
		}
	}
	m := mark{Tone: idle, Icon: "idle", Word: sc.l.Of(text.Value(d.Kind, s.Value)), Since: at(s.Since)}
	if s.Number {
		m.Word = s.Value
		if d.Kind == "lot" {
			m.Word = sc.l.T("lot.free", s.Value)
		}
	}
	if look, ok := looks[d.Kind+"."+s.Value]; ok {
		m.Tone, m.Icon = look.tone, look.icon
	}
	var lift struct{ Mode string }
	if d.Kind == "elevator" && detail(s, &lift) && lift.Mode != "" && lift.Mode != "normal" {
		word := sc.l.Of(text.Word("lift_mode", lift.Mode))
		if s.Value == "service" {
			m.Word = word
		} else {
			m.Note = word
		}
	}
	if s.Quality == gateway.Stale {
		m.Tone, m.Icon, m.Note = unknown, "unknown", sc.l.T("quality.stale")
	}
	return m
}

// verdict is the top of the page: is all well, and if not, what is wrong and what to do.
type verdict struct {
	ID string
	mark
	Detail   string
	Problems []trouble
}

type trouble struct {
	mark         // Word is the severity
	What, Do     string
	Detail, Name string
}

func (v verdict) part() (id, template string) { return v.ID, "verdict" }

func (sc *screen) verdict() verdict {
	d := verdict{ID: "p-verdict"}
	switch n := len(sc.problems); {
	case n == 0 && sc.v.Gateway.ID == "":
		d.mark = mark{Tone: unknown, Icon: "unknown", Word: sc.l.T("verdict.starting")}
		d.Detail = sc.l.T("verdict.starting.detail")
	case n == 0 && sc.unsure() > 0:
		d.mark = mark{Tone: active, Icon: "info", Word: sc.l.T("verdict.unsure")}
		d.Detail = sc.l.T("verdict.unsure.detail", sc.unsure())
	case n == 0:
		d.mark = mark{Tone: good, Icon: "ok", Word: sc.l.T("verdict.well")}
		d.Detail = sc.l.T("verdict.well.detail", len(sc.v.Devices), len(sc.v.Points))
	case n == 1:
		d.mark = severityMark(sc.l, sc.problems[0].Severity)
		d.Word = sc.l.T("verdict.one")
	default:
		d.mark = severityMark(sc.l, sc.problems[0].Severity)
		d.Word = sc.l.T("verdict.many", n)
	}
	for _, p := range sc.problems {
		m := severityMark(sc.l, p.Severity)
		m.Since = at(p.Since)
		d.Problems = append(d.Problems, trouble{
			mark: m, What: sc.l.Of(p.What), Do: sc.l.Of(p.Do), Detail: p.Detail, Name: p.ID,
		})
	}
	return d
}

// unsure counts devices of which too little is known to call them well, such as a barrier that reached no limit yet.
func (sc *screen) unsure() int {
	n := 0
	for _, d := range sc.v.Devices {
		if d.State.Quality != gateway.Good {
			n++
		}
	}
	return n
}

func severityMark(l text.Lang, s gateway.Severity) mark {
	m := mark{Word: l.Of(text.Word("severity", s.String()))}
	switch s {
	case gateway.Critical:
		m.Tone, m.Icon = crit, "bad"
	case gateway.Major:
		m.Tone, m.Icon = bad, "bad"
	case gateway.Warning:
		m.Tone, m.Icon = warn, "warn"
	default:
		m.Tone, m.Icon = active, "info"
	}
	return m
}

// device is a card for one thing with a state word.
type device struct {
	ID, Name, Label, Kind string
	Icon                  string // of the kind
	State                 mark
	Figures               string // behind the state: 63 of 100 taken
}

func (d device) part() (id, template string) { return d.ID, "device" }

// bay is a small card: a lot has a hundred of them.
type bay struct {
	ID, Label string
	State     mark
}

func (b bay) part() (id, template string) { return b.ID, "bay" }

// bays are those that belong to a lot; others are devices like any.
func (sc *screen) bays() (cards []block) {
	for _, d := range sc.v.Devices {
		for _, id := range d.Parts {
			if part, ok := sc.v.Device(id); ok && d.Kind == "lot" && part.Kind == "bay" {
				cards = append(cards, bay{ID: "d-" + part.ID, Label: firstOf(part.Label, part.ID), State: sc.state(part)})
			}
		}
	}
	return cards
}

// devices are cards of one kind, or of all kinds that have no section of their own.
func (sc *screen) devices(rest []hub.Device, kind string) []block {
	var cards []block
	for _, d := range rest {
		section := d.Kind
		if d.Kind == "camera_group" {
			section = "camera"
		}
		own := section == "elevator" || section == "camera" || section == "lot"
		if section != kind && (kind != "" || own) {
			continue
		}
		icon := "device"
		if own {
			icon = section
		}
		cards = append(cards, device{
			ID: "d-" + d.ID, Name: d.ID, Label: firstOf(d.Label, d.ID), Kind: sc.l.Of(text.Kind(d.Kind)),
			Icon: icon, State: sc.state(d), Figures: sc.figures(d),
		})
	}
	return cards
}

// figures behind a device's state, as far as its detail tells them.
func (sc *screen) figures(d hub.Device) string {
	switch d.Kind {
	case "lot":
		var seen struct{ Occupied, Capacity, Unknown int64 }
		if !detail(d.State, &seen) || seen.Capacity == 0 {
			return ""
		}
		s := sc.l.T("lot.taken", max(0, seen.Occupied), seen.Capacity)
		if seen.Unknown > 0 {
			s += sc.l.T("lot.unknown", seen.Unknown)
		}
		return s
	case "camera_group":
		var seen struct{ Up, Of int64 }
		if detail(d.State, &seen) && seen.Of > 0 {
			return sc.l.T("camera_group.up", seen.Up, seen.Of)
		}
	}
	return ""
}

// wall is the date at m; zero while it is not known.
func (sc *screen) wall(m gateway.Mono) time.Time { return sc.v.Clock.Wall(m) }

func (sc *screen) wallMillis() int64 {
	if w := sc.wall(sc.now); !w.IsZero() {
		return w.UnixMilli()
	}
	return 0
}

// at is a point in time for a time element: seconds on the gateway's clock.
func at(m gateway.Mono) string {
	if m.IsZero() {
		return ""
	}
	return strconv.FormatFloat(m.Seconds(), 'f', 1, 64)
}

// count writes n with a comma per thousand.
func count[T ~int | ~uint64](n T) string {
	s := strconv.FormatUint(uint64(n), 10)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// millis writes milliseconds, with a decimal where it matters.
func millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return decimal(float64(d) / float64(time.Millisecond))
	}
	return count(uint64(d.Milliseconds()))
}

// decimal writes one digit after the point unless it is zero.
func decimal(f float64) string { return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") }

// size writes bytes with a binary unit.
func size(n uint64) string {
	const k = 1024
	switch {
	case n < k:
		return strconv.FormatUint(n, 10) + " B"
	case n < k*k:
		return decimal(float64(n)/k) + " KiB"
	case n < k*k*k:
		return decimal(float64(n)/(k*k)) + " MiB"
	}
	return decimal(float64(n)/(k*k*k)) + " GiB"
}
