package daemon

import (
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// clock knows the monotonic time and what is known about the date. Safe for concurrent use.
type clock struct {
	boot string // kernel boot id

	mu  sync.Mutex
	now hub.Clock
}

func newClock() (*clock, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, err
	}
	c := &clock{boot: strings.TrimSpace(string(b))}
	c.look()
	return c, nil
}

// Now is CLOCK_MONOTONIC, the clock of the kernel's edge stamps.
func (c *clock) Now() gateway.Mono { return monotonic() }

func monotonic() gateway.Mono {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // a clock every Linux has
	}
	return gateway.Mono(ts.Nano())
}

// Stamp dates a monotonic time. Only this kernel boot can be dated.
func (c *clock) Stamp(boot string, at gateway.Mono) (time.Time, gateway.ClockQuality) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if boot != c.boot {
		return time.Time{}, gateway.ClockUnset
	}
	return c.now.Wall(at), c.now.Quality
}

// look reads the system clock and what the kernel says about it, and tells whether it has just been synchronised.
func (c *clock) look() (now hub.Clock, synced bool) {
	before := monotonic()
	wall := time.Now()
	mid := before.Add(monotonic().Sub(before) / 2)
	seen := hub.Clock{Quality: gateway.ClockUnset}
	switch {
	case disciplined():
		seen.Quality = gateway.ClockSynced
	case fromRTC():
		seen.Quality = gateway.ClockHoldover
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.now
	if seen.Quality == gateway.ClockUnset && was.Quality != gateway.ClockUnset {
		seen.Quality = gateway.ClockHoldover // it was right once and drifts
	}
	if seen.Quality != gateway.ClockUnset {
		seen.Offset = wall.Round(0).Add(-time.Duration(mid))
		if d := seen.Offset.Sub(was.Offset); !was.Offset.IsZero() && d.Abs() < time.Millisecond {
			seen.Offset = was.Offset // a date does not tremble with every look
		}
	}
	c.now = seen
	return seen, seen.Quality == gateway.ClockSynced && was.Quality != gateway.ClockSynced
}

// disciplined asks the kernel whether something (NTP, PTP, GPS) keeps its clock right.
func disciplined() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

// fromRTC tells whether the kernel set its clock from a battery-backed clock at boot.
func fromRTC() bool {
	b, err := os.ReadFile("/sys/class/rtc/rtc0/hctosys")
	return err == nil && strings.TrimSpace(string(b)) == "1"
}
