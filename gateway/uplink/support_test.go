package uplink

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testBoot = "4a1c0000-0000-4000-8000-000000000001"
	testRoot = "lotusgate/v1/lianhua/park-01"
	patience = 20 * time.Second // of a test for something that takes milliseconds on an idle machine
)

// testClock starts a day after boot; its date is known or not.
type testClock struct {
	start time.Time
	base  gateway.Mono
	mu    sync.Mutex
	clock gateway.ClockQuality
}

func newClock() *testClock {
	return &testClock{start: time.Now(), base: gateway.Mono(24 * time.Hour), clock: gateway.ClockSynced}
}

func (c *testClock) Now() gateway.Mono { return c.base.Add(time.Since(c.start)) }

func (c *testClock) set(q gateway.ClockQuality) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clock = q
}

func (c *testClock) Stamp(_ string, at gateway.Mono) (time.Time, gateway.ClockQuality) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clock == gateway.ClockUnset {
		return time.Time{}, c.clock
	}
	return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Add(time.Duration(at)), c.clock
}

// memory is an outbox without a disk.
type memory struct {
	epoch string
	run   uint32
	wake  chan struct{}

	mu        sync.Mutex
	records   []Record
	next      int // of the backlog
	live      int // records from here on came after the last Rewind
	nextLive  int
	first     int // all before it are confirmed
	taken     []bool
	confirmed []int // how often
	unknown   int   // confirmations of what was never taken
	empty     chan struct{}
}

func newMemory() *memory {
	return &memory{epoch: "k3v9q2", run: 12, wake: make(chan struct{}, 1)}
}

// add appends n events that happened at the given time.
func (m *memory) add(n int, at gateway.Mono) {
	for range n {
		b, err := gateway.Store(gateway.Event{
			Type: gateway.VehiclePassed, ID: "entry", At: at,
			Data: gateway.PassData{Direction: gateway.In, Confidence: gateway.HighConfidence, DurationMS: 2140, Count: 352},
		}, testBoot)
		if err != nil {
			panic(err)
		}
		m.addRaw(m.run, b)
	}
}

func (m *memory) addRaw(run uint32, payload []byte) {
	m.put(run, payload)
	m.signal()
}

func (m *memory) put(run uint32, payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := gateway.EventID{Epoch: m.epoch, Run: run, Number: uint64(len(m.records) + 1)}
	m.records = append(m.records, Record{ID: id, Payload: payload})
	m.taken = append(m.taken, false)
	m.confirmed = append(m.confirmed, 0)
}

func (m *memory) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// fill adds n records without telling.
func (m *memory) fill(n int, payload []byte) {
	for range n {
		m.put(m.run, payload)
	}
}

// TakeLive takes what was added since the last Rewind.
func (m *memory) TakeLive(dst []Record, limit int) []Record { return m.take(dst, limit, false) }

// Take takes that first, then what is older.
func (m *memory) Take(dst []Record, limit int) []Record { return m.take(dst, limit, true) }

func (m *memory) take(dst []Record, limit int, backlog bool) []Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := func(next *int, end int) {
		for ; limit > 0 && *next < end; *next++ {
			if i := *next; m.confirmed[i] == 0 {
				r := m.records[i]
				r.Resent = m.taken[i]
				m.taken[i] = true
				dst = append(dst, r)
				limit--
			}
		}
	}
	from(&m.nextLive, len(m.records))
	if backlog {
		from(&m.next, m.live)
	}
	return dst
}

func (m *memory) Ready() <-chan struct{} { return m.wake }

func (m *memory) Confirm(ids ...gateway.EventID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, id := range ids {
		i := int(id.Number) - 1
		if !m.taken[i] {
			m.unknown++
		}
		m.confirmed[i]++
	}
	for m.first < len(m.records) && m.confirmed[m.first] > 0 {
		m.first++
	}
	if m.first == len(m.records) && m.empty != nil {
		close(m.empty)
		m.empty = nil
	}
}

