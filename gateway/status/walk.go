package status

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/text"
	"lotusgate/gateway/trace"
)

// A walk test asks for one input after the other to be triggered in the field, and reads from the trace what happened.
// All there is to know about it stands in the address, so that it needs no log-in, survives a lost connection, and two
// people can walk at once: which devices, and which input was asked for when.
type walk struct {
	Devices []string
	Steps   []step
	boot    string
}

// step asks for an input from a point in time on, until the next step.
type step struct {
	Point string
	At    gateway.Mono
}

// walkMost bounds the steps of one walk.
const walkMost = 400

// walkOf reads a walk from an address. Steps of another kernel boot mean nothing any more.
func walkOf(q url.Values, boot string) walk {
	w := walk{Devices: q["d"], boot: shortBoot(boot)}
	if q.Get("boot") != w.boot {
		return w
	}
	for _, s := range q["step"] {
		point, at, _ := strings.Cut(s, "@")
		us, err := strconv.ParseInt(at, 36, 64)
		if err != nil || us <= 0 || us > 1<<50 || len(w.Steps) == walkMost {
			continue
		}
		w.Steps = append(w.Steps, step{point, gateway.Mono(us * int64(time.Microsecond))})
	}
	slices.SortStableFunc(w.Steps, func(a, b step) int { return int(max(-1, min(1, a.At-b.At))) })
	return w
}

func shortBoot(id string) string { return id[:min(len(id), 8)] }

// query is what walkOf reads.
func (w walk) query() url.Values {
	q := url.Values{"d": w.Devices}
	for _, s := range w.Steps {
		q.Add("step", s.Point+"@"+strconv.FormatInt(micros(s.At), 36))
	}
	if len(w.Steps) > 0 {
		q.Set("boot", w.boot)
	}
	return q
}

// verdicts of an input that was walked to; the worst comes last.
const (
	walkOpen     = "open"     // not asked for yet
	walkWaiting  = "waiting"  // asked for, nothing yet
	walkOK       = "ok"       //
	walkChatters = "chatters" // bounces for longer than the settle time, or without end
	walkInverted = "inverted" // rests active and leaves when triggered
	walkSwapped  = "swapped"  // another one answered, and vice versa
	walkInstead  = "instead"  // another one answered
	walkDead     = "dead"     // nothing answered
)

// result of one input.
type result struct {
	Terminal Terminal
	Verdict  string
	Instead  Terminal // of walkInstead and walkSwapped
	Figures  trace.Figures
	At       gateway.Mono // when it was asked for
	Current  bool
}

// restsEither are roles of wires that may rest active: an arm is down, a door is closed, a bay is taken.
var restsEither = map[string]bool{
	"open_limit": true, "closed_limit": true, "bay": true, "heartbeat": true, "pulses": true, "lift_door_zone": true,
	"lift_door_closed": true, "lift_moving": true, "lift_supply": true, "lift_presence": true,
}

// bouncesMost for each change that counts: a relay contact has fewer than ten, a loose wire hundreds.
const bouncesMost = 20

// results of a walk, in the order of the terminals.
func (s *Server) results(w walk, now gateway.Mono) []result {
	var out []result
	answered := map[string]string{} // asked for → answered instead
	passed := s.walks.passed(w)
	for _, t := range s.walked(w) {
		r := result{Terminal: t, Verdict: walkOpen}
		for i, st := range w.Steps {
			if st.Point != t.ID {
				continue
			}
			end := now
			r.Current = i == len(w.Steps)-1
			if !r.Current {
				end = w.Steps[i+1].At
			}
			if was, ok := s.walks.of(st); ok {
				was.Current = r.Current
				r = was
			} else if r = s.look(t, st.At, end, r.Current, passed); !r.Current && r.Verdict != walkOpen {
				s.walks.keep(st, r)
			}
			answered[t.ID] = r.Instead.ID
		}
		out = append(out, r)
	}
	for i, r := range out {
		if r.Verdict == walkInstead && answered[r.Instead.ID] == r.Terminal.ID {
			out[i].Verdict = walkSwapped
		}
	}
	return out
}

