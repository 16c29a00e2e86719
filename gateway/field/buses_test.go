package field

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// part is a chip whose answers a test decides.
type part struct {
	mu       sync.Mutex
	now      func() gateway.Mono
	err      error // of every call
	fail     []error
	slow     time.Duration // of every call that fails
	levels   uint32
	inits    int
	looks    int
	set      []string
	setErr   []error
	readings []drivers.Reading
	missed   uint64
}

func (p *part) Missed() uint64 { return p.missed }

func (p *part) answer() error {
	p.mu.Lock()
	err := p.err
	if len(p.fail) > 0 {
		err, p.fail = p.fail[0], p.fail[1:]
	}
	slow := p.slow
	p.mu.Unlock()
	if err != nil && slow > 0 {
		time.Sleep(slow)
	}
	return err
}

func (p *part) Init() error {
	p.mu.Lock()
	p.inits++
	p.mu.Unlock()
	return p.answer()
}

func (p *part) Service(s *drivers.Sample, _ time.Duration) error {
	p.mu.Lock()
	p.looks++
	p.mu.Unlock()
	if err := p.answer(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Readings = append(s.Readings, p.readings...)
	s.Levels, s.Inputs, s.At = p.levels, 0xffff, time.Duration(p.now())
	return nil
}

func (p *part) Set(channel int, level bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set = append(p.set, fmt.Sprint(channel, level))
	if len(p.setErr) > 0 {
		err := p.setErr[0]
		p.setErr = p.setErr[1:]
		return err
	}
	return nil
}

func (p *part) becomes(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// cabinet is a bus with these chips, each with one point, run on virtual time.
func cabinet(t *testing.T, parts []*part, script func(f *Field, m *memory, h *hub.Hub)) {
	synctest.Test(t, func(t *testing.T) {
		origin := time.Now()
		now := func() gateway.Mono { return gateway.MonoOf(boot + time.Since(origin)) }
		cfg := Config{Sources: []SourceConfig{{ID: GPIO, Kind: GPIO, Bus: GPIO}, {ID: "bus", Kind: "i2c", Bus: "bus", Quiet: true}}}
		b := BusConfig{ID: "bus", Source: 1, Speed: 400_000}
		var chips []Chip
		sent := make([]uint64, len(parts))
		for i, p := range parts {
			p.now = now
			id := fmt.Sprintf("x%d", i+1)
			cfg.Sources = append(cfg.Sources, SourceConfig{ID: id, Kind: "test", Bus: "bus"})
			cfg.Points = append(cfg.Points, PointConfig{ID: "p" + id, Source: 2 + i, Settle: 20 * time.Millisecond})
			b.Chips = append(b.Chips, ChipConfig{ID: id, Source: 2 + i, Poll: time.Second})
			chips = append(chips, p)
		}
		b.Open = func() (Bus, error) {
			return Bus{Chips: chips, Close: func() error { return nil }, Traffic: func(chip int) drivers.Traffic {
				if chip == All {
					return drivers.Traffic{Transfers: 7, Failed: 1, Bits: uint64(time.Since(origin) / (25 * time.Microsecond))}
				}
				sent[chip]++
				return drivers.Traffic{Transfers: sent[chip]}
			}}, nil
		}
		cfg.Buses = []BusConfig{b}
		m, h := &memory{start: now()}, hub.New(now)
		f := New(cfg, h, m, now, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		synctest.Wait()
		script(f, m, h)
		cancel()
		<-done
	})
}

// A fault that is over in a millisecond takes nothing down, and is counted.
func TestShortFaultIsRetried(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENXIO, syscall.EAGAIN, syscall.EREMOTEIO} {
		p := &part{}
		cabinet(t, []*part{p}, func(_ *Field, m *memory, h *hub.Hub) {
			p.mu.Lock()
			p.fail = []error{errno, errno}
			p.mu.Unlock()
			wait(6 * time.Second)
			if got := m.take(); got != "" {
				t.Errorf("%v: events %q", errno, got)
			}
			if s := sourceOf(t, h, "x1"); !s.OK || s.Retries != 2 {
				t.Errorf("%v: %+v", errno, s)
			}
		})
	}
}

// A transfer that takes the kernel a second to give up is not repeated while other chips wait.
func TestTimeoutIsNotRetried(t *testing.T) {
	p, other := &part{}, &part{}
	cabinet(t, []*part{p, other}, func(_ *Field, m *memory, h *hub.Hub) {
		p.mu.Lock()
		p.fail, p.slow, p.looks = []error{syscall.ETIMEDOUT}, time.Second, 0
		p.mu.Unlock()
		wait(2500 * time.Millisecond)
		if got := m.take(); !strings.HasPrefix(got, "2s bus.fault bus") {
			t.Errorf("events %q", got)
		}
		p.mu.Lock()
		looks := p.looks
		p.mu.Unlock()
		if looks != 1 {
			t.Errorf("%d looks", looks)
		}
		wait(time.Minute)
		if s := sourceOf(t, h, "x1"); !s.OK {
			t.Errorf("did not come back: %+v", s)
		}
	})
}

// What all chips say together is said of the bus: hung when it had worked, dead when not one ever answered.
func TestBusVerdict(t *testing.T) {
	for _, c := range []struct {
		name   string
		before error // from the start
		then   error
		want   string
	}{
		{"hung", nil, syscall.ETIMEDOUT, "hung"},
		{"hung from the start", syscall.ETIMEDOUT, syscall.ETIMEDOUT, "dead_bus"},
		{"silent from the start", syscall.EREMOTEIO, syscall.EREMOTEIO, "dead_bus"},
		{"no chip there any more", nil, syscall.ENXIO, "no_ack"},
		{"gone", nil, syscall.ENODEV, "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			parts := []*part{{err: c.before, slow: time.Second}, {err: c.before, slow: time.Second}}
			cabinet(t, parts, func(_ *Field, _ *memory, h *hub.Hub) {
				wait(5 * time.Second)
				for _, p := range parts {
					p.becomes(c.then)
				}
				wait(10 * time.Second)
				for _, id := range []string{"x1", "x2"} {
					if s := sourceOf(t, h, id); s.OK || s.Fault != c.want {
						t.Errorf("%s: %q, want %q (%s)", id, s.Fault, c.want, s.Error)
					}
				}
				bus := sourceOf(t, h, "bus")
				if whole := c.want != "no_ack"; bus.OK == whole || whole && bus.Fault != c.want {
					t.Errorf("bus %+v", bus)
				}
				for _, p := range parts {
					p.becomes(nil)
				}
				wait(time.Minute)
				for _, id := range []string{"x1", "x2", "bus"} {
					if s := sourceOf(t, h, id); !s.OK || s.Fault != "" {
						t.Errorf("%s did not come back: %+v", id, s)
					}
				}
			})
		})
	}
}

// When a bus hangs, each chip is asked once, a second each, before any is tried again: the levels of the last one are not
// believed for longer.
func TestHungBusIsFoundInOneRound(t *testing.T) {
	parts := make([]*part, 9)
	for i := range parts {
		parts[i] = &part{slow: time.Second}
	}
	cabinet(t, parts, func(_ *Field, m *memory, h *hub.Hub) {
		wait(5 * time.Second)
		for _, p := range parts {
			p.becomes(syscall.ETIMEDOUT)
		}
		wait(time.Duration(len(parts)+1) * time.Second)
		if n := strings.Count(m.take(), "bus.fault"); n != len(parts) {
			t.Errorf("of %d chips %d are said not to be readable", len(parts), n)
		}
		for _, p := range parts {
			p.becomes(nil)
		}
		wait(time.Minute)
		for i := range parts {
			if s := sourceOf(t, h, fmt.Sprintf("x%d", i+1)); !s.OK {
				t.Errorf("did not come back: %+v", s)
			}
		}
	})
}

// One chip that is missing leaves the other and the bus as they are.
func TestOneMissingChip(t *testing.T) {
	parts := []*part{{err: syscall.ENXIO}, {}}
	cabinet(t, parts, func(_ *Field, m *memory, h *hub.Hub) {
		wait(time.Minute)
		expect(t, m, "0s bus.fault bus")
		if x1, x2, bus := sourceOf(t, h, "x1"), sourceOf(t, h, "x2"), sourceOf(t, h, "bus"); x1.OK || x1.Fault != "no_ack" || !x2.OK || !bus.OK {
			t.Errorf("%+v\n%+v\n%+v", x1, x2, bus)
		}
	})
}

func TestTrafficIsShown(t *testing.T) {
	cabinet(t, []*part{{}, {missed: 3}}, func(_ *Field, _ *memory, h *hub.Hub) {
		wait(20 * time.Second)
		bus := sourceOf(t, h, "bus")
		if bus.Transfers != 7 || bus.Failed != 1 || bus.Load < 9.9 || bus.Load > 10.1 {
			t.Errorf("%+v, want a load of 10 %%", bus)
		}
		if s := sourceOf(t, h, "x2"); s.Transfers == 0 || s.Missed != 3 || s.Bus != "bus" {
			t.Errorf("%+v", s)
		}
	})
}

func TestReadings(t *testing.T) {
	p := &part{readings: []drivers.Reading{{Channel: 0, Value: 150_000}}}
	synctest.Test(t, func(t *testing.T) {
		now := func() gateway.Mono { return gateway.MonoOf(boot) }
		cfg := Config{
			Sources: []SourceConfig{{ID: "i1", Kind: "ina219", Bus: "cabinet"}},
			Points:  []PointConfig{{ID: "cam-current", Unit: "µA"}},
		}
		h := hub.New(now)
		c := NewCore(cfg, h, &memory{}, now())
		c.Apply(now(), Input{Kind: ReadingInput, Reading: p.readings[0]})
		if v := h.View().Points[0]; v.Value != 150_000 || v.Unit != "µA" || v.Quality != gateway.Good {
			t.Errorf("%+v", v)
		}
		c.Apply(now(), Input{Kind: DownInput, Channel: All, Err: syscall.ENXIO})
		if v := h.View().Points[0]; v.Quality != gateway.Bad {
			t.Errorf("%+v", v)
		}
	})
}

// An output is driven by the owner of the bus, tried again, and reported when it does not hold.
func TestDrive(t *testing.T) {
	p := &part{}
	cabinet(t, []*part{p}, func(f *Field, _ *memory, _ *hub.Hub) {
		mismatch := &drivers.Error{Fault: drivers.FaultMismatch, Op: "set"}
		p.setErr = []error{syscall.EREMOTEIO, mismatch}
		if err := f.Relay("x1", 5, false).Set(context.Background(), true); err != nil {
			t.Error(err)
		}
		if len(p.set) != 3 {
			t.Errorf("%v", p.set)
		}
		p.mu.Lock()
		p.setErr = []error{mismatch, mismatch, mismatch}
		p.mu.Unlock()
		if err := f.Relay("x1", 5, false).Set(context.Background(), true); drivers.Classify(err) != drivers.FaultReadBack || !errors.Is(err, mismatch) {
			t.Errorf("%v", err)
		}
		p.becomes(syscall.ENXIO)
		wait(2 * time.Second)
		if err := f.Relay("x1", 5, false).Set(context.Background(), true); drivers.Classify(err) != drivers.FaultNoAck {
			t.Errorf("a chip that is down: %v", err)
		}
		if err := f.Relay(GPIO, 5, false).Set(context.Background(), true); err == nil {
			t.Error("drove a native line")
		}
	})
}
