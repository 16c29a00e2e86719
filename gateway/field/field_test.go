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

	"go.uber.org/goleak"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/contract"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire judges what would be published.
var wire = contract.Judge(2)

// memory records events as text.
type memory struct {
	mu     sync.Mutex
	events []string
	start  gateway.Mono

	refs       []string // of passages
	tailgating int
}

func (m *memory) Record(e gateway.Event) gateway.EventID {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := wire().Event(e); err != nil {
		panic(err)
	}
	switch d := e.Data.(type) {
	case gateway.PassData:
		m.refs = append(m.refs, d.Ref)
	case gateway.TailgatingData:
		m.tailgating++
	}
	m.events = append(m.events, fmt.Sprintf("%v %s %s", e.At.Sub(m.start), e.Type, e.ID))
	return gateway.EventID{Epoch: "abcdef", Run: 1, Number: uint64(len(m.events))}
}

func (m *memory) take() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := strings.Join(m.events, "\n")
	m.events = nil
	return s
}

// board is a simulated set of lines and one chip. Its clock is the bubble's.
type board struct {
	mu     sync.Mutex
	origin time.Time
	levels [8]bool
	edges  chan drivers.Edge
	gone   error
	refuse map[int]error
	opened int

	slow     time.Duration // that the chip takes to be set up
	chip     uint32        // levels of the chip
	pending  []drivers.Edge
	chipErr  error
	chipInit int
	reset    bool
	stuck    bool // INT is shorted to ground
}

func newBoard() *board {
	return &board{origin: time.Now(), edges: make(chan drivers.Edge, 16), refuse: map[int]error{}}
}

// boot is well after zero, as real boards are.
const boot = 1000 * time.Second

func (b *board) now() gateway.Mono { return gateway.MonoOf(boot + time.Since(b.origin)) }

func (b *board) set(n int, level bool) {
	b.mu.Lock()
	b.levels[n] = level
	b.mu.Unlock()
	b.edges <- drivers.Edge{Channel: n, Level: level, At: time.Duration(b.now()), Clock: drivers.KernelClock}
}

// silently changes a level without an edge.
func (b *board) silently(n int, level bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.levels[n] = level
}

func (b *board) open(channels []int) (Lines, []error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	errs := make([]error, len(channels))
	any := false
	for i, n := range channels {
		errs[i] = b.refuse[n]
		if b.gone != nil {
			errs[i] = b.gone
		}
		any = any || errs[i] == nil
	}
	if !any {
		return nil, errs
	}
	if len(channels) == len(b.levels) {
		b.opened++
	}
	return &openBoard{b}, errs
}

type openBoard struct{ b *board }

func (o *openBoard) Edges() <-chan drivers.Edge { return o.b.edges }

func (o *openBoard) Level(n int) (bool, error) {
	o.b.mu.Lock()
	defer o.b.mu.Unlock()
	return o.b.levels[n], o.b.gone
}

func (o *openBoard) Close() error { return nil }

func (b *board) Init() error {
	time.Sleep(b.slow)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chipInit++
	return b.chipErr
}

func (b *board) Service(s *drivers.Sample, intAt time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reset {
		b.reset = false
		return &drivers.Error{Fault: drivers.FaultReset, Op: "poll"}
	}
	if b.chipErr != nil {
		return b.chipErr
	}
	s.Edges = append(s.Edges, b.pending...)
	b.pending = nil
	s.Levels, s.Inputs, s.At = b.chip, 0xffff, time.Duration(b.now())
	b.levels[7] = !b.stuck
	return nil
}

// quietly drives a pin of the chip while INT is not connected.
func (b *board) quietly(pin int, level bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chip &^= 1 << pin
	if level {
		b.chip |= 1 << pin
	}
	b.pending = append(b.pending, drivers.Edge{Channel: pin, Level: level, At: time.Duration(b.now())})
}

// change drives a pin of the chip: INT on line 7 falls.
func (b *board) change(pin int, level bool) {
	b.mu.Lock()
	b.chip &^= 1 << pin
	if level {
		b.chip |= 1 << pin
	}
	b.pending = append(b.pending, drivers.Edge{Channel: pin, Level: level, At: time.Duration(b.now()), Clock: drivers.KernelClock})
	b.mu.Unlock()
	b.set(7, false)
}

