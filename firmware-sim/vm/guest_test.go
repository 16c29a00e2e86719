//go:build linux

package vm

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestVMMosquitto(t *testing.T) {
	GuestOnly(t)
	for _, program := range []string{"mosquitto", "mosquitto_sub", "mosquitto_pub"} {
		if _, err := exec.LookPath(program); err != nil && os.Getenv("CI") != "true" {
			t.Skipf("needs mosquitto and mosquitto-clients: %v", err)
		}
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(config, []byte("listener 1883 127.0.0.1\nallow_anonymous true\nuser root\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	start := func(name string, args ...string) *bufio.Scanner {
		command := exec.Command(name, args...)
		out, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = command.Process.Kill()
			_ = command.Wait()
		})
		return bufio.NewScanner(out)
	}
	start("mosquitto", "-c", config)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:1883"); err == nil {
			c.Close()
			break
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	// Retained, so that it does not matter which of the two comes first.
	start("mosquitto_pub", "-t", "gate/1", "-m", "open", "-q", "1", "-r")
	got := start("mosquitto_sub", "-t", "gate/#", "-v", "-C", "1", "-W", "10")
	if got.Scan(); got.Text() != "gate/1 open" {
		t.Errorf("mosquitto_sub printed %q, want %q", got.Text(), "gate/1 open")
	}
}

// TestVMWatchdog is the guest half of TestWatchdogReboots.
func TestVMWatchdog(t *testing.T) {
	GuestOnly(t)
	if os.Getenv("WATCHDOG") == "" {
		t.Skip("ends its VM: see TestWatchdogReboots")
	}
	f := open(t, "/dev/watchdog")
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, 1); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Second)
}
