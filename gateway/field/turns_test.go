package field

import (
	"errors"
	"strings"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// still are lines that change when a test says so, and slow a chip that takes its time.
type still struct {
	edges  chan drivers.Edge
	level  bool
	closed bool
}

func (s *still) Edges() <-chan drivers.Edge { return s.edges }
func (s *still) Level(int) (bool, error)    { return s.level, nil }
func (s *still) Close() error               { s.closed = true; return nil }

type slow struct {
	l      *Lockstep
	takes  time.Duration
	begun  int
	failed bool
}

func (s *slow) Init() error { return nil }

func (s *slow) Service(out *drivers.Sample, _ time.Duration) error {
	s.begun++
	if !s.l.Pass(s.takes) {
		s.failed = true
		return errors.New("given up")
	}
	out.Inputs, out.At = 1, time.Duration(s.l.Now())
	return nil
}

// cell is a door on a line and one on a chip, in lockstep.
func cell(t *testing.T) (*Lockstep, *still, *slow, *memory) {
	t.Helper()
	lines, chip := &still{edges: make(chan drivers.Edge, 16)}, &slow{takes: 5 * time.Millisecond}
	door := func(id string, point int) DeviceConfig {
		return DeviceConfig{
			Meta:    gateway.MetaDevice{ID: id, Kind: "contact"},
			Machine: Box(device.NewContact(device.ContactConfig{})), Parts: []Part{{Role: device.RoleInput, Point: point}},
		}
	}
	cfg := Config{
		Sources: []SourceConfig{{ID: GPIO, Bus: GPIO}, {ID: "x1", Bus: "bus"}, {ID: "bus", Bus: "bus", Quiet: true}},
		Points:  []PointConfig{{ID: "a", Settle: 20 * time.Millisecond}, {ID: "b", Source: 1, Settle: 20 * time.Millisecond}},
		Lines:   &LinesConfig{Count: 1, Open: func([]int) (Lines, []error) { return lines, []error{nil} }},
		Buses: []BusConfig{{ID: "bus", Source: 2, Speed: 100_000, Chips: []ChipConfig{{ID: "x1", Source: 1, Poll: time.Second}}, Open: func() (Bus, error) {
			return Bus{Chips: []Chip{chip}, Close: func() error { return nil }}, nil
		}}},
		Devices: []DeviceConfig{door("door", 0), door("hatch", 1)},
	}
	start := gateway.MonoOf(boot)
	m := &memory{start: start}
	l := NewLockstep(cfg, hub.New(func() gateway.Mono { return start }), m, start)
	chip.l = l
	l.Acquire()
	l.Begin(nil)
	t.Cleanup(l.End)
	return l, lines, chip, m
}

// run advances in the steps in which a field that tells of something stops.
func run(l *Lockstep, d time.Duration) {
	for end := l.Now().Add(d); l.Now() < end; {
		l.Advance(end)
	}
}

// While a transfer hangs, everything else goes on at its time.
func TestTurns(t *testing.T) {
	l, lines, chip, m := cell(t)
	run(l, 2500*time.Millisecond)
	if chip.begun != 3 || m.take() != "" {
		t.Errorf("%d looks", chip.begun)
	}
	chip.takes = 4 * time.Second
	run(l, time.Second) // into the transfer
	lines.level = true
	lines.edges <- drivers.Edge{Level: true, At: time.Duration(l.Now()), Clock: drivers.KernelClock}
	run(l, time.Second)
	if got := m.take(); got != "3.5s contact.raised door" {
		t.Errorf("events %q", got)
	}
	if chip.begun != 4 {
		t.Errorf("%d looks", chip.begun)
	}
	run(l, 3*time.Second)
	if chip.begun != 5 {
		t.Errorf("%d looks after the transfer", chip.begun)
	}
}

// A level that no edge explains is found, as Field finds it.
func TestTurnsCompareLevels(t *testing.T) {
	l, lines, _, m := cell(t)
	run(l, 300*time.Millisecond)
	lines.level = true
	run(l, 2*time.Second)
	if got := m.take(); !strings.HasSuffix(got, "contact.raised door") {
		t.Errorf("events %q", got)
	}
}

// The end of a process in the middle of a transfer: nothing is heard of it any more, and the lines are free.
func TestTurnsEnd(t *testing.T) {
	l, lines, chip, m := cell(t)
	chip.takes = 4 * time.Second
	run(l, 2*time.Second)
	l.End()
	if !chip.failed || !lines.closed {
		t.Errorf("transfer given up %t, lines closed %t", chip.failed, lines.closed)
	}
	l.Advance(l.Now().Add(time.Minute))
	if got := m.take(); got != "" || chip.begun > 2 {
		t.Errorf("events %q, %d looks", got, chip.begun)
	}
}
