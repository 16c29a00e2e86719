package district

import (
	"slices"
	"testing"
	"time"

	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/daemon"
)

// The daemon is dead as somebody comes to say that the fire is over: he comes again.
func TestFireIsResetOnceSomebodyAnswers(t *testing.T) {
	t.Parallel()
	cfg := shipped(t, "park-01")
	g, err := Build(cfg, 1, rig.Script(
		rig.Cue{At: time.Minute, Do: rig.Move{Switch: "fire"}},
		rig.Cue{At: 2 * time.Minute, Do: rig.Move{Switch: "fire", Rest: true}},
	))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.Start(daemon.NewLockstep(daemon.LockstepOptions{Config: cfg, Start: epoch, Event: g.Issued, Lines: g.lines}))
	run := func(to time.Duration) {
		t.Helper()
		if err := g.Run(to); err != nil {
			t.Fatal(err)
		}
	}
	reset := func() bool {
		return slices.ContainsFunc(g.Events, func(i Issued) bool { return i.Event.Type == gateway.FireReset })
	}
	g.At(3*time.Minute, func() { g.Order("fire", gateway.ResetFire, gateway.Args{}) })
	run(150 * time.Second)
	answers := g.lock
	g.lock = nil
	run(210 * time.Second)
	if reset() {
		t.Fatal("reset, and nobody answered")
	}
	g.lock = answers
	run(5 * time.Minute)
	if !reset() {
		t.Error("nobody has reset the fire")
	}
}
