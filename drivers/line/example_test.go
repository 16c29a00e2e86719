package line_test

import (
	"fmt"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
)

// A door contact at GPIO17 closes, and a relay at GPIO16 is switched. On a board Kernel takes the place of Registry, and the
// edge carries the kernel's time.
func Example() {
	board, err := rig.New(1, rig.Site{
		Switches: []rig.Switch{{Name: "door"}},
		Wires:    []rig.Wire{{From: "door.contact", To: "GPIO17"}},
	}, rig.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer board.Close()

	lines := line.Registry(nil)
	in, errs := lines.Inputs([]line.Input{{Name: "GPIO17", Bias: line.PullUp}, {Name: "GPIO99"}})
	fmt.Println(errs[0], "|", errs[1]) // each line has its own
	defer in.Close()
	fmt.Println(in.Level(0))

	if err := board.Do(rig.Move{Switch: "door"}); err != nil {
		fmt.Println(err)
	}
	e := <-in.Edges()
	fmt.Println(e.Channel, e.Level, e.Clock, e.Lost)
	fmt.Println(in.Stats()[0].Place)

	relay, err := lines.Output(line.Output{Name: "GPIO16"}) // inactive from the first moment
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(relay.Set(true), board.Pin("GPIO16").Read())
	_, ok, err := relay.Active()
	fmt.Println("can be read back:", ok, err) // a pin that only periph knows cannot
	fmt.Println(relay.Close(), board.Pin("GPIO16").Read())
	fmt.Println(relay.Set(true))
	// Output:
	// <nil> | find line GPIO99: no line has this name; nearest: GPIO19, GPIO9, GPIO0
	// true <nil>
	// 0 false user 0
	// pin GPIO17, user time
	// <nil> High
	// can be read back: false <nil>
	// <nil> Low
	// set relay at pin GPIO16: closed
}
