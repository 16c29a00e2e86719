//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lotusgate/firmware-sim/vm"
)

// coils watches the relay lines all the time, as a coil would.
type coils struct {
	mu     sync.Mutex
	on     map[int]bool
	pulses map[int][]time.Duration
	since  map[int]time.Time
	looks  int
	end    func()
}

func (s *site) watchCoils() *coils {
	c := &coils{on: map[int]bool{}, pulses: map[int][]time.Duration{}, since: map[int]time.Time{}}
	stop, stopped := make(chan struct{}), make(chan struct{})
	gpio := s.gpio
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
			}
			c.mu.Lock()
			c.looks++
			for _, n := range []int{relayOpen, relayClose, relayStop} {
				high, err := gpio.Value(n)
				if err != nil || high == c.on[n] {
					continue
				}
				c.on[n] = high
				if high {
					c.since[n] = time.Now()
				} else {
					c.pulses[n] = append(c.pulses[n], time.Since(c.since[n]))
				}
			}
			c.mu.Unlock()
		}
	}()
	c.end = sync.OnceFunc(func() { close(stop); <-stopped })
	s.t.Cleanup(c.end)
	return c
}

func (c *coils) take() map[int][]time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pulses
	c.pulses = map[int][]time.Duration{}
	return p
}

// never asserts that nothing was active since the last take.
func (c *coils) never(t *testing.T, when string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, p := range c.pulses {
		t.Errorf("%s: GPIO%d was active for %v", when, n, p)
	}
	for n, on := range c.on {
		if on {
			t.Errorf("%s: GPIO%d is active", when, n)
		}
	}
}

// keyed adds a key of the center to the configuration; guard goes to the CLOSE relay.
func (s *site) keyed(guard string) (key string) {
	dir := s.t.TempDir()
	if out, err := exec.Command("lotusgate", "key", "new", "center", "--dir", dir).CombinedOutput(); err != nil {
		s.t.Fatal(err, string(out))
	}
	b, err := os.ReadFile(s.config)
	if err != nil {
		s.t.Fatal(err)
	}
	text := strings.Replace(string(b), "line: GPIO20", "line: GPIO20, guard: "+guard, 1) +
		"\ncommands: {keys: {center: {file: " + filepath.Join(dir, "center.pub") + ", devices: [\"*\"], actions: [\"*\"]}}}\n"
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return filepath.Join(dir, "center.key")
}

// order sends a command and returns what the sender printed.
func (s *site) order(key string, args ...string) string {
	cmd := exec.Command("lotusgate", append([]string{
		"command", "send", "--broker", "mqtt://127.0.0.1:" + broker, "--gateway", "lianhua/park-01", "--key", key, "entry-gate",
	}, args...)...)
	out, err := cmd.CombinedOutput()
	s.t.Logf("%s: %v\n%s", strings.Join(args, " "), err, out)
	return string(out)
}

// move pulls the limits as the arm would that follows the OPEN or CLOSE relay.
func (s *site) move(c *coils, relay, leaves, reaches int) {
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		c.mu.Lock()
		on := c.on[relay]
		c.mu.Unlock()
		if on {
			time.Sleep(100 * time.Millisecond)
			s.pull(leaves, true)
			time.Sleep(time.Second)
			s.pull(reaches, false)
			return
		}
		time.Sleep(time.Millisecond)
	}
	s.t.Errorf("GPIO%d was never active", relay)
}

