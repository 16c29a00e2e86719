package field

import (
	"maps"
	"slices"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
)

// alarms is the set of standing alarms; the catalogue says what raises and clears them. An alarm is raised once, whatever
// repeats it; somebody may acknowledge it; somebody may shelve it for a while, as during maintenance: it goes on standing,
// is raised and cleared as ever, and comes back to everybody's eyes when the time is over.
type alarms struct {
	standing map[string]gateway.Alarm
	shelved  map[string]gateway.Mono // by key, until when; it outlives the alarm
	orphans  map[string]bool         // by key: of an earlier run, and nobody here knows of it
	adopt    gateway.Mono            // when orphans are given up
	changed  bool                    // since it was last kept
}

// restore goes on with the alarms of an earlier run. known tells whether a device stands for one.
func (a *alarms) restore(kept keptAlarms, shift time.Duration, known func(gateway.Alarm) bool) {
	move := func(m gateway.Mono) gateway.Mono {
		if m.IsZero() {
			return m
		}
		return m.Add(shift)
	}
	for _, alarm := range kept.Standing {
		alarm.Since, alarm.Acknowledged, alarm.ShelvedUntil = move(alarm.Since), move(alarm.Acknowledged), move(alarm.ShelvedUntil)
		a.put(alarm)
		if !known(alarm) {
			if a.orphans == nil {
				a.orphans = map[string]bool{}
			}
			a.orphans[alarm.Key()] = true
		}
	}
	for key, until := range kept.Shelved {
		if a.shelved == nil {
			a.shelved = map[string]gateway.Mono{}
		}
		a.shelved[key] = move(until)
	}
}

// kept is what restore wants.
func (a *alarms) kept() keptAlarms {
	k := keptAlarms{Standing: make([]gateway.Alarm, 0, len(a.standing)), Shelved: maps.Clone(a.shelved)}
	for _, key := range a.keys() {
		k.Standing = append(k.Standing, a.standing[key])
	}
	return k
}

// keys of the standing alarms, in order.
func (a *alarms) keys() []string { return slices.Sorted(maps.Keys(a.standing)) }

func (a *alarms) put(alarm gateway.Alarm) {
	if a.standing == nil {
		a.standing = make(map[string]gateway.Alarm)
	}
	a.standing[alarm.Key()] = alarm
}

// all that stand, by key.
func (a *alarms) all() []gateway.Alarm {
	var list []gateway.Alarm
	for _, key := range slices.Sorted(maps.Keys(a.standing)) {
		list = append(list, a.standing[key])
	}
	return list
}

// apply follows one event and returns what it raised and the keys of what it cleared. An alarm that stands already is
// not raised again: since and event stay those of the first.
func (a *alarms) apply(e gateway.Event, id gateway.EventID) (raised []gateway.Alarm, cleared []string) {
	spec, _ := gateway.SpecOf(e.Type)
	for _, name := range spec.Clears {
		key := gateway.Alarm{ID: e.ID, Name: alarmName(name, e)}.Key()
		if _, ok := a.standing[key]; ok {
			delete(a.standing, key)
			delete(a.orphans, key)
			a.changed = true
			cleared = append(cleared, key)
		}
	}
	if spec.Raises == "" {
		return raised, cleared
	}
	alarm := gateway.Alarm{
		ID: e.ID, Name: alarmName(spec.Raises, e), Type: e.Type, Severity: gateway.SeverityOf(e), Since: e.At, Event: id,
	}
	if d, ok := e.Data.(gateway.Worded); ok {
		alarm.Text = d.AlarmText()
	}
	key := alarm.Key()
	if _, ok := a.standing[key]; ok {
		delete(a.orphans, key)
		return raised, cleared
	}
	alarm.ShelvedUntil = a.shelved[key]
	a.put(alarm)
	a.changed = true
	return append(raised, alarm), cleared
}

func alarmName(name string, e gateway.Event) string {
	if name != gateway.Cause {
		return name
	}
	if d, ok := e.Data.(gateway.AlarmCauser); ok {
		return d.AlarmCause()
	}
	return e.Type.Name()
}

// acknowledge a standing alarm; ok is false when there is none, or somebody has done so before.
func (a *alarms) acknowledge(key string, now gateway.Mono) (alarm gateway.Alarm, ok bool) {
	alarm, ok = a.standing[key]
	if !ok || !alarm.Acknowledged.IsZero() {
		return alarm, false
	}
	alarm.Acknowledged = now
	a.put(alarm)
	a.changed = true
	return alarm, true
}

