package pcf8574_test

import (
	"fmt"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/pcf8574"
	"lotusgate/firmware-sim/chip"
)

// An elevator's fault contact on P0 closes; a lamp on P7, active low, is switched on.
func Example() {
	bus, now := chip.NewBus("I2C1"), 1*time.Second
	part := chip.NewPCF8574(chip.PCF8574Wiring{})
	if err := bus.Attach(0x38, part); err != nil {
		fmt.Println(err)
		return
	}
	dev, err := pcf8574.New(bus, 0x38, pcf8574.Opts{Inputs: 0x01, Outputs: 0x80, Now: func() time.Duration { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := dev.Init(); err != nil {
		fmt.Println(err)
		return
	}
	part.Drive(0, false)
	now += 20 * time.Millisecond
	var s drivers.Sample
	if err := dev.Service(&s, 0); err != nil { // a poll
		fmt.Println(err)
		return
	}
	fmt.Println(s.Edges, s.Levels)
	fmt.Println(dev.Set(7, false), part.Output(7))
	// Output:
	// [{0 false 1.02s user 0}] 0
	// <nil> low
}
