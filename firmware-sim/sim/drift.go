package sim

import (
	"slices"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway"
)

// driftSlack is by how many vehicles lanes and bays may be told apart otherwise than they are, while bays settle and the next
// vehicle is halfway through a lane.
const driftSlack = 3

// reallyApart tells whether more vehicles had come in than stood in bays for as long as a lot waits before it says so: in a
// rush hour they may all be on their way.
func (w *world) reallyApart(lot string, told time.Duration) bool {
	l := w.cfg.Lots[lot]
	const late = time.Minute
	apart, least := 0, l.Drift+1
	begin := told - l.DriftAfter + late
	for _, t := range w.field.Truths {
		if t.At > told-late {
			break
		}
		if before := apart; t.At > begin {
			least = min(least, max(before, -before))
		}
		in := 1
		if w.cfg.Lanes[t.Device].Direction == gateway.Out {
			in = -1
		}
		switch {
		case t.Kind == plant.VehiclePassed && slices.Contains(l.Lanes, t.Device):
			apart += in
		case t.Kind == plant.VehiclePassedBackward && slices.Contains(l.Lanes, t.Device):
			apart -= in
		case t.Kind == plant.SwitchRaised && slices.Contains(l.Bays, t.Device):
			apart--
		case t.Kind == plant.SwitchCleared && slices.Contains(l.Bays, t.Device):
			apart++
		}
	}
	return min(least, max(apart, -apart)) > l.Drift-driftSlack
}
