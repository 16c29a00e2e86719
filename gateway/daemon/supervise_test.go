package daemon

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
)

// fakeSupervisor counts; told gets each word.
type fakeSupervisor struct{ told chan string }

func (f fakeSupervisor) Ready()                  { f.told <- "ready" }
func (f fakeSupervisor) Alive()                  { f.told <- "alive" }
func (f fakeSupervisor) Stopping()               { f.told <- "stopping" }
func (f fakeSupervisor) Interval() time.Duration { return time.Millisecond }

// logged passes on what is logged.
type logged chan string

func (l logged) Write(b []byte) (int, error) { l <- string(b); return len(b), nil }

// The watchdog is fed while core and storage move, and not a moment longer.
func TestSupervise(t *testing.T) {
	c := newClock("boot", theKernel(), time.Time{}, calendar{})
	told, log := make(chan string), make(logged, 10)
	d := &daemon{
		o: Options{Supervisor: fakeSupervisor{told}}, clock: c, field: field.New(field.Config{}, hub.New(c.Now), nil, c.Now, nil), moved: make(chan struct{}),
		log: slog.New(slog.NewTextHandler(log, nil)),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.supervise(ctx) })

	select {
	case word := <-told:
		t.Fatal("before the first step:", word)
	case <-time.After(5 * time.Millisecond):
	}
	d.looked.Store(int64(c.Now()))
	d.step()
	d.step() // the second is nothing special
	if a, b, c := <-told, <-told, <-told; a != "ready" || b != "alive" || c != "alive" {
		t.Error(a, b, c)
	}
	dead := int64(c.Now().Add(-partDead - time.Second))
	d.looked.Store(dead)
	for said := ""; said == ""; {
		select {
		case <-told: // was on its way
		case said = <-log:
			if !strings.Contains(said, "the storage has made no step for 6s") {
				t.Error(said)
			}
		}
	}
	d.looked.Store(int64(c.Now()))
	if word := <-told; word != "alive" {
		t.Error(word)
	}
	d.beat.Store(dead)
	if err := d.alive(); err == nil || !strings.Contains(err.Error(), "core") {
		t.Error(err)
	}
	cancel()
	go func() {
		for range told {
		}
	}()
	wg.Wait()
	close(told)
}
