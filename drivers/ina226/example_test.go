package ina226_test

import (
	"fmt"
	"time"

	"lotusgate/drivers/ina226"
	"lotusgate/firmware-sim/chip"

	"periph.io/x/conn/v3/physic"
)

// A camera on 12 V draws 180 mA through a shunt of 100 mΩ.
func Example() {
	now := time.Duration(0)
	bus, part := chip.NewBus("I2C1"), chip.NewINA226(func() time.Duration { return now })
	if err := bus.Attach(0x40, part); err != nil {
		fmt.Println(err)
		return
	}
	dev, err := ina226.New(bus, 0x40, ina226.Opts{
		Shunt: 100 * physic.MilliOhm, Max: 800 * physic.MilliAmpere, Supply: 12 * physic.Volt,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := dev.Init(); err != nil {
		fmt.Println(err)
		return
	}
	part.Drive(18*physic.MilliVolt, 12*physic.Volt)
	now += 50 * time.Millisecond
	r, err := dev.Read()
	fmt.Println(r.Current, r.Voltage, r.Fresh, r.Clipped, err)

	_, err = ina226.New(bus, 0x41, ina226.Opts{Shunt: 100 * physic.MilliOhm, Max: 800 * physic.MilliAmpere, Supply: 48 * physic.Volt})
	fmt.Println(err)
	// Output:
	// 180mA 12V true false <nil>
	// ina226 at 0x41: a supply of 48V: the part stands 0 to 36V, so no 48 V PoE
}