// site: a lane on lines 0 and 1 (active high), INT on line 7, an elevator contact on chip pin 0.
func site(b *board) Config {
	point := func(id string, src, ch int) PointConfig {
		return PointConfig{ID: id, Source: src, Channel: ch, Settle: 20 * time.Millisecond}
	}
	loop := func(id string, p int) DeviceConfig {
		return DeviceConfig{Meta: gateway.MetaDevice{ID: id, Kind: "loop"}, Machine: Box(device.NewLoop(device.LoopConfig{})), Parts: []Part{{Point: p}}}
	}
	lift := device.ElevatorConfig{RaiseAfter: time.Second, ClearAfter: time.Second}
	lift.Faults[0].Name = "general"
	return Config{
		Sources: []SourceConfig{{ID: GPIO, Kind: GPIO, Bus: GPIO}, {ID: "x1", Kind: "mcp23017", Bus: "cabinet"}, {ID: "cabinet", Kind: "i2c", Bus: "cabinet", Quiet: true}},
		Points:  []PointConfig{point("pa", 0, 0), point("pb", 0, 1), point("fault", 1, 0)},
		Devices: []DeviceConfig{
			loop("a", 0), loop("b", 1),
			{
				Meta: gateway.MetaDevice{ID: "entry", Kind: "lane"},
				Machine: Box(device.NewLane(device.LaneConfig{
					Direction: gateway.In, OneWay: true, Gap: 3 * time.Second, Jitter: 50 * time.Millisecond,
				})),
				Parts: []Part{{Role: device.RoleA, Point: -1, Device: 0}, {Role: device.RoleB, Point: -1, Device: 1}},
			},
			{
				Meta:    gateway.MetaDevice{ID: "car-1", Kind: "elevator"},
				Machine: Box(device.NewElevator(lift)), Parts: []Part{{Point: 2}},
			},
		},
		Lines: &LinesConfig{Source: 0, Count: 8, Open: b.open},
		Buses: []BusConfig{{
			ID:     "cabinet",
			Source: 2, Speed: 400_000,
			Open:  func() (Bus, error) { return Bus{Chips: []Chip{b}, Close: func() error { return nil }}, nil },
			Chips: []ChipConfig{{ID: "x1", Source: 1, Interrupts: []int{7}, Poll: time.Second}},
		}},
	}
}

// inField runs script against a running field on virtual time.
func inField(t *testing.T, prepare func(*board), script func(b *board, m *memory, h *hub.Hub)) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		b.levels[7] = true
		if prepare != nil {
			prepare(b)
		}
		m := &memory{start: b.now()}
		h := hub.New(b.now)
		f := New(site(b), h, m, b.now, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		time.Sleep(500 * time.Millisecond)
		script(b, m, h)
		cancel()
		<-done
	})
}

func wait(d time.Duration) { time.Sleep(d); synctest.Wait() }

func expect(t *testing.T, m *memory, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(want), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	if got := m.take(); got != strings.Join(lines, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(lines, "\n"))
	}
}

func sourceOf(t *testing.T, h *hub.Hub, id string) hub.Source {
	t.Helper()
	for _, s := range h.View().Sources {
		if s.ID == id {
			return s
		}
	}
	t.Fatalf("no source %s in the view", id)
	return hub.Source{}
}

func TestPassage(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		for _, s := range []struct {
			line  int
			level bool
		}{{0, true}, {1, true}, {0, false}, {1, false}} {
			b.set(s.line, s.level)
			wait(500 * time.Millisecond)
		}
		expect(t, m, `
			500ms loop.occupied a
			500ms lane.vehicle_arrived entry
			1s loop.occupied b
			1.5s loop.cleared a
			1.5s lane.vehicle_passed entry
			2s loop.cleared b`)
		d, ok := h.View().Device("entry")
		if !ok || d.State.Value != "clear" || d.Event.Number != 5 {
			t.Errorf("entry in the view: %+v", d)
		}
	})
}

func TestChipInterrupt(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		b.change(0, true)
		wait(2 * time.Second)
		expect(t, m, "500ms elevator.fault_raised car-1")
		if a := h.View().Alarms; len(a) != 1 || a[0].Key() != "car-1/fault_raised" {
			t.Errorf("alarms %+v", a)
		}
		b.change(0, false)
		wait(2 * time.Second)
		expect(t, m, "2.5s elevator.fault_cleared car-1")
		if a := h.View().Alarms; len(a) != 0 {
			t.Errorf("alarms %+v", a)
		}
	})
}

func TestLevelReadRepairsWhatNoEdgeAnnounced(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		b.silently(0, true)
		wait(2 * time.Second)
		if got := m.take(); !strings.Contains(got, "loop.occupied a") {
			t.Errorf("events %q", got)
		}
		if p := h.View().Points[1]; p.ID != "pa" || p.Missed != 1 || !p.Active {
			t.Errorf("point %+v", p)
		}
	})
}

