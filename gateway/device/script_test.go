package device

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
)

// A script is one line an input: "1.5s A+" covers loop A at 1.5 s, "2s A-" leaves it, "3s A?" loses it, "4s" only lets
// time pass. play steps m through it, with its timers in between, and returns one line an event.
func play[T Machine[T]](t testing.TB, m T, roles map[string]Input, script string) (T, []string) {
	t.Helper()
	var (
		out  []string
		wake gateway.Mono
	)
	step := func(now gateway.Mono, in Input) {
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
			if _, ok := gateway.SpecOf(e.Type); !ok {
				t.Fatalf("%s is not in the catalogue", e.Type)
			}
		}
	}
	for line := range strings.Lines(script) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		at, err := time.ParseDuration(f[0])
		if err != nil {
			t.Fatal(err)
		}
		now := origin.Add(at)
		for !wake.IsZero() && wake <= now {
			step(wake, Input{})
		}
		for _, word := range f[1:] {
			in, ok := roles[word[:len(word)-1]]
			if !ok {
				t.Fatalf("script: no role %q", word)
			}
			in.Kind = SignalChanged
			in.Signal = Signal{Since: now, Quality: gateway.Good, On: word[len(word)-1] == '+'}
			if word[len(word)-1] == '?' {
				in.Signal.Quality = gateway.Bad
			}
			step(now, in)
		}
	}
	return m, out
}

// origin is the moment 0s of a script: no machine may treat time zero specially.
const origin gateway.Mono = 1_000_000_000_000

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	w := strings.TrimSpace(want)
	lines := strings.Split(w, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	if g := strings.Join(got, "\n"); g != strings.Join(lines, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", g, strings.Join(lines, "\n"))
	}
}
