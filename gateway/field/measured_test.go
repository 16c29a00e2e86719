package field

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// ratio is a converter with one channel, in ‰ of the reference.
type ratio struct {
	mu    sync.Mutex
	now   func() gateway.Mono
	value int64
	old   bool // what it gives was measured a while ago
}

func (r *ratio) Init() error { return nil }

func (r *ratio) Service(s *drivers.Sample, _ time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.At = time.Duration(r.now())
	at := s.At
	if r.old {
		at -= time.Second
	}
	s.Readings = append(s.Readings, drivers.Reading{Value: r.value, At: at})
	return nil
}

func (r *ratio) set(value int64, old bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.value, r.old = value, old
}

// supervisedGate is gateSite with a supervised beam (0 ‰ short, 319 closed, 689 open, 1000 cut) and a lane.
func supervisedGate(b *board, r *ratio, coils [device.Outputs]*coil) Config {
	c := gateSite(b, coils)
	c.Sources = append(c.Sources, SourceConfig{ID: "adc", Kind: "ads1115", Bus: "cabinet"})
	c.Points[2] = PointConfig{ID: "beam-adc", Source: 3, Unit: "‰"}
	open := c.Buses[0].Open
	c.Buses[0].Chips = append(c.Buses[0].Chips, ChipConfig{ID: "adc", Source: 3, Poll: 40 * ms})
	c.Buses[0].Open = func() (Bus, error) {
		bus, err := open()
		bus.Chips = append(bus.Chips, r)
		return bus, err
	}
	beam := DeviceConfig{
		Meta: gateway.MetaDevice{ID: "beam", Kind: "input"}, Machine: BoxKept(device.NewSupervised(device.StandardBands())),
		Parts: []Part{{Point: 2}},
	}
	lane := DeviceConfig{
		Meta:    gateway.MetaDevice{ID: "lane", Kind: "lane"},
		Machine: BoxKept(device.NewLane(device.LaneConfig{Direction: gateway.In, Gap: time.Second, CreditFor: time.Minute})),
		Parts:   []Part{{Role: device.RoleA, Point: -1, Device: 0}, {Role: device.RoleB, Point: -1, Device: 1}},
	}
	second := c.Devices[0]
	second.Meta.ID, second.Parts, second.Machine = "loop-b", []Part{{Point: 5}}, Box(device.NewLoop(device.LoopConfig{}))
	c.Points = append(c.Points, PointConfig{ID: "loop-b-in", Source: 1, Channel: 1, Settle: 20 * ms})
	fire, gate := c.Devices[1], c.Devices[2]
	c.Devices = []DeviceConfig{c.Devices[0], second, fire, beam, lane, gate}
	g := &c.Devices[5]
	g.Parts[2] = Part{Role: device.RoleSafety, Point: -1, Device: 3}
	g.Parts[3] = Part{Role: device.RoleSafety, Index: 1, Point: -1, Device: 1}
	g.Parts[4].Device = 2
	g.LetsInto = []int{4}
	return c
}

func inSupervised(t *testing.T, script func(c *commanded, r *ratio)) {
	synctest.Test(t, func(t *testing.T) {
		c := &commanded{board: newBoard()}
		c.levels[7], c.levels[1] = true, true
		for n := range c.coils {
			c.coils[n] = &coil{start: c.origin}
		}
		r := &ratio{now: c.now, value: 689}
		c.m = &memory{start: c.now()}
		cfg := supervisedGate(c.board, r, c.coils)
		cfg.Reply = c.hear
		c.f = New(cfg, hub.New(c.now), c.m, c.now, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.f.Run(ctx); close(done) }()
		script(c, r)
		cancel()
		<-done
	})
}

// CLOSE takes its evidence from a supervised input: a value measured after the question, in the band of a contact that is
// open. A wire that was cut or shorted since is no answer, and neither is a value from before.
func TestEvidenceFromASupervisedInput(t *testing.T) {
	inSupervised(t, func(c *commanded, r *ratio) {
		wait(time.Second)
		c.up()
		for _, try := range []struct {
			value int64
			old   bool
			want  string
		}{
			{319, false, "a rejected interlock beam=blocked loop-b=clear"},
			{0, false, "a rejected interlock beam=unknown loop-b=clear"},
			{1000, false, "a rejected interlock beam=unknown loop-b=clear"},
			{500, false, "a rejected interlock beam=unknown loop-b=clear"},
			{689, true, "a rejected interlock beam=unknown loop-b=clear"},
		} {
			r.set(try.value, try.old)
			c.give("a", gateway.Close)
			wait(700 * ms)
			says(t, c.take(), try.want)
			r.set(689, false)
			wait(15 * time.Second)
		}
		c.give("b", gateway.Close)
		wait(100 * ms)
		says(t, c.take(), "b accepted beam=clear loop-b=clear\nb executing")
	})
}

// An open command for two lets two into the lane, and the third is told.
func TestOpenLetsVehiclesIn(t *testing.T) {
	inSupervised(t, func(c *commanded, _ *ratio) {
		wait(time.Second)
		c.f.Command(gateway.Command{JTI: "o", Issuer: "test", Device: "gate", Action: gateway.Open, Args: gateway.Args{Passages: 2, Ref: "ticket-8812"}})
		wait(time.Second)
		c.m.take()
		for range 3 {
			for _, move := range []struct {
				pin int
				on  bool
			}{{0, true}, {1, true}, {0, false}, {1, false}} {
				c.change(move.pin, move.on)
				wait(500 * ms)
			}
		}
		refs := c.m.refs
		if len(refs) != 3 || refs[0] != "ticket-8812" || refs[1] != "ticket-8812" || refs[2] != "" {
			t.Errorf("references %q", refs)
		}
		if c.m.tailgating != 1 {
			t.Errorf("%d tailgated", c.m.tailgating)
		}
	})
}
