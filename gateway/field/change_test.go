package field

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/trace"
)

// everything is kept.
var everything = Kept{Point: func(string) bool { return true }, Device: func(_, _ string) bool { return true }}

// changed is the event of a change in these tests.
func changed() gateway.Event {
	return gateway.Event{Type: gateway.GatewayConfigReloaded, ID: gateway.GatewayID, Data: gateway.ConfigReloadedData{
		Config: "sha256:" + strings.Repeat("0f", 32), Restart: []string{},
	}}
}

// changing is a field that runs on virtual time.
type changing struct {
	*board
	t *testing.T
	f *Field
	m *memory
	h *hub.Hub
}

func (c *changing) change(next func(*Config), kept Kept) {
	c.t.Helper()
	cfg := site(c.board)
	next(&cfg)
	c.m.take()
	if err := c.f.Change(c.t.Context(), cfg, kept, changed); err != nil {
		c.t.Fatal(err)
	}
}

// after returns what was issued after the change.
func (c *changing) after() string {
	_, after, found := strings.Cut(c.m.take(), "gateway.config_reloaded ")
	if !found {
		c.t.Error("the change was not told")
	}
	return after
}

func inChange(t *testing.T, script func(c *changing)) {
	synctest.Test(t, func(t *testing.T) {
		c := &changing{board: newBoard(), t: t} // the t of the bubble
		c.levels[7] = true
		c.m, c.h = &memory{start: c.now()}, hub.New(c.now)
		c.f = New(site(c.board), c.h, c.m, c.now, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.f.Run(ctx); close(done) }()
		wait(500 * ms)
		script(c)
		cancel()
		<-done
	})
}

// A car that is under the arm while the configuration changes is counted once, and an elevator that is out of order stays
// so without a second alarm. Edges that nobody reads at that moment are not lost, nor are levels that had none.
func TestChangeGoesOn(t *testing.T) {
	inChange(t, func(c *changing) {
		c.set(0, true)
		c.board.change(0, true)
		wait(2 * time.Second)
		expect(t, c.m, `
			500ms loop.occupied a
			500ms lane.vehicle_arrived entry
			500ms elevator.fault_raised car-1`)
		c.change(func(cfg *Config) {
			c.set(1, true) // now, while the readers of before may be gone
			c.quietly(0, false)
		}, everything)
		wait(2 * time.Second)
		if got := c.after(); !strings.Contains(got, "loop.occupied b") || strings.Count(got, "\n") != 1+1 || !strings.Contains(got, "elevator.fault_cleared car-1") {
			t.Errorf("after the change: %q", got)
		}
		if c.opened != 1 {
			t.Errorf("lines were opened %d times", c.opened)
		}
		c.set(0, false)
		wait(500 * ms)
		c.set(1, false)
		wait(2 * time.Second)
		got := c.m.take()
		for _, want := range []string{"loop.cleared a", "lane.vehicle_passed entry", "loop.cleared b"} {
			if strings.Count(got, want) != 1 {
				t.Errorf("no %s, or more than one:\n%s", want, got)
			}
		}
		if v := c.h.View(); len(v.Alarms) != 0 {
			t.Errorf("alarms %+v", v.Alarms)
		}
	})
}

// The edges of a wire that stays are all in the trace of the new configuration, with one that bounces at that moment; what
// is wired anew begins with the first level that is read.
func TestChangeKeepsTraces(t *testing.T) {
	inChange(t, func(c *changing) {
		ids := []string{"pa", "pb", "fault"}
		first, second := trace.New(ids), trace.New(ids)
		c.change(func(cfg *Config) { cfg.Trace = first }, everything)
		c.set(0, true)
		wait(time.Second)
		c.set(0, false)
		wait(5 * ms) // less than the settle time
		at := c.now()
		kept := everything
		kept.Point = func(id string) bool { return id == "pa" }
		c.change(func(cfg *Config) { cfg.Trace = second }, kept)
		wait(time.Second)
		want := "{[{500 1} {1500 0}] [{500 1} {1500 0}] true}"
		sig, _, _ := second.Read("pa", trace.Cursor{}, 0)
		if got := traced(sig, c.m.start); got != want {
			t.Errorf("the wire that stays: %s, want %s", got, want)
		}
		if since, ok := second.Since("pb"); !ok || since < at {
			t.Errorf("what is wired anew is known since %v, the change was at %v", since, at)
		}
	})
}

// traced is a signal with milliseconds since a test began.
func traced(s trace.Signal, start gateway.Mono) string {
	for _, marks := range [][]trace.Mark{s.Raw, s.Settled} {
		for i := range marks {
			marks[i].At = (marks[i].At - start) / gateway.Mono(ms)
		}
	}
	return fmt.Sprint(s)
}

