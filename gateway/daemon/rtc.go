package daemon

import (
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/ds3231"
	"lotusgate/gateway"
	"lotusgate/gateway/field"

	"periph.io/x/conn/v3/i2c"
)

// rtc lets a DS3231 that the kernel does not know serve the gateway's clock, and is set by it once the kernel's clock is
// disciplined.
type rtc struct {
	dev   *ds3231.Dev
	clock *clock
	now   func() time.Duration
}

func newRTC(bus i2c.Bus, c chip) (field.Chip, error) {
	d, err := ds3231.New(bus)
	if err != nil {
		return nil, err
	}
	return &rtc{d, c.clock, c.now}, nil
}

// Init implements field.Chip: there is nothing to set up.
func (r *rtc) Init() error {
	_, err := r.dev.Read()
	return err
}

// Service implements field.Chip.
func (r *rtc) Service(s *drivers.Sample, _ time.Duration) error {
	got, err := r.dev.Read()
	if err != nil {
		return err
	}
	s.At = r.now()
	// It counts whole seconds: the middle of the one it is in is off by half a second at most.
	wall := got.Time.Add(time.Second / 2)
	if r.clock.fromBus(wall, got.Trusted, gateway.MonoOf(s.At)) {
		return r.dev.Set(r.clock.keeper.wall())
	}
	return nil
}

// rtcTime is what a real-time clock on a bus said last.
type rtcTime struct {
	trusted bool
	at      gateway.Mono
	offset  time.Time // wall time at monotonic zero
}

const (
	rtcOld = 10 * time.Minute // a clock that is silent for longer does not count
	rtcOff = 2 * time.Second  // it is set when it is off by more
)

// fromBus notes what a real-time clock on a bus said at a time, and tells whether it ought to be set. A clock whose
// oscillator has stopped is not trusted, and its date not used.
func (c *clock) fromBus(wall time.Time, trusted bool, at gateway.Mono) (set bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rtc = rtcTime{trusted, at, wall.Add(-time.Duration(at))}
	if c.now.Quality != gateway.ClockSynced {
		return false
	}
	return !trusted || c.rtc.offset.Sub(c.now.Offset).Abs() > rtcOff
}

// rtcBelieved tells whether the clock on the bus may date what happens: it has not stopped, and is not earlier than what
// has certainly passed. c.mu is held.
func (c *clock) rtcBelieved(at gateway.Mono) bool {
	wall := c.rtc.offset.Add(time.Duration(at))
	return c.rtc.trusted && at.Sub(c.rtc.at) < rtcOld && !wall.Before(c.built) && !wall.Before(c.dates.floor(at))
}
