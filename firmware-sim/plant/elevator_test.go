package plant

import (
	"slices"
	"testing"
	"time"
)

func TestElevator(t *testing.T) {
	j := &Journal{}
	e := NewElevator("elevator-1", Bounce{}, 1, j)
	look, got := edges(e.Fault)
	step(e, 0, time.Second, look)
	e.Fail(time.Second, true)
	look(time.Second)
	step(e, time.Second, 2*time.Second, look)
	e.Chatter(2*time.Second, 80*ms)
	look(2 * time.Second)
	step(e, 2*time.Second, 3*time.Second, look)
	e.Fail(3*time.Second, false)
	look(3 * time.Second)
	step(e, 3*time.Second, 4*time.Second, look)
	if want := []time.Duration{time.Second, 2 * time.Second, 2080 * ms, 3 * time.Second}; !slices.Equal(*got, want) {
		t.Errorf("the contact changed at %v, want %v", *got, want)
	}
	if got, want := story(j), []string{"1s fault raised", "3s fault cleared"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
