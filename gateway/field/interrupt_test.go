package field

import (
	"strings"
	"testing"
	"time"

	"lotusgate/gateway/hub"
)

// An INT wire that is cut: polling finds what INT does not announce, so the chip is polled fast and somebody is told.
func TestInterruptNeverFires(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		for n := range 3 {
			b.quietly(0, n%2 == 0)
			wait(2 * time.Second)
		}
		if s := sourceOf(t, h, "x1"); !s.OK || s.Interrupt != "int_dead" {
			t.Fatalf("%+v", s)
		}
		m.take()
		b.quietly(0, false)
		wait(1500 * time.Millisecond) // raised 1 s after a poll that came within 20 ms
		b.quietly(0, true)
		wait(time.Second + 60*time.Millisecond)
		expect(t, m, "6.5s elevator.fault_cleared car-1\n8s elevator.fault_raised car-1")
		b.change(0, false)
		wait(2 * time.Second)
		if s := sourceOf(t, h, "x1"); s.Interrupt != "" {
			t.Errorf("INT fires again: %+v", s)
		}
	})
}

// A poll that comes between the fall of INT and its report makes the kernel report the rise alone.
func TestInterruptMerged(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		for n := range 3 {
			b.quietly(0, n%2 == 0)
			wait(2 * time.Second)
		}
		if s := sourceOf(t, h, "x1"); s.Interrupt != "int_dead" {
			t.Fatalf("%+v", s)
		}
		b.quietly(0, false)
		b.set(7, true)
		wait(2 * time.Second)
		if s := sourceOf(t, h, "x1"); s.Interrupt != "" {
			t.Errorf("INT fires again: %+v", s)
		}
	})
}

func TestInterruptStuckLow(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		b.mu.Lock()
		b.stuck = true
		b.mu.Unlock()
		b.set(7, false)
		wait(5 * time.Second)
		if s := sourceOf(t, h, "x1"); !s.OK || s.Interrupt != "int_stuck" {
			t.Fatalf("%+v", s)
		}
		expect(t, m, "3s bus.fault cabinet")
		if a := h.View().Alarms; len(a) != 1 || a[0].Key() != "cabinet/fault-x1.int" {
			t.Errorf("alarms %+v", a)
		}
		b.mu.Lock()
		b.stuck = false
		b.mu.Unlock()
		wait(time.Second)
		if s := sourceOf(t, h, "x1"); s.Interrupt != "" {
			t.Errorf("%+v", s)
		}
		if a := h.View().Alarms; len(a) != 0 {
			t.Errorf("alarms %+v", a)
		}
	})
}

// A wire that touches ground cannot fall: changes that polls find meanwhile do not make another fault of it, again and again.
func TestInterruptStuckWhileChangesCome(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		b.mu.Lock()
		b.stuck = true
		b.mu.Unlock()
		b.set(7, false)
		wait(5 * time.Second)
		expect(t, m, "3s bus.fault cabinet")
		for n := range 6 {
			b.quietly(0, n%2 == 0)
			wait(500 * time.Millisecond)
			if s := sourceOf(t, h, "x1"); s.Interrupt != "int_stuck" {
				t.Fatalf("after change %d: %+v", n, s)
			}
		}
		if got := m.take(); strings.Contains(got, "bus.") {
			t.Errorf("said again: %s", got)
		}
	})
}

// Traffic does not put off that a wire touches ground: what polls find did not make it fall.
func TestInterruptStuckUnderTraffic(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		b.mu.Lock()
		b.stuck = true
		b.mu.Unlock()
		b.set(7, false)
		for n := range 5 { // one change for each poll
			b.quietly(0, n%2 == 0)
			wait(time.Second)
		}
		if s := sourceOf(t, h, "x1"); !s.OK || s.Interrupt != "int_stuck" {
			t.Errorf("%+v", s)
		}
	})
}

// A wire that works is not suspected, however often it fires.
func TestWorkingInterruptIsNoFault(t *testing.T) {
	inField(t, nil, func(b *board, m *memory, h *hub.Hub) {
		for n := range 40 {
			b.change(0, n%2 == 0)
			wait(700 * time.Millisecond)
		}
		if s := sourceOf(t, h, "x1"); s.Interrupt != "" {
			t.Errorf("%+v", s)
		}
	})
}
