//go:build linux

package line

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warthog618/go-gpiocdev"
	"periph.io/x/conn/v3/gpio/gpiotest"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/vm"
)

func TestVMNames(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "ID_SDA", "GPIO17", "", "TWICE")
	d := plug(t, "usb", "TWICE")
	first, second := filepath.Base(c.Path()), filepath.Base(d.Path())
	register(t, &gpiotest.Pin{N: "GPIO17"})
	alias(t, "P1_11", "GPIO17")
	node := "/dev/gpiochip99" // a second node for one chip, as on a Raspberry Pi 5
	if err := os.Symlink(c.Path(), node); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(node)

	infos, err := Kernel().Lines()
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, l := range infos {
		listed = append(listed, l.String())
	}
	want := []string{
		first + " line 0 (ID_SDA)", first + " line 1 (GPIO17)", first + " line 2", first + " line 3 (TWICE)",
		second + " line 0 (TWICE)",
	}
	if !slices.Equal(listed, want) {
		t.Errorf("lines = %q, want %q", listed, want)
	}

	for name, line := range map[string]int{"GPIO17": 1, "P1_11": 1, first + ":2": 2, "pinctrl-gate:3": 3} {
		i := mustOpen(t, Kernel(), name)
		pull(t, c, line, true)
		if e := receive(t, i); !e.Level || e.Clock != drivers.KernelClock {
			t.Errorf("%s: edge = %+v", name, e)
		}
		i.Close()
		pull(t, c, line, false)
	}
	if _, err := Kernel().Output(Output{Name: "TWICE"}); err == nil || !strings.Contains(err.Error(), first+":3 or "+second+":0") {
		t.Errorf("a name of two lines: %v", err)
	}
	_, errs := Kernel().Inputs([]Input{{Name: "GPIO7"}})
	if drivers.Classify(errs[0]) != drivers.FaultMissing || !strings.Contains(errs[0].Error(), "nearest: GPIO17") {
		t.Errorf("unknown name: %v", errs[0])
	}
}

func TestVMBusyLine(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A", "B", "C")
	other, err := gpiocdev.RequestLine(c.Path(), 1, gpiocdev.WithConsumer("heartbeat"))
	if err != nil {
		t.Fatal(err)
	}
	i, errs := Kernel().Inputs([]Input{{Name: "A"}, {Name: "B"}, {Name: "C"}})
	defer i.Close()
	if errs[0] != nil || drivers.Classify(errs[1]) != drivers.FaultBusy || errs[2] != nil {
		t.Fatalf("errors = %v", errs)
	}
	if !strings.Contains(errs[1].Error(), `held by "heartbeat"`) {
		t.Errorf("error = %v", errs[1])
	}
	pull(t, c, 2, true)
	if e := receive(t, i); e.Channel != 2 {
		t.Errorf("edge = %+v", e)
	}
	other.Close()
	mustOpen(t, Kernel(), "B")
}

func TestVMBias(t *testing.T) {
	vm.GuestOnly(t)
	c := plug(t, "gate", "A", "B", "C", "D")
	chip, err := gpiocdev.NewChip(c.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer chip.Close()
	pull(t, c, 1, true)
	i, errs := Kernel().Inputs([]Input{{Name: "A", Bias: PullUp}, {Name: "B", Bias: PullDown}, {Name: "C", Bias: Float}, {Name: "D"}})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for n, want := range []struct {
		bias  gpiocdev.LineBias
		level bool
	}{
		{gpiocdev.LineBiasPullUp, true},
		{gpiocdev.LineBiasPullDown, false},
		{gpiocdev.LineBiasDisabled, false}, // where periph sets no flag at all
		{gpiocdev.LineBiasUnknown, false},
	} {
		info, err := chip.LineInfo(n)
		if err != nil || info.Config.Bias != want.bias || info.Consumer != consumer {
			t.Errorf("line %d: %+v, %v; want bias %v", n, info, err, want.bias)
		}
		if v, err := i.Level(n); err != nil || v != want.level {
			t.Errorf("level of line %d = %v, %v; want %v", n, v, err, want.level)
		}
	}
	if e := len(i.Edges()); e != 0 {
		t.Errorf("%d edges from setting the bias", e)
	}
}

func TestVMLinesShareRequests(t *testing.T) {
	vm.GuestOnly(t)
	names := make([]string, 70)
	for n := range names {
		names[n] = "L" + string(rune('A'+n/10)) + string(rune('0'+n%10))
	}
	c := plug(t, "big", names...)
	i := mustOpen(t, Kernel(), names...)
	if n := requests(t); n != 2 {
		t.Errorf("%d requests for 70 lines of one chip, want 2", n)
	}
	for _, line := range []int{0, 63, 64, 69} {
		pull(t, c, line, true)
		if e := receive(t, i); e.Channel != line {
			t.Errorf("edge = %+v, want channel %d", e, line)
		}
		if v, err := i.Level(line); err != nil || !v {
			t.Errorf("level of %d = %v, %v", line, v, err)
		}
	}
}