func TestChipFailsAndReturns(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		wait(2 * time.Second)
		b.mu.Lock()
		b.chipErr = syscall.ENXIO
		b.mu.Unlock()
		wait(10 * time.Second)
		expect(t, m, "3.005s bus.fault cabinet") // after two pauses of 5 ms together
		v := h.View()
		if d, _ := v.Device("car-1"); d.State.Quality != gateway.Stale {
			t.Errorf("car-1 %+v", d.State)
		}
		if s := sourceOf(t, h, "x1"); s.OK || s.Fault != "no_ack" || s.Errors < 2 {
			t.Errorf("source %+v", s)
		}
		b.mu.Lock()
		b.chipErr, b.chip = nil, 1
		b.mu.Unlock()
		wait(40 * time.Second)
		got := m.take()
		if !strings.Contains(got, "bus.recovered cabinet") || !strings.Contains(got, "elevator.fault_raised car-1") {
			t.Errorf("events %q", got)
		}
	})
}

func TestChipLosesPower(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		b.mu.Lock()
		b.reset = true
		inits := b.chipInit
		b.mu.Unlock()
		wait(2 * time.Second)
		expect(t, m, "1s bus.chip_reset cabinet")
		if b.chipInit != inits+1 {
			t.Errorf("set up %d times", b.chipInit-inits)
		}
	})
}

func TestMissingLineTakesNoOtherDown(t *testing.T) {
	inField(t, func(b *board) { b.refuse[1] = syscall.EBUSY }, func(b *board, m *memory, h *hub.Hub) {
		expect(t, m, "0s bus.fault gpio")
		b.set(0, true)
		wait(time.Second)
		expect(t, m, "500ms loop.occupied a")
		opened := b.opened
		wait(2 * time.Minute)
		if b.opened != opened {
			t.Errorf("the working lines were opened again %d times for one that is busy", b.opened-opened)
		}
		b.mu.Lock()
		delete(b.refuse, 1)
		b.mu.Unlock()
		wait(time.Minute)
		if got := m.take(); !strings.Contains(got, "bus.recovered gpio") {
			t.Errorf("events %q", got)
		}
	})
}

func TestGPIOChipGoneAndBack(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		b.mu.Lock()
		b.gone = syscall.ENODEV
		b.mu.Unlock()
		wait(5 * time.Second)
		expect(t, m, "1s bus.fault gpio")
		if d, _ := h.View().Device("entry"); d.State.Quality != gateway.Bad {
			t.Errorf("entry %+v", d.State)
		}
		b.mu.Lock()
		b.gone = nil
		b.mu.Unlock()
		wait(time.Minute)
		if got := m.take(); !strings.Contains(got, "bus.recovered gpio") {
			t.Errorf("events %q", got)
		}
		if d, _ := h.View().Device("entry"); d.State.Value != "clear" {
			t.Errorf("entry %+v", d.State)
		}
	})
}

func TestPostKeepsOrder(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		e := gateway.Event{Type: gateway.GatewayStopping, ID: gateway.GatewayID, At: b.now(), Data: gateway.StoppingData{Reason: "signal"}}
		f := New(site(b), h, m, b.now, nil)
		ctx, cancel := context.WithCancel(context.Background())
		if !f.Post(ctx, e) {
			t.Error("post refused")
		}
		cancel()
		f.Run(ctx) // ends at once, and does not forget what was posted
		expect(t, m, "500ms gateway.stopping gateway")
	})
}

