package field

import (
	"sync/atomic"
	"time"

	"lotusgate/gateway/hub"
)

// latencyBounds of the histogram: an idle board takes some 100 µs, a car stands on a loop for seconds.
var latencyBounds = [...]time.Duration{
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, time.Second,
}

// latency counts how old edges are when the core takes them. Safe for concurrent use.
type latency struct {
	counts [len(latencyBounds) + 1]atomic.Uint64 // the last one: longer than all bounds
	sum    atomic.Int64
}

func (l *latency) note(d time.Duration) {
	n := 0
	for n < len(latencyBounds) && d > latencyBounds[n] {
		n++
	}
	l.counts[n].Add(1)
	l.sum.Add(int64(d))
}

// Latency is how long edges were on their way, from the kernel's time stamp to the core.
func (f *Field) Latency() hub.Histogram {
	h := hub.Histogram{Bounds: latencyBounds[:], Sum: time.Duration(f.latency.sum.Load())}
	for n := range f.latency.counts {
		h.Counts = append(h.Counts, f.latency.counts[n].Load())
	}
	return h
}
