//go:build linux

package vm

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
)

// closeLater closes c after the test.
func closeLater(t *testing.T, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// monotonic is the clock of the kernel's time stamps, in ns.
func monotonic(t *testing.T) int64 {
	t.Helper()
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano()
}

func newChip(t *testing.T, lines ...string) *Chip {
	t.Helper()
	chip, err := NewChip("test", "pinctrl-test", lines)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, chip)
	return chip
}

func TestVMChipNamesLines(t *testing.T) {
	GuestOnly(t)
	sim := newChip(t, "LOOP_A", "", "GATE_OPEN")
	chip, err := gpiocdev.NewChip(sim.Path())
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, chip)
	if chip.Label != "pinctrl-test" || chip.Lines() != 3 {
		t.Errorf("chip %q with %d lines, want pinctrl-test with 3", chip.Label, chip.Lines())
	}
	for offset, want := range []string{"LOOP_A", "", "GATE_OPEN"} {
		info, err := chip.LineInfo(offset)
		if err != nil || info.Name != want {
			t.Errorf("line %d: name %q, error %v, want %q", offset, info.Name, err, want)
		}
	}
}

func TestVMChipEdges(t *testing.T) {
	GuestOnly(t)
	sim := newChip(t, "LOOP_A", "LOOP_B")
	events := make(chan gpiocdev.LineEvent, 8)
	line, err := gpiocdev.RequestLine(sim.Path(), 1, gpiocdev.WithBothEdges,
		gpiocdev.WithEventHandler(func(e gpiocdev.LineEvent) { events <- e }))
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, line)
	for n, up := range []bool{true, false} {
		before := monotonic(t)
		if err := sim.Pull(1, up); err != nil {
			t.Fatal(err)
		}
		select {
		case e := <-events:
			after := monotonic(t)
			rising := e.Type == gpiocdev.LineEventRisingEdge
			if rising != up || e.LineSeqno != uint32(n+1) {
				t.Errorf("edge %d: rising %v, sequence number %d, want %v, %d", n+1, rising, e.LineSeqno, up, n+1)
			}
			if at := int64(e.Timestamp); at < before || at > after {
				t.Errorf("edge %d: time stamp %d outside %d to %d", n+1, at, before, after)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("no event 5 s after edge %d", n+1)
		}
	}
}

func TestVMChipOutput(t *testing.T) {
	GuestOnly(t)
	sim := newChip(t, "RELAY")
	line, err := gpiocdev.RequestLine(sim.Path(), 0, gpiocdev.AsOutput(1))
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, line)
	for _, want := range []int{1, 0} {
		if err := line.SetValue(want); err != nil {
			t.Fatal(err)
		}
		if high, err := sim.Value(0); err != nil || high != (want == 1) {
			t.Errorf("output set to %d: Value %v, error %v", want, high, err)
		}
	}
}

func TestVMChipPulledOut(t *testing.T) {
	GuestOnly(t)
	sim := newChip(t, "LOOP_A")
	line, err := gpiocdev.RequestLine(sim.Path(), 0, gpiocdev.AsInput)
	if err != nil {
		t.Fatal(err)
	}
	closeLater(t, line)
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := line.Value(); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("value of a line whose chip is gone: error %v, want ENODEV", err)
	}
	if _, err := os.Stat(sim.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s after Close: %v, want none", sim.Path(), err)
	}
	again := newChip(t, "LOOP_A")
	if _, err := NewChip("test", "other", []string{"A"}); !errors.Is(err, os.ErrExist) {
		t.Errorf("second chip of one name: error %v, want ErrExist", err)
	}
	if high, err := again.Value(0); err != nil || high {
		t.Errorf("chip plugged in again: Value %v, error %v", high, err)
	}
}
