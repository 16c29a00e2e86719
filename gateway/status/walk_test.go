package status

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/trace"
)

// walkedQuery is a walk over the site of the fixture: the first loop passed, nothing came from the elevator, and the
// wire that chatters did.
func walkedQuery() string {
	ago := func(d time.Duration) gateway.Mono { return testNow.Add(-d) }
	return walk{boot: "4a1c", Steps: []step{
		{"ea", ago(50 * time.Second)}, {"car-fault", ago(30 * time.Second)}, {"pulse", ago(11 * time.Second)}, {"eb", ago(5 * time.Second)},
	}}.query().Encode()
}

func TestWalkVerdicts(t *testing.T) {
	const ms = gateway.Mono(time.Millisecond)
	base := testNow.Add(-time.Minute)
	for name, c := range map[string]struct {
		edges map[int][]gateway.Mono // input → edges after the step, beginning with the level's change
		rest  map[int]bool           // level before
		want  string
	}{
		"ok":       {edges: map[int][]gateway.Mono{0: {100 * ms, 900 * ms}}, want: "ok"},
		"bouncing": {edges: map[int][]gateway.Mono{0: {100 * ms, 101 * ms, 102 * ms, 900 * ms}}, want: "ok"},
		"held":     {edges: map[int][]gateway.Mono{0: {100 * ms}}, want: "ok"},
		"inverted": {edges: map[int][]gateway.Mono{0: {100 * ms, 900 * ms}}, rest: map[int]bool{0: true}, want: "inverted"},
		"dead":     {want: "dead"},
		"spark":    {edges: map[int][]gateway.Mono{0: {100 * ms, 101 * ms}}, want: "dead"},
		"instead":  {edges: map[int][]gateway.Mono{1: {100 * ms, 900 * ms}}, want: "instead"},
		"both":     {edges: map[int][]gateway.Mono{0: {100 * ms, 900 * ms}, 1: {50 * ms}}, want: "ok"}, // a car covers both loops
		"storm":    {edges: map[int][]gateway.Mono{0: storm(80, 2*ms)}, want: "chatters"},
	} {
		tr := trace.New([]string{"ea", "eb", "car-fault", "pulse"})
		for n := range 4 {
			tr.Raw(n, base-1000*ms, c.rest[n])
			tr.Settled(n, base-1000*ms, c.rest[n])
			level := c.rest[n]
			for i, at := range c.edges[n] {
				level = !level
				tr.Raw(n, base+at, level)
				if i == len(c.edges[n])-1 || c.edges[n][i+1]-at >= 20*ms { // stays
					if sig, _, _ := tr.Read([]string{"ea", "eb", "car-fault", "pulse"}[n], trace.Cursor{}, 0); sig.Settled[len(sig.Settled)-1].Level != trace.LevelOf(level) {
						tr.Settled(n, base+at, level)
					}
				}
			}
		}
		s := newServer(t, wellHub(), Options{Trace: tr})
		w := walk{Steps: []step{{"ea", base}, {"car-fault", base + 2000*ms}}}
		if got := s.results(w, testNow)[0]; got.Verdict != c.want {
			t.Errorf("%s: %s, want %s: %+v", name, got.Verdict, c.want, got.Figures)
		}
	}
}

func storm(n int, every gateway.Mono) (edges []gateway.Mono) {
	for i := range n {
		edges = append(edges, gateway.Mono(i+1)*every)
	}
	return edges
}

// TestWalkFindsSwappedWires triggers two loops whose wires are swapped.
func TestWalkFindsSwappedWires(t *testing.T) {
	tr := trace.New([]string{"ea", "eb", "car-fault", "pulse"})
	base := testNow.Add(-time.Minute)
	for n, at := range map[int]gateway.Mono{1: base + second, 0: base + 11*second} {
		tr.Raw(n, base-second, false)
		tr.Settled(n, base-second, false)
		tr.Raw(n, at, true)
		tr.Settled(n, at, true)
	}
	s := newServer(t, wellHub(), Options{Trace: tr})
	got := s.results(walk{Steps: []step{{"ea", base}, {"eb", base + 10*second}}}, testNow)
	if got[0].Verdict != walkSwapped || got[1].Verdict != walkSwapped || got[0].Instead.ID != "eb" {
		t.Errorf("got %s and %s", got[0].Verdict, got[1].Verdict)
	}
}

