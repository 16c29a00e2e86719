package gateway

import "strings"

// Type is an event type without its prefix: "lane.vehicle_passed".
type Type string

// TypePrefix goes before every Type on the wire.
const TypePrefix = "lotusgate."

// Kind is the part of t before the dot; it is a level of the event topic.
func (t Type) Kind() string { kind, _, _ := strings.Cut(string(t), "."); return kind }

// Name is the part of t after the dot.
func (t Type) Name() string { _, name, _ := strings.Cut(string(t), "."); return name }

// Event is one normalized thing that happened. Data is the struct that the catalogue lists for Type.
type Event struct {
	Type Type
	ID   string // of the device, point or bus, or GatewayID
	At   Mono   // when it happened: the first edge's time, not the time it was understood
	Data any

	Labels string // the site's own words for the center, as a form is encoded; set when the event is recorded, if they are wanted
}

// Queue of the outbox that holds an event.
type Queue uint8

const (
	// NormalQueue holds what the alarm queue does not.
	NormalQueue Queue = iota
	// AlarmQueue holds severity major and critical, what clears them, and what the ledger itself depends on.
	AlarmQueue
)

func (q Queue) String() string {
	if q == AlarmQueue {
		return "alarm"
	}
	return "normal"
}

// Queue tells where the event type is kept.
func (s Spec) Queue() Queue {
	if s.Severity >= Major || s.Urgent {
		return AlarmQueue
	}
	return NormalQueue
}
