package field

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// gateSite: a barrier whose limits are on lines 0 (open) and 1 (closed), a beam on line 2, a loop on chip pin 0.
func gateSite(b *board, coils [device.Outputs]*coil) Config {
	c := site(b)
	point := func(id string, src, ch int) PointConfig {
		return PointConfig{ID: id, Source: src, Channel: ch, Settle: 20 * ms}
	}
	c.Points = []PointConfig{point("up", 0, 0), point("down", 0, 1), point("beam", 0, 2), point("loop-in", 1, 0), point("fire-in", 0, 3)}
	gate := DeviceConfig{
		Meta: gateway.MetaDevice{ID: "gate", Kind: "gate", Commands: []string{"open"}},
		Machine: Box(device.NewGate(device.GateConfig{
			Travel: 3 * time.Second, Safety: 2, Has: [device.Outputs]bool{true, true, true}, Clear: 200 * ms,
		})),
		Parts: []Part{
			{Role: device.RoleOpenLimit, Point: 0},
			{Role: device.RoleClosedLimit, Point: 1},
			{Role: device.RoleSafety, Point: 2},
			{Role: device.RoleSafety, Index: 1, Point: -1, Device: 0},
			{Role: device.RoleFire, Point: -1, Device: 1},
		},
	}
	for n, r := range coils {
		gate.Relays[n] = r
	}
	c.Devices = []DeviceConfig{
		{Meta: gateway.MetaDevice{ID: "loop", Kind: "loop"}, Machine: Box(device.NewLoop(device.LoopConfig{})), Parts: []Part{{Point: 3}}},
		{Meta: gateway.MetaDevice{ID: "fire", Kind: "fire", Commands: []string{"reset_fire"}}, Machine: Box(device.NewFireInput()), Parts: []Part{{Point: 4}}},
		gate,
	}
	return c
}

// commanded is a running field with a gate.
type commanded struct {
	*board
	f     *Field
	m     *memory
	coils [device.Outputs]*coil

	mu      sync.Mutex
	replies []string
}

func (c *commanded) hear(r gateway.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := wire().Message("r", "r/reply/"+r.Device, gateway.MarshalReply(r)); err != nil {
		c.replies = append(c.replies, err.Error())
	}
	s := strings.TrimSpace(fmt.Sprintf("%s %s %s", r.JTI, r.Stage, r.Reason))
	var names []string
	for name, e := range r.Evidence {
		names = append(names, fmt.Sprintf(" %s=%s", name, e.Value))
	}
	slices.Sort(names)
	c.replies = append(c.replies, s+strings.Join(names, ""))
}

func (c *commanded) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := strings.Join(c.replies, "\n")
	c.replies = nil
	return s
}

func (c *commanded) give(jti string, a gateway.Action) bool {
	id := "gate"
	if a == gateway.ResetFire {
		id = "fire"
	}
	return c.f.Command(gateway.Command{JTI: jti, Issuer: "test", Device: id, Action: a})
}

func inGate(t *testing.T, prepare func(*commanded), script func(c *commanded)) {
	synctest.Test(t, func(t *testing.T) {
		c := &commanded{board: newBoard()}
		c.levels[7] = true
		c.levels[1] = true // closed
		for n := range c.coils {
			c.coils[n] = &coil{start: c.origin}
		}
		if prepare != nil {
			prepare(c)
		}
		c.m = &memory{start: c.now()}
		cfg := gateSite(c.board, c.coils)
		cfg.Reply = c.hear
		c.f = New(cfg, hub.New(c.now), c.m, c.now, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.f.Run(ctx); close(done) }()
		script(c)
		cancel()
		<-done
		for n, k := range c.coils {
			if k.active {
				t.Errorf("%v is left active", device.Output(n))
			}
		}
	})
}

