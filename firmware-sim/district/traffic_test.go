package district

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lotusgate/firmware-sim/plant"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/config"
)

// drawVehicle is any that two loops can tell from the one before it: its gap is longer than a loop.
func drawVehicle(t *rapid.T) plant.Vehicle {
	millimetres := func(name string, from, to int) plant.Length {
		return plant.Length(rapid.IntRange(from, to).Draw(t, name)) * plant.Millimetre
	}
	v := plant.Vehicle{
		Length: millimetres("length", 1900, 9000), Gap: millimetres("gap", 2300, 4000),
		Speed: plant.Speed(rapid.IntRange(800, 3500).Draw(t, "speed")) * plant.MillimetrePerSecond,
	}
	if rapid.IntRange(0, 4).Draw(t, "trailer") == 0 {
		v.Hitch, v.Tow = millimetres("hitch", 500, 1700), millimetres("tow", 1500, 5000)
	}
	pause := time.Duration(rapid.IntRange(0, 12000).Draw(t, "pause")) * time.Millisecond
	v.Plan = []plant.Leg{{To: plant.StandardLane().Hold, Pause: pause, Ticket: true}}
	return v
}

// Whatever comes, how fast, how close, with a trailer, or backing out with nobody behind: the gateway counts what has
// passed, and the barrier's limits and the lot's numbers are those of the field.
func TestCountsEqualTheTruthOverRandomTraffic(t *testing.T) {
	cfg := shipped(t, "park-01")
	lanes := config.IDs(cfg.Lanes)
	rapid.Check(t, func(t *rapid.T) {
		var cues []rig.Cue
		for _, lane := range lanes {
			at := time.Second
			for range rapid.IntRange(1, 8).Draw(t, "vehicles of "+lane) {
				v := drawVehicle(t)
				if rapid.IntRange(0, 5).Draw(t, "backs out") == 0 {
					v.Hitch, v.Tow = 0, 0
					v.Plan = []plant.Leg{{To: plant.StandardLane().Hold, Pause: v.Plan[0].Pause}, {To: -plant.Metre}}
					at += 3 * time.Minute // everybody before it has gone
					cues = append(cues, rig.Cue{At: at, Do: rig.Enter{Lane: lane, Vehicle: v}})
					at += time.Minute
					continue
				}
				cues = append(cues, rig.Cue{At: at, Do: rig.Enter{Lane: lane, Vehicle: v}})
				at += time.Duration(rapid.IntRange(1, 30000).Draw(t, "until the next")) * time.Millisecond
			}
		}
		g, err := Open(cfg, rapid.Uint64().Draw(t, "seed"), rig.Script(cues...))
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if err := g.Run(time.Hour); err != nil {
			t.Fatal(err)
		}
		var passed int
		for _, r := range g.Reckon() {
			if r.Type == "lane.vehicle_passed" {
				passed += r.Truth
			}
			if !r.Told() && r.Type != "lane.vehicle_waiting" { // who takes his time over a ticket is told
				t.Errorf("%v: truth %d, reported %d", r, r.Truth, r.Reported)
			}
		}
		if want := fmt.Sprint(cues); passed == 0 && len(cues) > 4 {
			t.Errorf("nobody passed of %s", want)
		}
	})
}
