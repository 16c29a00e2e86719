package plant

import "time"

// arm is the moving part of a barrier. Its place is how long it has been raised from fully down, so one travel time is
// fully up, and the arithmetic stays exact.
type arm struct {
	travel time.Duration
	at     time.Duration // when it was at place
	place  time.Duration
	dir    time.Duration // +1 rising, -1 falling, 0 standing
	floor  time.Duration // it can't fall below: something is there; 0 = nothing
}

// now is where the arm is.
func (a *arm) now(t time.Duration) time.Duration {
	p := a.place + a.dir*(t-a.at)
	switch {
	case a.dir > 0:
		return min(p, a.travel)
	case a.dir < 0:
		return max(p, min(a.floor, a.place), 0)
	}
	return p
}

// drive changes what the arm does from t on.
func (a *arm) drive(t, dir time.Duration) { a.place, a.at, a.dir = a.now(t), t, dir }

// reaches is when the arm, going on as it does, gets to place from the other side; Never if it does not.
func (a *arm) reaches(t, place time.Duration) time.Duration {
	p := a.now(t)
	switch {
	case a.dir > 0 && p < place:
		return t + place - p
	case a.dir < 0 && p > place && place >= a.floor:
		return t + p - place
	}
	return Never
}
