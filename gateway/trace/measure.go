package trace

import (
	"time"

	"lotusgate/gateway"
)

// Figures of one input over a time.
type Figures struct {
	Edges     int           // raw
	Bounces   int           // raw edges that led to nothing
	BounceFor time.Duration // the longest burst of edges that were closer together than the settle time
	Pulses    int           // times that the active level began to count
	Away      int           // times that it ended
	Shortest  time.Duration // of the pulses that began and ended; 0 = none did
	Longest   time.Duration
	Before    Level // what counted at the beginning
}

// Measure takes the figures of s in the time (from, to]. active is the level that means active.
func (s Signal) Measure(from, to gateway.Mono, active Level, settle time.Duration) Figures {
	f := Figures{Before: Unknown}
	var burst, last gateway.Mono
	for _, m := range s.Raw {
		if m.At <= from || m.At > to || m.Level == Unknown {
			continue
		}
		f.Edges++
		if last.IsZero() || m.At.Sub(last) > settle {
			burst = m.At
		}
		last = m.At
		f.BounceFor = max(f.BounceFor, m.At.Sub(burst))
	}
	changes := 0
	var began gateway.Mono
	was := Unknown
	for _, m := range s.Settled {
		if m.At > to {
			break
		}
		if m.At <= from {
			f.Before = m.Level
		} else if m.Level != Unknown && was != Unknown {
			changes++
			if m.Level == active {
				f.Pulses++
				began = m.At
			} else {
				f.Away++
				if !began.IsZero() {
					f.pulse(m.At.Sub(began))
				}
			}
		}
		if was = m.Level; was != active {
			began = 0
		}
	}
	f.Bounces = max(0, f.Edges-changes)
	return f
}

func (f *Figures) pulse(d time.Duration) {
	if f.Shortest == 0 || d < f.Shortest {
		f.Shortest = d
	}
	f.Longest = max(f.Longest, d)
}
