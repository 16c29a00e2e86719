package daemon

import (
	"context"
	"log/slog"
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

	shift   time.Duration
	failing bool
}

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
	for _, t := range changed {
		sections = append(sections, checkpoint.Section{Key: t.Key, Value: t.Value})
	}
	sections = append(sections, checkpoint.Section{Key: memorySection, Value: keptIn{m.clock.boot, m.clock.Now()}})
	err := m.truths.PutAll(sections)
	if failing := err != nil; failing != m.failing {
		m.failing = failing
		if failing {
			m.log.Error("counts and alarms of devices would not survive a restart", "error", err)
		}
	}
	if soon {
		m.soon()
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
	return m.shift, ok && err == nil
}

// run writes what must not wait. The checkpoint tells of failures, and tries again.
func (m *memory) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.now:
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
