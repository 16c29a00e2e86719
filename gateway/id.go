package gateway

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// idPattern keeps ids safe in MQTT topics, in NATS subjects (no dots, no spaces), in URLs and in file names.
var idPattern = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Reserved ids: topics of the gateway itself and of the site.
const (
	GatewayID   = "gateway"
	HeartbeatID = "heartbeat"
)

// CheckID tells what is wrong with the id of a point, bus, chip or device.
func CheckID(id string) error {
	switch {
	case !idPattern.MatchString(id):
		return fmt.Errorf("id %q: use 1 to 32 of a-z, 0-9 and -", id)
	case id == GatewayID || id == HeartbeatID:
		return fmt.Errorf("id %q is reserved", id)
	}
	return nil
}

// EventID names one event for ever: epoch of the outbox, run of the daemon, number within the run.
type EventID struct {
	Epoch  string // 6 of [a-z0-9], random, made with the outbox
	Run    uint32 // daemon starts in this epoch, from 1
	Number uint64 // contiguous from 1 within the run
}

// IsZero tells whether no event is named.
func (e EventID) IsZero() bool { return e.Number == 0 }

// Before compares two events of one epoch.
func (e EventID) Before(o EventID) bool {
	return e.Run < o.Run || e.Run == o.Run && e.Number < o.Number
}

// String is the CloudEvents id: zero-padded so that ids of one epoch sort as text.
func (e EventID) String() string {
	if e.IsZero() {
		return ""
	}
	return string(e.appendSequence(append(append(make([]byte, 0, 32), e.Epoch...), '-')))
}

// Sequence is the CloudEvents sequence attribute: compared as text, it orders the events of one epoch.
func (e EventID) Sequence() string { return string(e.appendSequence(make([]byte, 0, 24))) }

func (e EventID) appendSequence(dst []byte) []byte {
	dst = appendPadded(dst, uint64(e.Run), 8)
	return appendPadded(append(dst, '-'), e.Number, 10)
}

// appendPadded appends n in decimal with at least width digits.
func appendPadded(dst []byte, n uint64, width int) []byte {
	digits := 1
	for m := n; m >= 10; m /= 10 {
		digits++
	}
	for ; digits < width; digits++ {
		dst = append(dst, '0')
	}
	return strconv.AppendUint(dst, n, 10)
}

// MarshalText writes String.
func (e EventID) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (e *EventID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*e = EventID{}
		return nil
	}
	id, err := ParseEventID(string(b))
	*e = id
	return err
}

// ParseEventID is the inverse of String.
func ParseEventID(s string) (EventID, error) {
	parts := strings.Split(s, "-")
	if len(parts) == 3 && len(parts[0]) == 6 && len(parts[1]) == 8 && len(parts[2]) == 10 {
		run, err1 := strconv.ParseUint(parts[1], 10, 32)
		number, err2 := strconv.ParseUint(parts[2], 10, 64)
		if err1 == nil && err2 == nil && number > 0 {
			return EventID{Epoch: parts[0], Run: uint32(run), Number: number}, nil
		}
	}
	return EventID{}, fmt.Errorf("gateway: %q is not an event id (epoch-run-number)", s)
}
