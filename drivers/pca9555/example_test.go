package pca9555_test

import (
	"fmt"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/pca9555"
	"lotusgate/firmware-sim/chip"
)

// A door contact on IO0_0 closes and stays closed; another one chatters and is back before anybody looks.
func Example() {
	bus, now := chip.NewBus("I2C1"), 1*time.Second
	var fell time.Duration // when INT last fell: the line source knows it from the kernel
	part := chip.NewPCA9555(chip.PCA9555Wiring{Interrupt: func(high bool) {
		if !high {
			fell = now
		}
	}})
	if err := bus.Attach(0x20, part); err != nil {
		fmt.Println(err)
		return
	}
	dev, err := pca9555.New(bus, 0x20, pca9555.Opts{Inputs: 0x0003, Now: func() time.Duration { return now }})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := dev.Init(); err != nil {
		fmt.Println(err)
		return
	}
	var s drivers.Sample
	look := func() {
		s.Reset()
		now += time.Millisecond
		if err := dev.Service(&s, fell); err != nil {
			fmt.Println(err)
			return
		}
		for _, e := range s.Edges {
			fmt.Println(e.Channel, e.Level, e.At, e.Clock)
		}
		fmt.Printf("levels %04x, missed %d\n", s.Levels, dev.Missed())
	}

	part.Drive(0, false)
	look()
	now += time.Second
	part.Drive(1, false)
	part.Drive(1, true)
	look()
	// Output:
	// 0 false 1s kernel
	// levels 0002, missed 0
	// levels 0002, missed 1
}
