package rig

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
)

func input(t *testing.T, p *Pin, edge gpio.Edge) {
	t.Helper()
	if err := p.In(gpio.PullUp, edge); err != nil {
		t.Fatal(err)
	}
}

func TestPinWaits(t *testing.T) {
	for _, c := range []struct {
		name    string
		timeout time.Duration
		does    func(p *Pin) // one second after the wait began
		want    bool
		took    time.Duration
	}{
		{"times out", 3 * time.Second, func(*Pin) {}, false, 3 * time.Second},
		{"zero does not wait", 0, func(*Pin) {}, false, 0},
		{"sees an edge", 3 * time.Second, func(p *Pin) { p.set(ToGnd) }, true, time.Second},
		{"negative has no end, but an edge", -1, func(p *Pin) { time.Sleep(100 * time.Hour); p.set(ToGnd) }, true, time.Second + 100*time.Hour},
		{"any negative", -5 * time.Second, func(p *Pin) { p.set(ToGnd) }, true, time.Second},
		{"halt ends it", -1, func(p *Pin) { p.Halt() }, false, time.Second},
		{"in ends it", -1, func(p *Pin) { p.In(gpio.PullUp, gpio.BothEdges) }, false, time.Second},
		{"unplugging ends it", -1, func(p *Pin) { p.remove() }, false, time.Second},
		{"a level that stays is no edge", 3 * time.Second, func(p *Pin) { p.set(ToPower) }, false, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPin(17)
				input(t, p, gpio.BothEdges)
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() {
					time.Sleep(time.Second)
					c.does(p)
				})
				began := time.Now()
				if got := p.WaitForEdge(c.timeout); got != c.want {
					t.Errorf("waited and got %v, want %v", got, c.want)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestPinQueuesEdgesAsTheKernelDoes(t *testing.T) {
	p := newPin(17)
	input(t, p, gpio.BothEdges)
	for range 10 {
		p.set(ToGnd)
		p.set(Open)
	}
	n := 0
	for p.WaitForEdge(0) {
		n++
	}
	if n != kernelEdges || p.Lost() != 20-kernelEdges {
		t.Errorf("%d edges and %d lost of 20", n, p.Lost())
	}
	p.set(ToGnd)
	input(t, p, gpio.BothEdges)
	if p.WaitForEdge(0) {
		t.Error("In did not forget the edges before it")
	}
	input(t, p, gpio.RisingEdge)
	p.set(Open)
	p.set(ToGnd)
	if !p.WaitForEdge(0) || p.WaitForEdge(0) {
		t.Error("want the rising edge and not the falling one")
	}
}

func TestPinLevels(t *testing.T) {
	p := newPin(17)
	check := func(step string, want gpio.Level) {
		t.Helper()
		if got := p.Read(); got != want {
			t.Errorf("%s: %v, want %v", step, got, want)
		}
	}
	check("pull-down after power-on", gpio.Low)
	p.In(gpio.PullNoChange, gpio.NoEdge)
	check("and it stays: who forgets the pull-up reads every contact as closed", gpio.Low)
	p.In(gpio.PullUp, gpio.NoEdge)
	check("pulled up", gpio.High)
	p.set(ToGnd)
	check("contact closed", gpio.Low)
	p.fail(wireCut)
	check("wire cut", gpio.High)
	p.fail(wireGrounded)
	p.set(Open)
	check("wire shorted to ground", gpio.Low)
	p.fail(wireWhole)
	check("mended", gpio.High)
	p.In(gpio.Float, gpio.NoEdge)
	check("an open wire keeps its charge", gpio.High)
	p.Out(gpio.Low)
	check("output", gpio.Low)
	p.Halt()
	check("output after Halt", gpio.Low)
	if newPin(3).Read() != gpio.High || newPin(3).DefaultPull() != gpio.PullUp {
		t.Error("GPIO3 has no pull-up after power-on")
	}
}

func TestPinOfAClosedBoard(t *testing.T) {
	p := newPin(17)
	input(t, p, gpio.BothEdges)
	p.remove()
	if err := p.In(gpio.PullUp, gpio.BothEdges); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("In: %v", err)
	}
	if err := p.Out(gpio.High); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("Out: %v", err)
	}
	if p.WaitForEdge(-1) {
		t.Error("an edge of a pin that is gone")
	}
}