// What is gone leaves the view, and its alarm is cleared; what is new begins with what its wires say already.
func TestChangeOfDevices(t *testing.T) {
	inChange(t, func(c *changing) {
		c.board.change(0, true)
		c.set(0, true)
		wait(2 * time.Second)
		c.change(func(cfg *Config) {
			lift := cfg.Devices[3]
			lift.Meta.ID = "car-2"
			cfg.Devices = append(cfg.Devices[:2], lift) // and no lane
			cfg.Points[1].Label = "renamed"
		}, everything)
		wait(2 * time.Second)
		got := c.m.take()
		if !strings.Contains(got, "alarm.cleared car-1") || !strings.Contains(got, "elevator.fault_raised car-2") || strings.Contains(got, "loop.") {
			t.Errorf("events:\n%s", got)
		}
		v := c.h.View()
		if _, ok := v.Device("entry"); ok || len(v.Devices) != 3 {
			t.Errorf("devices %+v", v.Devices)
		}
		if d, _ := v.Device("a"); d.State.Value != "occupied" || d.State.Quality != gateway.Good {
			t.Errorf("a %+v", d.State)
		}
		if v.Points[2].Label != "renamed" || v.Points[1].Edges != 1 {
			t.Errorf("points %+v", v.Points)
		}
		if len(v.Alarms) != 1 || v.Alarms[0].ID != "car-2" {
			t.Errorf("alarms %+v", v.Alarms)
		}
	})
}

// A point that is not the same wire any more begins anew, and so does what it feeds. Lines that are others are opened anew.
func TestChangeOfAWire(t *testing.T) {
	kept := Kept{
		Point:  func(id string) bool { return id != "pa" },
		Device: func(_, id string) bool { return id == "b" || id == "car-1" },
	}
	inChange(t, func(c *changing) {
		c.set(0, true)
		wait(time.Second)
		c.change(func(cfg *Config) {
			cfg.Points[0].Channel = 2
			cfg.Lines.Wires = "others"
		}, kept)
		wait(time.Second)
		if got := c.after(); strings.Contains(got, "\n") {
			t.Errorf("a level that was there is state and no event, got %q", got)
		}
		if d, _ := c.h.View().Device("a"); d.State.Value != "clear" || d.State.Quality != gateway.Good {
			t.Errorf("a %+v", d.State)
		}
		if c.opened != 2 {
			t.Errorf("lines were opened %d times", c.opened)
		}
		c.set(2, true)
		wait(time.Second)
		if got := c.m.take(); !strings.Contains(got, "loop.occupied a") || !strings.Contains(got, "lane.vehicle_arrived entry") {
			t.Errorf("events %q", got)
		}
	})
}

// A point that begins anew on a line that stays open gets the line's level.
func TestChangeOfASettleTime(t *testing.T) {
	kept := Kept{Point: func(id string) bool { return id != "pa" }, Device: func(_, id string) bool { return id == "b" }}
	inChange(t, func(c *changing) {
		c.set(0, true)
		wait(time.Second)
		c.change(func(cfg *Config) { cfg.Points[0].Settle = 50 * ms }, kept)
		wait(time.Second)
		if d, _ := c.h.View().Device("a"); d.State.Value != "occupied" || d.State.Quality != gateway.Good || c.opened != 1 {
			t.Errorf("a %+v, opened %d times", d.State, c.opened)
		}
	})
}

// What a restart does not forget a change of the device does not, either.
func TestChangeKeepsCounts(t *testing.T) {
	counter := func(cfg *Config, every time.Duration) {
		cfg.Devices = append(cfg.Devices, DeviceConfig{
			Meta: gateway.MetaDevice{ID: "water", Kind: "counter"}, Machine: BoxKept(device.NewCounter(every)), Parts: []Part{{Point: 1}},
		})
	}
	inChange(t, func(c *changing) {
		c.change(func(cfg *Config) { counter(cfg, time.Minute) }, everything)
		for range 3 {
			c.set(1, true)
			wait(time.Second)
			c.set(1, false)
			wait(time.Second)
		}
		kept := everything
		kept.Device = func(kind, _ string) bool { return kind != "counter" }
		c.change(func(cfg *Config) { counter(cfg, time.Hour) }, kept)
		wait(time.Second)
		if d, _ := c.h.View().Device("water"); fmt.Sprint(d.State.Value) != "3" {
			t.Errorf("%+v", d.State)
		}
	})
}

