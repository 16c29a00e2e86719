package field

import (
	"context"
	"slices"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// told is a relay that tells when it is switched.
type told chan bool

func (c told) Set(_ context.Context, on bool) error { c <- on; return nil }
func (c told) Active() (bool, bool, error)          { return false, false, nil }

// BenchmarkCommandToRelay is a command from its hand-over to its relay: through queue, core, gate and actuator, quiet, and
// while every input chatters. Beside it one hand-over between two goroutines, which is what a bare loop from MQTT to GPIO
// does.
func BenchmarkCommandToRelay(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		in, out := make(chan struct{}), make(told)
		go func() {
			for range in {
				_ = out.Set(context.Background(), true)
			}
		}()
		for b.Loop() {
			in <- struct{}{}
			<-out
		}
		close(in)
	})
	b.Run("quiet", func(b *testing.B) { commandToRelay(b, nil) })
	b.Run("chatter", func(b *testing.B) { // each input a thousand times a second
		commandToRelay(b, func() { time.Sleep(time.Millisecond) })
	})
	b.Run("flood", func(b *testing.B) { commandToRelay(b, func() {}) }) // more than the core can take
}

func commandToRelay(b *testing.B, rest func()) {
	brd := newBoard()
	brd.levels[1], brd.levels[7] = true, true
	out := make(told, 4)
	cfg := gateSite(brd, [device.Outputs]*coil{{}, {}, {}})
	g := &cfg.Devices[2]
	g.Machine = Box(device.NewGate(device.GateConfig{Travel: time.Hour, Has: [device.Outputs]bool{true}, Maintain: true}))
	g.Held, g.Relays = true, [device.Outputs]Relay{out}
	f := New(cfg, hub.New(brd.now), &discard{}, brd.now, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	for ready := false; !ready; { // refused as starting until then
		f.Command(gateway.Command{Device: "gate", Action: gateway.HoldOpen})
		select {
		case <-out:
			ready = true
		case <-time.After(10 * time.Millisecond):
		}
	}
	if rest != nil {
		go func() {
			for level := true; ctx.Err() == nil; level = !level {
				rest()
				for n := range 3 { // not the fire: it would hold the gate
					select {
					case brd.edges <- drivers.Edge{Channel: n, Level: level, At: time.Duration(brd.now())}:
					case <-ctx.Done():
					}
				}
			}
		}()
	}
	var took []time.Duration
	last := gateway.HoldOpen
	for b.Loop() {
		action := gateway.Release
		if last == gateway.Release {
			action = gateway.HoldOpen
		}
		last = action
		began := time.Now()
		f.Command(gateway.Command{Device: "gate", Action: action})
		select {
		case <-out:
			took = append(took, time.Since(began))
		case <-time.After(30 * time.Second):
			b.Fatal("no relay moved")
		}
	}
	cancel()
	go func() {
		for range out {
		}
	}()
	<-done
	close(out)
	slices.Sort(took)
	if len(took) > 0 {
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
		b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
	}
}
