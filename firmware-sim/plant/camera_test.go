package plant

import (
	"slices"
	"testing"
	"time"
)

func TestCamera(t *testing.T) {
	const s = time.Second
	type does struct {
		at time.Duration
		do func(*Camera, time.Duration)
	}
	for _, c := range []struct {
		name string
		does []does
		want []time.Duration // changes of the contact
		told []string
	}{
		{"pulses", nil, []time.Duration{10 * s, 10*s + 150*ms, 20 * s, 20*s + 150*ms, 30 * s, 30*s + 150*ms}, nil},
		{
			"dies in the middle of a pulse",
			[]does{{20*s + 100*ms, (*Camera).Die}},
			[]time.Duration{10 * s, 10*s + 150*ms, 20 * s, 20*s + 100*ms},
			[]string{"20.1s camera dead"},
		},
		{
			"hangs with a closed contact and comes back",
			[]does{
				{11 * s, func(c *Camera, now time.Duration) { c.Hang(now, true) }},
				{15 * s, (*Camera).Start},
				{16 * s, (*Camera).Start},
			},
			[]time.Duration{10 * s, 10*s + 150*ms, 11 * s, 15 * s, 18 * s, 18*s + 150*ms, 28 * s, 28*s + 150*ms},
			[]string{"11s camera hung", "15s camera booting", "18s camera running"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &Journal{}
			cam := NewCamera("cam", CameraOptions{Period: 10 * s, Boot: 3 * s}, 1, j)
			cam.beat, cam.due = 10*s, 10*s // the phase is a matter of the seed
			look, got := edges(cam.Heartbeat)
			now := time.Duration(0)
			for _, x := range c.does {
				step(cam, now, x.at, look)
				x.do(cam, x.at)
				look(x.at)
				now = x.at
			}
			step(cam, now, 35*s, look)
			if !slices.Equal(*got, c.want) {
				t.Errorf("changes at %v, want %v", *got, c.want)
			}
			if told := story(j); !slices.Equal(told, c.told) {
				t.Errorf("%q, want %q", told, c.told)
			}
		})
	}
}

// Jitter moves single pulses, not the rhythm.
func TestCameraJitterDoesNotAddUp(t *testing.T) {
	cam := NewCamera("cam", CameraOptions{Period: time.Second, Jitter: 100 * ms}, 7, &Journal{})
	look, at := edges(cam.Heartbeat)
	first := cam.beat
	step(cam, 0, 1000*time.Second, look)
	moved := 0
	for i := 2; i < len(*at); i += 2 {
		late := (*at)[i] - first - time.Duration(i/2)*time.Second
		if late < 0 || late > 100*ms {
			t.Fatalf("pulse %d came %v late", i/2, late)
		}
		if late > 0 {
			moved++
		}
	}
	if moved < 500 {
		t.Errorf("only %d pulses of 1000 moved", moved)
	}
}
