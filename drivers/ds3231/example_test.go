package ds3231_test

import (
	"fmt"
	"time"

	"lotusgate/drivers/ds3231"
	"lotusgate/firmware-sim/chip"
)

// A new clock is not believed; once it is set, it is, until its oscillator stops.
func Example() {
	bus := chip.NewBus("I2C1")
	part := chip.NewDS3231(func() time.Duration { return 0 }, 0)
	if err := bus.Attach(ds3231.Addr, part); err != nil {
		fmt.Println(err)
		return
	}
	clock, err := ds3231.New(bus)
	if err != nil {
		fmt.Println(err)
		return
	}
	show := func() {
		r, err := clock.Read()
		fmt.Println(r.Time.Format(time.DateTime), r.Trusted, r.Temperature, err)
	}
	show()
	if err := clock.Set(time.Date(2026, 7, 15, 8, 30, 0, 0, time.UTC)); err != nil {
		fmt.Println(err)
		return
	}
	part.SetTemperature(101)
	show()
	part.StopOscillator()
	show()
	// Output:
	// 2000-01-01 00:00:00 false 0°C <nil>
	// 2026-07-15 08:30:00 true 25.250°C <nil>
	// 2026-07-15 08:30:00 false 25.250°C <nil>
}
