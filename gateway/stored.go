package gateway

import (
	"encoding/json"
	"fmt"
)

// Stored is an event as the outbox keeps it: with monotonic time and the kernel boot it belongs to, because wall time is
// computed at publish (docs/disk.md). Its JSON is the payload of an outbox record; unknown fields are ignored, so an
// older program can still deliver what a newer one stored.
type Stored struct {
	Type     Type            `json:"t"`
	ID       string          `json:"i"`
	At       Mono            `json:"a"`
	Boot     string          `json:"b"` // kernel boot id, /proc/sys/kernel/random/boot_id
	Severity Severity        `json:"s"`
	Data     json.RawMessage `json:"d"`
}

// Store turns an event into the bytes that the outbox keeps.
func Store(e Event, boot string) ([]byte, error) {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("gateway: encode data of %s: %w", e.Type, err)
	}
	if _, ok := SpecOf(e.Type); !ok {
		return nil, fmt.Errorf("gateway: event type %q is not in the catalogue", e.Type)
	}
	b, err := json.Marshal(Stored{Type: e.Type, ID: e.ID, At: e.At, Boot: boot, Severity: SeverityOf(e), Data: data})
	if err != nil {
		return nil, fmt.Errorf("gateway: encode %s: %w", e.Type, err)
	}
	return b, nil
}

// ParseStored is the inverse of Store, as far as bytes go.
func ParseStored(b []byte) (Stored, error) {
	var s Stored
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("gateway: parse stored event: %w", err)
	}
	if s.Type == "" || s.ID == "" || len(s.Data) == 0 {
		return s, fmt.Errorf("gateway: parse stored event: type, id or data is missing")
	}
	return s, nil
}
