package gateway

import "fmt"

// Quality says how far a value can be trusted. Consumers AND it with the gateway's own status.
type Quality uint8

const (
	// Bad: not known at all; the value is null.
	Bad Quality = iota
	// Stale: the last value known, but its source is silent.
	Stale
	// Good: read from a healthy source.
	Good
)

var qualityNames = [...]string{"bad", "stale", "good"}

func (q Quality) String() string { return qualityNames[q] }

// MarshalText writes the wire word.
func (q Quality) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads the wire word.
func (q *Quality) UnmarshalText(b []byte) error {
	return unmarshalWord(b, qualityNames[:], "quality", q)
}

// Severity of an event or alarm.
type Severity uint8

const (
	Info Severity = iota
	Warning
	Major
	Critical
)

var severityNames = [...]string{"info", "warning", "major", "critical"}

func (s Severity) String() string { return severityNames[s] }

// Number is OpenTelemetry's severity number for s, CloudEvents extension severitynumber.
func (s Severity) Number() int { return [...]int{9, 13, 17, 21}[s] }

// MarshalText writes the wire word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the wire word.
func (s *Severity) UnmarshalText(b []byte) error {
	return unmarshalWord(b, severityNames[:], "severity", s)
}

// ClockQuality says what stands behind the wall time of a stamp.
type ClockQuality uint8

const (
	// ClockUnset: the date is unknown; stamps have none.
	ClockUnset ClockQuality = iota
	// ClockHoldover: from a real-time clock, or drifting since the last synchronisation.
	ClockHoldover
	// ClockSynced: disciplined by NTP or the like.
	ClockSynced
)

var clockNames = [...]string{"unset", "holdover", "synced"}

func (c ClockQuality) String() string { return clockNames[c] }

// MarshalText writes the wire word.
func (c ClockQuality) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads the wire word.
func (c *ClockQuality) UnmarshalText(b []byte) error {
	return unmarshalWord(b, clockNames[:], "clock quality", c)
}

func unmarshalWord[T ~uint8](b []byte, names []string, what string, to *T) error {
	for i, n := range names {
		if n == string(b) {
			*to = T(i)
			return nil
		}
	}
	return fmt.Errorf("gateway: unknown %s %q", what, b)
}
