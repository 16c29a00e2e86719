package line

import (
	"errors"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"lotusgate/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func mustOpen(t testing.TB, p Provider, names ...string) *Inputs {
	t.Helper()
	var in []Input
	for _, n := range names {
		in = append(in, Input{Name: n})
	}
	i, errs := p.Inputs(in)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close() })
	return i
}

// next waits for an edge; a bubble or the test's time-out ends a wait in vain.
func next(t testing.TB, i *Inputs) drivers.Edge {
	t.Helper()
	e, ok := <-i.Edges()
	if !ok {
		t.Fatal("edges ended")
	}
	return e
}

func TestKernelEdgesCarryTimeAndGaps(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A", "B", "C")
	i := mustOpen(t, k.provider(), "C", "A") // channel 0 is offset 2
	h := k.granted[0]
	const ms = time.Millisecond
	h.events <- event(2, 1, true, 5*ms)
	h.events <- append(event(0, 3, false, 6*ms), event(2, 2, false, 7*ms)...) // one read, two events; A's 1 and 2 are gone
	h.events <- event(0, 4, false, 9*ms)                                      // to the level it had: a rise went unseen
	for n, want := range []drivers.Edge{
		{Channel: 0, Level: true, At: 5 * ms, Clock: drivers.KernelClock},
		{Channel: 1, Level: false, At: 6 * ms, Clock: drivers.KernelClock, Lost: 2},
		{Channel: 0, Level: false, At: 7 * ms, Clock: drivers.KernelClock},
		{Channel: 1, Level: false, At: 9 * ms, Clock: drivers.KernelClock},
	} {
		if got := next(t, i); got != want {
			t.Errorf("edge %d = %+v, want %+v", n, got, want)
		}
	}
	i.Close() // after which the counts stand still
	s := i.Stats()
	if s[1].Edges != 2 || s[1].Lost != 2 || s[1].Merged != 1 || s[0].Edges != 2 || s[0].Lost != 0 || s[0].Merged != 0 {
		t.Errorf("stats = %+v", s)
	}
	if want := "gpiochip0 line 2 (C), kernel time"; s[0].Place != want || s[0].Clock != drivers.KernelClock {
		t.Errorf("place = %q by %v, want %q", s[0].Place, s[0].Clock, want)
	}
}

// Whatever the kernel drops, edges told and edges lost add up to the kernel's own count, across the wrap too.
func TestEveryEdgeIsToldOrLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChipInput(nil, []kernelLine{{info: Info{Offset: 7}}})
		first := rapid.Uint32().Draw(t, "first number")
		c.numbers[0] = first
		number := first
		var told, lost uint64
		for range rapid.IntRange(1, 50).Draw(t, "events") {
			number += 1 + rapid.Uint32Range(0, 3000).Draw(t, "dropped")
			_, e, err := c.decode(event(7, number, true, 0))
			if err != nil {
				t.Fatal(err)
			}
			told++
			lost += uint64(e.Lost)
		}
		if uint32(told+lost) != number-first {
			t.Fatalf("told %d + lost %d != %d", told, lost, number-first)
		}
	})
}

func TestForeignEventEndsTheLine(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A")
	i := mustOpen(t, k.provider(), "A")
	k.granted[0].events <- event(9, 1, true, 0)
	if g := <-i.Gone(); !strings.Contains(g.Err.Error(), "line 9") {
		t.Errorf("gone: %v", g.Err)
	}
}

// A consumer that stalls loses nothing here: the reader waits, and the kernel's buffer has the rest.
func TestStalledConsumerMakesTheReaderWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(fakeKernel).chip("gpiochip0", "A")
		p := k.provider()
		p.queue = 2
		i := mustOpen(t, p, "A")
		for n := range uint32(10) {
			k.granted[0].events <- event(0, n+1, n%2 == 0, time.Duration(n))
		}
		synctest.Wait()
		if len(k.granted[0].events) != 7 { // 2 queued, 1 in hand
			t.Errorf("%d events left to the kernel, want 7", len(k.granted[0].events))
		}
		for n := range 10 {
			if e := next(t, i); e.At != time.Duration(n) || e.Lost != 0 {
				t.Errorf("edge %d = %+v", n, e)
			}
			synctest.Wait()
		}
		if s := i.Stats()[0]; s.Stalls == 0 || s.Edges != 10 {
			t.Errorf("stats = %+v", s)
		}
	})
}

func TestCloseEndsEveryGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if one is left
		k := new(fakeKernel).chip("gpiochip0", "A").chip("gpiochip1", "B")
		p := k.provider()
		p.queue = 1
		i := mustOpen(t, p, "A", "B")
		for n := range uint32(5) { // A's reader waits for room, B's for events
			k.granted[0].events <- event(0, n+1, true, 0)
		}
		synctest.Wait()
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if err := i.Close(); err != nil {
			t.Error("second close:", err)
		}
		if len(k.open()) != 0 {
			t.Error("a request is left open")
		}
		if _, ok := <-i.Gone(); ok {
			t.Error("gone was told of a line that was closed")
		}
		if _, err := i.Level(0); err == nil {
			t.Error("level after close")
		}
		for range i.Edges() { // what was queued, then the end
		}
	})
}

func TestRemovedChipEndsItsLinesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := new(fakeKernel).chip("gpiochip0", "A", "B").chip("gpiochip1", "C")
		i := mustOpen(t, k.provider(), "A", "C", "B")
		first, second := k.granted[0], k.granted[1]
		first.events <- event(1, 1, true, 1)
		first.remove()
		synctest.Wait()
		for _, channel := range []int{0, 2} {
			g := <-i.Gone()
			if g.Channel != channel || drivers.Classify(g.Err) != drivers.FaultMissing {
				t.Errorf("gone = %+v, want channel %d missing", g, channel)
			}
			if _, err := i.Level(channel); drivers.Classify(err) != drivers.FaultMissing {
				t.Errorf("level of a removed line: %v", err)
			}
			if i.Stats()[channel].Err == nil {
				t.Error("stats know nothing of the removal")
			}
		}
		if open := k.open(); len(open) != 1 || open[0] != second {
			t.Error("the descriptor of the removed chip is not released")
		}
		if first.reads > 3 {
			t.Errorf("%d reads of a removed chip", first.reads)
		}
		if e := next(t, i); e.Channel != 2 {
			t.Errorf("the edge before the removal is missing, got %+v", e)
		}

		second.levels = 1
		if v, err := i.Level(1); err != nil || !v {
			t.Errorf("the other chip's level = %v, %v", v, err)
		}
		second.events <- event(0, 1, true, 2)
		if e := next(t, i); e.Channel != 1 {
			t.Errorf("edge = %+v", e)
		}

		again := mustOpen(t, k.provider(), "A", "B") // the chip is back
		k.granted[2].events <- event(0, 1, true, 3)
		if e := next(t, again); e.Channel != 0 || e.Lost != 0 {
			t.Errorf("edge = %+v", e)
		}

		second.remove()
		if _, ok := <-i.Edges(); ok {
			t.Error("edges go on without a line")
		}
	})
}

func TestBusyLineIsLeftOut(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A", "B", "C", "D", "E").chip("gpiochip1", "X")
	k.infos[1].Consumer = "gpiomon"
	k.refuse = map[string]error{
		"gpiochip0:1": syscall.EBUSY, "gpiochip0:3": syscall.ENXIO, "gpiochip1:0": syscall.EACCES,
	}
	i, errs := k.provider().Inputs([]Input{{Name: "A"}, {Name: "B"}, {Name: "C"}, {Name: "D"}, {Name: "E"}, {Name: "X"}})
	defer i.Close()
	for n, want := range []struct {
		fault drivers.Fault
		text  string
	}{
		{},
		{drivers.FaultBusy, `held by "gpiomon"`},
		{},
		{drivers.FaultMismatch, "no interrupt"},
		{},
		{drivers.FaultDenied, "group that owns /dev/gpiochip1"},
	} {
		err := errs[n]
		if drivers.Classify(err) != want.fault || (err != nil && !strings.Contains(err.Error(), want.text)) {
			t.Errorf("line %d: %v, want %v with %q", n, err, want.fault, want.text)
		}
	}
	open := k.open()
	if len(open) != 1 || open[0].asked.Lines != 3 {
		t.Fatalf("%d requests open, want one with the three good lines", len(open))
	}
	open[0].events <- event(4, 1, true, 0)
	if e := next(t, i); e.Channel != 4 {
		t.Errorf("edge of E came as %+v", e)
	}
	if _, err := i.Level(1); drivers.Classify(err) != drivers.FaultBusy {
		t.Errorf("level of a busy line: %v", err)
	}
}

// Lines that can be had one by one but not together must not be tried for ever.
func TestRefusalOfAllTogether(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A", "B")
	p := k.provider()
	p.kernel = together{k}
	i, errs := p.Inputs([]Input{{Name: "A"}, {Name: "B"}})
	if errs[0] == nil || errs[1] == nil {
		t.Fatalf("errors = %v", errs)
	}
	if _, ok := <-i.Edges(); ok {
		t.Error("an Inputs without lines is not ended")
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if len(k.open()) != 0 {
		t.Error("a request is left open")
	}
}
