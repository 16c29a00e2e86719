package field

import "lotusgate/gateway"

// alarms is the set of standing alarms; the catalogue says what raises and clears them.
type alarms struct {
	standing map[string]gateway.Alarm
}

// apply follows one event and returns what it raised and the keys of what it cleared. An alarm that stands already is
// not raised again: since and event stay those of the first.
func (a *alarms) apply(e gateway.Event, id gateway.EventID) (raised []gateway.Alarm, cleared []string) {
	spec, _ := gateway.SpecOf(e.Type)
	for _, name := range spec.Clears {
		key := gateway.Alarm{ID: e.ID, Name: alarmName(name, e)}.Key()
		if _, ok := a.standing[key]; ok {
			delete(a.standing, key)
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
	if _, ok := a.standing[alarm.Key()]; ok {
		return raised, cleared
	}
	if a.standing == nil {
		a.standing = make(map[string]gateway.Alarm)
	}
	a.standing[alarm.Key()] = alarm
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
