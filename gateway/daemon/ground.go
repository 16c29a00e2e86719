package daemon

import (
	"context"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/outbox"
)

// ground is what a daemon stands on: a machine, or the simulation of one.
type ground struct {
	boot   string // of the kernel
	board  string // whose storage it is
	clock  timekeeper
	outbox outbox.FS     // nil = the disk
	truths checkpoint.FS // nil = the disk

	// stepped parts have no goroutine of their own; chance names epochs then, and text commands and nonces, so that a
	// simulation repeats itself.
	stepped bool
	segment int64 // bytes of a segment of the outbox; 0 = as everywhere
	chance  func(n uint32) uint32
	text    func() string
}

// thisMachine is the ground of Run, with another system clock if there is one.
func thisMachine(wall func() time.Time) (ground, error) {
	boot, err := kernelBootID()
	clock := theKernel()
	if wall != nil {
		clock.wall, clock.disciplined = wall, func() bool { return true }
	}
	return ground{boot: boot, board: boardIdentity(), clock: clock}, err
}

// core is what the other parts of a daemon give to the field.
type core interface {
	Command(gateway.Command) bool
	Post(context.Context, gateway.Event) bool
	Signal(ctx context.Context, kind string, on bool) bool
}
