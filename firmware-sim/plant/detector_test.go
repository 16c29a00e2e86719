package plant

import (
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

// quiet is a loop detector whose times are round and whose contact does not bounce.
func quiet() DetectorOptions {
	return DetectorOptions{React: Span{30 * ms, 30 * ms}, Tuning: 3 * time.Second}
}

func TestDetector(t *testing.T) {
	type does struct {
		at time.Duration
		do func(*Detector, time.Duration)
	}
	cover := func(on bool) func(*Detector, time.Duration) {
		return func(d *Detector, now time.Duration) { d.Cover(now, on) }
	}
	power := func(on bool) func(*Detector, time.Duration) {
		return func(d *Detector, now time.Duration) { d.Power(now, on) }
	}
	wire := func(whole bool) func(*Detector, time.Duration) {
		return func(d *Detector, now time.Duration) { d.Wire(now, whole) }
	}
	for _, c := range []struct {
		name string
		does []does
		want []time.Duration // changes of the contact, from open
	}{
		{"reacts late both ways", []does{{100 * ms, cover(true)}, {900 * ms, cover(false)}}, []time.Duration{130 * ms, 930 * ms}},
		{"does not notice a short one", []does{{100 * ms, cover(true)}, {120 * ms, cover(false)}}, nil},
		{"does not notice a short gap", []does{{100 * ms, cover(true)}, {200 * ms, cover(false)}, {210 * ms, cover(true)}}, []time.Duration{130 * ms}},
		{"says present without power, and until it is tuned", []does{{100 * ms, power(false)}, {time.Second, power(true)}}, []time.Duration{100 * ms, 4030 * ms}},
		{"says present with a broken loop", []does{{100 * ms, wire(false)}}, []time.Duration{100 * ms}},
		{"stays dead until both are back", []does{{100 * ms, wire(false)}, {200 * ms, power(false)}, {300 * ms, wire(true)}, {500 * ms, power(true)}}, []time.Duration{100 * ms, 3530 * ms}},
		{"tunes away what stands there", []does{{100 * ms, cover(true)}, {200 * ms, power(false)}, {300 * ms, power(true)}}, []time.Duration{130 * ms, 3330 * ms}},
		{"sees the next one after that", []does{
			{100 * ms, cover(true)},
			{200 * ms, power(false)},
			{300 * ms, power(true)},
			{4 * time.Second, cover(false)},
			{5 * time.Second, cover(true)},
		}, []time.Duration{130 * ms, 3330 * ms, 5030 * ms}},
		{"power lost in the middle of a reaction", []does{{100 * ms, cover(true)}, {110 * ms, power(false)}}, []time.Duration{110 * ms}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDetector("a", quiet(), 1, &Journal{})
			look, got := edges(d.Output)
			now := time.Duration(0)
			for _, x := range c.does {
				step(d, now, x.at, look)
				x.do(d, x.at)
				look(x.at)
				now = x.at
			}
			step(d, now, 10*time.Second, look)
			if !slices.Equal(*got, c.want) {
				t.Errorf("changes at %v, want %v", *got, c.want)
			}
		})
	}
}