// A core that was held up hears of everything at once. What it concludes is what it would have concluded in time: here a
// vehicle that backed out, and one that passed.
func TestLateCoreKeepsOrder(t *testing.T) {
	at := func(ms int) time.Duration { return boot + time.Duration(ms)*time.Millisecond }
	type edge struct {
		line  int
		level bool
		ms    int
	}
	for name, c := range map[string]struct {
		edges []edge
		want  string
	}{
		"backed out": {[]edge{{0, true, 0}, {1, true, 100}, {1, false, 200}, {0, false, 300}}, "lane.vehicle_backed_out"},
		"passed":     {[]edge{{0, true, 0}, {1, true, 100}, {0, false, 200}, {1, false, 300}}, "lane.vehicle_passed"},
		"backed out, then another comes": {
			[]edge{{0, true, 0}, {1, true, 100}, {1, false, 200}, {0, false, 300}, {0, true, 900}}, "lane.vehicle_backed_out",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := &board{}
			m := &memory{start: gateway.MonoOf(boot)}
			core := NewCore(site(b), hub.New(func() gateway.Mono { return 1 }), m, gateway.MonoOf(boot-time.Second))
			clear := Levels{At: gateway.MonoOf(boot - time.Second)}
			clear.Set(0, false)
			clear.Set(1, false)
			core.Apply(clear.At, Input{Kind: LevelsInput, Levels: clear})
			core.Tick(gateway.MonoOf(boot - 500*time.Millisecond))
			late := gateway.MonoOf(at(2000))
			for _, e := range c.edges {
				core.Apply(late, Input{Kind: EdgeInput, Edge: drivers.Edge{Channel: e.line, Level: e.level, At: at(e.ms)}})
			}
			core.Tick(late)
			if got := m.take(); !strings.Contains(got, c.want) || strings.Count(got, "lane.vehicle_") != strings.Count(got, "arrived")+1 {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestAlarmNames(t *testing.T) {
	var a alarms
	fault := func(part string) gateway.Event {
		return gateway.Event{Type: gateway.BusFault, ID: "cabinet", Data: gateway.BusFaultData{Part: part}}
	}
	a.apply(fault("x1"), gateway.EventID{Number: 1})
	if again, _ := a.apply(fault("x1"), gateway.EventID{Number: 2}); len(again) != 0 {
		t.Errorf("raised twice: %v", again)
	}
	a.apply(fault("x2"), gateway.EventID{Number: 3})
	_, cleared := a.apply(gateway.Event{Type: gateway.BusRecovered, ID: "cabinet", Data: gateway.BusFaultData{Part: "x1"}}, gateway.EventID{})
	if len(cleared) != 1 || cleared[0] != "cabinet/fault-x1" || len(a.standing) != 1 {
		t.Errorf("cleared %v, standing %v", cleared, a.standing)
	}
}

// An input that chatters is one fault with a count; what it feeds keeps presence and loses certainty, and finds its level
// again after a quiet minute.
func TestChatteringIsOneFault(t *testing.T) {
	var b board
	cfg := site(&b)
	cfg.Points[0].Budget = 10
	m := &memory{start: gateway.MonoOf(boot)}
	h := hub.New(func() gateway.Mono { return gateway.MonoOf(boot) })
	c := NewCore(cfg, h, m, m.start)
	at := func(d time.Duration) gateway.Mono { return m.start.Add(d) }
	run := func(to time.Duration) {
		for w := c.Wake(); !w.IsZero() && w <= at(to); w = c.Wake() {
			c.Tick(w)
		}
	}
	edge := func(d time.Duration, level bool) {
		run(d)
		c.Apply(at(d), Input{Kind: EdgeInput, Edge: drivers.Edge{Level: level, At: boot + d}})
	}
	edge(0, false)
	for n := range 200 {
		edge(time.Second+time.Duration(n)*300*time.Millisecond, n%2 == 0)
	}
	run(70 * time.Second)
	if got := strings.Count(m.take(), "loop."); got > 11 {
		t.Errorf("%d events of a loop that chatters", got)
	}
	if d, _ := h.View().Device("a"); d.State.Value != "occupied" || d.State.Quality != gateway.Stale {
		t.Errorf("while it chatters: %+v", d.State)
	}
	if a := h.View().Alarms; len(a) != 1 || a[0].Key() != "pa/chattering" {
		t.Errorf("alarms %+v", a)
	}
	run(200 * time.Second)
	expect(t, m, "2m0s alarm.cleared pa")
	if d, _ := h.View().Device("a"); d.State.Value != "clear" || d.State.Quality != gateway.Good {
		t.Errorf("afterwards: %+v", d.State)
	}
	if len(h.View().Alarms) != 0 {
		t.Errorf("alarms %+v", h.View().Alarms)
	}
}

// A group that goes out says so once; its cameras keep their bad news, and what does not come back is told afterwards.
func TestGroupOutageSilencesItsCameras(t *testing.T) {
	cfg := Config{Sources: []SourceConfig{{ID: GPIO, Kind: GPIO, Bus: GPIO}}}
	group := DeviceConfig{Meta: gateway.MetaDevice{ID: "switch", Kind: "camera_group"}, Machine: Box(device.NewCameraGroup(3, time.Minute))}
	for i := range 3 {
		cfg.Points = append(cfg.Points, PointConfig{ID: fmt.Sprint("p", i), Channel: i})
		cfg.Devices = append(cfg.Devices, DeviceConfig{
			Meta:    gateway.MetaDevice{ID: fmt.Sprint("cam-", i), Kind: "camera"},
			Machine: Box(device.NewCamera(device.CameraConfig{Period: time.Minute, Hold: time.Minute})),
			Parts:   []Part{{Role: device.RoleInput, Point: i}, {Role: device.RoleParent, Point: -1, Device: 3}},
		})
		group.Parts = append(group.Parts, Part{Role: device.RoleChild, Index: uint8(i), Point: -1, Device: i})
	}
	cfg.Devices = append(cfg.Devices, group)
	m := &memory{start: gateway.MonoOf(boot)}
	h := hub.New(func() gateway.Mono { return gateway.MonoOf(boot) })
	c := NewCore(cfg, h, m, m.start)
	now := m.start
	run := func(d time.Duration) {
		for now = m.start.Add(d); !c.Wake().IsZero() && c.Wake() <= now; {
			c.Tick(c.Wake())
		}
	}
	pulse := func(camera int) {
		for _, level := range []bool{true, false} {
			c.Apply(now, Input{Kind: EdgeInput, Edge: drivers.Edge{Channel: camera, Level: level, At: time.Duration(now)}})
			now = now.Add(100 * time.Millisecond)
		}
	}
	c.Apply(now, Input{Kind: LevelsInput, Levels: Levels{At: now, Valid: [2]uint64{7}}})
	for s := range 5 { // minutes; the phases differ
		run(time.Duration(s+1) * time.Minute)
		for camera := range 3 {
			now = now.Add(time.Second)
			pulse(camera)
		}
	}
	m.take()
	run(20 * time.Minute)
	expect(t, m, "6m31s camera.group_outage switch")
	for s := range 6 { // two of three come back, and stay for as long as the third may take
		run(time.Duration(s+20) * time.Minute)
		pulse(0)
		pulse(1)
	}
	run(40 * time.Minute)
	if got := m.take(); !strings.HasPrefix(got, "21m0.2s camera.online switch\n") || !strings.Contains(got, "camera.offline cam-2") {
		t.Errorf("afterwards:\n%s", got)
	}
}

// A lot counts what its lane counts, and doubts what the lane cannot see.
func TestLotCountsAtTheLane(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		cfg := site(b)
		cfg.Devices = append(cfg.Devices[:3:3], DeviceConfig{
			Meta:    gateway.MetaDevice{ID: "b1", Kind: "lot"},
			Machine: Box(device.NewLot(device.LotConfig{Capacity: 10, Lanes: 1, AvailableAt: 2}).Restore(device.LotSnapshot{Passed: 4, Counted: true}, 0)),
			Parts:   []Part{{Role: device.RoleLane, Point: -1, Device: 2}},
		})
		c := NewCore(cfg, h, m, b.now())
		at := time.Duration(b.now())
		levels := Levels{At: b.now()}
		levels.Set(0, false)
		levels.Set(1, false)
		c.Apply(b.now(), Input{Kind: LevelsInput, Levels: levels})
		for _, e := range []drivers.Edge{{Channel: 0, Level: true}, {Channel: 1, Level: true}, {Channel: 0}, {Channel: 1}} {
			at += time.Second
			e.At = at
			for w := c.Wake(); !w.IsZero() && w <= gateway.MonoOf(at); w = c.Wake() {
				c.Tick(w)
			}
			c.Apply(gateway.MonoOf(at), Input{Kind: EdgeInput, Edge: e})
		}
		c.Tick(gateway.MonoOf(at + time.Second))
		if d, _ := h.View().Device("b1"); d.State.Value != "5" || d.State.Quality != gateway.Good {
			t.Errorf("%+v", d.State)
		}
		if got := m.take(); !strings.Contains(got, "lane.vehicle_passed entry\n") || !strings.Contains(got, "lot.occupancy_changed b1") {
			t.Errorf("events\n%s", got)
		}
	})
}

var errNothing = errors.New("nothing")

func BenchmarkEdge(b *testing.B) {
	brd := &board{edges: make(chan drivers.Edge), gone: errNothing}
	m := &discard{}
	c := NewCore(site(brd), hub.New(func() gateway.Mono { return 1 }), m, 1)
	at := time.Second
	b.ReportAllocs()
	level := false
	for b.Loop() {
		at += 30 * time.Millisecond
		level = !level
		c.Apply(gateway.MonoOf(at), Input{Kind: EdgeInput, Edge: drivers.Edge{Channel: 0, Level: level, At: at}})
	}
	b.ReportMetric(float64(m.n)/float64(b.N), "events/op")
}

type discard struct{ n int }

func (d *discard) Record(gateway.Event) gateway.EventID { d.n++; return gateway.EventID{} }
