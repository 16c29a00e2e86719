package status

import (
	"cmp"
	"net/url"
	"slices"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/day"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// filter of the history. The zero value lets everything through.
type filter struct {
	Thing string           // device, source or the gateway
	Least gateway.Severity // of events
}

func filterOf(q url.Values) filter {
	f := filter{Thing: q.Get("device")}
	for _, s := range []gateway.Severity{gateway.Warning, gateway.Major, gateway.Critical} {
		if q.Get("level") == s.String() {
			f.Least = s
		}
	}
	return f
}

// query is what filterOf reads.
func (f filter) query() string {
	q := url.Values{}
	if f.Thing != "" {
		q.Set("device", f.Thing)
	}
	if f.Least > gateway.Info {
		q.Set("level", f.Least.String())
	}
	return q.Encode()
}

// shownHistory bounds the list; the page sends it again whenever something happens.
const shownHistory = 100

// history is the screen of what was: standing alarms, a device's day, the last events.
func (sc *screen) history(f filter) []group {
	all := []group{{"alarms", "section.alarms", []block{sc.alarms(f)}}}
	if f.Thing != "" && f.Thing != gateway.GatewayID {
		all = append(all, group{"day", "section.day", []block{sc.day(f.Thing)}})
	}
	return append(all, group{"events", "section.events", []block{sc.events("h-events", f, shownHistory)}})
}

// alarmList shows what stands now.
type alarmList struct {
	ID   string
	Rows []alarmRow
}

type alarmRow struct {
	mark       // Word is the severity
	What, Name string
	Key        string
	Seen       string // when it was acknowledged; empty = it was not
	Shelved    string // until when it is out of sight; empty = it is not
}

func (a alarmList) part() (id, template string) { return a.ID, "alarms" }

func (sc *screen) alarms(f filter) alarmList {
	list := alarmList{ID: "h-alarms"}
	alarms := slices.SortedStableFunc(slices.Values(sc.v.Alarms), func(a, b gateway.Alarm) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Since, a.Since))
	})
	for _, a := range alarms {
		if f.Thing != "" && a.ID != f.Thing || a.Severity < f.Least {
			continue
		}
		m := severityMark(sc.l, a.Severity)
		m.Since = at(a.Since)
		row := alarmRow{mark: m, What: sc.l.Of(text.Alarm(a)), Name: sc.deviceLabel(a.ID), Key: a.Key(), Seen: at(a.Acknowledged)}
		if !a.ShelvedUntil.IsZero() {
			row.Shelved = sc.until(a.ShelvedUntil)
		}
		list.Rows = append(list.Rows, row)
	}
	return list
}

// until is when an alarm comes back from the shelf, where the date is known.
func (sc *screen) until(m gateway.Mono) string {
	if t := sc.wall(m); !t.IsZero() {
		return sc.l.T("alarms.shelved.until", sc.when(t))
	}
	return sc.l.T("alarms.shelved")
}

// picture is one device's day: its states as colours along 24 hours, and how often something happened.
type picture struct {
	ID, Title, Kind string
	Bands           []band
	Bars            []bar
	Unit            string // what the bars count
	Most            string
	Hours           []string
	Legend          []legend
}

// band is a stretch of a state; X and W in slots, Y and H in hundredths of the height.
type band struct {
	X, W, Y, H int
	Tone       string
}

type bar struct{ X, H int }

type legend struct {
	mark
	For, Share string
}

func (p picture) part() (id, template string) { return p.ID, "picture" }

// shownSlots are a day.
const shownSlots = int(24 * time.Hour / day.SlotTime)

