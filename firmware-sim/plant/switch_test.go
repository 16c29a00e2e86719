package plant

import (
	"slices"
	"testing"
	"time"
)

func TestSwitch(t *testing.T) {
	j := &Journal{}
	s := NewSwitch("pump", Bounce{}, 1, j)
	look, got := edges(s.Contact)
	step(s, 0, time.Second, look)
	s.Set(time.Second, true)
	look(time.Second)
	step(s, time.Second, 2*time.Second, look)
	s.Loosen(2*time.Second, time.Second, Span{100 * ms, 100 * ms})
	look(2 * time.Second)
	step(s, 2*time.Second, 10*time.Second, look)
	if n := len(*got); n != 11 || !s.Contact.Closed() || !s.Raised() {
		t.Errorf("%d changes, closed %v", n, s.Contact.Closed())
	}
	s.Set(10*time.Second, false)
	if got, want := story(j), []string{"1s switch raised", "2s wire loose", "10s switch cleared"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMeter(t *testing.T) {
	m := NewMeter("water", Span{2 * time.Second, 2 * time.Second}, 1)
	look, got := edges(m.Pulse)
	step(m, 0, 20*time.Second, look)
	if m.Units() != 10 || len(*got) != 19 {
		t.Errorf("%d units, %d changes", m.Units(), len(*got))
	}
}
