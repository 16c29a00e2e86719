// Package drivers holds the plain data that every driver hands upwards: Edge, Reading, Sample, Traffic and Fault.
//
// It has no behaviour beyond telling faults apart, imports the standard library only, and knows nothing of
// points, devices or events. Levels here are electrical (true = high at the pin); polarity is applied above.
//
// All times are time.Duration since the kernel booted, on CLOCK_MONOTONIC: the clock of the GPIO character
// device's event stamps (linux/gpio.h, struct gpio_v2_line_event). They can be compared with each other within
// one kernel boot, and with nothing else.
package drivers

import "time"

// Clock says where the time of an edge came from.
type Clock uint8

const (
	// UserClock: read by this process after the fact; late by the wake-up latency, loss not detectable.
	UserClock Clock = iota
	// KernelClock: stamped in the kernel's interrupt handler.
	KernelClock
)

func (c Clock) String() string {
	if c == KernelClock {
		return "kernel"
	}
	return "user"
}

// Edge is one change of one digital input. Edges are evidence; the level that follows them is the truth.
type Edge struct {
	Channel int           // index of the line within its request, or of the pin on its chip
	Level   bool          // electrical level after the edge
	At      time.Duration // since kernel boot
	Clock   Clock
	Lost    uint32 // edges of this channel known to be missing right before this one (sequence gap); 0 = none known
}

// Sample is one look at a digital source: the edges that led to it, oldest first, and the levels it ended with.
// A Sample and its slices belong to the caller, who reuses them; a driver appends to Edges and Readings and sets the rest.
type Sample struct {
	Edges    []Edge
	Readings []Reading
	Levels   uint32        // bit n: electrical level of channel n
	Inputs   uint32        // bit n: channel n is an input and Levels holds it
	At       time.Duration // when Levels was read, since kernel boot
}

// Reading is one measurement of an analogue channel.
type Reading struct {
	Channel int
	Value   int64 // in the unit of the channel, which is fixed by the kind of chip: µA, µV, ‰ of a reference
	Clipped bool  // at the end of the range: the true value may be larger
	At      time.Duration
}

// Reset empties s and keeps the memory of its slices.
func (s *Sample) Reset() { *s = Sample{Edges: s.Edges[:0], Readings: s.Readings[:0]} }
