package plant_test

import (
	"fmt"
	"time"

	"lotusgate/firmware-sim/plant"
)

// A car takes a ticket, the barrier opens for it, it drives through, the barrier closes behind it.
func Example() {
	journal := &plant.Journal{}
	lane := plant.NewLane("entry", plant.LaneOptions{
		Loops:   plant.LoopDetector(),
		Beam:    plant.Photocell(),
		Barrier: plant.BarrierOptions{AutoClose: 2 * time.Second},
	}, 42, journal)
	lane.Enter(0, plant.Vehicle{
		Length: plant.Metres(4.5),
		Speed:  2 * plant.MetrePerSecond,
		Plan:   []plant.Leg{{To: lane.Geometry().Hold, Pause: 3 * time.Second, Ticket: true}},
	})
	for next := lane.Step(0); next != plant.Never; next = lane.Step(next) {
		// Every change of every contact is at such a moment.
	}
	for _, truth := range journal.Take() {
		fmt.Printf("%6.2f s  %v\n", truth.At.Seconds(), truth)
	}
	// Output:
	//   0.00 s  entry: vehicle entered (vehicle 1)
	//   1.00 s  entry.a: covered
	//   5.60 s  entry: ticket taken (vehicle 1)
	//   5.62 s  entry.gate: arm opening by ticket
	//   8.56 s  entry.gate: upper limit reached
	//   8.62 s  entry.gate: arm open by ticket
	//   8.71 s  entry.b: covered
	//   9.21 s  entry: vehicle under arm (vehicle 1)
	//   9.21 s  entry.photocell: covered
	//  10.21 s  entry.a: cleared
	//  11.46 s  entry: vehicle clear of arm (vehicle 1)
	//  11.46 s  entry.photocell: cleared
	//  11.96 s  entry: vehicle passed (vehicle 1)
	//  11.96 s  entry.b: cleared
	//  14.01 s  entry.gate: arm closing by auto
	//  15.21 s  entry: vehicle left (vehicle 1)
	//  16.95 s  entry.gate: lower limit reached
	//  17.01 s  entry.gate: arm closed by auto
}
