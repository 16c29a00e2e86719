package daemon

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// timekeeper is where a clock looks.
type timekeeper struct {
	mono        func() gateway.Mono
	wall        func() time.Time
	disciplined func() bool // something (NTP, PTP, GPS) keeps the system clock right
	fromRTC     func() bool // the kernel set it from a battery-backed clock at boot
}

// stepSize is how far a clock must jump between two looks to be called stepped. What disciplines a clock gently moves
// the monotonic clock along.
const stepSize = 500 * time.Millisecond

// clock knows the monotonic time and what is known about the date. Safe for concurrent use.
//
// A date is believed when the system clock is disciplined, or came from a battery-backed clock and is not earlier than
// what has certainly passed. What was synchronised once in this boot of the kernel holds over by monotonic time: whoever
// sets the system clock by hand after that does not move our dates. Where the kernel knows no date, that of a real-time
// clock on one of our buses is taken, under the conditions of a battery-backed clock.
type clock struct {
	keeper timekeeper
	boot   string    // kernel boot id
	built  time.Time // when this program was made; zero = not known

	mu     sync.Mutex
	now    hub.Clock
	system time.Time // the system clock's own date at monotonic zero, at the last look
	rtc    rtcTime
	dates  calendar
}

// newClock of the running kernel boot; dates is what the checkpoint kept. It knows nothing new before the first look.
func newClock(boot string, k timekeeper, built time.Time, dates calendar) *clock {
	dates.begin(boot, k.mono(), built)
	c := &clock{keeper: k, boot: boot, built: built, dates: dates}
	if running := dates.running(); !running.Offset.IsZero() {
		c.now = hub.Clock{Quality: gateway.ClockHoldover, Offset: running.Offset} // the daemon restarts, the kernel went on
	}
	return c
}

// kernelBootID names the running boot of the kernel.
func kernelBootID() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read the kernel's boot id: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// Now is CLOCK_MONOTONIC, the clock of the kernel's edge stamps.
func (c *clock) Now() gateway.Mono { return c.keeper.mono() }

// Stamp dates a monotonic time of a boot of the kernel; zero while its date is unknown.
func (c *clock) Stamp(boot string, at gateway.Mono) (time.Time, gateway.ClockQuality) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if boot == c.boot {
		return c.now.Wall(at), c.now.Quality
	}
	if i := c.dates.find(boot); i >= 0 && !c.dates.Boots[i].Offset.IsZero() {
		return c.dates.Boots[i].Offset.Add(time.Duration(at)), c.dates.Boots[i].Clock
	}
	return time.Time{}, gateway.ClockUnset
}

// Bounds are what is known about a time that Stamp cannot date; zero = nothing.
func (c *clock) Bounds(boot string, at gateway.Mono) (notBefore, notAfter time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dates.bounds(boot, at)
}

// Date is what certificates are judged by. While the date is unknown it is the earliest that can be now.
func (c *clock) Date() (now time.Time, known bool) {
	at := c.keeper.mono()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.Quality == gateway.ClockUnset {
		return c.dates.floor(at), false
	}
	return c.now.Wall(at), true
}

// passed notes a date that has certainly come, as far as none is known: certificates are not judged by an earlier one.
func (c *clock) passed(date time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.Quality == gateway.ClockUnset {
		c.dates.Last = later(c.dates.Last, date)
	}
}

// keep hands what the checkpoint shall hold to put.
func (c *clock) keep(put func(calendar) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return put(c.dates)
}

// glance is what one look at the system clock has shown.
type glance struct {
	hub.Clock
	synced   bool          // it has just been synchronised
	step     time.Duration // it has jumped; 0 = it has not
	followed bool          // our dates have jumped with it
}

// look reads the system clock and what the kernel says about it.
func (c *clock) look() glance {
	before := c.keeper.mono()
	wall := c.keeper.wall().Round(0)
	at := before.Add(c.keeper.mono().Sub(before) / 2)
	system := wall.Add(-time.Duration(at))

	c.mu.Lock()
	defer c.mu.Unlock()
	was, wasSystem := c.now, c.system
	c.system = system
	believed := c.believe(wall, at)
	running := c.dates.running()
	date := system
	if believed == gateway.ClockUnset && was.Quality == gateway.ClockUnset && c.rtcBelieved(at) {
		believed, date = gateway.ClockHoldover, c.rtc.offset
	}
	switch {
	case believed >= max(running.Clock, gateway.ClockHoldover): // at least as good as what there is
		c.now = hub.Clock{Quality: believed, Offset: date}
		if d := date.Sub(was.Offset); d.Abs() < time.Millisecond {
			c.now.Offset = was.Offset // a date does not tremble with every look
		}
		c.dates.learn(c.now.Offset, believed, at)
	case was.Quality != gateway.ClockUnset:
		c.now.Quality = gateway.ClockHoldover
		c.dates.Last = later(c.dates.Last, c.now.Wall(at))
	}
	running.Seen = at

	g := glance{Clock: c.now, synced: c.now.Quality == gateway.ClockSynced && was.Quality != gateway.ClockSynced}
	if was.Quality == gateway.ClockUnset || wasSystem.IsZero() && was.Offset.Equal(c.now.Offset) {
		return g // nothing was dated yet, or this is the first look
	}
	if jump := c.now.Offset.Sub(was.Offset); jump.Abs() >= stepSize {
		g.step, g.followed = jump, true
	} else if jump = system.Sub(wasSystem); jump.Abs() >= stepSize && !wasSystem.IsZero() {
		g.step = jump
	}
	return g
}

// believe tells what stands behind the date of the system clock. Nothing makes a date before this program was built
// right; a battery-backed clock is not right either before what was known.
func (c *clock) believe(wall time.Time, at gateway.Mono) gateway.ClockQuality {
	switch {
	case wall.Before(c.built):
		return gateway.ClockUnset
	case c.keeper.disciplined():
		return gateway.ClockSynced
	case c.keeper.fromRTC() && !wall.Before(c.dates.floor(at)):
		return gateway.ClockHoldover
	}
	return gateway.ClockUnset
}

// theKernel is the timekeeper of a daemon.
func theKernel() timekeeper {
	return timekeeper{mono: monotonic, wall: time.Now, disciplined: disciplined, fromRTC: fromRTC}
}

func monotonic() gateway.Mono {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // a clock every Linux has
	}
	return gateway.Mono(ts.Nano())
}

// disciplined asks the kernel: its clock counts as right while adjtimex says neither error nor unsynchronised.
func disciplined() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

// fromRTC asks the kernel. It does not take the time from a clock that says itself that it had stopped (DS3231: OSF).
func fromRTC() bool {
	b, err := os.ReadFile("/sys/class/rtc/rtc0/hctosys")
	return err == nil && strings.TrimSpace(string(b)) == "1"
}