func says(t *testing.T, got, want string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(want), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	if want = strings.Join(lines, "\n"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func (c *commanded) up() {
	c.give("up", gateway.Open)
	wait(200 * ms)
	c.set(1, false)
	wait(3 * time.Second)
	c.set(0, true)
	wait(3 * time.Second)
	c.m.take()
	c.take()
}

func TestOrdersAreAnsweredAndAudited(t *testing.T) {
	inGate(t, nil, func(c *commanded) {
		wait(time.Second)
		c.give("a", gateway.Open)
		wait(200 * ms)
		c.set(1, false)
		wait(3 * time.Second)
		c.set(0, true)
		wait(time.Second)
		says(t, c.take(), "a accepted\na executing\na done")
		expect(t, c.m, `
			1s command.accepted gate
			1.2s gate.opening gate
			4.2s gate.opened gate
			4.22s command.done gate`)
		if got := c.coils[device.OpenOutput].moves; len(got) != 2 || got[1].at-got[0].at != 500*ms {
			t.Errorf("OPEN moved %v", got)
		}
	})
}

// Evidence comes from the owner of the lines and from the owner of the bus.
func TestCloseOnFreshEvidence(t *testing.T) {
	inGate(t, nil, func(c *commanded) {
		wait(time.Second)
		c.up()
		c.give("a", gateway.Close)
		wait(100 * ms)
		says(t, c.take(), "a accepted beam=clear loop=clear\na executing")
		if !c.coils[device.CloseOutput].active {
			t.Error("CLOSE is not active")
		}
	})
}

// A beam that was broken without an edge is found by the read, and so is a loop behind a chip that does not answer.
func TestEvidenceIsReadAndNotRemembered(t *testing.T) {
	inGate(t, nil, func(c *commanded) {
		wait(time.Second)
		c.up()
		c.silently(2, true)
		c.give("a", gateway.Close)
		wait(100 * ms)
		says(t, c.take(), "a rejected interlock beam=blocked loop=clear")
		c.silently(2, false)
		wait(5 * time.Second)
		c.board.mu.Lock()
		c.chipErr = errNothing
		c.board.mu.Unlock()
		c.give("b", gateway.Close)
		wait(2 * time.Second)
		says(t, c.take(), "b rejected interlock beam=clear loop=unknown")
		if len(c.coils[device.CloseOutput].moves) != 0 {
			t.Error("CLOSE moved")
		}
	})
}

func TestNothingWhileStarting(t *testing.T) {
	c := &commanded{board: newBoard()}
	cfg := gateSite(c.board, [device.Outputs]*coil{{}, {}, {}})
	cfg.Reply = c.hear
	core := NewCore(cfg, hub.New(c.now), &memory{start: c.now()}, c.now())
	give := func(jti string, a gateway.Action) {
		core.Apply(c.now(), Input{Kind: CommandInput, Command: gateway.Command{JTI: jti, Device: "gate", Action: a}})
	}
	core.begin(c.now())
	core.Apply(c.now(), Input{Kind: LevelsInput, Source: 0}) // the chip has not spoken yet
	give("a", gateway.Open)
	give("s", gateway.Stop)
	says(t, c.take(), "a rejected starting\ns accepted")
}

func TestUnknownDeviceAndFullQueue(t *testing.T) {
	inGate(t, nil, func(c *commanded) {
		wait(time.Second)
		c.f.Command(gateway.Command{JTI: "a", Device: "nothing", Action: gateway.Open})
		c.f.Command(gateway.Command{JTI: "b", Device: "loop", Action: gateway.Open})
		wait(time.Second)
		says(t, c.take(), "a rejected unknown_device\nb rejected unknown_action")
		taken := 0
		for range 3 * commandsWaiting { // nobody runs meanwhile: synctest
			if c.f.Command(gateway.Command{JTI: "x", Device: "nothing"}) {
				taken++
			}
		}
		if taken > 2*commandsWaiting {
			t.Errorf("%d wait", taken)
		}
	})
}

func TestStopGoesPastTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		var coils [device.Outputs]*coil
		for n := range coils {
			coils[n] = &coil{start: b.origin}
		}
		c := &commanded{board: b}
		cfg := gateSite(b, coils)
		cfg.Reply = c.hear
		f := New(cfg, hub.New(b.now), &memory{start: b.now()}, b.now, nil)
		c.f = f
		for range 5 {
			f.in <- Input{Kind: UpInput, Source: 0, Channel: All}
		}
		c.give("a", gateway.Open)
		c.give("b", gateway.Stop)
		f.drain() // what the core does before it looks at the queue
		if got := c.take(); !strings.HasPrefix(got, "b accepted") || strings.Contains(got, "a ") {
			t.Errorf("got %q", got)
		}
	})
}

