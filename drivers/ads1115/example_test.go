package ads1115_test

import (
	"fmt"
	"time"

	"lotusgate/drivers/ads1115"
	"lotusgate/firmware-sim/chip"

	"periph.io/x/conn/v3/physic"
)

// An elevator's alarm contact on AIN0 with 2.2 kΩ in series, its pull-up of 4.7 kΩ measured on AIN3: active.
func Example() {
	now := time.Duration(0)
	bus, part := chip.NewBus("I2C1"), chip.NewADS1115(func() time.Duration { return now }, 1000)
	if err := bus.Attach(0x48, part); err != nil {
		fmt.Println(err)
		return
	}
	part.Drive(0, 1052*physic.MilliVolt)
	part.Drive(3, 3300*physic.MilliVolt)
	dev, err := ads1115.New(bus, 0x48, ads1115.Opts{Max: 3600 * physic.MilliVolt, Rate: 250})
	if err != nil {
		fmt.Println(err)
		return
	}
	var v [2]physic.ElectricPotential
	for i, channel := range []int{0, 3} {
		takes, err := dev.Start(channel)
		if err != nil {
			fmt.Println(err)
			return
		}
		now += takes // the bus is free meanwhile
		r, err := dev.Read()
		if err != nil {
			fmt.Println(err)
			return
		}
		v[i] = r.Voltage
	}
	fmt.Println(ads1115.PerMille(v[0], v[1]))
	// Output: 318 true
}
