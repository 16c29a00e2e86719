package status

import (
	"net/url"
	"slices"
	"time"

	"lotusgate/gateway/text"
)

// walkRow is one input on the screen.
type walkRow struct {
	ID, Name, Where, Meaning string
	State                    mark
	Note                     string // what was found, in a sentence
	Do                       string // what to do about it
	Facts                    []fact
	Point                    string // its button asks for it; what was asked for so far is in the form of the screen alone
	Next                     string // the input after it
	Current                  bool
	Fix                      *walkFix
	Beep                     string // ok, bad: the script sounds it once
}

func (r walkRow) part() (id, template string) { return r.ID, "walkrow" }

// walkSum is the head of the screen.
type walkSum struct {
	ID          string
	State       mark
	Ask, Where  string // the input that is asked for now
	Done, Total int
}

func (w walkSum) part() (id, template string) { return w.ID, "walksum" }

var walkLooks = map[string]struct{ tone, icon string }{
	walkOpen: {idle, "idle"}, walkWaiting: {active, "info"}, walkOK: {good, "ok"}, walkChatters: {warn, "warn"},
	walkInverted: {bad, "bad"}, walkSwapped: {bad, "bad"}, walkInstead: {bad, "bad"}, walkDead: {bad, "bad"},
}

func (sc *screen) walk(w walk) []group {
	results := sc.s.results(w, sc.now)
	sum := walkSum{ID: "k-sum", Total: len(results)}
	var rows []block
	faults := 0
	for i, r := range results {
		row := sc.walkRow(w, r)
		row.Fix = sc.walkFix(w, r)
		if r.Current && r.Verdict == walkOK {
			if n := slices.IndexFunc(results[i:], func(r result) bool { return r.Verdict == walkOpen }); n >= 0 {
				row.Next = results[i+n].Terminal.ID
			}
		}
		switch r.Verdict {
		case walkOpen, walkWaiting:
		default:
			sum.Done++
			if r.Verdict != walkOK {
				faults++
			}
		}
		if r.Current && r.Verdict != walkOK {
			sum.Ask, sum.Where = r.Terminal.name(), r.Terminal.Source+" "+r.Terminal.Pin
		}
		rows = append(rows, row)
	}
	sum.State = mark{Tone: idle, Icon: "info", Word: sc.l.T("walk.begin")}
	switch {
	case faults > 0:
		sum.State = mark{Tone: bad, Icon: "bad", Word: sc.l.T("walk.faults", faults)}
	case sum.Done == sum.Total && sum.Total > 0:
		sum.State = mark{Tone: good, Icon: "ok", Word: sc.l.T("walk.passed")}
	case len(w.Steps) > 0:
		sum.State = mark{Tone: active, Icon: "info", Word: sc.l.T("walk.running")}
	}
	return []group{{"walk", "", []block{sum, sc.walkTools(w)}}, {"walked", "walk.wires", rows}}
}

func (sc *screen) walkRow(w walk, r result) walkRow {
	look := walkLooks[r.Verdict]
	row := walkRow{
		ID: "k-" + r.Terminal.ID, Name: r.Terminal.name(), Where: r.Terminal.Source + " " + r.Terminal.Pin,
		Meaning: sc.meaning(r.Terminal), Point: r.Terminal.ID, Current: r.Current,
		State: mark{Tone: look.tone, Icon: look.icon, Word: sc.l.Of(text.Word("walk", r.Verdict))},
	}
	if r.Verdict != walkOpen && r.Verdict != walkWaiting {
		row.Beep = "bad"
		if r.Verdict == walkOK {
			row.Beep = "ok"
		}
	}
	if row.Beep == "bad" {
		row.Note = sc.l.T("walkfound."+text.Key(r.Verdict), r.Instead.name())
		row.Do = sc.l.T("walkdo."+text.Key(r.Verdict), r.Instead.name())
	}
	if f := r.Figures; f.Edges > 0 {
		if f.Longest > 0 {
			row.Facts = append(row.Facts, fact{Name: sc.l.T("signals.width"), Value: sc.span(f.Longest)})
		}
		row.Facts = append(row.Facts, fact{Name: sc.l.T("wire.edges"), Value: count(f.Edges)}, fact{Name: sc.l.T("wire.bounces"), Value: count(f.Bounces)})
		if f.BounceFor > 0 {
			row.Facts = append(row.Facts, fact{Name: sc.l.T("signals.bounce"), Value: sc.span(f.BounceFor)})
		}
	}
	row.Facts = append(row.Facts, fact{Name: sc.l.T("walk.polarity"), Value: sc.polarity(r.Terminal)})
	return row
}

// span is a short time as a technician reads it: with a decimal of milliseconds, or of seconds.
func (sc *screen) span(d time.Duration) string {
	if d < time.Second {
		return sc.l.T("span.ms", millis(d))
	}
	return sc.l.T("span.s", decimal(d.Seconds()))
}

// walkTools choose devices before the walk, and lead to its report. They are the one part that holds how far it is.
type walkTools struct {
	ID      string
	Devices []option
	Query   string
	So      url.Values
	Begun   bool
}

func (w walkTools) part() (id, template string) { return w.ID, "walktools" }

func (sc *screen) walkTools(w walk) walkTools {
	tools := walkTools{ID: "k-tools", Query: "?" + w.query().Encode(), So: w.query(), Begun: len(w.Steps) > 0}
	if tools.Begun {
		return tools
	}
	for _, d := range sc.v.Devices {
		if len(sc.s.walked(walk{Devices: []string{d.ID}})) > 0 {
			tools.Devices = append(tools.Devices, option{d.ID, firstOf(d.Label, d.ID), slices.Contains(w.Devices, d.ID)})
		}
	}
	return tools
}

// walkHead is above what changes: whose walk it is, and what became of a correction.
type walkHead struct {
	Unit    []fact
	Fixed   string
	Refused string // why there was none
}

func (sc *screen) walkHead() walkHead {
	g := sc.v.Gateway
	head := walkHead{Unit: []fact{
		{Name: sc.l.T("foot.id"), Value: g.Site + " / " + g.ID},
		{Name: sc.l.T("foot.version"), Value: g.Version},
		{Name: sc.l.T("foot.config"), Value: g.Config},
		{Name: sc.l.T("walk.boot"), Value: g.KernelBoot},
	}}
	if t := sc.wall(sc.now); !t.IsZero() {
		head.Unit = append(head.Unit, fact{Name: sc.l.T("clock.now"), Value: t.In(sc.zone).Format(time.DateTime + " -0700")})
	}
	return head
}