// look judges what came of asking for an input from one point in time to another. A step that is older than what the trace
// knows, as when the input was wired anew since, begins with it: whatever was before counts as not tested.
func (s *Server) look(t Terminal, asked, to gateway.Mono, current bool, passed map[string]bool) result {
	r := result{Terminal: t, Verdict: walkOpen, Current: current}
	since, ok := s.wired.Load().trace.Since(t.ID)
	from := max(asked, since)
	if !ok || from > to {
		return r
	}
	r.At, r.Figures = asked, s.measure(t, from, to)
	r.Verdict = s.judge(t, r.Figures)
	if r.Verdict != walkDead {
		return r
	}
	if other, ok := s.instead(t, from, to, passed); ok {
		r.Verdict, r.Instead = walkInstead, other
	} else if current {
		r.Verdict = walkWaiting
	} else if from > asked {
		r.Verdict = walkOpen
	}
	return r
}

// findings keeps what came of the steps that are over: a walk takes longer than the trace reaches back.
type findings struct {
	mu    sync.Mutex
	found map[step]result
	order []step
}

// findingsMost is enough for several large walks at a time.
const findingsMost = 4 * walkMost

func (f *findings) of(s step) (result, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.found[s]
	return r, ok
}

// passed are the inputs that a walk has found in order.
func (f *findings) passed(w walk) map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]bool{}
	for _, s := range w.Steps {
		if f.found[s].Verdict == walkOK {
			all[s.Point] = true
		}
	}
	return all
}

// forget what came of asking for an input: it is wired otherwise now.
func (f *findings) forget(point string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.order = slices.DeleteFunc(f.order, func(s step) bool { return s.Point == point })
	maps.DeleteFunc(f.found, func(s step, _ result) bool { return s.Point == point })
}

func (f *findings) keep(s step, r result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.found[s]; ok {
		return
	}
	if f.found == nil {
		f.found = map[step]result{}
	}
	if len(f.order) == findingsMost {
		delete(f.found, f.order[0])
		f.order = f.order[1:]
	}
	f.found[s] = r
	f.order = append(f.order, s)
}

// walked are the inputs of the chosen devices and of their parts, as a lane's loops; or all.
func (s *Server) walked(w walk) []Terminal {
	if len(w.Devices) == 0 {
		return s.inputs()
	}
	chosen, v := map[string]bool{}, s.hub.View()
	for _, id := range w.Devices {
		chosen[id] = true
		if d, ok := v.Device(id); ok {
			for _, part := range d.Parts {
				chosen[part] = true
			}
		}
	}
	return slices.DeleteFunc(s.inputs(), func(t Terminal) bool {
		return !slices.ContainsFunc(t.Uses, func(u Use) bool { return chosen[u.Device] })
	})
}

func (s *Server) measure(t Terminal, from, to gateway.Mono) trace.Figures {
	sig, _, _ := s.wired.Load().trace.Read(t.ID, trace.Cursor{}, from)
	return sig.Measure(from, to, trace.LevelOf(!t.ActiveLow), t.Settle)
}

func (s *Server) judge(t Terminal, f trace.Figures) string {
	changes := f.Pulses + f.Away
	rests := !slices.ContainsFunc(t.Uses, func(u Use) bool { return restsEither[u.Role] })
	switch {
	case f.Edges == 0:
		return walkDead
	case f.Bounces > bouncesMost*max(1, changes) || changes > 0 && f.BounceFor > max(t.Settle, 50*time.Millisecond):
		return walkChatters
	case changes == 0:
		return walkDead // a spark that led to nothing
	case rests && f.Before == trace.LevelOf(!t.ActiveLow) && f.Away > 0:
		return walkInverted
	}
	return walkOK
}

