// Package hub holds the latest truth: one immutable View that the page, the JSON interface, the event stream, readiness,
// metrics and the retained MQTT topics all render.
//
// Promises: a View never changes after it was handed out; watchers get the newest view, never a backlog, and cannot slow
// a writer down. Writers are the core (devices, points, alarms, events) and the daemon (link, storage, clock): each
// entry has one writer.
package hub

import (
	"time"

	"lotusgate/gateway"
)

// View is everything that is known now. Slices are sorted by id; treat all of it as read-only.
type View struct {
	Version uint64       // grows with every change
	At      gateway.Mono // when the view was made
	Gateway Gateway
	Devices []Device
	Points  []Point
	Sources []Source
	Alarms  []gateway.Alarm
	Events  []Event // newest first, at most EventsKept
	Link    Link
	Storage Storage
	Clock   Clock
	Board   Board
}

// Histogram is how often something took how long.
type Histogram struct {
	Bounds []time.Duration
	Counts []uint64 // up to each bound, and one more for what took longer
	Sum    time.Duration
}

// EventsKept is how many of the last events a view holds.
const EventsKept = 200

// Gateway is what does not change while the daemon runs, but for a reload.
type Gateway struct {
	Site, ID   string
	Label      string
	Labels     map[string]string
	Version    string
	KernelBoot string
	Config     string // "sha256:…"
	Started    gateway.Mono
}

// Device is one logical device: a loop, lane, gate, elevator, camera.
type Device struct {
	gateway.MetaDevice
	State gateway.DeviceState
	Event gateway.EventID // the last event of this device
}

// Point is one wire.
type Point struct {
	ID       string
	Label    string
	Terminal string // where it is: "GPIO17", "x1 GPA3"
	Active   bool   // settled, polarity applied
	Raw      bool   // electrical level now
	Quality  gateway.Quality
	Since    gateway.Mono // of Active
	Edges    uint64       // raw edges seen
	Bounces  uint64       // raw edges that settled into nothing
	Missed   uint64       // changes found by a level read that no edge had announced, and edges known to be lost
	LastEdge gateway.Mono

	Unit    string // of Value: µA, µV, ‰; "" = the point is a level
	Value   int64
	Clipped bool // the true value may be larger
}

// Source is a bus, a chip or the native GPIO lines: where levels come from.
type Source struct {
	ID     string
	Kind   string // "gpio", "i2c", "mcp23017"
	Where  string // "I2C1 0x20"
	Bus    string // id of the bus of a chip
	OK     bool
	Fault  string // drivers.Fault word while not OK
	Error  string // what the driver said last
	Since  gateway.Mono
	Reads  uint64 // looks that gave a sample
	Errors uint64
	Resets uint64

	Interrupt string // drivers.Fault word while the INT wire of a chip cannot be relied on

	Transfers uint64  // on the wire
	Failed    uint64  // of these, ended with an error
	Retries   uint64  // looks that were repeated
	Missed    uint64  // pulses that were over before a chip without a latch could be read
	Load      float64 // per cent of the bus's configured speed, over the last seconds
}

// Event is one entry of the recent history.
type Event struct {
	ID   gateway.EventID
	Time time.Time // zero while the date is unknown
	gateway.Event
}

// Link is the connection to the broker.
type Link struct {
	Broker    string
	Connected bool
	Session   string
	Since     gateway.Mono // of Connected
	Error     string       // why not, in the words of the last attempt
	Attempts  uint64       // since the last connection
	Connects  uint64
	Published uint64 // events confirmed by the broker
	Resent    uint64 // events sent more than once
	InFlight  int
	Awaiting  int  // events that the broker has acknowledged and the center not yet confirmed; 0 without ack: watermark
	Deaf      bool // the broker refused the subscription of commands

	CertificateEnds time.Time // of the gateway's own, as shown to the broker; zero = it shows none
}

// Storage is the outbox.
type Storage struct {
	Ledger       gateway.Ledger
	Degraded     string // why storage is not durable; "" = it is
	Damaged      string // files that the start could not read and went on without; "" = none
	Queues       [2]QueueStats
	Commits      uint64
	CommitTime   time.Duration // of the last commit
	BytesWritten uint64
	Recorded     uint64 // bytes that the flight recorder wrote
	RecordGaps   uint64 // times that the disk did not follow it
	Dropped      uint64
}

// QueueStats of one outbox queue, index gateway.Queue.
type QueueStats struct {
	Depth     uint64 // records not yet confirmed
	Bytes     uint64 // on disk
	Limit     uint64
	OldestAge time.Duration // of the oldest unconfirmed record of this kernel boot; 0 = none
}

// Board is what the board says about itself.
type Board struct {
	Temperature  float64 // of the processor, in °C; 0 = it has no sensor
	Undervoltage bool    // the supply is, or just was, below what the board needs
	Supervised   bool    // the board can tell undervoltage
	DiskFree     uint64  // bytes left to us where the outbox is; 0 with DiskSize 0 = not known
	DiskSize     uint64
}

// Clock is what is known about the date.
type Clock struct {
	Quality gateway.ClockQuality
	Offset  time.Time // wall time at monotonic zero; zero while the date is unknown
}

// Wall turns a monotonic time of this kernel boot into a date; zero while the date is unknown.
func (c Clock) Wall(m gateway.Mono) time.Time {
	if c.Offset.IsZero() || m.IsZero() {
		return time.Time{}
	}
	return c.Offset.Add(time.Duration(m))
}
