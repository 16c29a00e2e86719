//go:build linux

package line

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lotusgate/firmware-sim/vm"
)

// watcher looks at a coil all the time.
type watcher struct {
	looks, seen atomic.Int64
	end         func() // also called when the test ends
}

func watch(t *testing.T, active func() bool) *watcher {
	stop, stopped := make(chan struct{}), make(chan struct{})
	w := &watcher{end: sync.OnceFunc(func() { close(stop); <-stopped })}
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			w.looks.Add(1)
			if active() {
				w.seen.Add(1)
			}
		}
	}()
	t.Cleanup(w.end)
	return w
}

// Somebody watches the coil all the time while the relay is opened, left alone, and closed.
func TestVMRelayIsNeverActiveUnlessSet(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "HIGH", "LOW")
	pull(t, c, 1, true) // as the resistor on a board does that is active low
	for line, o := range []Output{{Name: "HIGH"}, {Name: "LOW", ActiveLow: true}} {
		active := func() bool {
			v, err := c.Value(line)
			if err != nil {
				t.Error(err)
			}
			return v != o.ActiveLow
		}
		w := watch(t, active)
		for range 50 {
			r, err := Kernel().Output(o)
			if err != nil {
				t.Fatal(err)
			}
			if active() {
				t.Fatalf("%s is active after it was opened", o.Name)
			}
			for from := w.looks.Load(); w.looks.Load() < from+3; {
				time.Sleep(time.Millisecond / 10)
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		w.end()
		if w.seen.Load() != 0 {
			t.Errorf("%s was seen active %d times in %d looks", o.Name, w.seen.Load(), w.looks.Load())
		}

		r, err := Kernel().Output(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []bool{true, false, true} {
			if err := r.Set(want); err != nil || active() != want {
				t.Errorf("%s set to %v: %v, active %v", o.Name, want, err, active())
			}
		}
		infos, err := Kernel().Lines() // looking at an output leaves it one
		if err != nil || !infos[line].Output || !infos[line].Used || infos[line].Consumer != consumer || !active() {
			t.Errorf("lines = %+v, %v; active %v", infos[line], err, active())
		}
		if err := r.Close(); err != nil || active() {
			t.Errorf("closed: %v, active %v", err, active())
		}
	}
}
