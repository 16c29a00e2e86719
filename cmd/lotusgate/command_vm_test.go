//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lotusgate/firmware-sim/vm"
)

// coils watches the relay lines all the time, as a coil would. What it measures is as exact as it was quick: gap is the
// longest it did not look, within a pulse.
type coils struct {
	s      *site
	mu     sync.Mutex
	moved  chan struct{} // signalled, buffered 1
	on     map[int]bool
	pulses map[int][]pulseSeen
	asked  map[int]time.Time // just before a line was looked at last
	since  map[int]time.Time
	gap    map[int]time.Duration
	end    func()
}

// pulseSeen is how long a line was active, give or take.
type pulseSeen struct{ length, within time.Duration }

func (p pulseSeen) String() string { return fmt.Sprintf("%v±%v", p.length, p.within) }

func (s *site) watchCoils() *coils {
	c := &coils{
		s: s, moved: make(chan struct{}, 1),
		on: map[int]bool{}, pulses: map[int][]pulseSeen{},
		asked: map[int]time.Time{}, since: map[int]time.Time{}, gap: map[int]time.Duration{},
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
			}
			c.mu.Lock()
			for _, n := range []int{relayOpen, relayClose, relayStop} {
				c.look(n)
			}
			c.mu.Unlock()
		}
	}()
	c.end = sync.OnceFunc(func() { close(stop); <-stopped })
	s.t.Cleanup(c.end)
	return c
}

// look reads a line. What it sees has come about between just before the look before and just after this one.
func (c *coils) look(n int) {
	before := time.Now()
	high, err := c.s.gpio.Value(n)
	if err != nil {
		high = false // the chip is out: no coil has current
	}
	now := time.Now()
	var blind time.Duration
	if last := c.asked[n]; !last.IsZero() {
		blind = now.Sub(last)
	}
	c.asked[n] = before
	c.gap[n] = max(c.gap[n], blind)
	if high == c.on[n] {
		return
	}
	c.on[n] = high
	if high {
		c.since[n], c.gap[n] = now, blind
	} else {
		c.pulses[n] = append(c.pulses[n], pulseSeen{now.Sub(c.since[n]), c.gap[n]})
	}
	select {
	case c.moved <- struct{}{}:
	default:
	}
}

// take returns the pulses since the last take.
func (c *coils) take() map[int][]pulseSeen {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pulses
	c.pulses = map[int][]pulseSeen{}
	return p
}

// await waits until a line is active, or not, and returns when that was seen.
func (c *coils) await(n int, on bool) time.Time {
	hang := time.After(60 * time.Second)
	for {
		c.mu.Lock()
		is := c.on[n]
		c.mu.Unlock()
		if is == on {
			return time.Now()
		}
		select {
		case <-c.moved:
		case <-time.After(10 * time.Millisecond): // another one has taken the signal
		case <-hang:
			c.s.t.Errorf("GPIO%d never was active = %v", n, on)
			return time.Now()
		}
	}
}

