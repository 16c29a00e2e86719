// Package field is the only shell around package device: it acquires edges and levels, owns all device state in one
// goroutine (the core), and hands what follows to storage and hub.
//
//	acquire ─► core ─► Recorder (events, in order)
//	commands ─►     ├► hub.Hub  (states, points, alarms)
//	                ├► proof    (fresh reads of safety inputs) ─► core
//	                └► actuator (one for each gate: its relays, their timer) ─► core
//
// Promises: the core never waits for disk, broker, bus or browser. Sources push into a bounded channel; what they could
// not push in time they report as lost, and a level read repairs it. A source that fails makes its points bad, with the
// reason, and is tried again for ever. Core itself is deterministic: the same inputs at the same times give the same
// events, whatever goroutines did.
package field

import (
	"context"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
)

// Recorder takes events in the order in which the core issues them. It returns the event's name at once and never
// waits for a disk.
type Recorder interface {
	Record(e gateway.Event) gateway.EventID
}

// Lines is an open set of native input lines; Channel and n are indices into that set.
type Lines interface {
	Edges() <-chan drivers.Edge // closed when the lines are gone
	Level(n int) (bool, error)
	Close() error
}

// Chip is one digital I/O chip behind a bus.
type Chip interface {
	Init() error                                          // set up, outputs inactive first; may be repeated
	Service(s *drivers.Sample, intAt time.Duration) error // one look; intAt is the INT edge that asked for it, or zero
}

// Ports is a Chip with two ports that have an interrupt line each: intAt is the INT edge of each, or zero.
type Ports interface {
	ServicePorts(s *drivers.Sample, intAt [2]time.Duration) error
}

// Outputs is a Chip with outputs. Set drives one to an electrical level and proves it; after an error it counts as
// inactive. Whatever has been pending at the inputs is found by the next Service.
type Outputs interface {
	Set(channel int, level bool) error
}

// Counts is a Chip without a latch that counts the INT edges after which nothing had changed: pulses that were over
// before the chip could be read.
type Counts interface {
	Missed() uint64
}

// Bus is an open bus with its chips, in the order of BusConfig.Chips.
type Bus struct {
	Chips   []Chip
	Traffic func(chip int) drivers.Traffic // since the start, of one chip or, with All, of the bus; nil = not counted
	Close   func() error
}

// InputKind tells what an Input carries.
type InputKind uint8

const (
	EdgeInput      InputKind = iota // Source, Edge
	LevelsInput                     // Source, Levels: what a level read found
	DownInput                       // Source, Channel, Err: cannot be read
	UpInput                         // Source, Channel: can be read; levels follow
	ResetInput                      // Source: the chip had lost its registers and was set up again
	EventInput                      // Event: something that another part of the daemon observed
	ReadingInput                    // Source, Reading
	TrafficInput                    // Source, Traffic: what went over the bus or to the chip so far
	InterruptInput                  // Source, Err: the chip's INT wire cannot be relied on; nil = it works again
	AlarmInput                      // Alarm: what somebody does about an alarm
	CommandInput                    // Command
	ProofInput                      // Device, Evidence: the answer to a question of the device
	ReportInput                     // ID of a gate, Report: what a relay did
	SignalInput                     // ID, On: what another part of the daemon tells an internal device
)

// Input is one thing the core is given.
type Input struct {
	Kind    InputKind
	Source  int
	Channel int // of DownInput and UpInput; All = every channel of the source
	Edge    drivers.Edge
	Levels  Levels
	Err     error
	Event   gateway.Event
	Reading drivers.Reading
	Traffic Traffic
	Alarm   AlarmAct

	Command  gateway.Command
	Device   int
	Evidence device.Evidence
	Report   device.Report
	ID       string
	On       bool
}

// Traffic of a bus or a chip.
type Traffic struct {
	drivers.Traffic
	Retries uint64
	Missed  uint64  // pulses of a chip that is Counts
	Load    float64 // per cent of the bus's configured speed, over the last seconds
}

// All channels of a source.
const All = -1

// Levels is what a level read found at one time.
type Levels struct {
	At    gateway.Mono
	Bits  [2]uint64 // bit n: electrical level of channel n
	Valid [2]uint64 // bit n: channel n was read
}

// MaxChannels of one source.
const MaxChannels = 128

// Set notes the level of channel n.
func (l *Levels) Set(n int, level bool) {
	m := uint64(1) << (n % 64)
	l.Valid[n/64] |= m
	l.Bits[n/64] &^= m
	if level {
		l.Bits[n/64] |= m
	}
}

// Get returns the level of channel n.
func (l *Levels) Get(n int) (level, ok bool) {
	m := uint64(1) << (n % 64)
	return l.Bits[n/64]&m != 0, l.Valid[n/64]&m != 0
}

// inlet is where what readers find goes in. push is false when the core has no room and ctx ends.
type inlet interface {
	push(ctx context.Context, in Input) bool
}

// queue is the inlet of a core that is another goroutine.
type queue chan Input

func (q queue) push(ctx context.Context, in Input) bool {
	select {
	case q <- in:
		return true
	default:
	}
	select {
	case q <- in:
		return true
	case <-ctx.Done():
		return false
	}
}
