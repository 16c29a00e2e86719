package audit

import (
	"slices"

	"lotusgate/gateway"
)

// ranges is a set of numbers: sorted, disjoint, not touching, both ends included.
type ranges []gateway.NumberRange

// add enters [from, to] and tells whether anything of it was new.
func (s *ranges) add(from, to uint64) bool {
	if from > to {
		return false
	}
	set := *s
	if n := len(set); n > 0 && from == set[n-1].To+1 { // the usual case
		set[n-1].To = to
		return true
	}
	i, _ := slices.BinarySearchFunc(set, from, func(r gateway.NumberRange, v uint64) int {
		if r.To+1 < v {
			return -1
		}
		return 1
	})
	j := i
	for j < len(set) && set[j].From <= to+1 {
		j++
	}
	if i == j {
		*s = slices.Insert(set, i, gateway.NumberRange{From: from, To: to})
		return true
	}
	if j == i+1 && set[i].From <= from && to <= set[i].To {
		return false
	}
	set[i] = gateway.NumberRange{From: min(from, set[i].From), To: max(to, set[j-1].To)}
	*s = slices.Delete(set, i+1, j)
	return true
}

func (s ranges) size() (n uint64) {
	for _, r := range s {
		n += r.To - r.From + 1
	}
	return n
}

// missing are the numbers of [from, to] that are not in the set.
func (s ranges) missing(from, to uint64) (out ranges) {
	for _, r := range s {
		if r.To < from {
			continue
		}
		if r.From > to {
			break
		}
		if r.From > from {
			out = append(out, gateway.NumberRange{From: from, To: r.From - 1})
		}
		from = r.To + 1
	}
	if from <= to {
		out = append(out, gateway.NumberRange{From: from, To: to})
	}
	return out
}

// common are the numbers that both sets have.
func (s ranges) common(t ranges) (out ranges) {
	for _, r := range t {
		for _, hole := range s.missing(r.From, r.To).missing(r.From, r.To) {
			out.add(hole.From, hole.To)
		}
	}
	return out
}
