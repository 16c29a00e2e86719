package device

import (
	"time"

	"lotusgate/gateway"
)

// Bay is one parking bay with a sensor: a loop, or a contact of an ultrasonic or magnetic detector.
type Bay struct {
	sensor delay
}

// NewBay returns a bay of which nothing is known. A vehicle counts when it has stood for raiseAfter, and has left when it
// has been gone for clearAfter.
func NewBay(raiseAfter, clearAfter time.Duration) Bay {
	return Bay{sensor: delay{raise: raiseAfter, clear: clearAfter}}
}

// Step takes RoleInput: on = something stands there.
func (b Bay) Step(now gateway.Mono, in Input) (Bay, Effects, gateway.Mono) {
	var fx Effects
	was := b.sensor.since
	if in.Kind == SignalChanged && in.Role == RoleInput {
		b.sensor = b.sensor.set(in.Signal)
	}
	var changed, first bool
	b.sensor, changed, first = b.sensor.tick(now)
	switch {
	case !changed || first: // who stood there at start is state and no event
	case b.sensor.on:
		fx.emit(gateway.BayOccupied, b.sensor.since, gateway.BayData{})
	default:
		fx.emit(gateway.BayVacated, b.sensor.since, gateway.BayData{OccupiedMS: millis(was, b.sensor.since)})
	}
	return b, fx, after(now, b.sensor.due())
}

// Signal offers the bay to its lot. A sensor that is in doubt is no parked car.
func (b Bay) Signal() Signal {
	s := Signal{Since: b.sensor.since}
	if b.sensor.known {
		s.On, s.Quality = b.sensor.on, gateway.Good
		if !b.sensor.in.Known() {
			s.Quality = gateway.Stale
		}
	}
	return s
}

// State is occupied or vacant; stale while the sensor cannot be read, or is in doubt.
func (b Bay) State() gateway.DeviceState {
	s := b.Signal()
	switch {
	case s.Quality == gateway.Bad:
		return gateway.DeviceState{}
	case s.On:
		return gateway.DeviceState{Value: "occupied", Quality: s.Quality, Since: s.Since}
	}
	return gateway.DeviceState{Value: "vacant", Quality: s.Quality, Since: s.Since}
}
