package plant

import (
	"testing"
	"time"
)

// A lane under steady traffic, one car every 20 s. The figure that matters is virtual time per real time.
func BenchmarkLane(b *testing.B) {
	l := NewLane("entry", LaneOptions{Loops: LoopDetector(), Beam: Photocell(), Barrier: BarrierOptions{
		Bounce: LimitSwitch(), AutoClose: 2 * time.Second,
	}}, 1, &Journal{})
	now, steps := time.Duration(0), 0
	for b.Loop() {
		l.Enter(now, driver(4.5))
		for next := l.Step(now); next < now+20*time.Second; next = l.Step(next) {
			steps++
		}
		now += 20 * time.Second
		l.journal.Take()
	}
	b.ReportMetric(now.Seconds()/b.Elapsed().Seconds(), "virtual_s/s")
	b.ReportMetric(float64(steps)/float64(b.N), "steps/car")
}
