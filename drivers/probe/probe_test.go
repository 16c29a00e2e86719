package probe_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/probe"
	"lotusgate/firmware-sim/chip"
)

// wire is a bus of models that can be asked without a data byte.
type wire struct {
	*chip.Bus
	held map[uint16]bool // by the kernel
}

func (w wire) Present(addr uint16) error {
	if w.held[addr] {
		return syscall.EBUSY
	}
	return w.Transfer([]chip.Message{{Addr: addr}})
}

func still() time.Duration { return 0 }

// cabinet has one of everything, each with something that a careless look would disturb.
func cabinet() (wire, *chip.MCP23017, *chip.PCF8574, *chip.INA219) {
	w := wire{chip.NewBus("I2C1"), map[uint16]bool{}}
	mcp, pcf, ina := chip.NewMCP23017(chip.MCP23017Wiring{}), chip.NewPCF8574(chip.PCF8574Wiring{}), chip.NewINA219(still)
	for addr, d := range map[uint16]chip.Device{
		0x20: mcp, 0x21: chip.NewPCA9555(chip.PCA9555Wiring{}), 0x38: pcf, 0x40: ina, 0x41: chip.NewINA226(still),
		0x48: chip.NewADS1115(still, 1000), 0x68: chip.NewDS3231(still, 0),
	} {
		if err := w.Attach(addr, d); err != nil {
			panic(err)
		}
	}
	return w, mcp, pcf, ina
}

func show(found []probe.Finding) string {
	var b strings.Builder
	for _, f := range found {
		kind := f.Kind
		if kind == "" {
			kind = f.May + "?"
		}
		fmt.Fprintf(&b, "%#02x %s\n", f.Addr, kind)
	}
	return b.String()
}

// Nothing changes by a scan: relays stay as they are, a pulse waits in its latch, INT stays low.
func TestScanDisturbsNothing(t *testing.T) {
	for _, ask := range []bool{false, true} {
		w, mcp, pcf, _ := cabinet()
		if ask {
			w.Detach(0x38) // what the caller vouches for
		}
		tx := func(addr uint16, b ...byte) {
			t.Helper()
			if err := w.Tx(addr, b, nil); err != nil && !(ask && addr == 0x38) {
				t.Fatal(err)
			}
		}
		tx(0x20, 0x14, 0x80, 0x00) // OLAT: a relay on GPA7
		tx(0x20, 0x00, 0x7f, 0xff) // IODIR
		tx(0x20, 0x04, 0x01)       // GPINTEN: GPA0
		tx(0x38, 0xfe)             // a relay on P0
		mcp.Drive(0, true)         // a pulse that is over
		mcp.Drive(0, false)
		if mcp.Interrupt(0) {
			t.Fatal("nothing is latched to begin with")
		}
		if _, err := probe.Scan(w, probe.Options{Ask: ask}); err != nil {
			t.Fatal(err)
		}
		if mcp.Output(7) != chip.High || !ask && pcf.Output(0) != chip.Low {
			t.Errorf("ask %v: relays %v, %v", ask, mcp.Output(7), pcf.Output(0))
		}
		if mcp.Interrupt(0) {
			t.Errorf("ask %v: the interrupt was eaten", ask)
		}
		captured := make([]byte, 1)
		if err := w.Tx(0x20, []byte{0x10}, captured); err != nil || captured[0]&1 == 0 {
			t.Errorf("ask %v: INTCAP %02x, %v: the pulse is gone", ask, captured[0], err)
		}
	}
}

func TestScan(t *testing.T) {
	w, _, _, _ := cabinet()
	w.held[0x68] = true
	for _, c := range []struct {
		ask  bool
		want string
	}{
		{false, "0x20 MCP23017, PCA9555, PCF8574?\n0x21 MCP23017, PCA9555, PCF8574?\n0x38 PCF8574A?\n0x40 ina219\n0x41 ina226\n0x48 ads1115\n0x68 DS3231?\n"},
		{true, "0x20 mcp23017\n0x21 pca9555\n0x38 PCF8574?\n0x40 ina219\n0x41 ina226\n0x48 ads1115\n0x68 DS3231?\n"},
	} {
		found, err := probe.Scan(w, probe.Options{Ask: c.ask})
		if err != nil {
			t.Fatal(err)
		}
		if got := show(found); got != c.want {
			t.Errorf("ask %v:\n%swant:\n%s", c.ask, got, c.want)
		}
	}
}

// A bus that hangs ends the scan with what it is.
func TestHungBus(t *testing.T) {
	w, _, _, _ := cabinet()
	w.Inject(chip.Fault{Addr: chip.AnyAddr, Times: chip.Forever, Errno: syscall.ETIMEDOUT})
	found, err := probe.Scan(w, probe.Options{})
	if len(found) != 0 || !errors.Is(err, syscall.ETIMEDOUT) || drivers.Classify(err) != drivers.FaultTimeout {
		t.Errorf("%v, %v", found, err)
	}
}

func Example() {
	w, _, _, _ := cabinet()
	found, err := probe.Scan(w, probe.Options{})
	for _, f := range found[2:5] {
		fmt.Printf("%#02x %q %q: %s\n", f.Addr, f.Kind, f.May, f.Note)
	}
	fmt.Println(err)
	// Output:
	// 0x38 "" "PCF8574A": not asked which: to a PCF8574 the question is output data
	// 0x40 "ina219" "INA219, INA226": configuration 399f
	// 0x41 "ina226" "INA219, INA226": maker 5449, die 2260
	// <nil>
}