// shelve a standing alarm until a time; zero takes it back from the shelf. ok is false when there is nothing to do.
func (a *alarms) shelve(key string, until gateway.Mono) (alarm gateway.Alarm, ok bool) {
	alarm, stands := a.standing[key]
	was, lies := a.shelved[key]
	if until.IsZero() && !lies || !until.IsZero() && !stands || lies && was == until {
		return alarm, false
	}
	if a.shelved == nil {
		a.shelved = make(map[string]gateway.Mono)
	}
	a.shelved[key], a.changed = until, true
	if until.IsZero() {
		delete(a.shelved, key)
	}
	if stands {
		alarm.ShelvedUntil = until
		a.put(alarm)
	}
	return alarm, true
}

// wake is when the next alarm comes back from the shelf, or is given up; zero = never.
func (a *alarms) wake() (w gateway.Mono) {
	w = a.adopt
	for _, until := range a.shelved {
		w = gateway.Earliest(w, until)
	}
	return w
}

// due is the first key, by name, whose time on the shelf is over.
func (a *alarms) due(now gateway.Mono) (key string, ok bool) {
	for k, until := range a.shelved {
		if until <= now && (!ok || k < key) {
			key, ok = k, true
		}
	}
	return key, ok
}

// AlarmAct is what somebody does about an alarm.
type AlarmAct struct {
	ID, Alarm string
	Act       AlarmActKind
	For       time.Duration // Shelve
	By        string        // issuer, for the record
}

// AlarmActKind says what.
type AlarmActKind uint8

const (
	Acknowledge AlarmActKind = iota
	End                      // of an alarm that only somebody may end, once it was acknowledged
	Confirm                  // of a suspicion that was acknowledged
	Shelve
	Unshelve
)

// act on an alarm. What has no effect says nothing.
func (c *Core) act(now gateway.Mono, act AlarmAct) {
	key := gateway.Alarm{ID: act.ID, Name: act.Alarm}.Key()
	data := gateway.AlarmActData{Alarm: act.Alarm, By: act.By}
	switch act.Act {
	case Acknowledge:
		if alarm, ok := c.alarms.acknowledge(key, now); ok {
			c.told(now, gateway.AlarmAcknowledged, act.ID, alarm, data)
			c.stepByID(now, act.ID, device.Input{Kind: device.Acknowledged, Ref: act.Alarm})
		}
	case End:
		if alarm, ok := c.alarms.standing[key]; ok && !alarm.Acknowledged.IsZero() {
			c.stepByID(now, act.ID, device.Input{Kind: device.Ended})
		}
	case Confirm:
		if alarm, ok := c.alarms.standing[key]; ok && !alarm.Acknowledged.IsZero() {
			c.stepByID(now, act.ID, device.Input{Kind: device.Confirmed})
		}
	case Shelve:
		data.ForMS = act.For.Milliseconds()
		if alarm, ok := c.alarms.shelve(key, now.Add(max(act.For, 1))); ok {
			c.told(now, gateway.AlarmShelved, act.ID, alarm, data)
		}
	case Unshelve:
		if alarm, ok := c.alarms.shelve(key, 0); ok {
			c.told(now, gateway.AlarmUnshelved, act.ID, alarm, data)
		}
	}
}

// told issues the event of an act, and shows the alarm as it is now, if it stands.
func (c *Core) told(now gateway.Mono, t gateway.Type, id string, alarm gateway.Alarm, data gateway.AlarmActData) {
	if alarm.Name != "" {
		c.hub.PutAlarm(alarm)
	}
	c.emit(gateway.Event{Type: t, ID: id, At: now, Data: data})
}

// unshelve takes back what has lain on the shelf for long enough.
func (c *Core) unshelve(now gateway.Mono) {
	for key, ok := c.alarms.due(now); ok; key, ok = c.alarms.due(now) {
		at := c.alarms.shelved[key]
		alarm, _ := c.alarms.shelve(key, 0)
		id, name, _ := strings.Cut(key, "/")
		c.told(at, gateway.AlarmUnshelved, id, alarm, gateway.AlarmActData{Alarm: name})
	}
}

func (c *Core) stepByID(now gateway.Mono, id string, in device.Input) {
	for i := range c.devices {
		if c.devices[i].cfg.Meta.ID == id {
			c.step(now, i, in)
		}
	}
}
