package daemon

import (
	"slices"
	"time"

	"lotusgate/gateway"
)

// calendar is what is known about the dates of this boot of the kernel and of those before it, so that events which
// were stored then can be dated, or at least bounded. The checkpoint keeps it. Not safe for concurrent use.
type calendar struct {
	Last  time.Time    `json:"last,omitzero"` // the last known time
	Boots []kernelBoot `json:"boots"`         // oldest first; the last one is running
}

// kernelBoot is one boot of the kernel. Monotonic times count from its beginning.
type kernelBoot struct {
	ID     string               `json:"id"`
	Offset time.Time            `json:"offset,omitzero"` // the date at monotonic zero; zero while unknown
	Clock  gateway.ClockQuality `json:"clock"`           // the best that ever stood behind Offset
	After  time.Time            `json:"after,omitzero"`  // it began after this
	Seen   gateway.Mono         `json:"seen"`            // it ran at least that long
}

// bootsKept is far more than the outbox can hold events of, on any gateway that does anything.
const bootsKept = 32

// begin enters the running boot, now. Everything known so far came before its beginning; built, when this program was
// made, came before now.
func (c *calendar) begin(id string, now gateway.Mono, built time.Time) {
	running := kernelBoot{ID: id, After: c.Last}
	if !built.IsZero() {
		running.After = later(c.Last, built.Add(-time.Duration(now)))
	}
	if i := c.find(id); i >= 0 {
		running = c.Boots[i]
		c.Boots = slices.Delete(c.Boots, i, i+1)
	}
	c.Boots = append(c.Boots, running)
	if extra := len(c.Boots) - bootsKept; extra > 0 {
		c.Boots = slices.Delete(c.Boots, 0, extra)
	}
}

func (c *calendar) find(id string) int {
	return slices.IndexFunc(c.Boots, func(b kernelBoot) bool { return b.ID == id })
}

func (c *calendar) running() *kernelBoot { return &c.Boots[len(c.Boots)-1] }

// learn takes note of the date of the running boot's monotonic zero, as it is known now.
func (c *calendar) learn(offset time.Time, quality gateway.ClockQuality, now gateway.Mono) {
	running := c.running()
	running.Offset, running.Clock = offset, quality
	c.Last = offset.Add(time.Duration(now)) // also where that is earlier: what was known before was wrong
	if running.After.After(offset) {
		running.After = offset
	}
}

// floor is a time that has certainly passed at the monotonic time now of the running boot; zero = nothing is known.
func (c *calendar) floor(now gateway.Mono) time.Time {
	after := c.running().After
	if after.IsZero() {
		return c.Last
	}
	return later(c.Last, after.Add(time.Duration(now)))
}

// bounds of an event at the monotonic time at of a boot whose dates are not known; zero = there is none. It happened
// after the last time that was known before its boot, and before the next boot that knew the time began.
func (c *calendar) bounds(boot string, at gateway.Mono) (notBefore, notAfter time.Time) {
	i := c.find(boot)
	if i < 0 || !c.Boots[i].Offset.IsZero() {
		return time.Time{}, time.Time{}
	}
	if after := c.Boots[i].After; !after.IsZero() {
		notBefore = after.Add(time.Duration(at))
	}
	for _, next := range c.Boots[i+1:] {
		if !next.Offset.IsZero() {
			ran := max(0, c.Boots[i].Seen.Sub(at)) // after the event, before the boot ended
			notAfter = next.Offset.Add(-ran)
			break
		}
	}
	if !notAfter.IsZero() && notAfter.Before(notBefore) {
		notBefore = time.Time{} // the time known before was wrong, as the better one that came later says
	}
	return notBefore, notAfter
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
