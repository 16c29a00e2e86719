package mcp23017_test

import (
	"fmt"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/mcp23017"
	"lotusgate/firmware-sim/chip"
)

// A loop detector gives a pulse of 50 ms on GPA0 that is over before the chip is read; then a relay on GPB0 is
// switched on.
func Example() {
	bus, now := chip.NewBus("I2C1"), 1*time.Second
	var fell time.Duration // when INT fell: the line source knows it from the kernel
	part := chip.NewMCP23017(chip.MCP23017Wiring{Interrupt: func(_ int, high bool) {
		if !high {
			fell = now
		}
	}})
	if err := bus.Attach(0x20, part); err != nil {
		fmt.Println(err)
		return
	}

	dev, err := mcp23017.New(bus, 0x20, mcp23017.Opts{
		Inputs: 0x0001, PullUps: 0x0001, Outputs: 0x0100, Interrupt: true,
		Now: func() time.Duration { return now },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := dev.Init(); err != nil {
		fmt.Println(err)
		return
	}

	part.Drive(0, false) // the detector's contact closes
	now += 50 * time.Millisecond
	part.Release(0) // and opens
	now += 10 * time.Millisecond

	var s drivers.Sample
	if err := dev.Service(&s, fell); err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range s.Edges {
		fmt.Println(e.Channel, e.Level, e.At, e.Clock)
	}
	fmt.Printf("levels %04x of %04x\n", s.Levels, s.Inputs)

	fmt.Println(dev.Set(8, true), part.Output(8))
	fmt.Println(dev.Set(0, true))
	// Output:
	// 0 false 1s kernel
	// 0 true 1.06s user
	// levels 0001 of 0001
	// <nil> high
	// mcp23017 at 0x20: set channel 0: not configured as an output
}
