package device

import (
	"slices"
	"testing"
	"time"

	"lotusgate/gateway"

	"pgregory.net/rapid"
)

type rawEdge struct {
	at    time.Duration
	level bool
}

type settled struct {
	at    time.Duration // the date of the level
	level bool
}

// filter feeds edges, all read late and together if late, and returns what settled.
func filter(t interface{ Fatalf(string, ...any) }, settle time.Duration, edges []rawEdge, end time.Duration, late bool) ([]settled, Settle) {
	s := Settle{For: settle}
	var out []settled
	note := func(changed bool) {
		if changed {
			level, since, _ := s.Level()
			out = append(out, settled{since.Sub(origin), level})
		}
	}
	var wake gateway.Mono
	var changed bool
	for _, e := range edges {
		at := origin.Add(e.at)
		for !late && !wake.IsZero() && wake < at {
			w := wake
			s, changed, wake = s.Tick(w)
			note(changed)
			if wake == w {
				t.Fatalf("tick at its own wake did nothing")
			}
		}
		s, changed, wake = s.Edge(at, e.level)
		note(changed)
	}
	s, changed, _ = s.Tick(origin.Add(end))
	note(changed)
	return out, s
}

func TestSettle(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		name    string
		edges   []rawEdge
		want    []settled
		bounces uint64
	}{
		{"first level", []rawEdge{{0, false}}, []settled{{0, false}}, 0},
		{
			"clean pulse of 50 ms",
			[]rawEdge{{0, false}, {100 * ms, true}, {150 * ms, false}},
			[]settled{{0, false}, {100 * ms, true}, {150 * ms, false}},
			0,
		},
		{
			"bounce is dated with its first edge",
			[]rawEdge{{0, false}, {100 * ms, true}, {101 * ms, false}, {103 * ms, true}},
			[]settled{{0, false}, {100 * ms, true}},
			2,
		},
		{
			"glitch is no level",
			[]rawEdge{{0, false}, {100 * ms, true}, {105 * ms, false}},
			[]settled{{0, false}},
			2,
		},
		{
			"a glitch does not date a later edge",
			[]rawEdge{{0, false}, {100 * ms, true}, {105 * ms, false}, {400 * ms, true}},
			[]settled{{0, false}, {400 * ms, true}},
			2,
		},
		{
			"the last edge is not lost",
			[]rawEdge{{0, false}, {100 * ms, true}, {110 * ms, false}, {119 * ms, true}, {121 * ms, false}, {150 * ms, true}},
			[]settled{{0, false}, {150 * ms, true}},
			4,
		},
	} {
		for _, late := range []bool{false, true} {
			got, s := filter(t, 20*ms, c.edges, time.Second, late)
			if !slices.Equal(got, c.want) || s.Bounces() != c.bounces {
				t.Errorf("%s (late %v): got %v and %d bounces, want %v and %d", c.name, late, got, s.Bounces(), c.want, c.bounces)
			}
		}
	}
}

// Reading edges late changes nothing: the filter reasons with their times. And whatever happens, the last level wins.
func TestSettleLateIsSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		edges := []rawEdge{{0, false}}
		at, level := time.Duration(0), false
		for range rapid.IntRange(0, 40).Draw(rt, "n") {
			at += time.Duration(rapid.Int64Range(1, 60_000).Draw(rt, "us")) * time.Microsecond
			level = !level
			edges = append(edges, rawEdge{at, level})
		}
		prompt, _ := filter(rt, 20*time.Millisecond, edges, at+time.Second, false)
		late, s := filter(rt, 20*time.Millisecond, edges, at+time.Second, true)
		if !slices.Equal(prompt, late) {
			rt.Fatalf("prompt %v, late %v", prompt, late)
		}
		if got, _, ok := s.Level(); !ok || got != level {
			rt.Fatalf("settled at %v, the wire is at %v", got, level)
		}
		for i := 1; i < len(late); i++ {
			if late[i].level == late[i-1].level {
				rt.Fatalf("same level twice: %v", late)
			}
		}
	})
}

func BenchmarkSettleEdge(b *testing.B) {
	s := Settle{For: 20 * time.Millisecond}
	now, level := origin, false
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(30 * time.Millisecond)
		level = !level
		s, _, _ = s.Edge(now, level)
	}
}
