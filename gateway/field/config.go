package field

import (
	"context"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/trace"
)

// Config is what the core and its sources are made of. Indices refer to positions in these slices.
type Config struct {
	Sources []SourceConfig
	Points  []PointConfig
	Devices []DeviceConfig // a device comes after the devices it is made of; a camera may hear its group, too
	Lines   *LinesConfig
	Buses   []BusConfig

	// Reply, if not nil, is told what becomes of every command, by the core: it must not wait.
	Reply  func(gateway.Reply)
	Memory Memory // what survives a restart; nil = nothing
	Tape   Tape   // the flight recorder; nil = there is none

	// Recorded is what a Tape keeps to make this configuration again, as JSON.
	Recorded []byte
	Trace    *trace.Trace // of Points, in their order; nil = edges are not kept
}

// SourceConfig names a source of levels: the native lines, or a chip.
type SourceConfig struct {
	ID    string // "gpio", or the chip's id
	Kind  string // "gpio", "i2c", "mcp23017"
	Where string // for people: "I2C1 0x20"
	Bus   string // id whose events tell of its faults: the bus, or "gpio"
	Quiet bool   // its state is shown and no event tells of it: a bus, whose chips do
}

// GPIO is the id of the native lines, as a source and in the events that tell of their faults.
const GPIO = "gpio"

// PointConfig is one wire.
type PointConfig struct {
	ID, Label, Terminal string
	Source, Channel     int
	ActiveLow           bool
	Settle              time.Duration
	Budget              uint32 // settled changes a minute, more are one fault; 0 = no limit
	Unit                string // of a measured value: µA, µV, ‰; "" = the point is a level
}

// LinesConfig opens the native lines: the points of source Source by their channel, then the interrupt lines of chips.
type LinesConfig struct {
	Source int
	Count  int                                   // lines in all
	Wires  string                                // names what Open opens: equal words, equal lines
	Open   func(channels []int) (Lines, []error) // one error slot a channel; nil Lines = not one could be opened
}

// BusConfig opens one bus and serves its chips.
type BusConfig struct {
	ID     string
	Source int   // that stands for the bus itself
	Speed  int64 // clock periods a second, as configured
	Open   func() (Bus, error)
	Chips  []ChipConfig
}

// ChipConfig is one chip of a bus.
type ChipConfig struct {
	ID         string
	Source     int
	Interrupts []int         // channels of the native lines: none, INT, or INTA and INTB of a chip that is Ports
	Poll       time.Duration // looked at this often even if nothing asks for it
}

// DeviceConfig is one device and where its inputs come from.
type DeviceConfig struct {
	Meta    gateway.MetaDevice
	Machine Stepper
	Parts   []Part

	// Internal devices are in no view; their events bear the id of Meta all the same, which another device may have.
	Internal bool

	// LetsInto are the lanes that an accepted open command authorises passages of.
	LetsInto []int

	// Relays of a gate; nil = none.
	Relays [device.Outputs]Relay
	Held   bool // the OPEN relay may be active for longer than a pulse
}

// Relay is one output. It is used by one goroutine at a time.
type Relay interface {
	// Set switches it. When ctx ends it gives up, and what the relay does then is not known.
	Set(ctx context.Context, active bool) error
	// Active reads the output back; ok is false where that is impossible.
	Active() (active, ok bool, err error)
}

// Part feeds a device: from a point, or from another device that comes before it.
type Part struct {
	Role   device.Role
	Index  uint8
	Point  int // -1 = from Device
	Device int
}

// Stepper is a device machine behind an interface; Box makes one.
type Stepper interface {
	step(now gateway.Mono, in device.Input) (fx device.Effects, wake gateway.Mono, moved bool)
	state() gateway.DeviceState
	signal() (device.Signal, bool)
	balance() (s device.Signal, value int64, ok bool)
	drive() (device.Drive, bool)
	changed() (any, bool) // what must survive a restart, if it has changed since the last call
	recall(m Memory, key string)
	stands(alarm string) bool
	busy(now gateway.Mono) (busy, moves bool)
	inherit(old Stepper)                    // what a restart would not have forgotten, either
	judge() func(value int64) (on, ok bool) // of a measured contact; nil = it is none
}

// Box holds machine m so that the core can keep machines of different kinds in one list.
func Box[T device.Machine[T]](m T) Stepper { return &box[T]{m} }

type box[T device.Machine[T]] struct{ m T }

func (b *box[T]) step(now gateway.Mono, in device.Input) (fx device.Effects, wake gateway.Mono, moved bool) {
	next, fx, wake := b.m.Step(now, in)
	moved = next != b.m
	b.m = next
	return fx, wake, moved
}

func (b *box[T]) state() gateway.DeviceState { return b.m.State() }

// signal, balance, drive and busy ask what else a machine offers by its address: so that it is not copied for each edge.
func (b *box[T]) signal() (device.Signal, bool) {
	s, ok := any(&b.m).(interface{ Signal() device.Signal })
	if !ok {
		return device.Signal{}, false
	}
	return s.Signal(), true
}

// judge is asked in goroutines that gather proof while the core steps the machine: it keeps a copy of it.
func (b *box[T]) judge() func(int64) (bool, bool) {
	m, ok := any(b.m).(interface {
		Judge(value int64) (on, ok bool)
	})
	if !ok {
		return nil
	}
	return m.Judge
}

func (b *box[T]) balance() (device.Signal, int64, bool) {
	m, ok := any(&b.m).(interface{ Balance() (device.Signal, int64) })
	if !ok {
		return device.Signal{}, 0, false
	}
	s, value := m.Balance()
	return s, value, true
}

func (b *box[T]) drive() (device.Drive, bool) {
	d, ok := any(&b.m).(interface{ Drive() device.Drive })
	if !ok {
		return device.Drive{}, false
	}
	return d.Drive(), true
}

// busy tells whether a machine wants to be left alone, and whether it is one that moves something.
func (b *box[T]) busy(now gateway.Mono) (busy, moves bool) {
	m, ok := any(&b.m).(interface{ Busy(now gateway.Mono) bool })
	return ok && m.Busy(now), ok
}
