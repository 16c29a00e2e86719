package outbox

import (
	"slices"
	"sort"
)

// span is the half-open interval [from, to).
type span struct{ from, to uint64 }

// spans is a set of positions or numbers: sorted, disjoint, not touching.
type spans []span

// find returns the index of the first span that ends after p.
func (s spans) find(p uint64) int {
	return sort.Search(len(s), func(i int) bool { return s[i].to > p })
}

func (s spans) has(p uint64) bool {
	i := s.find(p)
	return i < len(s) && s[i].from <= p
}

// next returns the first value at or after p that is not in the set.
func (s spans) next(p uint64) uint64 {
	if i := s.find(p); i < len(s) && s[i].from <= p {
		return s[i].to
	}
	return p
}

// low returns the end of the span that begins at zero.
func (s spans) low() uint64 { return s.next(0) }

// size counts the members of the set within [from, to).
func (s spans) size(from, to uint64) uint64 {
	var n uint64
	if from >= to {
		return 0
	}
	for i := s.find(from); i < len(s) && s[i].from < to; i++ {
		n += min(s[i].to, to) - max(s[i].from, from)
	}
	return n
}

// covers tells whether all of [from, to) is in the set.
func (s spans) covers(from, to uint64) bool { return from >= to || s.next(from) >= to }

// missing returns what of [from, to) is not in the set.
func (s spans) missing(from, to uint64) spans {
	var out spans
	for p := s.next(from); p < to; p = s.next(p) {
		end := to
		if i := s.find(p); i < len(s) {
			end = min(end, s[i].from)
		}
		out = append(out, span{p, end})
		p = end
	}
	return out
}

// add puts [from, to) into the set.
func (s *spans) add(from, to uint64) {
	if from >= to {
		return
	}
	a := *s
	i := sort.Search(len(a), func(i int) bool { return a[i].to >= from })
	j := i
	for ; j < len(a) && a[j].from <= to; j++ {
		from, to = min(from, a[j].from), max(to, a[j].to)
	}
	if i == j {
		a = append(a, span{})
		copy(a[i+1:], a[i:])
		a[i] = span{from, to}
		*s = a
		return
	}
	a[i] = span{from, to}
	*s = append(a[:i+1], a[j:]...)
}

// clip removes everything at or above end.
func (s *spans) clip(end uint64) {
	a := *s
	i := a.find(end)
	if i < len(a) && a[i].from < end {
		a[i].to = end
		i++
	}
	*s = a[:i]
}

// skip removes everything below begin.
func (s *spans) skip(begin uint64) {
	a := *s
	i := a.find(begin)
	if i < len(a) && a[i].from < begin {
		a[i].from = begin
	}
	*s = slices.Delete(a, 0, i)
}
