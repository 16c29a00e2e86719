package gateway

// DeviceState is the value of a device now: what a consumer who comes late needs. The zero value is "not known".
type DeviceState struct {
	Value   string // wire word, or a decimal number; "" = not known (null)
	Number  bool   // Value is a number and goes out as one
	Quality Quality
	Since   Mono // when Value became so
	Detail  any  // a small comparable struct with JSON tags; nil = none
}

// Alarm is one condition that needs somebody, from its raise to its clear. Its JSON is that of the checkpoint.
type Alarm struct {
	ID       string   `json:"id"`   // device, point or bus
	Name     string   `json:"name"` // "offline", "travel_timeout"
	Type     Type     `json:"type"` // of the event that raised it
	Severity Severity `json:"severity"`
	Text     string   `json:"text,omitempty"` // the site's own words; "" = those of package text
	Since    Mono     `json:"since"`
	Event    EventID  `json:"event"`

	Acknowledged Mono `json:"acknowledged,omitempty"`  // when somebody did; zero = nobody
	ShelvedUntil Mono `json:"shelved_until,omitempty"` // zero = not shelved
}

// Key names the alarm: its topic below "alarm/".
func (a Alarm) Key() string { return a.ID + "/" + a.Name }
