package meter_test

import (
	"syscall"
	"testing"

	"lotusgate/drivers"
	"lotusgate/drivers/meter"
	"lotusgate/firmware-sim/chip"
)

// The arithmetic agrees with the model of the bus, which counts bit by bit.
func TestMeterAgreesWithTheWire(t *testing.T) {
	wire := chip.NewBus("I2C1")
	for _, addr := range []uint16{0x20, 0x21} {
		if err := wire.Attach(addr, chip.NewMCP23017(chip.MCP23017Wiring{})); err != nil {
			t.Fatal(err)
		}
	}
	var m meter.Meter
	bus := m.Wrap(wire)
	tx := func(addr uint16, w, r int) error { return bus.Tx(addr, make([]byte, w), make([]byte, r)) }
	for _, c := range []struct {
		addr uint16
		w, r int
	}{{0x20, 1, 14}, {0x20, 3, 0}, {0x21, 1, 2}, {0x21, 0, 1}} {
		if err := tx(c.addr, c.w, c.r); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx(0x27, 1, 1); err == nil {
		t.Fatal("an empty address answered")
	}
	wire.Inject(chip.Fault{Addr: 0x21, Times: 1, Errno: syscall.EREMOTEIO})
	if err := tx(0x21, 1, 1); drivers.Classify(err) != drivers.FaultRemoteIO {
		t.Fatalf("the error did not pass: %v", err)
	}
	seen, all := wire.Stats(), m.Bus()
	if all.Transfers != seen.Transfers || all.Failed != seen.Failed || all.Bits != seen.Bits {
		t.Errorf("counted %+v, the wire saw %+v", all, seen)
	}
	if sum := m.Chip(0x20).Add(m.Chip(0x21)).Add(m.Chip(0x27)); sum != all {
		t.Errorf("the chips sum up to %+v, the bus has %+v", sum, all)
	}
	if got := m.Chip(0x21); got.Transfers != 3 || got.Failed != 1 {
		t.Errorf("0x21: %+v", got)
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	wire := chip.NewBus("I2C1")
	if err := wire.Attach(0x20, chip.NewPCF8574(chip.PCF8574Wiring{})); err != nil {
		t.Fatal(err)
	}
	var m meter.Meter
	bus, b := m.Wrap(wire), []byte{0}
	if n := testing.AllocsPerRun(100, func() {
		if err := bus.Tx(0x20, nil, b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
