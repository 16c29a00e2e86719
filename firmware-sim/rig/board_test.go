package rig

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/i2c/i2creg"

	"lotusgate/firmware-sim/plant"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open makes a board that is closed with the test.
func open(t *testing.T, seed uint64, site Site, o Options) *Board {
	t.Helper()
	b, err := New(seed, site, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// pullUps configures the inputs as a gateway does.
func pullUps(t *testing.T, b *Board, lines ...string) {
	t.Helper()
	for _, l := range lines {
		input(t, b.Pin(l), gpio.BothEdges)
	}
}

// clean is DemoSite with contacts that don't bounce and reactions that don't vary.
func clean() Site {
	s := DemoSite()
	s.Meters, s.Lifts, s.Cameras = nil, nil, s.Cameras[:1] // little happens by itself
	s.Wires = slices.DeleteFunc(s.Wires, func(w Wire) bool {
		return strings.HasPrefix(w.From, "car-2.") || w.From == "water.pulse" || w.From == "cam-02.heartbeat" || w.From == "cam-03.heartbeat"
	})
	s.Lanes[0].Loops = plant.DetectorOptions{React: plant.Span{Min: 30 * time.Millisecond, Max: 30 * time.Millisecond}}
	s.Lanes[0].Beam = plant.DetectorOptions{React: plant.Span{Min: 10 * time.Millisecond, Max: 10 * time.Millisecond}}
	s.Lanes[0].Barrier.Bounce = plant.Bounce{}
	s.Elevators[0].Bounce = plant.Bounce{}
	return s
}

func car() plant.Vehicle {
	return plant.Vehicle{
		Length: plant.Metres(4.5), Speed: 2 * plant.MetrePerSecond,
		Plan: []plant.Leg{{To: plant.StandardLane().Hold, Pause: 3 * time.Second, Ticket: true}},
	}
}

// limit tells whether a note says again what an arm does.
func limit(n Note) bool {
	t, ok := n.What.(plant.Truth)
	return ok && t.Kind.Limit()
}

// A car comes through. The wires change exactly so much after what really happened as the detectors and the limit
// switches take, and the pins read so.
func TestCarAtThePins(t *testing.T) {
	var got []string
	b := open(t, 1, clean(), Options{Private: true, Scenario: Script(Cue{0, Enter{"entry", car()}}), Tell: func(n Note) {
		if _, act := n.What.(Action); !act && !limit(n) {
			got = append(got, fmt.Sprintf("%v %v", n.At, n.What))
		}
	}})
	lines := []string{"GPIO17", "GPIO27", "GPIO22", "GPIO23", "GPIO24"}
	pullUps(t, b, lines...)
	edges := map[string]int{}
	for b.Next() < 30*time.Second {
		b.Advance(b.Next() - b.Now())
		for _, l := range lines {
			for b.Pin(l).WaitForEdge(0) {
				edges[l]++
			}
		}
	}
	want := strings.Split(strings.TrimSpace(`
0s GPIO17: entry.a to ground
0s GPIO27: entry.b to ground
0s GPIO23: entry.gate.closed to ground
0s GPIO24: entry.photocell to ground
0s entry: vehicle entered (vehicle 1)
1.0000005s entry.a: covered
1.0300005s GPIO17: entry.a open
5.6s entry: ticket taken (vehicle 1)
5.62s entry.gate: arm opening by ticket
5.720000001s GPIO23: entry.gate.closed open
10.52s GPIO22: entry.gate.open to ground
10.62s entry.gate: arm open by ticket
10.6700005s entry.b: covered
10.7000005s GPIO27: entry.b open
11.1700005s entry: vehicle under arm (vehicle 1)
11.1700005s entry.photocell: covered
11.1800005s GPIO24: entry.photocell open
12.17s entry.a: cleared
12.2s GPIO17: entry.a to ground
13.42s entry: vehicle clear of arm (vehicle 1)
13.42s entry.photocell: cleared
13.43s GPIO24: entry.photocell to ground
13.92s entry: vehicle passed (vehicle 1)
13.92s entry.b: cleared
13.95s GPIO27: entry.b to ground
15.95s entry.gate: arm closing by auto
16.050000001s GPIO22: entry.gate.open open
17.17s entry: vehicle left (vehicle 1)
20.85s GPIO23: entry.gate.closed to ground
20.95s entry.gate: arm closed by auto`), "\n")
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, l := range lines {
		if edges[l] != 2 {
			t.Errorf("%s had %d edges, want 2", l, edges[l])
		}
	}
	if levels := []gpio.Level{b.Pin("GPIO23").Read(), b.Pin("GPIO22").Read()}; levels[0] != gpio.Low || levels[1] != gpio.High {
		t.Errorf("closed and open limit read %v", levels)
	}
}

// Who waits for the arm sees it knocked off when that happens, not when the lane was due last.
func TestNobodyActsBeforeWhatHeSees(t *testing.T) {
	var last time.Duration
	var left bool
	waits := plant.Vehicle{Length: plant.Metres(4.5), Speed: 2 * plant.MetrePerSecond}
	b := open(t, 1, clean(), Options{Private: true, Scenario: Script(Cue{0, Enter{"entry", waits}}, Cue{time.Minute, Knock{Lane: "entry"}}), Tell: func(n Note) {
		if n.At < last {
			t.Errorf("%v %v: told after what happened at %v", n.At, n.What, last)
		}
		last = n.At
		truth, ok := n.What.(plant.Truth)
		left = left || ok && truth.Kind == plant.VehicleLeft
	}})
	if err := b.Advance(2 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if !left {
		t.Error("it still waits")
	}
}

// relays drives a board's outputs and returns what the barrier did about it.
func TestRelaysMoveTheBarrier(t *testing.T) {
	var story []string
	b := open(t, 1, clean(), Options{Private: true, Tell: func(n Note) {
		switch w := n.What.(type) {
		case plant.Truth:
			if limit(n) {
				return
			}
			story = append(story, fmt.Sprintf("%v %v", n.At, w))
		case Change:
			if w.Relay {
				story = append(story, fmt.Sprintf("%v %v", n.At, w))
			}
		}
	}})
	const s = time.Second
	for _, x := range []struct {
		line string
		l    gpio.Level
		then time.Duration
	}{
		{"GPIO16", gpio.High, 500 * time.Millisecond},
		{"GPIO16", gpio.Low, 8 * s},
		{"GPIO20", gpio.High, 500 * time.Millisecond},
		{"GPIO20", gpio.Low, 1 * s},
		{"GPIO21", gpio.High, s},
	} {
		if err := b.Pin(x.line).Out(x.l); err != nil {
			t.Fatal(err)
		}
		b.Advance(x.then)
	}
	want := []string{
		"0s GPIO16: relay entry.gate open on",
		"20ms entry.gate: arm opening by relay",
		"500ms GPIO16: relay entry.gate open off",
		"5.02s entry.gate: arm open by relay",
		"8.5s GPIO20: relay entry.gate close on",
		"8.52s entry.gate: arm closing by relay",
		"9s GPIO20: relay entry.gate close off",
		"10s GPIO21: relay entry.gate stop on",
		"10.02s entry.gate: arm stopped",
	}
	if !slices.Equal(story, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(story, "\n"), strings.Join(want, "\n"))
	}
	if !b.Relay("GPIO21") || b.Relay("GPIO16") {
		t.Error("the stop coil is not on, or the open coil is")
	}
	for _, x := range []struct {
		life WireLife
		on   bool
	}{{Cut, false}, {Mended, true}, {Grounded, false}, {Powered, true}, {Mended, true}} {
		b.Do(WireAct{"GPIO21", x.life})
		if b.Relay("GPIO21") != x.on {
			t.Errorf("the wire to the coil is %v: coil on is %v", x.life, !x.on)
		}
	}
	// An input lets go of the coil: the pull-down of the board takes it off.
	b.Pin("GPIO21").In(gpio.PullDown, gpio.NoEdge)
	if b.Relay("GPIO21") {
		t.Error("the stop coil is held by an input")
	}
}

// mcp puts the expander to work as a driver does: pull-ups and interrupts on all pins.
func mcp(t *testing.T, b *Board) {
	t.Helper()
	for _, w := range [][]byte{{0x0c, 0xff, 0xff}, {0x04, 0xff, 0xff}} {
		if err := b.Bus("/dev/i2c-1").Tx(0x20, w, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// capture reads INTF, INTCAP and GPIO of port A, which clears the interrupt.
func capture(t *testing.T, b *Board) (intf, intcap, gpioa byte) {
	t.Helper()
	var r [6]byte
	if err := b.Bus("/dev/i2c-1").Tx(0x20, []byte{0x0e}, r[:]); err != nil {
		t.Fatal(err)
	}
	return r[0], r[2], r[4]
}

func TestElevatorBehindTheExpander(t *testing.T) {
	b := open(t, 1, clean(), Options{Private: true})
	b.Do(CameraAct{"cam-01", Dies})
	mcp(t, b)
	capture(t, b)
	pullUps(t, b, "GPIO25")
	check := func(step string, int gpio.Level, edge bool) {
		t.Helper()
		if got := b.Pin("GPIO25").Read(); got != int {
			t.Errorf("%s: INT is %v, want %v", step, got, int)
		}
		if got := b.Pin("GPIO25").WaitForEdge(0); got != edge {
			t.Errorf("%s: an edge of INT: %v, want %v", step, got, edge)
		}
	}
	check("at first", gpio.High, false)
	b.Do(Fault{Elevator: "car-1"})
	check("fault", gpio.Low, true)
	if f, c, g := capture(t, b); f != 1 || c&1 != 0 || g&1 != 0 {
		t.Errorf("INTF %02x INTCAP %02x GPIO %02x", f, c, g)
	}
	check("read", gpio.High, true)
	b.Do(WireAct{"GPIO25", Cut})
	b.Do(Fault{Elevator: "car-1", Cleared: true})
	check("INT cut", gpio.High, false)
	b.Do(WireAct{"GPIO25", Mended})
	check("INT mended", gpio.Low, true)
	capture(t, b)
	check("read again", gpio.High, true)
	b.Do(WireAct{"x1.GPA0", Grounded})
	if _, _, g := capture(t, b); g&1 != 0 {
		t.Error("a wire shorted to ground reads high")
	}
	b.Do(ChipAct{"x1", Resets})
	var r [1]byte
	b.Bus("/dev/i2c-1").Tx(0x20, []byte{0x0c}, r[:])
	if r[0] != 0 {
		t.Error("the pull-ups survived a reset")
	}
}

func TestBusFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, 1, clean(), Options{Private: true})
		bus := b.Bus("/dev/i2c-1")
		tx := func() (text string, took time.Duration) {
			began := time.Now()
			var r [1]byte
			if err := bus.Tx(0x20, []byte{0}, r[:]); err != nil {
				text = err.Error()
			}
			return text, time.Since(began)
		}
		for _, c := range []struct {
			do   Action
			want string
			took time.Duration
		}{
			{ChipAct{"x1", Unplugs}, "sysfs-i2c: no such device or address", 0},
			{ChipAct{"x1", Plugs}, "", 0},
			{BusAct{Bus: "/dev/i2c-1", Errno: 11}, "sysfs-i2c: resource temporarily unavailable", 0},
			{BusAct{Bus: "/dev/i2c-1", Hangs: true}, "sysfs-i2c: connection timed out", time.Second},
			{BusAct{Bus: "/dev/i2c-1", Stretch: 20 * time.Millisecond}, "", 20 * time.Millisecond},
			{BusAct{Bus: "/dev/i2c-1", Errno: 6, Times: 1}, "sysfs-i2c: no such device or address", 0},
			{BusAct{Bus: "/dev/i2c-1"}, "", 0},
		} {
			if err := b.Do(c.do); err != nil {
				t.Fatal(err)
			}
			if got, took := tx(); got != c.want || took != c.took {
				t.Errorf("%v: %q in %v, want %q in %v", c.do, got, took, c.want, c.took)
			}
		}
		read := func() byte {
			var r [1]byte
			if err := bus.Tx(0x20, []byte{0}, r[:]); err != nil {
				t.Fatal(err)
			}
			return r[0]
		}
		whole := read()
		if err := b.Do(BusAct{Bus: "/dev/i2c-1", Flip: 0x10, After: 1, Times: 1}); err != nil {
			t.Fatal(err)
		}
		if got := read(); got != whole^0x10 {
			t.Errorf("a disturbed byte reads %02x, the whole one %02x", got, whole)
		}
		if got := read(); got != whole {
			t.Errorf("afterwards %02x, want %02x", got, whole)
		}
	})
}

func TestNamesAsOnARaspberryPi(t *testing.T) {
	for range 2 { // one after another
		b, err := New(1, DemoSite(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"GPIO17", "17", "P1_11"} {
			p := gpioreg.ByName(name)
			if r, ok := p.(gpio.RealPin); ok {
				p = r.Real()
			}
			if p != gpio.PinIO(b.Pin("GPIO17")) {
				t.Errorf("%s is %v", name, p)
			}
		}
		for _, name := range []string{"/dev/i2c-1", "I2C1", "1"} {
			bus, err := i2creg.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := bus.Tx(0x20, []byte{0}, make([]byte, 1)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			bus.Close()
		}
		if _, err := New(1, DemoSite(), Options{}); err == nil {
			t.Error("two boards have the same names")
		}
		if gpioreg.ByName("GPIO17") == nil {
			t.Error("the second board took the first one's names away")
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if len(gpioreg.All()) != 0 || len(gpioreg.Aliases()) != 0 || len(i2creg.All()) != 0 {
			t.Error("something is still registered")
		}
	}
}

func TestSiteErrors(t *testing.T) {
	for _, c := range []struct {
		change func(*Site)
		want   string
	}{
		{func(s *Site) { s.Wires[0].From = "entry.c" }, `no such contact: "entry.c"`},
		{func(s *Site) { s.Wires[0].To = "GPIO99" }, `no such pin: "GPIO99"`},
		{func(s *Site) { s.Wires[0].To = "x1.GPC0" }, `no such pin: "x1.GPC0"; x1 has GPA0`},
		{func(s *Site) { s.Wires[0].To = "GPIO27" }, `GPIO27 is wired to entry.a already; it can't be wired to entry.b too`},
		{func(s *Site) { s.Wires[0].To = "GPIO25" }, `GPIO25 is wired to x1.INT already`},
		{func(s *Site) { s.Chips[0].Kind = "mcp23008" }, `no such kind: "mcp23008"; there are ads1115, ds3231, ina219`},
		{func(s *Site) { s.Chips[0].Bus = "i2c" }, `bus "i2c": write it as Linux does`},
		{func(s *Site) { s.Relays[0].Lane = "exit" }, `no such pin, lane or input`},
		{func(s *Site) { s.Relays[0].Line = "GPIO17" }, `GPIO17 is wired to entry.a already`},
	} {
		s := DemoSite()
		c.change(&s)
		if _, err := New(1, s, Options{Private: true}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestActionsThatNameNothing(t *testing.T) {
	b := open(t, 1, DemoSite(), Options{Private: true, Scenario: Script(Cue{time.Second, Fault{Elevator: "car-9"}})})
	for _, a := range []Action{
		Enter{Lane: "x"},
		Enter{Lane: "entry"},
		Hand{Lane: "x"},
		Jam{Lane: "x"},
		Obstruct{Lane: "x"},
		Detector{Name: "x"},
		Fault{Elevator: "x"},
		Chatter{Elevator: "x"},
		CameraAct{Camera: "x"},
		WireAct{Line: "x"},
		ChipAct{Chip: "x"},
		BusAct{Bus: "x"},
	} {
		if b.Do(a) == nil {
			t.Errorf("%v worked", a)
		}
	}
	if err := b.Advance(time.Minute); err == nil || !strings.Contains(err.Error(), "car-9") {
		t.Errorf("the scenario went on: %v", err)
	}
}

// Run keeps to the clock, at any speed, and a relay that is driven in between acts at its own moment.
func TestRun(t *testing.T) {
	for _, speed := range []float64{1, 60} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var late time.Duration
			var notes []Note
			began := time.Now()
			b := open(t, 1, clean(), Options{
				Private: true, Speed: speed,
				Scenario: Script(Cue{0, Enter{"entry", car()}}, Cue{time.Minute, Fault{Elevator: "car-1"}}),
				Tell: func(n Note) {
					mu.Lock()
					defer mu.Unlock()
					notes = append(notes, n)
					due := time.Duration(float64(n.At) / speed)
					late = max(late, time.Since(began)-due, due-time.Since(began))
				},
			})
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- b.Run(ctx) }()
			sleep := func(virtual time.Duration) { time.Sleep(time.Duration(float64(virtual) / speed)) }
			sleep(40 * time.Second)
			if err := b.Run(ctx); err == nil {
				t.Error("two Runs at once")
			}
			b.Pin("GPIO16").Out(gpio.High)
			sleep(30 * time.Second)
			stop()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if late > time.Microsecond {
				t.Errorf("told %v off its time", late)
			}
			at := func(what string) time.Duration {
				i := slices.IndexFunc(notes, func(n Note) bool { return n.What.String() == what })
				if i < 0 {
					t.Fatalf("nobody said %q", what)
				}
				return notes[i].At
			}
			for what, want := range map[string]time.Duration{
				"entry: vehicle passed (vehicle 1)": 13920 * time.Millisecond,
				"entry.gate: arm opening by relay":  40020 * time.Millisecond,
				"elevator car-1 fails":              time.Minute,
			} {
				if got := at(what); (got - want).Abs() > time.Duration(speed)*time.Microsecond {
					t.Errorf("%q at %v, want %v", what, got, want)
				}
			}
		})
	}
}

// Outputs, inputs, the bus, actions and the runner at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	b := open(t, 1, DemoSite(), Options{Private: true, Speed: 2000, Scenario: Demo(1)})
	mcp(t, b)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	var wg sync.WaitGroup
	often := func(do func()) {
		wg.Go(func() {
			for range 200 {
				do()
			}
		})
	}
	for _, l := range []string{"GPIO17", "GPIO27", "GPIO25"} {
		pullUps(t, b, l)
		often(func() { b.Pin(l).WaitForEdge(time.Millisecond); b.Pin(l).Read() })
	}
	often(func() {
		_ = b.Bus("/dev/i2c-1").Tx(0x20, []byte{0x0e}, make([]byte, 6)) // fails when the demo resets the chip in the middle
	})
	often(func() {
		b.Do(WireAct{"GPIO25", Cut})
		b.Do(WireAct{"GPIO25", Mended})
	})
	often(func() {
		b.Pin("GPIO16").Out(gpio.High)
		b.Relay("GPIO16")
		b.Pin("GPIO16").Out(gpio.Low)
	})
	wg.Wait()
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if b.Relay("GPIO16") {
		t.Error("the last word was off")
	}
}
