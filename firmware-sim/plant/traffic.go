package plant

import "time"

// This file is what vehicles do on a lane: what they cover, what their drivers decide, how fast they go.

// cover tells the detectors and the arm what is above or below them.
func (l *Lane) cover(t time.Duration) {
	var a, b, beam bool
	line := 0
	for _, c := range l.cars {
		onA, onB := c.covers(t, l.g.A), c.covers(t, l.g.B)
		a, b = a || c.shows(t, l.g.A), b || c.shows(t, l.g.B)
		beam = beam || c.shows(t, Zone{l.g.Line, l.g.Line})
		if c.covers(t, Zone{l.g.Line, l.g.Line}) {
			line = c.number
		}
		l.witness(t, c, onA || onB)
	}
	l.A.Cover(t, a)
	l.B.Cover(t, b)
	if was := l.Barrier.under; was != line {
		if was != 0 {
			l.journal.add(Truth{At: t, Device: l.name, Kind: VehicleClearOfArm, Vehicle: was})
		}
		if line != 0 {
			l.journal.add(Truth{At: t, Device: l.name, Kind: VehicleUnderArm, Vehicle: line})
		}
		l.Barrier.Under(t, line)
	}
	l.Photocell.Cover(t, beam)
}

// witness writes down which way a vehicle has crossed the loops.
func (l *Lane) witness(t time.Duration, c *car, on bool) {
	if on {
		c.nibbled = true
		return
	}
	if !c.nibbled {
		return
	}
	behind := c.tail(t) >= max(l.g.A.To, l.g.B.To)
	if !behind && c.now(t) > min(l.g.A.From, l.g.B.From) {
		return // between the loops
	}
	switch {
	case behind == c.behind:
		l.tell(t, c, VehicleBackedOut)
	case behind:
		l.tell(t, c, VehiclePassed)
	default:
		l.tell(t, c, VehiclePassedBackward)
	}
	c.nibbled, c.behind = false, behind
}

// think moves a driver on in his plan. One who has no room left to go back gives that part up, and if it was to get
// out, takes a ticket after a while.
func (l *Lane) think(t time.Duration, i int) {
	c := l.cars[i]
	for c.leg < len(c.Plan) {
		leg := c.Plan[c.leg]
		if !c.pausing {
			to, _ := c.goal(l.g.End)
			stuck := to < c.now(t) && i+1 < len(l.cars) && room(t, c, l.cars[i+1]) <= 0
			if c.now(t) != to && !stuck {
				return
			}
			if stuck {
				c.again = t + patience
			}
			c.pausing, c.until = true, t+leg.Pause
		}
		if c.until > t {
			return
		}
		c.pausing, c.until = false, Never
		c.leg++
		if leg.Ticket {
			l.dispense(t, c)
		}
	}
}

// wait lets a driver take another ticket when the first one has opened nothing.
func (l *Lane) wait(t time.Duration, c *car) {
	switch {
	case c.now(t) > l.g.Hold:
		c.again = Never
	case c.again <= t && l.goes(c):
		c.again = t + patience
	case c.again <= t:
		l.dispense(t, c)
	}
}

// dispense gives a ticket and closes the machine's contact for a moment.
func (l *Lane) dispense(t time.Duration, c *car) {
	l.tell(t, c, TicketTaken)
	l.Barrier.Set(t, TicketInput, true)
	l.release, c.again = t+ticketHold, t+patience
}

// goes tells whether a driver would pass the arm as it is now.
func (l *Lane) goes(c *car) bool { return l.Barrier.IsOpen() || c.Bold && l.Barrier.Clears() }

// gone tells whether a vehicle has left, at either end.
func (l *Lane) gone(t time.Duration, c *car) bool {
	out := c.v > 0 && c.tail(t) >= l.g.End || c.v < 0 && c.now(t) <= 0
	if out {
		l.tell(t, c, VehicleLeft)
	}
	return out
}

// pace sets the speed of every vehicle: as its driver wants, but for the arm and for the others.
func (l *Lane) pace(t time.Duration) {
	want := make([]Speed, len(l.cars)) // the few on one lane
	for i, c := range l.cars {
		want[i] = l.wish(t, c)
		if i > 0 && want[i] > 0 && room(t, l.cars[i-1], c) <= 0 {
			want[i] = min(want[i], max(0, want[i-1]))
		}
	}
	for i := len(l.cars) - 2; i >= 0; i-- {
		if want[i] < 0 && room(t, l.cars[i], l.cars[i+1]) <= 0 {
			want[i] = max(want[i], min(0, want[i+1]))
		}
	}
	for i, c := range l.cars {
		c.drive(t, want[i])
	}
}

// wish is the speed of a driver who is alone.
func (l *Lane) wish(t time.Duration, c *car) Speed {
	if c.pausing || l.Barrier.under == c.number && l.Barrier.Touching() {
		return 0
	}
	to, speed := c.goal(l.g.End)
	switch p := c.now(t); {
	case to > p:
		if p == l.g.Hold && !l.goes(c) || p == l.g.Line && !l.Barrier.Clears() && !c.Bold {
			return 0
		}
		return speed
	case to < p:
		if c.tail(t) == l.farHold() && !l.goes(c) {
			return 0
		}
		return -speed
	}
	return 0
}

// farHold is where one that comes backward stops its tail for the arm.
func (l *Lane) farHold() Length { return 2*l.g.Line - l.g.Hold }

// due is when a vehicle next gets to a place that means something, or its driver has waited long enough.
func (l *Lane) due(t time.Duration, c *car) time.Duration {
	next := min(c.until, c.again)
	if c.v == 0 {
		return next
	}
	to, _ := c.goal(l.g.End)
	if c.v < 0 {
		to++ // crosses says when it is before a mark
	}
	g := &l.g
	rear := c.front + c.Hitch // the nose of the trailer is so far behind that of the vehicle
	for _, mark := range [...]Length{
		g.A.To + c.front, g.A.From + rear + 1, g.B.To + c.front, g.B.From + rear + 1, g.Line + c.front, g.Line + rear + 1,
		to, g.A.From + 1, g.A.To + c.Length, g.B.From + 1, g.B.To + c.Length, g.Hold, g.Line, g.Line + 1,
		g.Line + c.Length, l.farHold() + c.Length + 1, g.End + c.Length, 1,
	} {
		next = min(next, c.crosses(t, mark))
	}
	return next
}

// room is how far two neighbours may still come together.
func room(t time.Duration, ahead, c *car) Length { return ahead.tail(t) - c.Gap - c.now(t) }

// meets is when that room is used up.
func meets(t time.Duration, ahead, c *car) time.Duration {
	if d, closing := room(t, ahead, c), c.v-ahead.v; d > 0 && closing > 0 {
		return t + closing.within(d)
	}
	return Never
}
