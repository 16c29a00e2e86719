package gateway

import "time"

// Mono is a point in time on the monotonic clock of one kernel boot (CLOCK_MONOTONIC, nanoseconds since boot). It is a
// type of its own so that wall time cannot leak into a comparison. Zero means "not set": nothing is measured in the
// first nanosecond of a boot.
type Mono int64

// MonoOf turns a driver's time stamp into a Mono.
func MonoOf(sinceBoot time.Duration) Mono { return Mono(sinceBoot) }

// Add returns m moved by d.
func (m Mono) Add(d time.Duration) Mono { return m + Mono(d) }

// Sub returns the time from n to m.
func (m Mono) Sub(n Mono) time.Duration { return time.Duration(m - n) }

// IsZero tells whether m is "not set".
func (m Mono) IsZero() bool { return m == 0 }

// Seconds is m in seconds, for JSON and people.
func (m Mono) Seconds() float64 { return time.Duration(m).Seconds() }

// Earliest returns the earlier of two wake-up times, where zero means "none".
func Earliest(a, b Mono) Mono {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}
