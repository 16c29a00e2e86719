package field

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// Each edge with a time of the kernel is counted once, in the bucket of its age.
func TestLatency(t *testing.T) {
	b := newBoard()
	f := New(site(b), hub.New(b.now), &memory{}, b.now, nil)
	now := gateway.MonoOf(boot)
	for _, age := range []time.Duration{0, 100 * time.Microsecond, 101 * time.Microsecond, 3 * time.Second} {
		f.core.Apply(now, Input{Kind: EdgeInput, Edge: drivers.Edge{At: time.Duration(now.Add(-age)), Clock: drivers.KernelClock}})
	}
	f.core.Apply(now, Input{Kind: EdgeInput, Edge: drivers.Edge{At: time.Duration(now.Add(-time.Minute))}}) // nobody knows when it was
	h := f.Latency()
	if h.Counts[0] != 2 || h.Counts[1] != 1 || h.Counts[len(h.Bounds)] != 1 || h.Sum != 3*time.Second+201*time.Microsecond {
		t.Errorf("%v, sum %v", h.Counts, h.Sum)
	}
}

// The reader of lines proves that it lives while there are lines and while there are none, and not while it hangs.
func TestWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		cfg := site(b)
		hang := make(chan struct{})
		var stuck atomic.Bool
		cfg.Lines.Open = func(channels []int) (Lines, []error) {
			if stuck.Load() {
				<-hang
			}
			return b.open(channels)
		}
		f := New(cfg, hub.New(b.now), &memory{start: b.now()}, b.now, nil)
		if _, ok := f.Watched(); ok {
			t.Error("a reader before the start")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		silent := func() time.Duration {
			at, ok := f.Watched()
			if !ok {
				t.Error("no reader")
			}
			return b.now().Sub(at)
		}
		gone := func(err error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.gone = err
		}
		wait(time.Minute)
		if s := silent(); s > time.Second {
			t.Errorf("silent for %v with lines", s)
		}
		gone(errNothing)
		wait(time.Minute)
		if s := silent(); s > time.Second {
			t.Errorf("silent for %v without lines", s)
		}
		stuck.Store(true)
		wait(2 * time.Minute)
		if s := silent(); s < time.Minute {
			t.Errorf("silent for %v only, although it hangs", s)
		}
		close(hang)
		cancel()
		<-done
	})
}
