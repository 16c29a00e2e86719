package gateway

import (
	"encoding/json"
	"time"
)

// Payloads that are not events: status, meta, state, alarm. docs/wire.md is their contract; times are RFC 3339 or null.

// Link states of Status.
const (
	Online   = "online"
	Degraded = "degraded" // works, but something in Problems needs somebody
	Offline  = "offline"  // said goodbye
	Lost     = "lost"     // the will
)

// Text is one sentence for people in the two languages of the product.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Ledger says how far numbers were issued and what is not yet confirmed.
type Ledger struct {
	Epoch       string      `json:"epoch"`
	Run         uint32      `json:"run"`
	Number      uint64      `json:"number"` // last issued in this run
	Unconfirmed []LedgerRun `json:"unconfirmed"`
}

// Status is retained at <root>/status.
type Status struct {
	State      string       `json:"state"`
	Session    string       `json:"session"`
	Version    string       `json:"version"`
	KernelBoot string       `json:"kernelboot"`
	Uptime     float64      `json:"uptime"` // seconds, the clock of every event's uptime
	Clock      ClockQuality `json:"clock"`
	Nonce      *string      `json:"nonce"`
	Ledger     Ledger       `json:"ledger"`
	Alarms     int          `json:"alarms"`
	Problems   []Text       `json:"problems"` // what, and what to do
	Since      *string      `json:"since"`    // start of this session
}

// Will is what the broker publishes at <root>/status when the connection dies.
type Will struct {
	State   string     `json:"state"` // always Lost
	Session string     `json:"session"`
	Ledger  WillLedger `json:"ledger"`
}

// WillLedger names the run that died.
type WillLedger struct {
	Epoch string `json:"epoch"`
	Run   uint32 `json:"run"`
}

// Watermark is retained at <root>/watermark by the center: it has stored everything up to this number of this run.
type Watermark struct {
	Epoch  string `json:"epoch"`
	Run    uint32 `json:"run"`
	Number uint64 `json:"number"`
}

// Heartbeat is published by the center at <prefix>/<site>/heartbeat, once for a whole site and never retained.
type Heartbeat struct {
	Site string    `json:"site"`
	At   time.Time `json:"at"` // counts only if it is later than the last
}

// Meta is retained at <root>/meta: what this gateway has. It changes with the configuration only.
type Meta struct {
	Gateway string            `json:"gateway"`
	Site    string            `json:"site"`
	Labels  map[string]string `json:"labels,omitempty"`
	Config  string            `json:"config"` // "sha256:…" of the configuration in force
	Devices []MetaDevice      `json:"devices"`
}

// MetaDevice describes one device.
type MetaDevice struct {
	ID       string            `json:"id"`
	Kind     string            `json:"kind"`
	Label    string            `json:"label,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Parts    []string          `json:"parts,omitempty"`  // devices it is made of
	Points   []string          `json:"points,omitempty"` // wires it reads
	Commands []string          `json:"commands"`
}

// State is retained at <root>/state/<device>.
type State struct {
	Device  string          `json:"device"`
	Kind    string          `json:"kind"`
	Value   json.RawMessage `json:"value"` // string, number or null
	Quality Quality         `json:"quality"`
	Since   *string         `json:"since"`
	Event   string          `json:"event,omitempty"` // id of the last event of this device
	Detail  any             `json:"detail,omitempty"`
}

// WireValue is the JSON of a device state's value.
func WireValue(s DeviceState) json.RawMessage {
	switch {
	case s.Value == "" || s.Quality == Bad:
		return json.RawMessage("null")
	case s.Number:
		return json.RawMessage(s.Value)
	}
	return appendString(nil, s.Value)
}

// AlarmPayload is retained at <root>/alarm/<id>/<name> while the alarm stands.
type AlarmPayload struct {
	Device       string   `json:"device"`
	Alarm        string   `json:"alarm"`
	Severity     Severity `json:"severity"`
	Since        *string  `json:"since"`
	Acknowledged *string  `json:"acknowledged"`
	ShelvedUntil *string  `json:"shelved_until"`
	Text         Text     `json:"text"`
	Event        string   `json:"event"`
}
