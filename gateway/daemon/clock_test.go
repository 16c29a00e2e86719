package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers/line"
	"lotusgate/gateway"
)

// watch is a board's clocks on virtual time.
type watch struct {
	up      time.Duration // CLOCK_MONOTONIC
	system  time.Time     // the system clock at monotonic zero
	ntp     bool
	battery bool
}

func (w *watch) keeper() timekeeper {
	return timekeeper{
		mono:        func() gateway.Mono { return gateway.Mono(w.up) },
		wall:        func() time.Time { return w.system.Add(w.up) },
		disciplined: func() bool { return w.ntp },
		fromRTC:     func() bool { return w.battery },
	}
}

var (
	built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	noon  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	epoch = time.Unix(0, 0).UTC()
)

// reboot loads what an earlier clock kept, as the checkpoint does: through JSON.
func reboot(t *testing.T, before *clock, boot string, w *watch) *clock {
	t.Helper()
	var dates calendar
	if before != nil {
		err := before.keep(func(c calendar) error {
			b, err := json.Marshal(c)
			if err != nil {
				return err
			}
			return json.Unmarshal(b, &dates)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return newClock(boot, w.keeper(), built, dates)
}

func stamp(c *clock, boot string, at time.Duration) string {
	when, quality := c.Stamp(boot, gateway.Mono(at))
	if when.IsZero() {
		return quality.String()
	}
	return when.Format(time.DateTime) + " " + quality.String()
}

// TestClockSources goes through what a board can wake up with.
func TestClockSources(t *testing.T) {
	for _, c := range []struct {
		name string
		w    watch
		want string // a minute after boot
	}{
		{"nothing, 1970", watch{system: epoch}, "unset"},
		{"a plausible date from fake-hwclock", watch{system: noon}, "unset"},
		{"battery-backed clock", watch{system: noon, battery: true}, "2026-11-23 12:01:00 holdover"},
		{"its battery is empty", watch{system: epoch, battery: true}, "unset"},
		{"it is behind this program", watch{system: built.Add(-time.Hour), battery: true}, "unset"},
		{"synchronised", watch{system: noon, ntp: true}, "2026-11-23 12:01:00 synced"},
		{"synchronised to before this program", watch{system: epoch, ntp: true}, "unset"},
	} {
		clock := reboot(t, nil, "boot-1", &c.w)
		c.w.up = time.Minute
		clock.look()
		if got := stamp(clock, "boot-1", time.Minute); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		date, known := clock.Date()
		if date.Before(built) || known != (c.want != "unset") {
			t.Errorf("%s: certificates are judged by %v, known %v", c.name, date, known)
		}
	}
}

// TestClockSteps moves the system clock of a running board.
func TestClockSteps(t *testing.T) {
	const hour, years = time.Hour, 50 * 365 * 24 * time.Hour
	type look struct {
		step     time.Duration
		followed bool
		synced   bool
		stamp    string // of one minute after boot
	}
	for _, c := range []struct {
		name   string
		before watch
		change func(*watch)
		want   look
	}{
		{
			"1970 to now",
			watch{system: epoch},
			func(w *watch) { w.system, w.ntp = noon, true },
			look{0, false, true, "2026-11-23 12:01:00 synced"},
		},
		{
			"an hour back by hand, was synchronised",
			watch{system: noon, ntp: true},
			func(w *watch) { w.system, w.ntp = noon.Add(-hour), false },
			look{-hour, false, false, "2026-11-23 12:01:00 holdover"},
		},
		{
			"fifty years ahead by hand, was synchronised",
			watch{system: noon, ntp: true},
			func(w *watch) { w.system, w.ntp = noon.Add(years), false },
			look{years, false, false, "2026-11-23 12:01:00 holdover"},
		},
		{
			"an hour back by the server",
			watch{system: noon, ntp: true},
			func(w *watch) { w.system = noon.Add(-hour) },
			look{-hour, true, false, "2026-11-23 11:01:00 synced"},
		},
		{
			"the battery-backed clock was wrong",
			watch{system: noon, battery: true},
			func(w *watch) { w.system, w.ntp = noon.Add(2*hour), true },
			look{2 * hour, true, true, "2026-11-23 14:01:00 synced"},
		},
		{
			"ahead by hand, on a site without a server",
			watch{system: noon, battery: true},
			func(w *watch) { w.system = noon.Add(hour) },
			look{hour, true, false, "2026-11-23 13:01:00 holdover"},
		},
		{
			"back by hand, behind what has passed",
			watch{system: noon, battery: true},
			func(w *watch) { w.system = noon.Add(-hour) },
			look{-hour, false, false, "2026-11-23 12:01:00 holdover"},
		},
		{
			"nobody ever knew",
			watch{system: epoch},
			func(w *watch) { w.system = noon },
			look{0, false, false, "unset"},
		},
		{
			"a trembling of microseconds",
			watch{system: noon, ntp: true},
			func(w *watch) { w.system = noon.Add(300 * time.Microsecond) },
			look{0, false, false, "2026-11-23 12:01:00 synced"},
		},
		{
			"the server goes away",
			watch{system: noon, ntp: true},
			func(w *watch) { w.ntp = false },
			look{0, false, false, "2026-11-23 12:01:00 holdover"},
		},
	} {
		w := c.before
		clock := reboot(t, nil, "boot-1", &w)
		w.up = 5 * time.Minute
		if g := clock.look(); g.step != 0 || g.synced != c.before.ntp {
			t.Errorf("%s: the first look is %+v", c.name, g)
		}
		w.up += 10 * time.Second
		c.change(&w)
		g := clock.look()
		got := look{g.step, g.followed, g.synced, stamp(clock, "boot-1", time.Minute)}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		w.up += 10 * time.Second
		if g := clock.look(); g.step != 0 || g.synced {
			t.Errorf("%s: told twice: %+v", c.name, g)
		}
	}
}

// TestEarlierBoots dates what an earlier boot of the kernel stored.
func TestEarlierBoots(t *testing.T) {
	first := reboot(t, nil, "boot-1", &watch{system: noon, ntp: true, up: time.Hour})
	first.look()

	// The second boot never knows the time; its last look is at two hours.
	w := &watch{system: epoch, up: time.Minute}
	second := reboot(t, first, "boot-2", w)
	w.up = 2 * time.Hour
	second.look()
	if got := stamp(second, "boot-1", 90*time.Second); got != "2026-11-23 12:01:30 synced" {
		t.Errorf("event of the first boot: %s", got)
	}
	if got := stamp(second, "boot-2", time.Hour); got != "unset" {
		t.Errorf("event of the second boot: %s", got)
	}
	bounds := func(c *clock, boot string, at time.Duration, from, to time.Time) {
		t.Helper()
		notBefore, notAfter := c.Bounds(boot, gateway.Mono(at))
		if !notBefore.Equal(from) || !notAfter.Equal(to) {
			t.Errorf("%s at %v: between %v and %v, want %v and %v", boot, at, notBefore, notAfter, from, to)
		}
	}
	bounds(second, "boot-2", time.Hour, noon.Add(2*time.Hour), time.Time{}) // known at 13:00, booted after that
	bounds(second, "boot-1", time.Hour, time.Time{}, time.Time{})           // it has a date
	bounds(second, "boot-0", time.Hour, time.Time{}, time.Time{})
	if date, known := second.Date(); known || !date.Equal(noon.Add(3*time.Hour)) {
		t.Errorf("certificates are judged by %v, known %v", date, known)
	}

	// The third boot began at 20:00 and is synchronised later.
	w = &watch{system: epoch, up: time.Minute}
	third := reboot(t, second, "boot-3", w)
	third.look()
	bounds(third, "boot-2", time.Hour, noon.Add(2*time.Hour), time.Time{})
	w.system, w.ntp, w.up = noon.Add(8*time.Hour), true, time.Hour
	third.look()
	bounds(third, "boot-2", time.Hour, noon.Add(2*time.Hour), noon.Add(7*time.Hour)) // it ran an hour more
	bounds(third, "boot-2", 3*time.Hour, noon.Add(4*time.Hour), noon.Add(8*time.Hour))

	// A daemon that restarts in the same boot goes on with the date, also if the server is gone.
	w = &watch{system: epoch, up: 2 * time.Hour}
	fourth := reboot(t, third, "boot-3", w)
	fourth.look()
	if got := stamp(fourth, "boot-3", 2*time.Hour); got != "2026-11-23 22:00:00 holdover" {
		t.Errorf("after a restart of the daemon: %s", got)
	}
}

// A wrong date that was once believed does not stay: not as a floor, not as a bound.
func TestWrongDateIsForgotten(t *testing.T) {
	wrong := noon.AddDate(50, 0, 0)
	first := reboot(t, nil, "boot-1", &watch{system: wrong, battery: true, up: time.Hour})
	first.look()
	second := reboot(t, first, "boot-2", &watch{system: epoch, up: time.Hour})
	second.look()
	w := &watch{system: noon, battery: true, up: time.Hour}
	third := reboot(t, second, "boot-3", w)
	third.look()
	if got := stamp(third, "boot-3", 0); got != "unset" {
		t.Errorf("an older date from the battery-backed clock was believed: %s", got)
	}
	w.ntp = true
	third.look()
	if got := stamp(third, "boot-3", time.Hour); got != "2026-11-23 13:00:00 synced" {
		t.Errorf("after synchronisation: %s", got)
	}
	if from, to := third.Bounds("boot-2", gateway.Mono(time.Minute)); !from.IsZero() || !to.Before(noon) {
		t.Errorf("the boot before: between %v and %v", from, to)
	}
	w = &watch{system: epoch, up: time.Minute}
	fourth := reboot(t, third, "boot-4", w)
	if date, _ := fourth.Date(); !date.Equal(noon.Add(time.Hour + time.Minute)) {
		t.Errorf("floor %v", date)
	}
}

func TestCalendarIsBounded(t *testing.T) {
	var c *clock
	for i := range 100 {
		c = reboot(t, c, time.Duration(i).String(), &watch{system: noon.Add(time.Duration(i) * time.Hour), ntp: true, up: time.Minute})
		c.look()
	}
	if n := len(c.dates.Boots); n != bootsKept {
		t.Errorf("%d boots kept", n)
	}
	if b, err := json.Marshal(c.dates); err != nil || len(b) > 8<<10 {
		t.Errorf("%d bytes in the checkpoint, error %v", len(b), err)
	}
}

// The real kernel answers.
func TestKernelClock(t *testing.T) {
	boot, err := kernelBootID()
	if err != nil {
		t.Fatal(err)
	}
	c := newClock(boot, theKernel(), time.Time{}, calendar{})
	before := c.Now()
	seen := c.look()
	if c.Now() <= before {
		t.Error("the monotonic clock stands still")
	}
	wall, quality := c.Stamp(boot, c.Now())
	if (quality == gateway.ClockUnset) != wall.IsZero() || quality != seen.Quality {
		t.Errorf("stamp %v with quality %v", wall, quality)
	}
}

// A daemon leaves behind what the next one needs to date its events.
func TestRunKeepsTheCalendar(t *testing.T) {
	cfg := example(t)
	ctx, cancel := context.WithCancel(t.Context())
	var started gateway.Event
	err := Run(ctx, Options{
		Config: cfg, Built: built,
		Hardware: Hardware{Lines: line.Registry(nil), OpenBus: func(string) (i2c.BusCloser, error) { return nil, errors.New("no bus") }},
		Event: func(_ gateway.EventID, e gateway.Event) {
			if e.Type == gateway.GatewayStarted {
				started = e
			}
			cancel()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	boot, err := kernelBootID()
	if err != nil {
		t.Fatal(err)
	}
	dates, err := Dates(cfg.Storage.Path)
	if err != nil {
		t.Fatal(err)
	}
	c := newClock(boot, theKernel(), built, calendar{})
	c.look()
	want, quality := c.Stamp(boot, started.At)
	s := dates(boot, started.At)
	switch {
	case quality == gateway.ClockUnset && s.NotBefore.Before(built.Add(-time.Second)):
		t.Errorf("bounds of an event without a date: %+v", s)
	case quality != gateway.ClockUnset && s.Time.Sub(want).Abs() > time.Second:
		t.Errorf("dated %v, want %v", s.Time, want)
	}
}
