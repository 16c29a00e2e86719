//go:build linux

package line

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/vm"
)

func TestVMEdges(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "LOOP_A", "", "LOOP_B")
	i := mustOpen(t, Kernel(), "LOOP_B", "LOOP_A")
	for n, step := range []struct {
		line, channel int
		up            bool
	}{{2, 0, true}, {0, 1, true}, {2, 0, false}, {2, 0, true}, {0, 1, false}} {
		before := Now()
		pull(t, c, step.line, step.up)
		e := receive(t, i)
		after := Now()
		if e.Channel != step.channel || e.Level != step.up || e.Lost != 0 || e.Clock != drivers.KernelClock {
			t.Errorf("edge %d = %+v, want %+v", n, e, step)
		}
		if e.At < before || e.At > after {
			t.Errorf("edge %d is stamped %v, but was made between %v and %v", n, e.At, before, after)
		}
		if v, err := i.Level(step.channel); err != nil || v != step.up {
			t.Errorf("level after edge %d = %v, %v", n, v, err)
		}
	}
	if s := i.Stats()[0]; !strings.HasPrefix(s.Place, filepath.Base(c.Path())+" line 2 (LOOP_B), kernel time") {
		t.Errorf("place = %q", s.Place)
	}
}

// The consumer sleeps through a burst, with almost no room in its queue: the kernel's buffer holds all of it.
func TestVMBurstWhileTheConsumerIsBlocked(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A", "B")
	p := Kernel()
	p.queue = 2
	i := mustOpen(t, p, "A", "B")
	chatter(t, c, 1, 200)
	last := time.Duration(0)
	for n := range 200 {
		e := receive(t, i)
		if e.Channel != 1 || e.Level != (n%2 == 0) || e.Lost != 0 || e.At <= last {
			t.Fatalf("edge %d = %+v after %v", n, e, last)
		}
		last = e.At
	}
	if s := i.Stats()[1]; s.Edges != 200 || s.Lost != 0 || s.Merged != 0 || s.Stalls == 0 {
		t.Errorf("stats = %+v", s)
	}

	// Faster than the kernel's interrupts: what those merge nobody sees, but nothing else is missing, and the end is right.
	for n := range 201 {
		pull(t, c, 1, n%2 == 0)
	}
	time.Sleep(tick)
	pull(t, c, 0, true)
	for {
		e := receive(t, i)
		if e.Lost != 0 {
			t.Errorf("edge = %+v", e)
		}
		if e.Channel == 0 {
			break
		}
	}
	if v, err := i.Level(1); err != nil || !v {
		t.Errorf("level = %v, %v", v, err)
	}
}

func TestVMSmallBufferShowsTheGap(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A")
	p := Kernel()
	p.queue, p.kept = 2, 16
	i := mustOpen(t, p, "A")
	const made = 201
	chatter(t, c, 0, made)
	told, lost := 0, 0
	var e drivers.Edge
	for told+lost < made {
		e = receive(t, i)
		told++
		lost += int(e.Lost)
	}
	if told+lost != made || lost < 100 {
		t.Errorf("%d edges told, %d lost, of %d", told, lost, made)
	}
	if !e.Level {
		t.Error("the last edge was lost, not the oldest")
	}
	i.Close()
	if s := i.Stats()[0]; int(s.Lost) != lost || int(s.Edges) != told {
		t.Errorf("stats = %+v, want %d lost of %d", s, lost, made)
	}
}

func TestVMDebounce(t *testing.T) {
	vm.GuestOnly(t)
	const period = 50 * time.Millisecond
	c := plug(t, "gate", "A", "B")
	i, errs := Kernel().Inputs([]Input{{Name: "A"}, {Name: "B", Debounce: period}})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for try := 0; ; try++ {
		var last, widest time.Duration
		for n := range 21 {
			at := Now()
			pull(t, c, 1, n%2 == 0)
			if n > 0 {
				widest = max(widest, at-last)
			}
			last = at
			time.Sleep(time.Millisecond / 2)
		}
		e := receive(t, i)
		if widest > period/2 && try < 20 { // this machine was too slow to bounce: start again from low
			pull(t, c, 1, false)
			for e.Level || e.Channel != 1 {
				e = receive(t, i)
			}
			continue
		}
		if e.Channel != 1 || !e.Level || e.At < last+period*4/5 {
			t.Errorf("edge = %+v, want a rise one period after %v", e, last)
		}
		break
	}
	pull(t, c, 1, false)
	if e := receive(t, i); e.Level || e.Lost != 0 { // so the 21 bounces were one event
		t.Errorf("edge after the bounces = %+v", e)
	}
	pull(t, c, 0, true) // a neighbor in the same request is not debounced
	if e := receive(t, i); e.Channel != 0 {
		t.Errorf("edge = %+v", e)
	}
	if n := requests(t); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
}

func TestVMCloseDuringEdges(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A")
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				if err := c.Pull(0, n%2 == 0); err != nil {
					t.Error(err)
					return
				}
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	p := Kernel()
	p.queue = 3
	for n := range 30 {
		i := mustOpen(t, p, "A")
		for range n % 5 { // close with edges waiting at every stage
			receive(t, i)
		}
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
		if n := requests(t); n != 0 {
			t.Fatalf("%d requests left", n)
		}
	}
}

// TestVMLatency reports how long an edge takes from the kernel's stamp to the consumer, beside a bare blocking read of
// a line of the same chip, edge about. It fails only if edges are missing.
func TestVMLatency(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "OURS", "BARE")
	i := mustOpen(t, Kernel(), "OURS")
	r := inputRequest([]kernelLine{{info: Info{Offset: 1}}}, kernelEvents)
	h, err := cdev{dir: "/dev"}.request(filepath.Base(c.Path()), &r)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	bare := newChipInput(h, []kernelLine{{info: Info{Offset: 1}}})
	woken := make(chan time.Duration)
	go func() {
		buf := make([]byte, eventSize)
		for {
			if _, err := h.read(buf); err != nil {
				close(woken)
				return
			}
			now := Now()
			_, e, _ := bare.decode(buf)
			woken <- now - e.At
		}
	}()
	ours := make(chan time.Duration)
	go func() {
		for e := range i.Edges() {
			ours <- Now() - e.At
		}
		close(ours)
	}()
	const edges = 500
	var times [2][]time.Duration
	for n := range edges {
		for line, from := range []chan time.Duration{ours, woken} {
			pull(t, c, line, n%2 == 0)
			select {
			case d := <-from:
				times[line] = append(times[line], d)
			case <-time.After(patience):
				t.Fatalf("edge %d of line %d did not come", n, line)
			}
		}
	}
	quantile := func(line int, q float64) time.Duration {
		slices.Sort(times[line])
		return times[line][int(q*(edges-1))]
	}
	for _, q := range []float64{.5, .9, .99} {
		a, b := quantile(0, q), quantile(1, q)
		t.Logf("kernel stamp to consumer, p%.0f: %v; bare reader %v; ratio %.2f", 100*q, a, b, float64(a)/float64(b))
	}
}
