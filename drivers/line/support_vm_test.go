//go:build linux

package line

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/vm"
)

// tick is more than the kernel needs to see one level of a simulated line: 1 ms.
const tick = 2 * time.Millisecond

// patience bounds every wait for something that must come.
const patience = 20 * time.Second

// plug makes a chip of the kernel for one test.
func plug(t testing.TB, name string, lines ...string) *vm.Chip {
	t.Helper()
	c, err := vm.NewChip(name, "pinctrl-"+name, lines)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unplug(t, c) })
	return c
}

func unplug(t testing.TB, c *vm.Chip) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func pull(t testing.TB, c *vm.Chip, line int, up bool) {
	t.Helper()
	if err := c.Pull(line, up); err != nil {
		t.Fatal(err)
	}
}

// chatter makes n edges on a line that is low, each of which the kernel sees: a busy host may keep the guest from its
// interrupts for longer than a tick.
func chatter(t testing.TB, c *vm.Chip, line, n int) {
	t.Helper()
	for k := range n {
		before := interrupts(t)
		pull(t, c, line, k%2 == 0)
		for deadline := time.Now().Add(patience); interrupts(t) == before; time.Sleep(tick / 4) {
			if time.Now().After(deadline) {
				t.Fatalf("edge %d made no interrupt", k)
			}
		}
		time.Sleep(tick) // its thread has its turn
	}
}

// interrupts is how many interrupts simulated lines have made so far.
func interrupts(t testing.TB) (n uint64) {
	t.Helper()
	b, err := os.ReadFile("/proc/interrupts")
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(string(b)) {
		fields := strings.Fields(row)
		if len(fields) < 3 || !strings.Contains(row, "irq_sim") {
			continue
		}
		count, err := strconv.ParseUint(fields[1], 10, 64)
		if err != nil {
			t.Fatalf("%v: %s", err, row)
		}
		n += count
	}
	return n
}

func receive(t testing.TB, i *Inputs) drivers.Edge {
	t.Helper()
	select {
	case e, ok := <-i.Edges():
		if !ok {
			t.Fatal("edges ended")
		}
		return e
	case <-time.After(patience):
		t.Fatal("no edge")
	}
	panic("unreachable")
}

func receiveGone(t testing.TB, i *Inputs) Gone {
	t.Helper()
	select {
	case g := <-i.Gone():
		return g
	case <-time.After(patience):
		t.Fatal("nobody noticed the removal")
	}
	panic("unreachable")
}

// requests counts this process's descriptors of GPIO chips and requests.
func requests(t testing.TB) int {
	t.Helper()
	files, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		if to, _ := os.Readlink(f); strings.HasPrefix(to, "anon_inode:gpio") || strings.HasPrefix(to, "/dev/gpiochip") {
			n++
		}
	}
	return n
}
