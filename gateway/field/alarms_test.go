package field

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

func offline(id string, at gateway.Mono) gateway.Event {
	return gateway.Event{Type: gateway.CameraOffline, ID: id, At: at, Data: gateway.CameraData{Method: "pulse"}}
}

func online(id string, at gateway.Mono) gateway.Event {
	return gateway.Event{Type: gateway.CameraOnline, ID: id, At: at, Data: gateway.CameraData{Method: "pulse"}}
}

// alarmCore is a core with one elevator and nothing wired.
func alarmCore() (*Core, *memory, *hub.Hub) {
	m := &memory{start: gateway.MonoOf(boot)}
	h := hub.New(func() gateway.Mono { return m.start })
	lift := device.ElevatorConfig{Filter: 10 * time.Second}
	lift.Wired = lift.Wired.With(device.AlarmButton)
	cfg := Config{
		Sources: []SourceConfig{{ID: GPIO, Kind: GPIO, Bus: GPIO}},
		Points:  []PointConfig{{ID: "button"}},
		Devices: []DeviceConfig{{
			Meta: gateway.MetaDevice{ID: "car-1", Kind: "elevator"}, Machine: Box(device.NewElevator(lift)),
			Parts: []Part{{Role: device.RoleLift, Index: uint8(device.AlarmButton)}},
		}},
	}
	return NewCore(cfg, h, m, m.start), m, h
}

func TestAlarmIsAcknowledgedAndShelved(t *testing.T) {
	c, m, h := alarmCore()
	at := func(s int) gateway.Mono { return m.start.Add(time.Duration(s) * time.Second) }
	do := func(s int, act AlarmAct) { c.Apply(at(s), Input{Kind: AlarmInput, Alarm: act}) }
	cam := func(act AlarmActKind) AlarmAct {
		return AlarmAct{ID: "cam-1", Alarm: "offline", Act: act, For: time.Minute, By: "operator-7"}
	}
	do(0, cam(Acknowledge)) // nothing stands
	do(0, cam(Shelve))
	c.Apply(at(1), Input{Kind: EventInput, Event: offline("cam-1", at(1))})
	do(2, cam(Acknowledge))
	do(3, cam(Acknowledge)) // again says nothing
	do(4, cam(Shelve))
	if a := h.View().Alarms; len(a) != 1 || a[0].Acknowledged != at(2) || a[0].ShelvedUntil != at(64) {
		t.Fatalf("%+v", a)
	}
	c.Apply(at(10), Input{Kind: EventInput, Event: online("cam-1", at(10))})
	c.Apply(at(20), Input{Kind: EventInput, Event: offline("cam-1", at(20))})
	if a := h.View().Alarms; len(a) != 1 || a[0].ShelvedUntil != at(64) || !a[0].Acknowledged.IsZero() {
		t.Fatalf("raised again on the shelf: %+v", a)
	}
	if c.Wake() != at(64) {
		t.Errorf("wakes at %v", c.Wake())
	}
	c.Tick(at(64))
	if a := h.View().Alarms; len(a) != 1 || !a[0].ShelvedUntil.IsZero() || !c.Wake().IsZero() {
		t.Fatalf("off the shelf: %+v", a)
	}
	do(70, cam(Shelve))
	do(71, cam(Unshelve))
	do(72, cam(Unshelve))
	expect(t, m, `
		1s camera.offline cam-1
		2s alarm.acknowledged cam-1
		4s alarm.shelved cam-1
		10s camera.online cam-1
		20s camera.offline cam-1
		1m4s alarm.unshelved cam-1
		1m10s alarm.shelved cam-1
		1m11s alarm.unshelved cam-1`)
}

// The alarm of a lift ends from afar only after it was acknowledged (EN 81-28).
func TestElevatorAlarmEndsFromAfar(t *testing.T) {
	c, m, h := alarmCore()
	at := func(s int) gateway.Mono { return m.start.Add(time.Duration(s) * time.Second) }
	run := func(s int) {
		for w := c.Wake(); !w.IsZero() && w <= at(s); w = c.Wake() {
			c.Tick(w)
		}
	}
	level := func(s int, on bool) {
		l := Levels{At: at(s)}
		l.Set(0, on)
		run(s)
		c.Apply(at(s), Input{Kind: LevelsInput, Levels: l})
	}
	level(0, false)
	level(5, true)
	level(8, false)
	run(10)
	end := AlarmAct{ID: "car-1", Alarm: "alarm_button", Act: End}
	c.Apply(at(20), Input{Kind: AlarmInput, Alarm: end})
	if len(h.View().Alarms) != 1 {
		t.Fatal("ended without having been acknowledged")
	}
	end.Act = Acknowledge
	c.Apply(at(30), Input{Kind: AlarmInput, Alarm: end})
	end.Act = End
	c.Apply(at(40), Input{Kind: AlarmInput, Alarm: end})
	if a := h.View().Alarms; len(a) != 0 {
		t.Errorf("%+v", a)
	}
	expect(t, m, `
		5s elevator.alarm_button car-1
		30s alarm.acknowledged car-1
		40s alarm.cleared car-1`)
}

