package field

import (
	"slices"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
)

// Truth is one thing that must survive a restart.
type Truth struct {
	Key   string
	Value any // a struct that is stored as JSON; nil = there is nothing to keep any more
}

// Memory is what survives a restart. The core calls it and must not wait.
type Memory interface {
	// Keep takes over what has changed, each key once, all of it or nothing. soon tells that it must not wait for others: an alarm was
	// raised, cleared, or acted upon.
	Keep(changed []Truth, soon bool)
	// Recall reads into v what was kept, and tells by how much the clock of this boot is ahead of the one that the times
	// in it are of; ok is false where nothing is kept.
	Recall(key string, v any) (shift time.Duration, ok bool)
}

// forgetful is the Memory of who has none.
type forgetful struct{}

func (forgetful) Keep([]Truth, bool)                       {}
func (forgetful) Recall(string, any) (time.Duration, bool) { return 0, false }

// BoxKept is Box for a machine of which something must survive a restart.
func BoxKept[T device.Kept[T, S], S comparable](m T) Stepper { return &keptBox[T, S]{box: box[T]{m}} }

type keptBox[T device.Kept[T, S], S comparable] struct {
	box[T]
	kept S
}

func (b *keptBox[T, S]) changed() (any, bool) {
	s := b.m.Snapshot()
	if s == b.kept {
		return nil, false
	}
	b.kept = s
	if s == *new(S) {
		return nil, true // as if there had never been anything
	}
	return s, true
}

func (b *keptBox[T, S]) recall(m Memory, key string) {
	var s S
	if shift, ok := m.Recall(key, &s); ok {
		b.m = b.m.Restore(s, shift)
		b.kept = s // with the times of another boot it is not what must be kept from now on
	}
}

func (b *keptBox[T, S]) stands(alarm string) bool { return b.m.Stands(alarm) }

func (b *keptBox[T, S]) inherit(old Stepper) {
	if o, ok := old.(*keptBox[T, S]); ok {
		b.m, b.kept = b.m.Restore(o.m.Snapshot(), 0), o.kept
	}
}

// Without anything to keep.
func (b *box[T]) changed() (any, bool)  { return nil, false }
func (b *box[T]) recall(Memory, string) {}
func (b *box[T]) stands(string) bool    { return false }
func (b *box[T]) inherit(Stepper)       {}

// keptKey is where the truth of a device is kept. Its kind belongs to it: an id may come to mean something else.
func keptKey(d gateway.MetaDevice) string { return "device " + d.Kind + " " + d.ID }

// alarmsKey is where the standing alarms are kept.
const alarmsKey = "alarms"

// keptAlarms are the alarms as they are kept.
type keptAlarms struct {
	Standing []gateway.Alarm         `json:"standing"`
	Shelved  map[string]gateway.Mono `json:"shelved,omitempty"`
}

// adoptTime is how long an alarm of an earlier run stands without anybody who knows of it. What is still so has raised it
// again by then: since, event and acknowledgement stay. What is not is cleared.
const adoptTime = 30 * time.Second

// recall goes on where an earlier run has ended. It comes before the first input.
func (c *Core) recall(now gateway.Mono) {
	for i := range c.devices {
		d := &c.devices[i]
		d.cfg.Machine.recall(c.memory, keptKey(d.cfg.Meta))
	}
	var kept keptAlarms
	shift, _ := c.memory.Recall(alarmsKey, &kept)
	c.alarms.restore(kept, shift, func(a gateway.Alarm) bool {
		for i := range c.devices {
			if d := &c.devices[i]; d.cfg.Meta.ID == a.ID && d.cfg.Machine.stands(a.Name) {
				return true
			}
		}
		return false
	})
	c.alarms.changed = shift != 0 && len(kept.Standing)+len(kept.Shelved) > 0 // their times are of this boot now
	for _, key := range c.alarms.keys() {
		c.hub.PutAlarm(c.alarms.standing[key])
	}
	if len(c.alarms.orphans) > 0 {
		c.alarms.adopt = now.Add(adoptTime)
	}
}

// disown clears the alarms of an earlier run that nobody has raised again.
func (c *Core) disown(now gateway.Mono) {
	if c.alarms.adopt.IsZero() || now < c.alarms.adopt {
		return
	}
	c.alarms.adopt = 0
	for _, key := range c.alarms.keys() {
		if !c.alarms.orphans[key] {
			continue
		}
		a := c.alarms.standing[key]
		c.emit(gateway.Event{
			Type: gateway.AlarmCleared, ID: a.ID, At: now,
			Data: gateway.AlarmClearedData{Alarm: a.Name, Reason: gateway.ClearedByRestart},
		})
	}
}

// note takes down that a device may have something new to keep.
func (c *Core) note(i int) {
	value, ok := c.devices[i].cfg.Machine.changed()
	if !ok {
		return
	}
	key := keptKey(c.devices[i].cfg.Meta)
	if n := slices.IndexFunc(c.fresh, func(t Truth) bool { return t.Key == key }); n >= 0 {
		c.fresh[n].Value = value
		return
	}
	c.fresh = append(c.fresh, Truth{key, value})
}

// keep hands over what an input has changed, together: an alarm and the machine that stands for it are kept or lost as one.
func (c *Core) keep() {
	soon := c.alarms.changed
	if soon {
		c.alarms.changed = false
		c.fresh = append(c.fresh, Truth{alarmsKey, c.alarms.kept()})
	}
	if len(c.fresh) == 0 {
		return
	}
	c.memory.Keep(c.fresh, soon)
	clear(c.fresh)
	c.fresh = c.fresh[:0]
}