// livelyRoles are those of wires that change without anybody in the field.
var livelyRoles = map[string]bool{
	"heartbeat": true, "pulses": true, "lift_door_zone": true, "lift_door_closed": true, "lift_moving": true, "lift_presence": true,
}

// instead finds who answered when nothing came from t: the input that changed first, but for those that were found to be
// their own and those that change by themselves.
func (s *Server) instead(t Terminal, from, to gateway.Mono, passed map[string]bool) (Terminal, bool) {
	var found Terminal
	var first gateway.Mono
	for _, other := range s.inputs() {
		if other.ID == t.ID || passed[other.ID] || slices.ContainsFunc(other.Uses, func(u Use) bool { return livelyRoles[u.Role] }) {
			continue
		}
		sig, _, _ := s.wired.Load().trace.Read(other.ID, trace.Cursor{}, from)
		was := trace.Unknown // what is read for the first time has not changed
		for _, m := range sig.Settled {
			if was != trace.Unknown && m.At > from && m.At <= to && m.Level != trace.Unknown && (first.IsZero() || m.At < first) {
				found, first = other, m.At
			}
			was = m.Level
		}
	}
	return found, !first.IsZero()
}

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

// serveWalk is the commissioning report for machines.
func (s *Server) serveWalk(w http.ResponseWriter, r *http.Request) {
	type resultJSON struct {
		ID        string   `json:"id"`
		Label     string   `json:"label"`
		Terminal  string   `json:"terminal"`
		Uses      []string `json:"uses"`
		Verdict   string   `json:"verdict"`
		Instead   string   `json:"instead,omitempty"`
		ActiveLow bool     `json:"active_low"`
		At        *float64 `json:"asked_at"`
		Time      *string  `json:"asked"`
		Edges     int      `json:"edges"`
		Bounces   int      `json:"bounces"`
		BounceMS  float64  `json:"bounce_ms"`
		Pulses    int      `json:"pulses"`
		PulseMS   float64  `json:"pulse_ms"`
	}
	v, now := s.hub.View(), s.o.Now()
	j := struct {
		Site    string       `json:"site"`
		Gateway string       `json:"gateway"`
		Version string       `json:"version"`
		Config  string       `json:"config"`
		Boot    string       `json:"kernelboot"`
		At      float64      `json:"at"`
		Time    *string      `json:"time"`
		Passed  bool         `json:"passed"`
		Results []resultJSON `json:"results"`
	}{
		Site: v.Gateway.Site, Gateway: v.Gateway.ID, Version: v.Gateway.Version, Config: v.Gateway.Config, Boot: v.Gateway.KernelBoot,
		At: now.Seconds(), Time: gateway.WireTime(v.Clock.Wall(now)), Passed: true, Results: []resultJSON{},
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, res := range s.results(walkOf(r.URL.Query(), v.Gateway.KernelBoot), now) {
		t := res.Terminal
		out := resultJSON{
			ID: t.ID, Label: t.Label, Terminal: t.Source + " " + t.Pin, Uses: []string{}, Verdict: res.Verdict, Instead: res.Instead.ID,
			ActiveLow: t.ActiveLow, At: moment(res.At), Time: gateway.WireTime(v.Clock.Wall(res.At)), Edges: res.Figures.Edges,
			Bounces: res.Figures.Bounces, BounceMS: ms(res.Figures.BounceFor), Pulses: res.Figures.Pulses, PulseMS: ms(res.Figures.Longest),
		}
		for _, u := range t.Uses {
			out.Uses = append(out.Uses, u.Device+"/"+u.Role)
		}
		j.Passed = j.Passed && res.Verdict == walkOK
		j.Results = append(j.Results, out)
	}
	j.Passed = j.Passed && len(j.Results) > 0
	body, _ := json.MarshalIndent(j, "", "  ") // figures and strings cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `inline; filename="walk-test.json"`)
	sendCompressed(w, r, append(body, '\n'))
}