// rested waits until no relay has been active for longer than opposing ones must be apart.
func (c *coils) rested() {
	for quiet := time.Now(); time.Since(quiet) < 400*time.Millisecond; {
		for _, n := range []int{relayOpen, relayClose, relayStop} {
			c.mu.Lock()
			on := c.on[n]
			c.mu.Unlock()
			if on {
				c.await(n, false)
				quiet = time.Now()
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
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
		"\ncommands: {keys: {center: {file: " + filepath.Join(dir, "center.pub") + ", devices: [\"*\"], actions: [\"*\"]}}}\n" +
		"\ncontrol: {socket: " + filepath.Join(dir, "control.sock") + "}\n"
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return filepath.Join(dir, "center.key")
}

// order sends a command and returns what the sender printed.
func (s *site) order(key string, args ...string) string {
	cmd := exec.Command("lotusgate", append([]string{
		"command", "send", "--broker", "mqtt://127.0.0.1:" + broker, "--gateway", "lianhua/park-01", "--key", key, "--wait", "60s", "entry-gate",
	}, args...)...)
	out, err := cmd.CombinedOutput()
	s.t.Logf("%s: %v\n%s", strings.Join(args, " "), err, out)
	return string(out)
}

// arm puts the arm at a limit and waits until the gateway knows.
func (s *site) arm(value string) {
	s.t.Helper()
	s.pull(openLimit, value != "open")
	s.pull(closedLimit, value != "closed")
	s.center.await("the arm is "+value, func(r *record) bool { return r.state["entry-gate"].Value == value })
}

// follow pulls the limits as the arm would that follows a relay, and tells how late it left its limit.
func (s *site) follow(c *coils, relay, leaves, reaches int) (late time.Duration) {
	on := c.await(relay, true)
	time.Sleep(100 * time.Millisecond)
	s.pull(leaves, true)
	late = time.Since(on)
	time.Sleep(time.Second)
	s.pull(reaches, false)
	return late
}

// told counts the events of a type that bear the reference of a command.
func (r *record) told(typ, ref string) (n int) {
	for _, e := range r.events {
		var d struct{ Ref string }
		if e.Type == typ && json.Unmarshal(e.Data, &d) == nil && d.Ref == ref {
			n++
		}
	}
	return n
}

// opens moves the arm up by a command. A busy machine may have moved the arm later than a barrier would: then once more.
func (s *site) opens(c *coils, key string, args ...string) (out string, p map[int][]pulseSeen) {
	for range 20 {
		s.arm("closed")
		c.rested()
		c.take()
		late := make(chan time.Duration, 1)
		go func() { late <- s.follow(c, relayOpen, closedLimit, openLimit) }()
		out = s.order(key, append([]string{"open"}, args...)...)
		if d := <-late; d > time.Second {
			s.t.Logf("the arm left its limit %v after the relay: once more", d)
			continue
		}
		c.rested()
		return out, c.take()
	}
	s.t.Fatal("this machine cannot move an arm in time")
	return "", nil
}

// A signed command moves its relay line for exactly its pulse; nothing else ever moves one: not a start, not a reload, not an
// end, not a kill -9, not a reboot, not power that comes back, not a replay.
func TestVMCommands(t *testing.T) {
	vm.GuestOnly(t)
	s := newSite(t)
	c := s.watchCoils()
	key := s.keyed("one_shot")
	s.center = newCenter(t)
	s.startDaemon()
	c.never(t, "start")

	s.run("open", func(t *testing.T) {
		out, p := s.opens(c, key, "--ref", "ticket-1")
		for _, word := range []string{"open: accepted", "open: executing", "open: done, a limit switch says so"} {
			if !strings.Contains(out, word) {
				t.Errorf("no %q", word)
			}
		}
		if len(p) != 1 || len(p[relayOpen]) != 1 {
			t.Fatalf("pulses %v", p)
		}
		// Longer than configured it is by as much as a timer of this machine is late; two seconds are the bound for every pulse.
		got := p[relayOpen][0]
		if got.length+got.within < 500*time.Millisecond || got.length-got.within > 2*time.Second {
			t.Errorf("pulse of %v, configured 500ms", got)
		}
		t.Logf("pulse of %v, configured 500ms", got)
		s.center.await("the audit", func(r *record) bool {
			return slices.ContainsFunc(r.events, func(e cloudEvent) bool {
				var d struct{ Issuer, Ref string }
				return e.Type == "lotusgate.command.done" && json.Unmarshal(e.Data, &d) == nil && d.Issuer == "center" && d.Ref == "ticket-1"
			})
		})
	})
	s.run("at the gateway: refused without presence, audited with user and process", func(t *testing.T) {
		cmd := exec.Command("lotusgate", "trigger", "--config", s.config, "entry-gate", "open")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "rejected, no_presence") {
			t.Errorf("%v: %s", err, out)
		}
		c.never(t, "refused trigger")
		s.center.await("the audit", func(r *record) bool {
			return slices.ContainsFunc(r.events, func(e cloudEvent) bool {
				var d struct {
					Issuer string
					Peer   struct{ UID, PID int }
				}
				return e.Type == "lotusgate.command.rejected" && json.Unmarshal(e.Data, &d) == nil && d.Issuer == "local/root" && d.Peer.PID == cmd.Process.Pid
			})
		})
	})
	s.run("close is refused while the beam is broken", func(t *testing.T) {
		s.pull(photocell, true)
		hold()
		if out := s.order(key, "close"); !strings.Contains(out, "rejected, interlock") || !strings.Contains(out, "eg-photo blocked") {
			t.Error("not refused")
		}
		c.never(t, "refused close")
		s.pull(photocell, false)
	})
	s.run("a trip while closing cuts CLOSE and opens", func(t *testing.T) {
		for range 20 {
			s.arm("open")
			c.rested()
			c.take()
			time.Sleep(1500 * time.Millisecond) // safety inputs must have been clear for a second
			late := make(chan time.Duration, 1)
			go func() {
				on := c.await(relayClose, true)
				s.pull(loopB, true)
				late <- time.Since(on)
			}()
			out := s.order(key, "close")
			if strings.Contains(out, "rejected") {
				t.Fatal("refused") // or the stimulus would wait for its relay
			}
			d := <-late
			c.await(relayClose, false)
			c.rested()
			p := c.take()
			s.pull(loopB, false)
			if d > 100*time.Millisecond || len(p[relayClose]) != 1 || p[relayClose][0].within > 100*time.Millisecond {
				t.Logf("the loop was occupied %v after the relay, %v: once more", d, p)
				continue
			}
			if !strings.Contains(out, "failed, safety_trip") {
				t.Error("not tripped")
			}
			if len(p[relayOpen]) != 1 {
				t.Errorf("pulses %v", p)
			}
			t.Logf("CLOSE was active for %v; the loop was occupied %v after it began", p[relayClose], d)
			return
		}
		t.Fatal("this machine cannot trip a barrier in time")
	})
	s.run("replay", func(t *testing.T) {
		s.arm("open")
		c.rested()
		c.take()
		out := s.order(key, "open", "--replay")
		if strings.Count(out, "done, a limit switch says so") != 2 || !strings.Contains(out, "repeated: nothing moves") {
			t.Error("not answered again")
		}
		c.rested()
		if p := c.take(); len(p[relayOpen]) > 1 {
			t.Errorf("pulses %v", p)
		}
	})
	s.run("reload", func(t *testing.T) {
		reloads := func(r *record) (n int) {
			for _, e := range r.events {
				if e.Type == "lotusgate.gateway.config_reloaded" {
					n++
				}
			}
			return n
		}
		for n := range 3 {
			s.daemon.signal(syscall.SIGHUP)
			s.center.await("the reload", func(r *record) bool { return reloads(r) > n })
		}
		c.never(t, "reload")
	})
	s.run("kill in the middle of a pulse, safe, restart", func(t *testing.T) {
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			c.await(relayOpen, true)
			s.center.await("the command is on record", func(r *record) bool { return r.told("lotusgate.command.accepted", "killed") > 0 })
			s.daemon.kill()
		}()
		s.arm("closed")
		c.rested()
		s.order(key, "open", "--ref", "killed", "--wait", "5s")
		<-killed
		if out, err := exec.Command("lotusgate", "safe", "--config", s.config).CombinedOutput(); err != nil {
			t.Error(err, string(out))
		}
		c.await(relayOpen, false)
		t.Logf("kill -9 in the middle of a pulse: active for %v", c.take()[relayOpen])
		s.center.await("the will", func(r *record) bool { return r.status == "lost" })
		s.startDaemon()
		s.center.await("what became of the command", func(r *record) bool { return r.told("lotusgate.command.failed", "killed") == 1 })
		c.never(t, "after the restart")
		if out, err := exec.Command("lotusgate", "safe", "--config", s.config).CombinedOutput(); err == nil {
			t.Error("safe while a daemon runs:", string(out))
		}
	})
	s.run("reboot and power-on", func(t *testing.T) {
		s.startDaemon()                  // that of the part before has ended with it
		s.daemon.signal(syscall.SIGTERM) // as systemd does at a shutdown
		<-s.daemon.done
		if out, err := exec.Command("lotusgate", "safe", "--config", s.config).CombinedOutput(); err != nil {
			t.Error(err, string(out))
		}
		c.mu.Lock() // nobody looks while there is no chip
		err := s.gpio.Close()
		if err == nil {
			s.plugGPIO() // lines as they are when power comes back: inputs
		}
		c.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		s.startDaemon()
		c.never(t, "reboot")
	})
	s.run("no daemon: nothing is switched from here", func(t *testing.T) {
		out, err := exec.Command("lotusgate", "trigger", "--config", s.config, "entry-gate", "open").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "no lotusgate runs here") {
			t.Errorf("%v: %s", err, out)
		}
		c.never(t, "no daemon")
	})
}

// What gpio-sim makes of a released line is asked, not believed.
func TestVMCloseWithoutAGuardIsRefused(t *testing.T) {
	vm.GuestOnly(t)
	s := newSite(t)
	c := s.watchCoils()
	key := s.keyed("kernel")
	s.center = newCenter(t)
	s.startDaemon()
	s.arm("open")
	time.Sleep(1500 * time.Millisecond) // safety inputs must have been clear for a second
	out := s.order(key, "close", "--wait", "10s")
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
