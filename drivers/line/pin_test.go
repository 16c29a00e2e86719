package line

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/gpio/gpiotest"

	"lotusgate/drivers"
)

func TestPinEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := &gpiotest.Pin{N: "GPIO17", EdgesChan: make(chan gpio.Level, 1)}
		register(t, p)
		i, errs := Registry(func() time.Duration { return time.Since(start) }).Inputs([]Input{{Name: "GPIO17", Bias: PullUp}})
		if errs[0] != nil {
			t.Fatal(errs[0])
		}
		if v, err := i.Level(0); err != nil || !v {
			t.Errorf("level at start = %v, %v; want what the pull-up makes it", v, err)
		}
		time.Sleep(time.Hour - time.Since(start)) // many waits without an edge
		for n, level := range []gpio.Level{gpio.Low, gpio.High, gpio.High} {
			p.EdgesChan <- level
			want := drivers.Edge{Level: bool(level), At: time.Hour + time.Duration(n)*time.Second, Clock: drivers.UserClock}
			if got := next(t, i); got != want {
				t.Errorf("edge = %+v, want %+v", got, want)
			}
			time.Sleep(time.Second)
		}
		began := time.Now()
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > pinWait {
			t.Errorf("close took %v", d)
		}
		s := i.Stats()[0]
		if s.Place != "pin GPIO17, user time" || s.Edges != 3 || s.Merged != 1 || s.Lost != 0 {
			t.Errorf("stats = %+v", s)
		}
	})
}

func TestPinBias(t *testing.T) {
	for bias, want := range map[Bias]gpio.Pull{AsIs: gpio.PullNoChange, PullUp: gpio.PullUp, PullDown: gpio.PullDown, Float: gpio.Float} {
		p := &hostilePin{t: t, name: "X1", wait: func(time.Duration) bool { return false }}
		if _, err := openPin(p, Input{Bias: bias}, Now); err != nil || p.pull != want {
			t.Errorf("bias %d: pull %v, %v; want %v", bias, p.pull, err, want)
		}
	}
}

// The level is the one after the wake, whatever the edge was.
func TestPinLevelIsReadAfterTheWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		edges := make(chan gpio.Level)
		p := &hostilePin{t: t, name: "X1"}
		p.wait = func(d time.Duration) bool {
			select {
			case l := <-edges:
				p.mu.Lock()
				p.level = l
				p.mu.Unlock()
				return true
			case <-time.After(d):
				return false
			}
		}
		register(t, p)
		i := mustOpen(t, Registry(nil), "X1")
		for _, l := range []gpio.Level{gpio.High, gpio.Low} {
			edges <- l
			if e := next(t, i); e.Level != bool(l) {
				t.Errorf("level = %v, want %v", e.Level, l)
			}
		}
	})
}

func TestPinDrainsOldEdges(t *testing.T) {
	old := 3
	p := &hostilePin{t: t, name: "X1", wait: func(time.Duration) bool { old--; return old >= 0 }}
	if _, err := openPin(p, Input{}, Now); err != nil || p.waits != 4 {
		t.Errorf("waited %d times, %v; want until the three old edges are gone", p.waits, err)
	}
	p = &hostilePin{t: t, name: "X2", wait: func(time.Duration) bool { return true }}
	if _, err := openPin(p, Input{}, Now); err != nil || p.waits != pinDrain {
		t.Errorf("waited %d times, %v; want an end", p.waits, err)
	}
}

// When a device is gone, periph's WaitForEdge returns false at once, 1,100 to 13,000 times in 200 ms.
func TestPinThatIsGoneEndsWithoutSpinning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &hostilePin{t: t, name: "X1", wait: func(time.Duration) bool { return false }}
		register(t, p)
		i := mustOpen(t, Registry(nil), "X1")
		began := time.Now()
		g, ok := <-i.Gone()
		gaveUp := time.Since(began)
		if !ok || drivers.Classify(g.Err) != drivers.FaultMissing {
			t.Errorf("gone = %+v", g)
		}
		time.Sleep(time.Minute)
		if p.waits > pinTries+1 {
			t.Errorf("waited %d times", p.waits)
		}
		if gaveUp != pinTries*pinWait {
			t.Errorf("given up after %v, not after %d waits", gaveUp, pinTries)
		}
		if _, err := i.Level(0); drivers.Classify(err) != drivers.FaultMissing {
			t.Errorf("level = %v, not the driver's Low", err)
		}
		if _, ok := <-i.Edges(); ok {
			t.Error("edges go on")
		}
	})
}

// A wait that ends early now and then, as after somebody's Halt, is no reason to give up.
func TestPinSurvivesAHalt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := &hostilePin{t: t, name: "X1"}
		p.wait = func(d time.Duration) bool {
			calls++
			if calls%3 == 0 {
				time.Sleep(d)
			}
			return false
		}
		register(t, p)
		i := mustOpen(t, Registry(nil), "X1")
		time.Sleep(time.Minute)
		if _, err := i.Level(0); err != nil {
			t.Error(err)
		}
	})
}

func TestPinThatRefuses(t *testing.T) {
	p := &hostilePin{t: t, name: "X1", inErr: errors.New("ioctl: device or resource busy")}
	good := &gpiotest.Pin{N: "X2", EdgesChan: make(chan gpio.Level, 1)}
	register(t, p, good)
	i, errs := Registry(nil).Inputs([]Input{{Name: "X1"}, {Name: "X2"}})
	defer i.Close()
	if drivers.Classify(errs[0]) != drivers.FaultBusy || errs[1] != nil {
		t.Errorf("errors = %v", errs)
	}
	good.EdgesChan <- gpio.High
	if e := next(t, i); e.Channel != 1 {
		t.Errorf("edge = %+v", e)
	}
}

func ExampleProvider_Inputs() {
	pin := &gpiotest.Pin{N: "GPIO17", EdgesChan: make(chan gpio.Level)}
	gpioreg.Register(pin)
	defer gpioreg.Unregister(pin.N)
	inputs, errs := Registry(func() time.Duration { return 42 * time.Second }).Inputs([]Input{
		{Name: "GPIO17", Bias: PullUp},
		{Name: "GPIO71"},
	})
	defer inputs.Close()
	fmt.Println(errs[0])
	fmt.Println(errs[1])
	pin.EdgesChan <- gpio.Low
	e := <-inputs.Edges()
	fmt.Println(inputs.Stats()[e.Channel].Place, "level", e.Level, "at", e.At)
	// Output:
	// <nil>
	// find line GPIO71: no line has this name; nearest: GPIO17
	// pin GPIO17, user time level false at 42s
}