// Whatever happens in whatever order: an alarm stands from its first raise to its clear, a shelf ends, nothing piles up.
func TestAlarmsHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var a alarms
		stands, now := map[string]bool{}, gateway.Mono(1)
		for range rapid.IntRange(1, 100).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(1, 100).Draw(rt, "pause")))
			id := rapid.SampledFrom([]string{"cam-1", "cam-2"}).Draw(rt, "id")
			key := id + "/offline"
			switch rapid.IntRange(0, 4).Draw(rt, "what") {
			case 0:
				raised, _ := a.apply(offline(id, now), gateway.EventID{})
				if (len(raised) == 1) == stands[key] {
					rt.Fatalf("raised %v, stood %v", raised, stands[key])
				}
				stands[key] = true
			case 1:
				_, cleared := a.apply(online(id, now), gateway.EventID{})
				if (len(cleared) == 1) != stands[key] {
					rt.Fatalf("cleared %v, stood %v", cleared, stands[key])
				}
				delete(stands, key)
			case 2:
				was := a.standing[key]
				if _, ok := a.acknowledge(key, now); ok != (stands[key] && was.Acknowledged.IsZero()) {
					rt.Fatalf("acknowledged %v", ok)
				}
			case 3:
				if _, ok := a.shelve(key, now.Add(50)); ok && !stands[key] {
					rt.Fatal("shelved what does not stand")
				}
			case 4:
				for key, ok := a.due(now); ok; key, ok = a.due(now) {
					a.shelve(key, 0)
				}
				if w := a.wake(); !w.IsZero() && w <= now {
					rt.Fatal("the shelf wakes in the past")
				}
			}
			if len(a.standing) != len(stands) || len(a.shelved) > 2 {
				rt.Fatalf("%v stand, %v", a.standing, stands)
			}
		}
	})
}

// The center hears people over the intercom, and says so: a suspicion becomes certain.
func TestEntrapmentIsConfirmedByCommand(t *testing.T) {
	m := &memory{start: gateway.MonoOf(boot)}
	h := hub.New(func() gateway.Mono { return m.start })
	lift := device.ElevatorConfig{OutOfZone: 15 * time.Second, InZone: time.Minute}
	lift.Faults[0].Name = "general"
	cfg := Config{
		Sources: []SourceConfig{{ID: GPIO, Kind: GPIO, Bus: GPIO}}, Points: []PointConfig{{ID: "fault"}},
		Devices: []DeviceConfig{{Meta: gateway.MetaDevice{ID: "car-1", Kind: "elevator"}, Parts: []Part{{Point: 0}}}},
	}
	wires := []device.ElevatorContact{device.AlarmButton, device.DoorZone, device.DoorClosed, device.CarMoving, device.Inspection, device.MainSupply}
	for i, c := range wires {
		lift.Wired = lift.Wired.With(c)
		cfg.Points = append(cfg.Points, PointConfig{ID: string(rune('a' + i)), Channel: i + 1})
		cfg.Devices[0].Parts = append(cfg.Devices[0].Parts, Part{Role: device.RoleLift, Index: uint8(c), Point: i + 1})
	}
	cfg.Devices[0].Machine = BoxKept(device.NewElevator(lift))
	c := NewCore(cfg, h, m, m.start)
	at := func(s int) gateway.Mono { return m.start.Add(time.Duration(s) * time.Second) }
	l := Levels{At: at(1)}
	for n := range 7 {
		l.Set(n, n == 3 || n == 6) // closed, and there is power
	}
	c.Apply(at(1), Input{Kind: LevelsInput, Levels: l})
	for w := c.Wake(); !w.IsZero() && w <= at(30); w = c.Wake() {
		c.Tick(w)
	}
	c.Apply(at(31), Input{Kind: CommandInput, Command: gateway.Command{
		JTI: "a", Device: "car-1", Action: gateway.AckAlarm, Args: gateway.Args{Alarm: "entrapment_suspected", Confirm: true},
	}})
	expect(t, m, `
		17s elevator.entrapment_suspected car-1
		31s command.accepted car-1
		31s alarm.acknowledged car-1
		31s elevator.entrapment_confirmed car-1
		31s command.done car-1`)
	if v := h.View().Devices[0]; v.State.Value != "entrapment_confirmed" {
		t.Errorf("%+v", v.State)
	}
}