// ConfirmTo confirms what lies in runs before this one.
func (m *memory) ConfirmTo(mark gateway.EventID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, r := range m.records {
		if r.ID.Run < m.run && !mark.Before(r.ID) && m.confirmed[i] == 0 {
			m.confirmed[i] = 1
		}
	}
}

func (m *memory) Rewind() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.next, m.live, m.nextLive = m.first, len(m.records), len(m.records)
}

func (m *memory) Ledger() gateway.Ledger {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := gateway.Ledger{Epoch: m.epoch, Run: m.run, Number: uint64(len(m.records))}
	if m.first < len(m.records) {
		l.Unconfirmed = []gateway.LedgerRun{{Epoch: m.epoch, Run: m.run, DurableTo: uint64(len(m.records))}}
	}
	return l
}

// drained is closed when everything is confirmed.
func (m *memory) drained() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make(chan struct{})
	if m.first == len(m.records) {
		close(c)
		return c
	}
	m.empty = c
	return c
}

// confirmations returns how often each record was confirmed.
func (m *memory) confirmations() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.unknown > 0 {
		return []int{-m.unknown}
	}
	return slices.Clone(m.confirmed)
}

// gatewayUnderTest is an uplink with everything around it but the broker.
type gatewayUnderTest struct {
	t       testing.TB
	opt     Options
	out     *memory
	clock   *testClock
	hub     *hub.Hub
	stop    func()                                                  // ends Run and waits for it
	longest time.Duration                                           // between two attempts; 0 = as in production
	open    func(context.Context) (tcp, stream net.Conn, err error) // nil = over TCP
}

// prepare makes the parts; test may change opt before start.
func prepare(t testing.TB, broker string) *gatewayUnderTest {
	clock := newClock()
	g := &gatewayUnderTest{t: t, out: newMemory(), clock: clock, hub: hub.New(clock.Now)}
	g.opt = Options{
		Broker: broker, ClientID: "lianhua.park-01", Root: testRoot, Source: "//lianhua/park-01",
		Version: "1.2.0", KernelBoot: testBoot,
	}
	if testing.Verbose() {
		g.opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	g.hub.SetGateway(hub.Gateway{Site: "lianhua", ID: "park-01", Labels: map[string]string{"community": "wanquan"}, Config: "sha256:00"})
	g.putGate("closed")
	return g
}

func (g *gatewayUnderTest) putGate(value string) {
	g.hub.PutDevice(hub.Device{
		MetaDevice: gateway.MetaDevice{ID: "entry-gate", Kind: "gate", Label: "入口道闸", Points: []string{"eg-open", "eg-closed"}},
		State:      gateway.DeviceState{Value: value, Quality: gateway.Good, Since: g.clock.base},
	})
}

func (g *gatewayUnderTest) start() {
	g.t.Helper()
	u, err := New(g.opt, g.out, g.clock, g.hub, g.out)
	if err != nil {
		g.t.Fatal(err)
	}
	if g.open != nil {
		u.open = g.open
	}
	if g.longest != 0 {
		u.longest = g.longest
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := u.Run(ctx); err != nil {
			g.t.Error(err)
		}
	}()
	g.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			g.t.Error("Run does not end")
		}
	})
	g.t.Cleanup(g.stop)
}

// link waits until the hub shows a connection state that ok accepts.
func (g *gatewayUnderTest) link(what string, ok func(hub.Link) bool) hub.Link {
	g.t.Helper()
	timeout := time.After(patience)
	for {
		changed := g.hub.Changed()
		if l := g.hub.View().Link; ok(l) {
			return l
		}
		select {
		case <-changed:
		case <-timeout:
			g.t.Fatalf("link never %s; it is %+v", what, g.hub.View().Link)
		}
	}
}

func connected(l hub.Link) bool { return l.Connected }

// wait fails the test when c is not closed in time.
func wait(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("timed out: %s", what)
	}
}

// once tells what is wrong when not every record was confirmed exactly once.
func once(confirmations []int) error {
	for i, n := range confirmations {
		if n != 1 {
			return fmt.Errorf("record %d of %d was confirmed %d times", i+1, len(confirmations), n)
		}
	}
	return nil
}