// Faults of sources are cleared by who raised them; one that the daemon posted about a relay is not ours to clear.
func TestChangeKeepsAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		m, h := &memory{start: b.now()}, hub.New(b.now)
		c := NewCore(site(b), h, m, b.now())
		c.emit(gateway.Event{Type: gateway.BusFault, ID: GPIO, Data: gateway.BusFaultData{Part: "entry-gate-open", Cause: "busy"}})
		c.emit(gateway.Event{Type: gateway.StorageDegraded, ID: gateway.GatewayID, Data: gateway.StorageData{}})
		missing := &drivers.Error{Fault: drivers.FaultMissing, Op: "test"}
		c.Apply(b.now(), Input{Kind: DownInput, Source: 1, Channel: All, Err: missing})
		c.Apply(b.now(), Input{Kind: DownInput, Source: 0, Channel: 0, Err: missing})
		c.Apply(b.now(), Input{Kind: InterruptInput, Source: 1, Err: missing})
		standing := func() string {
			var left []string
			for _, a := range h.View().Alarms {
				left = append(left, a.Key())
			}
			return strings.Join(left, " ")
		}
		c = c.successor(b.now(), site(b), everything)
		if got := standing(); got != "cabinet/fault-x1 gateway/storage_degraded gpio/fault-entry-gate-open gpio/fault-pa" {
			t.Errorf("all is kept: %s", got)
		}
		cfg := site(b)
		cfg.Sources[1].Where = "another address"
		c.successor(b.now(), cfg, Kept{Point: func(id string) bool { return false }, Device: func(_, _ string) bool { return false }})
		if got := standing(); got != "gateway/storage_degraded gpio/fault-entry-gate-open" {
			t.Errorf("nothing is kept: %s", got)
		}
	})
}

// A change waits while a relay is active and while an order is open, and the barrier goes on afterwards where it was.
func TestChangeWaitsForABarrier(t *testing.T) {
	inGate(t, nil, func(c *commanded) {
		wait(time.Second)
		c.give("one", gateway.Open)
		wait(100 * ms)
		ended := make(chan error, 1)
		go func() {
			cfg := gateSite(c.board, c.coils)
			cfg.Points = cfg.Points[:4] // no fire any more
			cfg.Devices = append(cfg.Devices[:1], cfg.Devices[2])
			cfg.Devices[1].Parts = cfg.Devices[1].Parts[:4]
			ended <- c.f.Change(context.Background(), cfg, everything, changed)
		}()
		c.set(1, false)
		wait(2 * time.Second)
		if len(ended) > 0 {
			t.Fatal("changed while the order was open")
		}
		says(t, c.take(), "one accepted\none executing")
		if m := c.coils[device.OpenOutput].moves; len(m) != 2 || m[1].at-m[0].at != 500*ms {
			t.Errorf("pulses %v", m)
		}
		c.set(0, true)
		wait(time.Second)
		if len(ended) == 0 || <-ended != nil {
			t.Fatal("not changed although the barrier is open")
		}
		says(t, c.take(), "one done")
		c.m.take()
		c.give("two", gateway.Close)
		wait(600 * ms)
		c.set(0, false)
		wait(3 * time.Second)
		c.set(1, true)
		wait(time.Second)
		says(t, c.take(), "two accepted beam=clear loop=clear\ntwo executing\ntwo done")
	})
}

// While a fire is latched nothing changes; who does not want to wait any longer leaves everything as it was.
func TestChangeWaitsForFire(t *testing.T) {
	inGate(t, nil, func(c *commanded) {
		wait(time.Second)
		c.set(3, true)
		c.set(1, false)
		wait(3 * time.Second)
		c.set(0, true)
		c.set(3, false)
		wait(10 * time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		never := func() gateway.Event { t.Error("changed during a fire"); return changed() }
		if err := c.f.Change(ctx, gateSite(c.board, c.coils), everything, never); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		c.give("reset", gateway.ResetFire)
		wait(time.Second)
		says(t, c.take(), "reset accepted\nreset done")
		if err := c.f.Change(context.Background(), gateSite(c.board, c.coils), everything, changed); err != nil {
			t.Error(err)
		}
	})
}

// A hundred changes while wires move all the time: every edge is counted, every vehicle passes.
func TestChangeUnderTraffic(t *testing.T) {
	inChange(t, func(c *changing) {
		const cars = 100
		go func() {
			for range cars {
				for _, e := range []struct {
					n  int
					on bool
				}{{0, true}, {1, true}, {0, false}, {1, false}} {
					c.set(e.n, e.on)
					time.Sleep(131 * ms)
				}
			}
		}()
		for range 100 {
			time.Sleep(457 * ms)
			if err := c.f.Change(c.t.Context(), site(c.board), everything, changed); err != nil {
				t.Fatal(err)
			}
		}
		wait(30 * time.Second)
		got := c.m.take()
		if n := strings.Count(got, "lane.vehicle_passed"); n != cars {
			t.Errorf("%d vehicles of %d", n, cars)
		}
		for _, p := range c.h.View().Points[1:] { // pa, pb
			if p.Edges != 2*cars || p.Missed != 0 {
				t.Errorf("%s: %d edges, %d missed", p.ID, p.Edges, p.Missed)
			}
		}
	})
}

// Who drives an output while the configuration changes waits for the next owner of the bus.
func TestChangeWhileDriving(t *testing.T) {
	inChange(t, func(c *changing) {
		for range 50 {
			driven := make(chan error, 1)
			go func() { driven <- c.f.Relay("x1", 3, false).Set(c.t.Context(), true) }()
			c.change(func(*Config) {}, everything)
			if err := <-driven; err == nil || !strings.Contains(err.Error(), "has none") {
				t.Fatalf("%v", err)
			}
		}
	})
}
