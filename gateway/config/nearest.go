package config

import "strings"

// nearest returns the candidate that is spelled most like text; "" if none is within a third of its length. Upper and
// lower case differ by less than one letter.
func nearest(text string, candidates []string) string {
	limit := 2 * max(1, len(text)/3)
	best := ""
	for _, c := range candidates {
		if d := len(c) - len(text); c == text || d > limit || -d > limit {
			continue
		}
		d := 2 * distance(strings.ToLower(text), strings.ToLower(c))
		d = max(d, 1)
		if d <= limit {
			best, limit = c, d-1
		}
	}
	return best
}

// distance is the number of letters to insert, drop, replace or swap with a neighbour (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before := make([]int, len(b)+1)
	above := make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
