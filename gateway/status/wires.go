package status

import (
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// wire is one row of the table of inputs.
type wire struct {
	ID, Name, Label, Terminal string
	Level                     mark
	Settled                   mark
	Edges, Bounces, Missed    string
	MissedTone                string
	Last                      string
}

func (w wire) part() (id, template string) { return w.ID, "wire" }

func (sc *screen) wires() []block {
	var rows []block
	for _, p := range sc.v.Points {
		w := wire{
			ID: "w-" + p.ID, Name: p.ID, Label: firstOf(p.Label, p.ID), Terminal: p.Terminal,
			Level: sc.level(p), Settled: sc.settled(p),
			Edges: count(p.Edges), Bounces: count(p.Bounces), Missed: count(p.Missed), Last: at(p.LastEdge),
		}
		if p.Missed > 0 {
			w.MissedTone = warn
		}
		rows = append(rows, w)
	}
	return rows
}

func (sc *screen) level(p hub.Point) mark {
	switch {
	case p.Quality == gateway.Bad:
		return mark{Tone: unknown, Icon: "unknown", Word: sc.l.T("value.unknown")}
	case p.Unit != "":
		return mark{Tone: idle, Icon: "idle", Word: "–"}
	case p.Raw:
		return mark{Tone: idle, Icon: "high", Word: sc.l.T("wire.high")}
	}
	return mark{Tone: idle, Icon: "low", Word: sc.l.T("wire.low")}
}

func (sc *screen) settled(p hub.Point) mark {
	if p.Unit != "" && p.Quality == gateway.Good {
		m := mark{Tone: idle, Icon: "idle", Word: text.Measured(p.Value, p.Unit), Since: at(p.Since)}
		if p.Clipped {
			m.Note = sc.l.T("wire.clipped")
		}
		return m
	}
	m := mark{Tone: idle, Icon: "idle", Word: sc.l.T("wire.inactive"), Since: at(p.Since)}
	if p.Active {
		m.Tone, m.Icon, m.Word = active, "on", sc.l.T("wire.active")
	}
	if p.Quality != gateway.Good {
		m.Note = sc.l.Of(text.Word("quality", p.Quality.String()))
		m.Tone, m.Icon = unknown, "unknown"
	}
	if p.Quality == gateway.Bad {
		m.Word, m.Since = sc.l.T("value.unknown"), ""
	}
	return m
}

// eventList is the list of the last events.
type eventList struct {
	ID   string
	Rows []happened
}

type happened struct {
	mark        // tone by severity; Since when the date is not known
	Time        string
	Machine     string // the time for the script, which shows it in the reader's own zone
	Who, Number string
}

func (h eventList) part() (id, template string) { return h.ID, "history" }

// shownEvents on the overview.
const shownEvents = 20

func (sc *screen) events(id string, f filter, most int) eventList {
	h := eventList{ID: id}
	for _, e := range sc.v.Events {
		spec, _ := gateway.SpecOf(e.Type)
		if f.Thing != "" && e.Event.ID != f.Thing || spec.Severity < f.Least {
			continue
		}
		if len(h.Rows) == most {
			break
		}
		m := severityMark(sc.l, spec.Severity)
		if spec.Severity == gateway.Info {
			m = mark{Tone: idle, Icon: "idle"}
		}
		row := happened{mark: m, Who: sc.deviceLabel(e.Event.ID), Number: e.ID.Sequence()}
		row.Word = sc.l.Of(text.Event(e.Event))
		row.Time, row.Machine, row.Since = sc.stamp(e)
		h.Rows = append(h.Rows, row)
	}
	return h
}

// stamp is when an event was, for people, for the script, and in place of both while the date is not known.
func (sc *screen) stamp(e hub.Event) (when, machine, since string) {
	if e.Time.IsZero() {
		return "", "", at(e.At)
	}
	return sc.when(e.Time), e.Time.UTC().Format(gateway.TimeLayout), ""
}

// when is the time of day, with the date in front on another day. The script of the page writes the same.
func (sc *screen) when(t time.Time) string {
	t = t.In(sc.zone)
	if today := sc.wall(sc.now).In(sc.zone); t.YearDay() != today.YearDay() || t.Year() != today.Year() {
		return t.Format("01-02 " + time.TimeOnly)
	}
	return t.Format(time.TimeOnly)
}

func (sc *screen) deviceLabel(id string) string {
	if id == gateway.GatewayID {
		return sc.l.T("section.system")
	}
	if d, ok := sc.v.Device(id); ok {
		return firstOf(d.Label, id)
	}
	for _, p := range sc.v.Points {
		if p.ID == id {
			return firstOf(p.Label, id)
		}
	}
	return id
}
