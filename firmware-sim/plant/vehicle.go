package plant

import "time"

// Vehicle is one vehicle and what its driver means to do.
type Vehicle struct {
	Length Length
	Hitch  Length // bare drawbar behind it, which no detector notices
	Tow    Length // trailer behind the drawbar; 0 = none
	Speed  Speed
	Gap    Length // kept to the one ahead; 0 = 1 m
	Plan   []Leg  // then it drives on and leaves at the other end
	Far    bool   // it comes from the far end: the wrong way
	Bold   bool   // it does not wait for the arm to be all the way up, or to stay there
}

// Leg is one part of a driver's plan: drive somewhere, stand there, take a ticket.
type Leg struct {
	To     Length        // where the nose shall be (the tail of one that comes from the far end); below 0 = out backward
	Speed  Speed         // 0 = the vehicle's own
	Pause  time.Duration // stands there
	Ticket bool          // then takes a ticket, which opens the barrier, and again if nothing opens
}

// track is a vehicle's place and its change. Nose and tail are the ends towards the far and the near end of the lane,
// wherever the driver sits.
type track struct {
	at   time.Duration
	nose Length // at that time
	v    Speed  // < 0 = towards the near end
}

func (k *track) now(t time.Duration) Length {
	if k.v < 0 {
		return k.nose - (-k.v).over(t-k.at)
	}
	return k.nose + k.v.over(t-k.at)
}

func (k *track) drive(t time.Duration, v Speed) {
	if v != k.v {
		*k = track{at: t, nose: k.now(t), v: v}
	}
}

// crosses is when the nose gets over the mark: at or behind it going forward, before it going backward. Never if it
// does not get there as it goes.
func (k *track) crosses(t time.Duration, mark Length) time.Duration {
	switch p := k.now(t); {
	case k.v > 0 && p < mark:
		return k.at + k.v.within(mark-k.nose)
	case k.v < 0 && p >= mark:
		return k.at + (-k.v).within(k.nose-(mark-1))
	}
	return Never
}

// car is a vehicle on the lane.
type car struct {
	Vehicle        // its Length is from nose to the tail of the trailer
	front   Length // of the vehicle alone
	number  int
	track
	leg     int
	pausing bool
	until   time.Duration // end of the pause
	again   time.Duration // when the driver takes another ticket; Never = he need not
	behind  bool          // it is behind both loops
	nibbled bool          // it covered a loop since it was last clear of both
}

func (c *car) tail(t time.Duration) Length { return c.now(t) - c.Length }

// covers tells whether any of it is above the zone, be it the drawbar.
func (c *car) covers(t time.Duration, z Zone) bool { return c.now(t) > z.From && c.tail(t) < z.To }

// shows tells whether a detector of the zone could notice it.
func (c *car) shows(t time.Duration, z Zone) bool {
	nose := c.now(t)
	return nose > z.From && nose-c.front < z.To || c.Tow > 0 && nose-c.front-c.Hitch > z.From && c.tail(t) < z.To
}

// goal is where the nose shall be, and how fast.
func (c *car) goal(end Length) (Length, Speed) {
	if c.leg == len(c.Plan) {
		if c.Far {
			return -c.Length, c.Speed
		}
		return end + 2*c.Length, c.Speed
	}
	l := c.Plan[c.leg]
	to, speed := l.To, l.Speed
	if c.Far {
		to += c.Length
	}
	if speed == 0 {
		speed = c.Speed
	}
	return to, speed
}
