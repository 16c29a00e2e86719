package device

import (
	"testing"
	"time"

	"lotusgate/gateway"
)

// Readings that say what the last one said do not move the machine: neither state nor wake time changes, whatever the noise
// within the band. Each that moved it would be an entry of the flight recorder, thirty times a second for each input.
func TestSupervisedRestsInItsBand(t *testing.T) {
	s, now, wake := NewSupervised(StandardBands()), gateway.Mono(time.Hour), gateway.Mono(0)
	give := func(value int64) (moved bool) {
		now = now.Add(33 * time.Millisecond)
		before, due := s, wake
		s, _, wake = s.Step(now, Reading(RoleInput, 0, Signal{Quality: gateway.Good, Since: now}, value))
		return s != before || wake != due
	}
	for _, rest := range []int64{689, 319, 40, 980} { // open, closed, short, cut
		if !give(rest) {
			t.Errorf("%d ‰ are news", rest)
		}
		for range 5 {
			give(rest)
		}
		for n := range int64(1000) {
			if give(rest + n%7 - 3) {
				t.Fatalf("%d ‰, as before, moved the machine: %+v", rest, s)
			}
		}
	}
}
