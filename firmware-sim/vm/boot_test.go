//go:build linux

package vm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestKernelPath(t *testing.T) {
	out, err := exec.Command("kernel/build.sh", "--path").Output()
	if err != nil {
		t.Fatal(err)
	}
	path, err := kernelPath()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != path {
		t.Errorf("build.sh puts the kernel at %s, Kernel looks for it at %s", got, path)
	}
}

func TestKernelMissing(t *testing.T) {
	t.Setenv("LOTUSGATE_CACHE", t.TempDir())
	_, err := Kernel()
	if !errors.Is(err, ErrNoKernel) || !strings.Contains(err.Error(), "make vm") {
		t.Errorf("Kernel with an empty cache: error %v does not say to run make vm", err)
	}
}

func TestBoot(t *testing.T) {
	hostTest(t)
	var console bytes.Buffer
	shared := filepath.Join(t.TempDir(), "it's shared")
	if err := os.Mkdir(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	exit, err := Run(t.Context(), Options{
		Command: []string{"sh", "-c", `echo "$GREETING"; uname -r; id -u; echo kept >file; printf 'no newline'; exit 7`},
		Env:     []string{"GREETING=a 'quoted'  word"},
		Dir:     shared,
		Write:   []string{shared},
		Console: &console,
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(console.String(), "\n")
	if exit.Status != 7 || len(lines) != 4 || lines[0] != "a 'quoted'  word" || lines[2] != "0" || lines[3] != "no newline" {
		t.Errorf("exit status %d, console %q; want 7 and four lines", exit.Status, console.String())
	}
	if kept, _ := os.ReadFile(filepath.Join(shared, "file")); string(kept) != "kept\n" {
		t.Errorf("file written by the guest: %q, want %q", kept, "kept\n")
	}
	t.Logf("Linux %s: command started after %.2f s, all over after %.2f s", lines[1], exit.Boot.Seconds(), exit.Total.Seconds())
	if exit.Boot > 2*time.Second {
		t.Errorf("boot took %v, more than 2 s", exit.Boot)
	}
}

// noneLeft asserts that no process of a guest is left. The orphans among them
// are their reaper's, which may take its time.
func noneLeft(t *testing.T, v *VM) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); syscall.Kill(-v.pid, 0) != syscall.ESRCH; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("processes of an ended guest are left")
			return
		}
	}
}

// A disk keeps what was synced before the power cut, and nothing else.
func TestPowerCut(t *testing.T) {
	hostTest(t)
	image := filepath.Join(t.TempDir(), "disk")
	if err := NewDisk(image, 16); err != nil {
		t.Fatal(err)
	}
	disks := []Disk{{Image: image, Mount: "/run/disk"}}
	synced := make(lineWatch, 1)
	cut, err := Boot(t.Context(), Options{
		Command: []string{"sh", "-c", "cd /run/disk; echo first >a; sync; echo second >b; echo synced; sleep 60"},
		Disks:   disks, Console: synced,
	})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-synced:
	case <-time.After(20 * time.Second):
		t.Error("guest said nothing in 20 s")
	}
	cut.Kill()
	if _, err := cut.Wait(); !errors.Is(err, ErrKilled) {
		t.Errorf("Wait after Kill: error %v, want ErrKilled", err)
	}
	noneLeft(t, cut)

	var console bytes.Buffer
	if _, err := Run(t.Context(), Options{Command: []string{"sh", "-c", "sleep 60 >/run/disk/held & cat /run/disk/[ab]"}, Disks: disks, Console: &console}); err != nil {
		t.Fatal(err)
	}
	if got := console.String(); got != "first\n" {
		t.Errorf("files after the power cut: %q, want the synced one only", got)
	}
	if out, err := exec.Command("/sbin/e2fsck", "-fn", image).CombinedOutput(); err != nil || bytes.Contains(out, []byte("journal recovery")) {
		t.Errorf("disk of a guest that ended is not clean: %v\n%s", err, out)
	}
}

// lineWatch is a console that tells of its first line.
type lineWatch chan struct{}

func (w lineWatch) Write(p []byte) (int, error) {
	select {
	case w <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestConsoleIsWhole(t *testing.T) {
	hostTest(t)
	var console bytes.Buffer
	if _, err := Run(t.Context(), Options{Command: []string{"seq", "200000"}, Console: &console}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(console.String(), "\n")
	if len(lines) != 200001 || lines[199999] != "200000" {
		t.Errorf("%d lines of console, %q the last; want 200000", len(lines)-1, lines[max(0, len(lines)-2)])
	}
}

func TestContextEndsGuest(t *testing.T) {
	hostTest(t)
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	guest, err := Boot(ctx, Options{Command: []string{"sleep", "60"}})
	if err != nil {
		t.Fatal(err)
	}
	<-guest.Up()
	cancel()
	if _, err := guest.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait after cancel: error %v, want context.Canceled", err)
	}
	noneLeft(t, guest)
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("%d files left after the guest ended, %s the first", len(left), left[0].Name())
	}
}

// A guest that fails to boot tells why in the error.
func TestBootFails(t *testing.T) {
	hostTest(t)
	_, err := Run(t.Context(), Options{Command: []string{"true"}, Memory: 8})
	if !errors.Is(err, ErrStopped) || !strings.Contains(err.Error(), "physical memory") {
		t.Errorf("guest without memory: error %v, want ErrStopped and the kernel's words", err)
	}
}

// TestVMWatchdog, in the guest, lets the watchdog bite.
func TestWatchdogReboots(t *testing.T) {
	hostTest(t)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	exit, err := Run(t.Context(), Options{
		Command: []string{binary, "-test.run=^TestVMWatchdog$"},
		Env:     []string{"WATCHDOG=1"},
		Read:    []string{filepath.Dir(binary)},
	})
	if !errors.Is(err, ErrRebooted) {
		t.Errorf("exit status %d, error %v; want ErrRebooted", exit.Status, err)
	}
}