// A command waits for a turn of inputs, and not for all that a flood has piled up.
func TestCommandsGoBetweenInputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		c := &commanded{board: b}
		cfg := gateSite(b, [device.Outputs]*coil{{start: b.origin}, {start: b.origin}, {start: b.origin}})
		cfg.Lines = nil // nobody else pushes
		cfg.Buses = nil
		var f *Field
		waited, answered := 0, 0
		cfg.Reply = func(gateway.Reply) { waited, answered = inputsWaiting-len(f.in), answered+1 }
		f = New(cfg, hub.New(b.now), &memory{start: b.now()}, b.now, nil)
		c.f = f
		for n := range inputsWaiting {
			f.in <- Input{Kind: EdgeInput, Edge: drivers.Edge{Channel: n % 4, Level: n%8 < 4, At: time.Duration(b.now())}}
		}
		c.give("a", gateway.Release) // rejected as starting: this is about when, not about what
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		synctest.Wait()
		if answered != 1 || waited > 20*(turn+1) { // select takes one of two ready channels: twenty times in a row the same is one in a million
			t.Errorf("%d answers, after %d of %d inputs", answered, waited, inputsWaiting)
		}
		if len(f.in) != 0 {
			t.Errorf("%d inputs left", len(f.in))
		}
		cancel()
		<-done
	})
}

func TestAlarmCommands(t *testing.T) {
	inGate(t, nil, func(c *commanded) {
		wait(time.Second)
		c.set(3, true) // fire: an alarm that stands
		wait(100 * ms)
		c.m.take()
		order := func(jti, dev string, a gateway.Action, args gateway.Args) {
			c.f.Command(gateway.Command{JTI: jti, Issuer: "test", Device: dev, Action: a, Args: args})
			wait(time.Second)
		}
		order("a", "fire", gateway.AckAlarm, gateway.Args{Alarm: "opened"})
		order("b", "fire", gateway.AckAlarm, gateway.Args{Alarm: "opened"}) // again: nothing to do is no mistake
		order("c", "fire", gateway.AckAlarm, gateway.Args{Alarm: "opened", End: true})
		order("d", "fire", gateway.AckAlarm, gateway.Args{Alarm: "max_presence"})
		order("k", "fire", gateway.AckAlarm, gateway.Args{Alarm: "opened", Confirm: true})
		order("e", "beam", gateway.Shelve, gateway.Args{Alarm: "chattering", Seconds: 60})
		order("f", "fire", gateway.Shelve, gateway.Args{Alarm: "opened", Seconds: 60})
		order("g", "fire", gateway.Shelve, gateway.Args{Alarm: "opened"})
		order("h", "fire", gateway.Shelve, gateway.Args{Alarm: "opened"})
		says(t, c.take(), `a accepted
			a done
			b accepted
			b done
			c rejected bad_args
			d rejected bad_args
			k rejected bad_args
			e rejected bad_args
			f accepted
			f done
			g accepted
			g done
			h rejected bad_args`)
		expect(t, c.m, `
			1.1s command.accepted fire
			1.1s alarm.acknowledged fire
			1.1s command.done fire
			2.1s command.accepted fire
			2.1s command.done fire
			3.1s command.rejected fire
			4.1s command.rejected fire
			5.1s command.rejected fire
			6.1s command.rejected beam
			7.1s command.accepted fire
			7.1s alarm.shelved fire
			7.1s command.done fire
			8.1s command.accepted fire
			8.1s alarm.unshelved fire
			8.1s command.done fire
			9.1s command.rejected fire`)
	})
}

func TestFireOpensAndHolds(t *testing.T) {
	inGate(t, nil, func(c *commanded) {
		wait(time.Second)
		c.set(3, true)
		wait(100 * ms)
		if !c.coils[device.OpenOutput].active {
			t.Error("OPEN is not active")
		}
		c.give("a", gateway.Close)
		c.give("r", gateway.ResetFire)
		wait(100 * ms)
		says(t, c.take(), "a rejected fire\nr rejected fire fire_input=blocked")
		c.set(3, false)
		wait(100 * ms)
		c.give("q", gateway.ResetFire)
		wait(100 * ms)
		says(t, c.take(), "q accepted\nq done")
	})
}

// A latched fire is restored before anything is read.
func TestLatchedFireOpensAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		var coils [device.Outputs]*coil
		for n := range coils {
			coils[n] = &coil{start: b.origin}
		}
		cfg := gateSite(b, coils)
		cfg.Devices[1].Machine = Box(device.NewFireInput().Restore(device.FireSnapshot{Latched: true}, 0))
		f := New(cfg, hub.New(b.now), &memory{start: b.now()}, b.now, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		synctest.Wait()
		if !coils[device.OpenOutput].active {
			t.Error("OPEN is not active")
		}
		cancel()
		<-done
	})
}