// A signed command moves its relay line for exactly its pulse; nothing else ever moves one: not a start, not an end, not
// a kill -9, not a restart, not a replay.
func TestVMCommands(t *testing.T) {
	vm.GuestOnly(t)
	s := newSite(t)
	c := s.watchCoils()
	key := s.keyed("one_shot")
	s.center = newCenter(t)
	s.startDaemon()
	c.never(t, "start")

	s.run("open", func(t *testing.T) {
		moved := make(chan struct{})
		go func() { defer close(moved); s.move(c, relayOpen, closedLimit, openLimit) }()
		out := s.order(key, "open", "--ref", "ticket-1")
		<-moved
		for _, word := range []string{"open: accepted", "open: executing", "open: done, a limit switch says so"} {
			if !strings.Contains(out, word) {
				t.Errorf("no %q", word)
			}
		}
		p := c.take()
		if len(p) != 1 || len(p[relayOpen]) != 1 {
			t.Fatalf("pulses %v", p)
		}
		if got := p[relayOpen][0]; got < 490*time.Millisecond || got > 700*time.Millisecond {
			t.Errorf("pulse of %v, configured 500ms", got)
		}
		t.Logf("pulse of %v, configured 500ms, %d looks", p[relayOpen][0], c.looks)
		s.center.await("the audit", func(r *record) bool {
			return slices.ContainsFunc(r.events, func(e cloudEvent) bool {
				var d struct{ Issuer, Ref string }
				return e.Type == "lotusgate.command.done" && json.Unmarshal(e.Data, &d) == nil && d.Issuer == "center" && d.Ref == "ticket-1"
			})
		})
	})
	s.run("close is refused while the beam is broken", func(t *testing.T) {
		time.Sleep(time.Second)
		s.pull(photocell, true)
		hold()
		if out := s.order(key, "close"); !strings.Contains(out, "rejected, interlock") || !strings.Contains(out, "eg-photo blocked") {
			t.Error("not refused")
		}
		c.never(t, "refused close")
		s.pull(photocell, false)
		time.Sleep(1100 * time.Millisecond)
	})
	s.run("a trip while closing cuts CLOSE and opens", func(t *testing.T) {
		tripped := make(chan struct{})
		go func() {
			defer close(tripped)
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				c.mu.Lock()
				on := c.on[relayClose]
				c.mu.Unlock()
				if on {
					break
				}
			}
			s.pull(loopB, true)
		}()
		out := s.order(key, "close")
		<-tripped
		if !strings.Contains(out, "failed, safety_trip") {
			t.Error("not tripped")
		}
		time.Sleep(1500 * time.Millisecond)
		p := c.take()
		if len(p[relayClose]) != 1 || len(p[relayOpen]) != 1 || p[relayClose][0] > 300*time.Millisecond {
			t.Errorf("pulses %v", p)
		}
		t.Logf("CLOSE was active for %v", p[relayClose])
		s.pull(loopB, false)
		time.Sleep(1100 * time.Millisecond)
	})
	s.run("replay", func(t *testing.T) {
		out := s.order(key, "open", "--replay")
		if strings.Count(out, "done, a limit switch says so") != 2 || !strings.Contains(out, "repeated: nothing moves") {
			t.Error("not answered again")
		}
		if p := c.take(); len(p[relayOpen]) > 1 {
			t.Errorf("pulses %v", p)
		}
		time.Sleep(time.Second)
		c.take()
	})
	s.run("kill in the middle of a pulse, safe, restart", func(t *testing.T) {
		moved := make(chan struct{})
		go func() {
			defer close(moved)
			for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
				c.mu.Lock()
				on := c.on[relayOpen]
				c.mu.Unlock()
				if on {
					s.daemon.kill()
					return
				}
			}
		}()
		s.order(key, "open", "--wait", "2s")
		<-moved
		if out, err := exec.Command("lotusgate", "safe", "--config", s.config).CombinedOutput(); err != nil {
			t.Error(err, string(out))
		}
		time.Sleep(5 * time.Millisecond)
		p := c.take()
		t.Logf("kill -9 in the middle of a pulse: active for %v", p[relayOpen])
		c.never(t, "after safe")
		s.center.await("the will", func(r *record) bool { return r.status == "lost" })
		s.startDaemon()
		time.Sleep(time.Second)
		c.never(t, "after the restart")
		if out, err := exec.Command("lotusgate", "safe", "--config", s.config).CombinedOutput(); err == nil {
			t.Error("safe while a daemon runs:", string(out))
		}
	})
}

// What gpio-sim makes of a released line is asked, not believed.
func TestVMCloseWithoutAGuardIsRefused(t *testing.T) {
	vm.GuestOnly(t)
	s := newSite(t)
	c := s.watchCoils()
	key := s.keyed("kernel")
	s.center = newCenter(t)
	s.pull(openLimit, false)
	s.pull(closedLimit, true)
	s.startDaemon()
	time.Sleep(1500 * time.Millisecond)
	out := s.order(key, "close", "--wait", "5s")
	switch {
	case strings.Contains(out, "interlock; guard blocked"):
		t.Log("this kernel leaves a released line driven: CLOSE is refused")
		c.never(t, "refused close")
	case strings.Contains(out, "executing"):
		t.Log("this kernel returns a released line to an input: CLOSE is allowed")
	default:
		t.Error(out)
	}
}
