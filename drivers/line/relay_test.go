package line

import (
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/warthog618/go-gpiocdev/uapi"
	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers"
)

func TestRelayOfTheKernel(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A", "B")
	r, err := k.provider().Output(Output{Name: "B", ActiveLow: true})
	if err != nil {
		t.Fatal(err)
	}
	h := k.granted[0]
	if h.asked.Config.Flags != uapi.LineFlagV2Output|uapi.LineFlagV2ActiveLow || h.asked.Config.NumAttrs != 0 ||
		h.asked.Lines != 1 || h.asked.Offsets[0] != 1 {
		t.Errorf("asked for %+v: must be an output, active low, with no value", h.asked)
	}
	if len(h.drives) != 0 {
		t.Error("driven after the request, so not inactive from the first moment")
	}
	if err := r.Set(true); err != nil {
		t.Error(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(h.drives, []bool{true, false}) || len(k.open()) != 0 {
		t.Errorf("driven %v, %d open; want inactive before the release", h.drives, len(k.open()))
	}
	if err := r.Set(true); err == nil || len(h.drives) != 2 {
		t.Errorf("set after close: %v, driven %v", err, h.drives)
	}
	if err := r.Close(); err != nil {
		t.Error("second close:", err)
	}
}

func TestRelayOnAPinIsNeverAsked(t *testing.T) {
	p := &hostilePin{t: t, name: "X1"} // fails the test on Read, Func and Function
	register(t, p)
	r, err := Registry(nil).Output(Output{Name: "X1", ActiveLow: true})
	if err != nil {
		t.Fatal(err)
	}
	r.Set(true)
	r.Close()
	if want := []gpio.Level{gpio.High, gpio.Low, gpio.High}; !slices.Equal(p.outs, want) {
		t.Errorf("driven %v, want %v", p.outs, want)
	}
	if r.Place() != "pin X1" || p.input {
		t.Errorf("place = %q, input = %v", r.Place(), p.input)
	}
}

func TestRelayErrors(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A", "B")
	k.infos[1].Consumer = "heartbeat"
	k.refuse = map[string]error{"gpiochip0:1": syscall.EBUSY}
	if _, err := k.provider().Output(Output{Name: "C"}); drivers.Classify(err) != drivers.FaultMissing {
		t.Errorf("unknown: %v", err)
	}
	if _, err := k.provider().Output(Output{Name: "B"}); drivers.Classify(err) != drivers.FaultBusy || !strings.Contains(err.Error(), `"heartbeat"`) {
		t.Errorf("busy: %v", err)
	}
	r, err := k.provider().Output(Output{Name: "A"})
	if err != nil {
		t.Fatal(err)
	}
	k.granted[0].remove()
	if err := r.Set(true); drivers.Classify(err) != drivers.FaultMissing {
		t.Errorf("removed: %v", err)
	}
	if err := r.Close(); drivers.Classify(err) != drivers.FaultMissing || len(k.open()) != 0 {
		t.Errorf("close of a removed relay: %v, %d open", err, len(k.open()))
	}
}

// Whoever sets at the moment of Close: the last that the coil hears is "inactive".
func TestRelayIsInactiveAfterClose(t *testing.T) {
	for range 100 {
		k := new(fakeKernel).chip("gpiochip0", "A")
		r, err := k.provider().Output(Output{Name: "A"})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { r.Set(true) })
		}
		wg.Go(func() { r.Close() })
		wg.Wait()
		if d := k.granted[0].drives; d[len(d)-1] {
			t.Fatalf("driven %v", d)
		}
	}
}

func TestRelayIsReadBackWhereItCanBe(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A")
	r, err := k.provider().Output(Output{Name: "A"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		r.Set(want)
		if active, ok, err := r.Active(); active != want || !ok || err != nil {
			t.Errorf("read back %v, %v, %v; want %v", active, ok, err, want)
		}
	}
	k.granted[0].remove()
	if _, _, err := r.Active(); drivers.Classify(err) != drivers.FaultMissing {
		t.Errorf("removed: %v", err)
	}
	r.Close()
	if _, _, err := r.Active(); err == nil {
		t.Error("closed, and read")
	}
}

func TestWhatBecomesOfAReleasedLine(t *testing.T) {
	for _, strict := range []bool{true, false} {
		k := new(fakeKernel).chip("gpiochip0", "A")
		k.strict = strict
		if input, err := k.provider().ReturnsToInput(Output{Name: "A"}); input != strict || err != nil {
			t.Errorf("strict %v: %v, %v", strict, input, err)
		}
		if len(k.open()) != 0 || len(k.granted[0].drives) != 0 {
			t.Error("the probe drove the line, or kept it")
		}
	}
	register(t, &hostilePin{t: t, name: "X9"})
	if _, err := Registry(nil).ReturnsToInput(Output{Name: "X9"}); err == nil {
		t.Error("a pin was believed")
	}
}