func (sc *screen) day(id string) picture {
	p := picture{ID: "h-day", Title: sc.deviceLabel(id)}
	look, countOf := sc.lookOf(id)
	p.Unit = sc.l.T(text.Key("day." + countOf))
	var slots []day.Slot
	if sc.s.o.Day != nil {
		slots = sc.s.o.Day.Of(id, sc.now)
	}
	begin := sc.now.Add(-24*time.Hour + day.SlotTime)
	begin -= begin % gateway.Mono(day.SlotTime)
	sums := map[string]time.Duration{}
	marks := map[string]mark{}
	var total time.Duration
	var most uint64
	for _, s := range slots {
		if s.Begin >= begin {
			most = max(most, counted(s, countOf))
		}
	}
	for _, s := range slots {
		x := int(s.Begin.Sub(begin) / day.SlotTime)
		if s.Begin < begin || x >= shownSlots {
			continue
		}
		y, rest := 100, 100
		for i, spent := range s.Spent {
			m := look(spent.State)
			marks[m.Word+m.Note] = m
			sums[m.Word+m.Note] += spent.For
			total += spent.For
			h := int(100 * spent.For / slotSum(s))
			if i == len(s.Spent)-1 {
				h = rest // rounding must not leave a gap
			}
			y, rest = y-h, rest-h
			p.addBand(band{X: x, W: 1, Y: y, H: h, Tone: m.Tone})
		}
		if n := counted(s, countOf); n > 0 {
			p.Bars = append(p.Bars, bar{X: x, H: max(4, int(100*n/most))})
		}
	}
	p.Most = count(most)
	for h := 24; h >= 0; h -= 6 {
		t := sc.wall(sc.now.Add(-time.Duration(h) * time.Hour))
		if t.IsZero() || sc.wallMillis() == 0 {
			p.Hours = append(p.Hours, sc.l.T("ago.h", h))
			continue
		}
		p.Hours = append(p.Hours, t.In(sc.zone).Format("15:04"))
	}
	for _, key := range sortedBySum(sums) {
		p.Legend = append(p.Legend, legend{mark: marks[key], For: sc.l.Duration(sums[key]), Share: decimal(100*float64(sums[key])/float64(total)) + " %"})
	}
	return p
}

// addBand draws on the band before where it is the same.
func (p *picture) addBand(b band) {
	for i := len(p.Bands) - 1; i >= 0 && i > len(p.Bands)-4; i-- {
		if l := &p.Bands[i]; l.X+l.W == b.X && l.Y == b.Y && l.H == b.H && l.Tone == b.Tone {
			l.W++
			return
		}
	}
	p.Bands = append(p.Bands, b)
}

// lookOf tells how a device's or source's states look, and what is counted of it.
func (sc *screen) lookOf(id string) (look func(day.State) mark, countOf string) {
	if d, ok := sc.v.Device(id); ok {
		countOf = "events"
		if d.Kind == "camera" {
			countOf = "pulses"
		}
		return func(s day.State) mark {
			state := gateway.DeviceState{Value: s.Value, Quality: gateway.Good}
			if s.Stale {
				state.Quality = gateway.Stale
			}
			if s.Value == "" {
				state.Quality = gateway.Bad
			}
			return sc.state(hub.Device{MetaDevice: d.MetaDevice, State: state})
		}, countOf
	}
	return func(s day.State) mark {
		if s.Value == "ok" {
			return mark{Tone: good, Icon: "ok", Word: sc.l.T("source.ok")}
		}
		return mark{Tone: bad, Icon: "bad", Word: sc.l.T("source.failed")}
	}, "errors"
}

func counted(s day.Slot, what string) uint64 {
	switch what {
	case "pulses":
		return s.Pulses
	case "errors":
		return s.Errors
	}
	return s.Events
}

func slotSum(s day.Slot) (sum time.Duration) {
	for _, spent := range s.Spent {
		sum += spent.For
	}
	return sum
}

// filterForm is the choice above the history.
type filterForm struct{ Things, Levels []option }

type option struct {
	Value, Word string
	On          bool
}

func (sc *screen) filterForm(f filter) filterForm {
	form := filterForm{Things: []option{{Word: sc.l.T("filter.all")}, {Value: gateway.GatewayID, Word: sc.l.T("section.system"), On: f.Thing == gateway.GatewayID}}}
	for _, d := range sc.v.Devices {
		form.Things = append(form.Things, option{d.ID, firstOf(d.Label, d.ID), d.ID == f.Thing})
	}
	for _, s := range sc.v.Sources {
		form.Things = append(form.Things, option{s.ID, s.ID, s.ID == f.Thing})
	}
	form.Levels = []option{{Word: sc.l.T("filter.all")}}
	for _, s := range []gateway.Severity{gateway.Warning, gateway.Major, gateway.Critical} {
		form.Levels = append(form.Levels, option{s.String(), sc.l.T("filter.from", text.Word("severity", s.String())), s == f.Least})
	}
	return form
}

func sortedBySum(sums map[string]time.Duration) []string {
	var keys []string
	for k := range sums {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b)) })
	return keys
}
