package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/field"
)

// memory is the checkpoint as the core sees it: what devices must not forget, and the standing alarms. Times in it are of
// the boot of the kernel that memorySection names.
type memory struct {
	truths *checkpoint.Checkpoint
	clock  *clock
	log    *slog.Logger
	now    chan struct{} // buffered 1: what was kept last must not wait for its turn

	shift time.Duration

	mu      sync.Mutex // whoever holds it tells the time: what is kept later does not say that it was kept earlier
	failing bool
	ends    gateway.Mono // when the last of what is kept and counts down has ended
}

// ending is what counts down. Where no date tells how long the power was off, it goes on as it was when At was written last.
type ending interface{ Ends() gateway.Mono }

const memorySection = "kept in"

// keptIn says of which boot the times are, and that none that had passed is later than At.
type keptIn struct {
	Boot string       `json:"boot"`
	At   gateway.Mono `json:"at"`
}

func newMemory(truths *checkpoint.Checkpoint, c *clock, log *slog.Logger) *memory {
	return &memory{truths: truths, clock: c, log: log, now: make(chan struct{}, 1)}
}

// begin comes after the first look of the clock, because dates tell how long the power was off, and before the core.
func (m *memory) begin() {
	var was keptIn
	if _, err := m.truths.Get(memorySection, &was); err != nil {
		m.log.Warn("what devices had kept cannot be dated", "error", err)
	}
	m.shift = m.clock.ahead(was)
}

// Keep is called by the core. What comes with an alarm is written at once, by another goroutine.
func (m *memory) Keep(changed []field.Truth, soon bool) {
	sections := make([]checkpoint.Section, 0, len(changed)+1)
	m.mu.Lock()
	for _, t := range changed {
		if e, ok := t.Value.(ending); ok {
			m.ends = max(m.ends, e.Ends())
		}
		sections = append(sections, checkpoint.Section{Key: t.Key, Value: t.Value})
	}
	m.put(sections)
	m.mu.Unlock()
	if soon {
		m.soon()
	}
}

// put keeps sections, and that they are of now. m.mu is held.
func (m *memory) put(sections []checkpoint.Section) {
	err := m.truths.PutAll(append(sections, checkpoint.Section{Key: memorySection, Value: keptIn{m.clock.boot, m.clock.Now()}}))
	if failing := err != nil; failing != m.failing {
		m.failing = failing
		if failing {
			m.log.Error("counts and alarms of devices would not survive a restart", "error", err)
		}
	}
}

// soon has everything written at once, by another goroutine.
func (m *memory) soon() {
	select {
	case m.now <- struct{}{}:
	default:
	}
}

// Recall is called by the core, before it keeps anything.
func (m *memory) Recall(key string, v any) (time.Duration, bool) {
	ok, err := m.truths.Get(key, v)
	if err != nil {
		m.log.Warn("what a device had kept cannot be read and is forgotten", "error", err)
	}
	if e, is := v.(ending); ok && is && err == nil && e.Ends() != 0 {
		m.mu.Lock()
		m.ends = max(m.ends, e.Ends().Add(m.shift))
		m.mu.Unlock()
	}
	return m.shift, ok && err == nil
}

// counting tells whether something counts down, and keeps how late it is by now.
func (m *memory) counting() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clock.Now() >= m.ends {
		return false
	}
	m.put(nil)
	return true
}

// run writes what must not wait, and while something counts down how late it is. The checkpoint tells of failures, and tries again.
func (m *memory) run(ctx context.Context) {
	tick := time.NewTicker(truthsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if m.counting() {
				_ = m.truths.Flush() // what fails is tried again by the checkpoint, which tells of it
			}
		case <-m.now:
			m.counting()
			if err := m.truths.Flush(); err != nil {
				m.log.Error("an alarm, a latched fire or an open command is not kept yet", "error", err)
			}
		}
	}
}

// ahead is how far the monotonic clock of this boot is ahead of that of another one: by dates, where both are known, else as
// if no time had passed while the power was off. What had happened by then does not come to lie in the future.
func (c *clock) ahead(was keptIn) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if was.Boot == c.boot || was.Boot == "" {
		return 0
	}
	shift := c.keeper.mono().Sub(was.At)
	i := c.dates.find(was.Boot)
	if i < 0 || c.dates.Boots[i].Offset.IsZero() || c.now.Quality == gateway.ClockUnset {
		return shift
	}
	return min(shift, c.dates.Boots[i].Offset.Sub(c.now.Offset))
}