func TestWalkReport(t *testing.T) {
	s := newServer(t, wellHub(), Options{})
	var report struct {
		Site, Gateway, Config string
		Time                  *time.Time
		Passed                bool
		Results               []struct {
			ID, Verdict string
			BounceMS    float64 `json:"bounce_ms"`
			PulseMS     float64 `json:"pulse_ms"`
			Asked       *time.Time
		}
	}
	if err := json.Unmarshal([]byte(body(t, get(t, s, "/api/v1/walk?"+walkedQuery()))), &report); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range report.Results {
		got = append(got, r.ID+" "+r.Verdict)
	}
	if strings.Join(got, ", ") != "ea ok, eb ok, car-fault dead, pulse chatters" || report.Passed || report.Site != "lianhua" || report.Time == nil {
		t.Errorf("%s: %+v", got, report)
	}
	if first := report.Results[0]; first.PulseMS != 2600 || first.BounceMS != 3 || first.Asked == nil {
		t.Errorf("the first loop: %+v", first)
	}
	again := get(t, s, "/walk/step?point=ea&"+walkedQuery())
	if to := again.Header.Get("Location"); again.StatusCode != http.StatusSeeOther || strings.Count(to, "step=") != 5 {
		t.Errorf("another step: %d %s", again.StatusCode, to)
	}
	if r := get(t, s, "/walk/step?point=nothing"); r.StatusCode != http.StatusNotFound {
		t.Errorf("an input that does not exist: %d", r.StatusCode)
	}
	if old := walkOf(map[string][]string{"step": {"ea@1"}, "boot": {"other"}}, "4a1c"); len(old.Steps) > 0 {
		t.Error("a step of another boot counts")
	}
}

// TestBrowserWalks walks over two inputs: each is ticked off within a moment, and the page goes on by itself.
func TestBrowserWalks(t *testing.T) {
	ctx := browser(t)
	start := time.Now()
	now := func() gateway.Mono { return testNow.Add(time.Since(start)) }
	h, tr := wellHub(), trace.New([]string{"ea", "eb", "car-fault", "pulse"})
	for n := range 4 {
		tr.Raw(n, testNow-second, n == 2)
		tr.Settled(n, testNow-second, n == 2)
	}
	server := serve(t, newServer(t, h, Options{Now: now, Trace: tr}))
	said := &complaints{host: strings.TrimPrefix(server.URL, "http://")}
	if err := said.listen(ctx); err != nil {
		t.Fatal(err)
	}
	defer said.none(t)
	pulse := func(n int, edges uint64) {
		at := now()
		for i, level := range []bool{true, false} {
			tr.Raw(n, at.Add(time.Duration(i)*time.Millisecond), level)
			tr.Settled(n, at.Add(time.Duration(i)*time.Millisecond), level)
		}
		h.PutPoint(hub.Point{ID: "ea", Edges: edges})
	}
	open(t, ctx, server.URL+"/walk?lang=zh-CN&d=entry-a&d=entry-b", 360, "light")
	if wide := run(t, ctx, chromedp.Evaluate[float64](`window.sameDocument = true; document.documentElement.scrollWidth`)); wide > 360 {
		t.Errorf("the page is %v px wide on a phone of 360", wide)
	}
	run(t, ctx, chromedp.Steps(chromedp.Click(chromedp.CSS(`#sound`)), visible(`#sound[aria-pressed=true]`)))
	run(t, ctx, chromedp.Steps(chromedp.Click(chromedp.CSS(`#k-ea > button`)), visible(`#k-ea.current.active`), visible(`body.is-live`)))
	pulse(0, 2)
	run(t, ctx, visible(`#k-ea.good`))
	run(t, ctx, visible(`#k-eb.current`)) // by itself
	pulse(1, 4)
	run(t, ctx, chromedp.Steps(visible(`#k-eb.good`), visible(`#k-sum.good`)))
	if !run(t, ctx, chromedp.Evaluate[bool](`window.sameDocument === true && document.getElementById("sound").ariaPressed === "true"`)) {
		t.Error("the page was left, and with it the sound")
	}
}

