//go:build linux

package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lotusgate/firmware-sim/vm"
)

// rebooting is the environment variable by which TestGuest says that it will boot once more.
const rebooting = "LOTUSGATE_REBOOT"

// The kernel restarts, without a word to anybody, while a command holds OPEN. From then on, through power-on, boot, start and
// connection, no relay is active before somebody commands one anew, and what became of the first command is on record.
func TestVMReboot(t *testing.T) {
	vm.GuestOnly(t)
	if os.Getenv(rebooting) == "" {
		t.Skip("the guest that runs this test is booted twice")
	}
	const mark = "/run/disk/rebooted"
	s := newSite(t)
	c := s.watchCoils()
	key := s.keyed("one_shot")
	b, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.config, []byte(strings.Replace(string(b), "outputs:", "maintain: true\n    outputs:", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // nobody holds the lines yet
	c.never(t, "power-on")
	s.center = newCenter(t)
	s.startDaemon()
	if _, err := os.Stat(mark); err != nil {
		c.never(t, "the first start")
		s.reboot(c, key, mark)
	}
	s.center.await("what became of the command", func(r *record) bool { return hasEnded(r, "restarted") })
	time.Sleep(3 * time.Second) // a second longer than any pulse
	c.never(t, "after the reboot")

	answered := make(chan struct{})
	go func() { defer close(answered); s.order(key, "hold_open", "--wait", "5s") }()
	c.await(relayOpen, true) // who watched was not blind
	c.mu.Lock()
	on := []bool{c.on[relayOpen], c.on[relayClose], c.on[relayStop]}
	c.mu.Unlock()
	if !slices.Equal(on, []bool{true, false, false}) {
		t.Errorf("OPEN, CLOSE, STOP are %v after hold_open", on)
	}
	<-answered
}

// reboot restarts the kernel once OPEN is held and on record.
func (s *site) reboot(c *coils, key, mark string) {
	s.t.Helper()
	go s.order(key, "hold_open")
	c.await(relayOpen, true)
	s.center.await("the command is on record", func(r *record) bool {
		return slices.ContainsFunc(r.events, func(e cloudEvent) bool { return e.Type == "lotusgate.command.accepted" })
	})
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
	unix.Sync()
	if high, err := s.gpio.Value(relayOpen); err != nil || !high {
		s.t.Fatalf("OPEN is active: %v, %v", high, err)
	}
	s.t.Error(unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)) // does not return
	s.t.FailNow()
}

// hasEnded tells whether a command has failed for that reason.
func hasEnded(r *record, reason string) bool {
	return slices.ContainsFunc(r.events, func(e cloudEvent) bool {
		var d struct{ Reason string }
		return e.Type == "lotusgate.command.failed" && json.Unmarshal(e.Data, &d) == nil && d.Reason == reason
	})
}
