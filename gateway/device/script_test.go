package device

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/contract"
)

// wire judges what would be published.
var wire = contract.Judge(2)

// play steps m through a script (scenario_test.go says what may stand in it), with its timers in between, and returns one
// line an event.
func play[T Machine[T]](t testing.TB, m T, roles map[string]Input, script string) (T, []string) {
	t.Helper()
	var (
		out  []string
		wake gateway.Mono
	)
	orders := uint32(0)
	var shown [Outputs]bool
	var step func(now gateway.Mono, in Input)
	step = func(now gateway.Mono, in Input) {
		if in.Kind == OrderGiven {
			orders++
			in.Order.Number = orders
		}
		next, fx, w := m.Step(now, in)
		again, fx2, w2 := m.Step(now, in)
		if next != again || w != w2 || fmt.Sprint(fx) != fmt.Sprint(fx2) {
			t.Fatalf("step is not pure at %v", time.Duration(now))
		}
		if !w.IsZero() && w <= now {
			t.Fatalf("wake %v is not after now %v", time.Duration(w), time.Duration(now))
		}
		m, wake = next, w
		for _, e := range fx.Events {
			data, err := json.Marshal(e.Data)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, fmt.Sprintf("%v %s %s", time.Duration(e.At-origin), e.Type, data))
			if err := wire().Event(gateway.Event{Type: e.Type, ID: "id", At: e.At, Data: e.Data}); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range fx.Outcomes {
			who := "rule"
			if o.Number != RuleOrder {
				who = fmt.Sprintf("#%d", o.Number)
			}
			words := []string{fmt.Sprint(time.Duration(now - origin)), who, string(o.Stage), string(o.Reason), o.Obstacle}
			out = append(out, strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " "))
		}
		if d, ok := any(m).(interface{ Drive() Drive }); ok {
			for i, p := range d.Drive() {
				on := p.Active(now)
				if on == shown[i] {
					continue
				}
				shown[i] = on
				name := "RELAY" // a sign, a beeper
				if _, ok := any(m).(Gate); ok {
					name = strings.ToUpper(Output(i).String())
				}
				out = append(out, fmt.Sprintf("%v %s %s", time.Duration(now-origin), name, map[bool]string{true: "on", false: "off"}[on]))
				if on {
					step(now, Input{Kind: OutputTold, Report: Report{Output: Output(i)}})
				}
			}
		}
		if g, ok := any(m).(Gate); ok && fx.Ask != 0 {
			e := Evidence{Number: fx.Ask}
			for i, s := range g.safety {
				e.Samples[i] = Sample{On: s.On, Quality: s.Quality, At: now}
			}
			step(now, Input{Kind: EvidenceRead, Evidence: e})
		}
	}
	advance := func(at time.Duration) {
		for !wake.IsZero() && wake <= origin.Add(at) {
			step(wake, Input{})
		}
	}
	at := time.Duration(0)
	for line := range strings.Lines(script) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if !strings.HasPrefix(f[0], "every:") {
			var err error
			if at, err = time.ParseDuration(f[0]); err != nil {
				t.Fatal(err)
			}
			advance(at)
		}
		now := origin.Add(at)
		if every, ok := strings.CutPrefix(f[0], "every:"); ok { // "every:5s 60s mA=180": again and again, until then
			pause, err := time.ParseDuration(every)
			until, err2 := time.ParseDuration(f[1])
			if err != nil || err2 != nil {
				t.Fatal(line)
			}
			for at += pause; at <= until; at += pause {
				advance(at)
				for _, word := range f[2:] {
					step(origin.Add(at), parse(t, roles, origin.Add(at), word))
				}
			}
			at = until
			continue
		}
		for _, word := range f[1:] {
			step(now, parse(t, roles, now, word))
		}
	}
	return m, out
}

// parse reads one word of a script.
func parse(t testing.TB, roles map[string]Input, now gateway.Mono, word string) Input {
	t.Helper()
	if name, value, ok := strings.Cut(word, "="); ok { // a role's Value is what one is worth
		in, ok := roles[name]
		n, err := strconv.ParseInt(value, 10, 64)
		if !ok || err != nil {
			t.Fatalf("script: %q: %v", word, err)
		}
		return Reading(in.Role, in.Index, Signal{Since: now, Quality: gateway.Good}, n*in.Value)
	}
	if in, ok := roles[strings.TrimSuffix(word, "!")]; ok && strings.HasSuffix(word, "!") {
		return in // an act
	}
	name, sign := word[:len(word)-1], word[len(word)-1]
	s := Signal{Since: now, Quality: gateway.Good, On: sign == '+'}
	if sign == '?' {
		s.Quality = gateway.Bad
	}
	if doubtful, ok := strings.CutSuffix(name, "~"); ok {
		name, s.Quality = doubtful, gateway.Stale
	}
	in, ok := roles[name]
	if !ok {
		t.Fatalf("script: no role %q", word)
	}
	in.Kind, in.Signal = SignalChanged, s
	return in
}

// origin is the moment 0s of a script: no machine may treat time zero specially.
const origin gateway.Mono = 1_000_000_000_000