// TestStepBeginsAnewWithTheTrace asks for an input that a correction has wired anew, before it and its neighbour were read for the
// first time.
func TestStepBeginsAnewWithTheTrace(t *testing.T) {
	const ms = gateway.Mono(time.Millisecond)
	ids, base := []string{"ea", "eb", "car-fault", "pulse"}, testNow.Add(-time.Minute)
	tr := trace.New(ids)
	change := func(n int, at gateway.Mono, level bool) {
		tr.Raw(n, at, level)
		tr.Settled(n, at, level)
	}
	s := newServer(t, wellHub(), Options{Trace: tr})
	w := walk{Steps: []step{{"ea", base}}}
	expect := func(when string, at gateway.Mono, want string) {
		t.Helper()
		if got := s.results(w, at)[0]; got.Verdict != want || got.At != base {
			t.Errorf("%s: %s since %v, want %s since %v", when, got.Verdict, got.At, want, base)
		}
	}
	expect("asked for", base, walkWaiting)
	for n := range ids {
		change(n, base+40*ms, n == 1)
	}
	expect("read for the first time", base+50*ms, walkWaiting)
	change(0, base+800*ms, true)
	expect("triggered", base+900*ms, walkOK)
	w.Steps = append(w.Steps, step{"eb", base + 5*second})
	expect("after the next step", base+6*second, walkOK)

	// One that rests active is found, too, and one that did not answer before it was wired anew has not been tested.
	s = newServer(t, wellHub(), Options{Trace: trace.New(ids)})
	tr = trace.New(ids)
	s.Rewire(tr, siteTerminals())
	w.Steps = w.Steps[:1]
	change(0, base+40*ms, true)
	change(0, base+800*ms, false)
	expect("rests active", base+900*ms, walkInverted)
	tr = trace.New(ids)
	s = newServer(t, wellHub(), Options{Trace: tr})
	w.Steps = append(w.Steps, step{"eb", base + 5*second})
	change(0, base+second, false)
	expect("did not answer since", base+6*second, walkOpen)
}

// TestWalkOutlivesTheTrace asks for a report long after the edges are forgotten, and after the inputs were wired anew.
func TestWalkOutlivesTheTrace(t *testing.T) {
	ids := []string{"ea", "eb", "car-fault", "pulse"}
	tr, base := trace.New(ids), testNow.Add(-time.Minute)
	for n := range 4 {
		tr.Raw(n, base-second, false)
		tr.Settled(n, base-second, false)
	}
	for i, level := range []bool{true, false} {
		tr.Raw(0, base.Add(time.Duration(i+1)*time.Second), level)
		tr.Settled(0, base.Add(time.Duration(i+1)*time.Second), level)
	}
	s := newServer(t, wellHub(), Options{Trace: tr})
	w := walk{Steps: []step{{"ea", base}, {"eb", base + 10*second}}}
	if got := s.results(w, testNow)[0]; got.Verdict != walkOK {
		t.Fatalf("%+v", got)
	}
	for i := range 2 * trace.RawKept { // a busy day
		tr.Raw(0, base+20*second+gateway.Mono(i), i%2 == 0)
	}
	if got := s.results(w, testNow)[0]; got.Verdict != walkOK || got.Figures.Pulses != 1 {
		t.Errorf("after the trace forgot: %+v", got)
	}
	s.Rewire(trace.New(ids), siteTerminals())
	got := s.results(walk{Steps: append(w.Steps, step{"pulse", base + 30*second})}, testNow)
	if got[0].Verdict != walkOK || got[0].Figures.Pulses != 1 {
		t.Errorf("after the inputs were wired anew: %+v", got[0])
	}

	// Somebody else's daemon, which has not seen it: not tested, instead of dead.
	other := newServer(t, wellHub(), Options{Trace: tr})
	if got := other.results(w, testNow)[0]; got.Verdict != walkOpen {
		t.Errorf("what nobody remembers: %+v", got)
	}
}
