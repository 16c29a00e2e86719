package trace

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"lotusgate/gateway"
)

// TestReadersSeeEveryMarkOnce reads at random moments with a cursor; together the parts are what was written, as far as
// it was still there.
func TestReadersSeeEveryMarkOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := New([]string{"x", "y"})
		var all, seen []Mark
		var c Cursor
		now := gateway.Mono(1)
		for range rapid.IntRange(1, 60).Draw(t, "rounds") {
			for range rapid.IntRange(0, 150).Draw(t, "edges") {
				now++
				m := Mark{now, LevelOf(now%2 == 0)}
				all = append(all, m)
				tr.Raw(1, m.At, m.Level == High)
			}
			s, next, ok := tr.Read("y", c, 0)
			if !ok {
				t.Fatal("no such input")
			}
			if s.Whole {
				seen = seen[:0]
			}
			seen, c = append(seen, s.Raw...), next
		}
		if want := all[len(all)-min(len(all), len(seen)):]; !slices.Equal(seen, want) {
			t.Fatalf("read %d marks that are not the last ones written", len(seen))
		}
		if len(seen) < min(len(all), RawKept) {
			t.Fatalf("%d of %d marks read", len(seen), len(all))
		}
	})
}

func TestWindowBeginsWithTheLevelBefore(t *testing.T) {
	tr := New([]string{"x"})
	for at := gateway.Mono(10); at <= 50; at += 10 {
		tr.Raw(0, at, at%20 == 0)
	}
	tr.Settled(0, 12, true)
	tr.Lose(0, 55)
	s, c, _ := tr.Read("x", Cursor{}, 35)
	if want := []Mark{{30, Low}, {40, High}, {50, Low}, {55, Unknown}}; !s.Whole || !slices.Equal(s.Raw, want) {
		t.Errorf("raw: %v, want %v", s.Raw, want)
	}
	if want := []Mark{{12, High}, {55, Unknown}}; !slices.Equal(s.Settled, want) {
		t.Errorf("settled: %v, want %v", s.Settled, want)
	}
	if s, _, _ := tr.Read("x", c, 0); s.Whole || len(s.Raw)+len(s.Settled) > 0 {
		t.Errorf("nothing happened since, and yet: %+v", s)
	}
}

// TestKeptInputGoesOn is a wire that stays when another configuration begins.
func TestKeptInputGoesOn(t *testing.T) {
	old, tr := New([]string{"x", "y"}), New([]string{"z", "y", "x"})
	old.Raw(0, 10, true)
	old.Raw(1, 20, true)
	tr.Keep(2, old, 0)
	tr.Raw(2, 30, false)
	s, c, _ := tr.Read("x", Cursor{}, 0)
	if want := []Mark{{10, High}, {30, Low}}; !slices.Equal(s.Raw, want) {
		t.Errorf("kept: %v, want %v", s.Raw, want)
	}
	tr.Settled(2, 30, false)
	if s, _, _ := tr.Read("x", c, 0); s.Whole || len(s.Settled) != 1 {
		t.Errorf("the reader has to begin anew: %+v", s)
	}
	for id, want := range map[string]gateway.Mono{"x": 30, "y": 0, "z": 0} { // what is not kept was not read yet
		if since, ok := tr.Since(id); !ok || since != want {
			t.Errorf("%s is known since %v, %v, want %v", id, since, ok, want)
		}
	}
	tr.Keep(1, nil, 0)
	if _, ok := tr.Since("nothing"); ok {
		t.Error("an input that does not exist is known")
	}
}

// TestOvertakenReaderBeginsAnew lets a wire chatter until the reader's place is overwritten.
func TestOvertakenReaderBeginsAnew(t *testing.T) {
	tr := New([]string{"x"})
	tr.Raw(0, 1, true)
	_, c, _ := tr.Read("x", Cursor{}, 0)
	for i := range 3 * RawKept {
		tr.Raw(0, gateway.Mono(2+i), i%2 == 0)
	}
	s, _, _ := tr.Read("x", c, 0)
	if !s.Whole || len(s.Raw) != RawKept || s.Raw[len(s.Raw)-1].At != gateway.Mono(1+3*RawKept) {
		t.Errorf("whole %v, %d marks", s.Whole, len(s.Raw))
	}
}

func TestNothingKeepsNothing(t *testing.T) {
	var tr *Trace
	tr.Raw(0, 1, true)
	tr.Settled(0, 1, true)
	tr.Lose(0, 1)
	if _, _, ok := tr.Read("x", Cursor{}, 0); ok {
		t.Error("a nil trace has an input")
	}
	if _, _, ok := New([]string{"x"}).Read("y", Cursor{}, 0); ok {
		t.Error("an input that does not exist was read")
	}
}

func TestReadWhileWriting(t *testing.T) {
	tr := New([]string{"x"})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 3 * RawKept {
			tr.Raw(0, gateway.Mono(i+1), i%2 == 0)
		}
	})
	var c Cursor
	for range 100 {
		_, c, _ = tr.Read("x", c, 0)
	}
	wg.Wait()
}

// BenchmarkRaw is what an edge costs the core; the kernel needs some 5 µs to deliver one.
func BenchmarkRaw(b *testing.B) {
	tr := New([]string{"x"})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tr.Raw(0, gateway.Mono(i+1), i&1 == 0)
	}
}

// BenchmarkRead is one viewer of 16 chattering inputs who begins.
func BenchmarkRead(b *testing.B) {
	var ids []string
	for i := range 16 {
		ids = append(ids, fmt.Sprint(i))
	}
	tr := New(ids)
	for n := range ids {
		for i := range 2 * RawKept {
			tr.Raw(n, gateway.Mono(i+1), i&1 == 0)
		}
	}
	b.ReportMetric(float64(RawKept*8+SettledKept*8), "B/input-at-most")
	for b.Loop() {
		for _, id := range ids {
			tr.Read(id, Cursor{}, 0)
		}
	}
}

func TestMeasure(t *testing.T) {
	const ms = gateway.Mono(1e6)
	s := Signal{
		Raw:     []Mark{{1 * ms, Low}, {100 * ms, High}, {101 * ms, Low}, {103 * ms, High}, {400 * ms, Low}, {600 * ms, Unknown}, {700 * ms, High}},
		Settled: []Mark{{1 * ms, Low}, {100 * ms, High}, {400 * ms, Low}, {600 * ms, Unknown}, {700 * ms, High}},
	}
	got := s.Measure(50*ms, 800*ms, High, 20e6)
	if want := (Figures{Edges: 5, Bounces: 3, BounceFor: 3e6, Pulses: 1, Away: 1, Shortest: 300e6, Longest: 300e6, Before: Low}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Measure(50*ms, 800*ms, Low, 20e6); got.Pulses != 1 || got.Away != 1 || got.Shortest != 0 {
		t.Errorf("the other way round: %+v", got)
	}
	if got := (Signal{}).Measure(0, 800*ms, Low, 0); got != (Figures{Before: Unknown}) {
		t.Errorf("nothing: %+v", got)
	}
}
