package field

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
)

// coil is a relay that notes when it was switched, and can misbehave.
type coil struct {
	mu     sync.Mutex
	start  time.Time
	active bool
	stuck  int // so many tries to switch it off fail
	dead   bool
	moves  []move
}

type move struct {
	at time.Duration
	on bool
}

var errBus = errors.New("bus")

func (c *coil) Set(_ context.Context, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return errBus
	}
	if !on && c.active && c.stuck > 0 {
		c.stuck--
		return errBus
	}
	if on != c.active {
		c.active = on
		c.moves = append(c.moves, move{time.Since(c.start), on})
	}
	return nil
}

func (c *coil) Active() (bool, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active, true, nil
}

func (c *coil) stick(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stuck = n
}

type stage struct {
	coils [device.Outputs]*coil
	a     *actuator
	core  queue
	start time.Time
	stop  func()
}

func (s *stage) now() gateway.Mono { return gateway.Mono(time.Second + time.Since(s.start)) }

func newStage(held bool) *stage {
	s := &stage{start: time.Now(), core: make(queue, 1024)}
	d := DeviceConfig{Held: held}
	for i := range s.coils {
		s.coils[i] = &coil{start: s.start}
		d.Relays[i] = s.coils[i]
	}
	s.a = newActuator(d, s.now, s.core)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.a.run(ctx); close(done) }()
	s.stop = func() { cancel(); <-done }
	return s
}

func (s *stage) pulse(after, length time.Duration) device.Pulse {
	from := s.now().Add(after)
	return device.Pulse{From: from, Until: from.Add(length)}
}

func (s *stage) reports() string {
	var all []string
	for len(s.core) > 0 {
		r := (<-s.core).Report
		all = append(all, strings.TrimSpace(fmt.Sprintf("%v %v %s", r.Output, r.Off, r.Failed)))
	}
	return strings.Join(all, ", ")
}

const ms = time.Millisecond

func TestPulseLastsAsLongAsItShall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(false)
		s.a.want(device.Drive{device.OpenOutput: s.pulse(100*ms, 500*ms)})
		wait(2 * time.Second)
		if got := s.coils[device.OpenOutput].moves; !slices.Equal(got, []move{{100 * ms, true}, {600 * ms, false}}) {
			t.Errorf("moves %v", got)
		}
		if r := s.reports(); r != "open false" {
			t.Errorf("reports %q", r)
		}
		s.stop()
	})
}

func TestPulseEndsWithoutTheCore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(true)
		for range cap(s.core) {
			s.core <- Input{}
		}
		s.a.want(device.Drive{device.CloseOutput: s.pulse(0, 500*ms)})
		wait(600 * ms)
		if got := s.coils[device.CloseOutput].moves; len(got) != 2 {
			t.Errorf("moves %v", got)
		}
		s.stop()
	})
}

func TestRelayThatWouldNotGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(false)
		s.coils[device.CloseOutput].stick(10)
		s.a.want(device.Drive{device.CloseOutput: s.pulse(0, 500*ms)})
		wait(520 * ms)
		// OPEN waits: both active is worse than late.
		s.a.want(device.Drive{device.OpenOutput: s.pulse(0, 500*ms)})
		wait(5 * time.Second)
		if on, _, _ := s.coils[device.CloseOutput].Active(); on {
			t.Error("still active")
		}
		if r := s.reports(); r != "close false, close false bus_lost, close true" && r != "close false, close false bus_lost, close true, open false" {
			t.Errorf("reports %q", r)
		}
		s.stop()
	})
}

// stubborn can be switched on and never off.
type stubborn struct{ on int }

func (s *stubborn) Set(_ context.Context, on bool) error {
	if !on {
		return errBus
	}
	s.on++
	return nil
}

func (s *stubborn) Active() (bool, bool, error) { return true, true, nil }

// A relay that would not go off is not told to be on again while it waits for the next try.
func TestStubbornRelayIsNotToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(false)
		relay := &stubborn{}
		s.a.out[device.OpenOutput].relay = relay
		s.a.want(device.Drive{device.OpenOutput: s.pulse(0, 500*ms)})
		wait(10 * time.Second)
		if relay.on != 1 {
			t.Errorf("told to be on %d times", relay.on)
		}
		s.stop()
	})
}

