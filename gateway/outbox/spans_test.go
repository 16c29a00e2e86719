package outbox

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSpans compares the set with a plain one.
func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s spans
		plain := map[uint64]bool{}
		edge := rapid.Uint64Range(0, 60)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				from, to := edge.Draw(t, "from"), edge.Draw(t, "to")
				s.add(from, to)
				for p := from; p < to; p++ {
					plain[p] = true
				}
			},
			"clip": func(t *rapid.T) {
				end := edge.Draw(t, "end")
				s.clip(end)
				for p := range plain {
					if p >= end {
						delete(plain, p)
					}
				}
			},
			"": func(t *rapid.T) {
				for i, a := range s {
					if a.from >= a.to || i > 0 && s[i-1].to >= a.from {
						t.Fatalf("not sorted, disjoint and apart: %v", s)
					}
				}
				from, to := edge.Draw(t, "a"), edge.Draw(t, "b")
				var n, gone uint64
				for p := uint64(0); p < 62; p++ {
					if s.has(p) != plain[p] {
						t.Fatalf("%v: has(%d) = %v", s, p, s.has(p))
					}
					if p >= from && p < to {
						if plain[p] {
							n++
						} else {
							gone++
						}
					}
				}
				if s.size(from, to) != n || s.missing(from, to).size(0, 100) != gone || s.covers(from, to) != (gone == 0) {
					t.Fatalf("%v from %d to %d: size %d, missing %v", s, from, to, s.size(from, to), s.missing(from, to))
				}
				if next := s.next(from); plain[next] || s.missing(from, next) != nil {
					t.Fatalf("%v: next(%d) = %d", s, from, next)
				}
			},
		})
	})
}
