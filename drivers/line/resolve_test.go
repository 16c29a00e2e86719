package line

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"periph.io/x/conn/v3/gpio/gpiotest"

	"lotusgate/drivers"
)

func TestResolve(t *testing.T) {
	k := new(fakeKernel).
		chip("gpiochip0", "ID_SDA", "GPIO17", "LOOP_IN", "", "TWICE").
		chip("gpiochip1", "TWICE", "7:1", "GPIO1").
		chip("gpiochip2", "USB0")
	k.infos[len(k.infos)-1].Label = "pinctrl-gpiochip1" // a second chip of one kind
	register(t, &gpiotest.Pin{N: "GPIO17"}, &gpiotest.Pin{N: "GPIO4"}, &gpiotest.Pin{N: "USB_PIN"})
	alias(t, "17", "GPIO17")
	alias(t, "P1_11", "17")
	alias(t, "4", "GPIO4")

	for _, c := range []struct {
		name  string
		want  string // place.key
		fault drivers.Fault
		text  string
	}{
		{name: "LOOP_IN", want: "gpiochip0:2"},
		{name: "GPIO17", want: "gpiochip0:1"}, // the kernel's line, though periph has a pin
		{name: "17", want: "gpiochip0:1"},
		{name: "P1_11", want: "gpiochip0:1"}, // an alias of an alias
		{name: "gpiochip0:3", want: "gpiochip0:3"},
		{name: "pinctrl-gpiochip0:3", want: "gpiochip0:3"},
		{name: "7:1", want: "gpiochip1:1"}, // a name before a number
		{name: "GPIO4", want: "pin GPIO4"}, // no line of the kernel
		{name: "4", want: "pin GPIO4"},
		{name: "TWICE", fault: drivers.FaultMismatch, text: "gpiochip0:4 or gpiochip1:0"},
		{name: "pinctrl-gpiochip1:0", fault: drivers.FaultMismatch, text: "gpiochip1:0 or gpiochip2:0"},
		{name: "gpiochip0:5", fault: drivers.FaultMissing},
		{name: "gpio-17", fault: drivers.FaultMissing, text: "nearest: GPIO17, GPIO1"},
		{name: "LOOP_INN", fault: drivers.FaultMissing, text: "nearest: LOOP_IN"},
		{name: "", fault: drivers.FaultMissing, text: "no line has this name"},
		{name: "barrier", fault: drivers.FaultMissing, text: "nor one like it"},
	} {
		got, err := k.provider().directory().resolve(c.name)
		if err != nil {
			if drivers.Classify(err) != c.fault || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%q: %v; want %v with %q", c.name, err, c.fault, c.text)
			}
			continue
		}
		if got.key() != c.want {
			t.Errorf("%q leads to %s, want %s", c.name, got.key(), c.want)
		}
	}

	if got, err := Registry(nil).directory().resolve("P1_11"); err != nil || got.key() != "pin GPIO17" {
		t.Errorf("registry: %s, %v", got.key(), err)
	}
}

// A chip that may not be read could hold the line: then periph's pin of that name is no substitute.
func TestUnreadableChipIsNotReplacedByAPin(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip1", "A")
	k.err = errors.Join(errors.New("read GPIO chip /dev/gpiochip0"), syscall.EACCES)
	register(t, &gpiotest.Pin{N: "GPIO17"})
	if _, err := k.provider().Output(Output{Name: "GPIO17"}); drivers.Classify(err) != drivers.FaultDenied {
		t.Errorf("error = %v", err)
	}
	if i, errs := k.provider().Inputs([]Input{{Name: "A"}}); errs[0] != nil {
		t.Error("a line of a readable chip:", errs[0])
	} else {
		i.Close()
	}
}

func TestOneLineByTwoNames(t *testing.T) {
	k := new(fakeKernel).chip("gpiochip0", "A", "B")
	i, errs := k.provider().Inputs([]Input{{Name: "B"}, {Name: "A"}, {Name: "gpiochip0:1"}})
	defer i.Close()
	if errs[0] != nil || errs[1] != nil {
		t.Errorf("errors = %v", errs)
	}
	if drivers.Classify(errs[2]) != drivers.FaultBusy || !strings.Contains(errs[2].Error(), "same line as B") {
		t.Errorf("second name: %v", errs[2])
	}
}

func TestLinesAsksPinsForNothing(t *testing.T) {
	register(t, &hostilePin{t: t, name: "X1"})
	infos, err := Registry(nil).Lines()
	if err != nil || !slices.Contains(infos, Info{Name: "X1"}) {
		t.Errorf("lines = %v, %v", infos, err)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"GPIO2", "GPIO20", "GPIO17", "GPIO27", "GPIO17", "ID_SDA"}
	for _, c := range []struct{ name, want string }{
		{"GPIO71", "GPIO17 GPIO2 GPIO20"},
		{"gpio17", "GPIO17 GPIO27 GPIO2"}, // nothing but the case is wrong
		{"id-sda", "ID_SDA"},
		{"something", ""},
		{"", ""},
	} {
		if got := strings.Join(nearest(c.name, names), " "); got != c.want {
			t.Errorf("nearest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}