// A CLOSE that had to wait for OPEN to go is no CLOSE any more: what it was decided on is old.
func TestCloseIsNeverLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(false)
		s.coils[device.OpenOutput].stick(3)
		s.a.want(device.Drive{device.OpenOutput: s.pulse(0, 500*ms)})
		wait(490 * ms)
		open := s.a.newest[device.OpenOutput]
		s.a.want(device.Drive{device.OpenOutput: open, device.CloseOutput: s.pulse(310*ms, 2*time.Second)})
		wait(10 * time.Second)
		if m := s.coils[device.CloseOutput].moves; len(m) != 0 {
			t.Errorf("CLOSE moved: %v", m)
		}
		if r := s.reports(); !strings.HasSuffix(r, "close false relay_readback") {
			t.Errorf("reports %q", r)
		}
		s.stop()
	})
}

func TestDeadRelayIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(false)
		s.coils[device.OpenOutput].mu.Lock()
		s.coils[device.OpenOutput].dead = true
		s.coils[device.OpenOutput].mu.Unlock()
		s.a.want(device.Drive{device.OpenOutput: s.pulse(0, 500*ms)})
		wait(2 * time.Second)
		if r := s.reports(); !strings.HasPrefix(r, "open false bus_lost") {
			t.Errorf("reports %q", r)
		}
		s.stop()
	})
}

func TestEndOfTheProgramEndsPulses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(true)
		s.a.want(device.Drive{device.OpenOutput: device.Pulse{From: s.now(), Until: device.Forever}})
		wait(time.Hour)
		if !s.coils[device.OpenOutput].active {
			t.Error("not held")
		}
		s.stop()
		if s.coils[device.OpenOutput].active {
			t.Error("still active")
		}
	})
}

// A hostile machine: whatever it wants and whenever, opposing relays are apart and no pulse is too long.
func TestActuatorKeepsItsRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		held := rapid.Bool().Draw(rt, "held")
		wants := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 3000), 7, 7), 1, 30).Draw(rt, "wants")
		synctest.Test(t, func(*testing.T) {
			s := newStage(held)
			for _, w := range wants {
				var d device.Drive
				for n := range d {
					if w[2*n]%4 > 0 {
						d[n] = s.pulse(time.Duration(w[2*n]-1000)*ms, time.Duration(w[2*n+1])*2*ms)
					}
				}
				s.coils[device.CloseOutput].stick(w[6] % 3)
				s.a.want(d)
				time.Sleep(time.Duration(w[6]) * ms)
			}
			s.a.want(device.Drive{})
			time.Sleep(5 * time.Second)
			s.stop()
			s.check(rt, held)
		})
	})
}

func (s *stage) check(t *rapid.T, held bool) {
	type event struct {
		move
		n device.Output
	}
	var all []event
	for n, c := range s.coils {
		var on time.Duration
		for _, m := range c.moves {
			all = append(all, event{m, device.Output(n)})
			if m.on {
				on = m.at
			} else if length := m.at - on; length > device.MaxPulse+time.Second && (device.Output(n) != device.OpenOutput || !held) {
				t.Fatalf("%v active for %v", device.Output(n), length)
			}
		}
		if c.active {
			t.Fatalf("%v left active", device.Output(n))
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return int(a.at - b.at) })
	var active [device.Outputs]bool
	ended := [device.Outputs]time.Duration{-time.Hour, -time.Hour, -time.Hour}
	for _, e := range all {
		other := [...]device.Output{device.CloseOutput, device.OpenOutput, device.StopOutput}[e.n]
		if e.on && other != e.n && (active[other] || e.at-ended[other] < device.Gap) {
			t.Fatalf("%v at %v: the other was active until %v", e.n, e.at, ended[other])
		}
		active[e.n] = e.on
		if !e.on {
			ended[e.n] = e.at
		}
	}
}
