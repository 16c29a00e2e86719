package uplink

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

func names(r map[string]string) string { return strings.Join(slices.Sorted(maps.Keys(r)), " ") }

// What an earlier session left behind is corrected, cleared, or kept as long as nothing is known.
func TestReconcile(t *testing.T) {
	m := newMosquitto(t)
	c := m.client("earlier", nil)
	for topic, payload := range map[string]string{
		"status":                            `{"state":"online","session":"old"}`,
		"meta":                              `{"gateway":"old"}`,
		"state/entry-gate":                  `{"value":"open"}`,
		"state/gone":                        `{"value":"x"}`,
		"alarm/entry-gate/travel_timeout":   `{"alarm":"travel_timeout"}`,
		"alarm/gone/offline":                `{"alarm":"offline"}`,
		"alarm/gateway/storage_degraded":    `{"alarm":"storage_degraded"}`,
		"alarm/car-1/entrapment_confirmed":  `{"alarm":"entrapment_confirmed"}`,
		"alarm/entry-gate/limit_conflict":   `{"alarm":"stale text of a standing alarm"}`,
		"reply/entry-gate":                  `not ours to clear`,
		"../park-02/state/entry-gate":       `of another gateway`,
		"alarm/entry-gate/limit_conflict/x": `no alarm topic`,
	} {
		finished(t, topic, c.Publish(strings.Replace(testRoot+"/"+topic, "park-01/../", "", 1), 1, true, payload))
	}

	g := prepare(t, m.url)
	unknown := hub.Device{MetaDevice: gateway.MetaDevice{ID: "car-1", Kind: "elevator"}} // not read yet: quality bad
	g.hub.PutDevice(unknown)
	g.hub.PutAlarm(gateway.Alarm{ID: "entry-gate", Name: "limit_conflict", Type: gateway.GateFault, Severity: gateway.Major, Since: g.clock.base})
	g.start()

	want := "alarm/car-1/entrapment_confirmed alarm/entry-gate/limit_conflict alarm/entry-gate/limit_conflict/x " +
		"lotusgate/v1/lianhua/park-02/state/entry-gate meta reply/entry-gate state/car-1 state/entry-gate status"
	r := m.until(want, func(r map[string]string) bool { return names(r) == want })
	for topic, part := range map[string]string{
		"status":                          `"state":"online","session":"` + g.hub.View().Link.Session,
		"meta":                            `"id":"entry-gate"`,
		"state/entry-gate":                `"value":"closed"`,
		"state/car-1":                     `"value":null,"quality":"bad"`,
		"alarm/entry-gate/limit_conflict": `"severity":"major"`,
	} {
		if !strings.Contains(r[topic], part) {
			t.Errorf("%s does not hold %s: %s", topic, part, r[topic])
		}
	}

	// Now the elevator was read, and nobody is trapped.
	unknown.State = gateway.DeviceState{Value: "normal", Quality: gateway.Good, Since: g.clock.Now()}
	g.hub.PutDevice(unknown)
	m.until("alarm cleared", func(r map[string]string) bool { return r["alarm/car-1/entrapment_confirmed"] == "" })

	// An alarm of this session ends.
	g.hub.DropAlarm("entry-gate/limit_conflict")
	m.until("alarm cleared", func(r map[string]string) bool { return r["alarm/entry-gate/limit_conflict"] == "" })
}

func TestStatusFollowsAlarmsAndProblems(t *testing.T) {
	m := newMosquitto(t)
	g := prepare(t, m.url)
	g.opt.Problems = func(v *hub.View) []gateway.Text {
		if v.Storage.Degraded == "" {
			return nil
		}
		return []gateway.Text{{ZH: "存储", EN: v.Storage.Degraded}}
	}
	g.clock.set(gateway.ClockUnset)
	g.start()
	status := func(what string, ok func(gateway.Status) bool) {
		t.Helper()
		m.until(what, func(r map[string]string) bool {
			var s gateway.Status
			return json.Unmarshal([]byte(r["status"]), &s) == nil && ok(s)
		})
	}
	status("online, no date", func(s gateway.Status) bool {
		return s.State == gateway.Online && s.Since == nil && s.Clock == gateway.ClockUnset && s.Alarms == 0
	})
	if s := m.retained()["state/entry-gate"]; !strings.Contains(s, `"since":null`) {
		t.Errorf("state while the date is unknown: %s", s)
	}
	g.clock.set(gateway.ClockSynced)
	g.hub.SetClock(hub.Clock{Quality: gateway.ClockSynced})
	status("dated", func(s gateway.Status) bool { return s.Since != nil && s.Clock == gateway.ClockSynced })
	m.until("state dated", func(r map[string]string) bool { return strings.Contains(r["state/entry-gate"], `"since":"2026-11-23T`) })

	g.hub.PutAlarm(gateway.Alarm{ID: "car-1", Name: "fault_raised"})
	status("one alarm", func(s gateway.Status) bool { return s.Alarms == 1 })
	g.hub.SetStorage(hub.Storage{Degraded: "disk full"})
	status("degraded", func(s gateway.Status) bool {
		return s.State == gateway.Degraded && len(s.Problems) == 1 && s.Problems[0].EN == "disk full"
	})
	g.stop()
	status("offline", func(s gateway.Status) bool { return s.State == gateway.Offline })
}

// A will that arrives late, of a connection that is gone, must not stand.
func TestLateWillIsOverwritten(t *testing.T) {
	m := newMosquitto(t)
	g := prepare(t, m.url)
	g.start()
	session := g.link("connected", connected).Session
	m.until("online", func(r map[string]string) bool { return strings.Contains(r["status"], session) })
	c := m.client("other", nil)
	for _, lie := range []string{`{"state":"lost","session":"old"}`, ``, `{`} {
		finished(t, "lie", c.Publish(testRoot+"/status", 1, true, lie))
		m.until("online again", func(r map[string]string) bool {
			return strings.Contains(r["status"], `"state":"online","session":"`+session)
		})
	}
}

func TestWill(t *testing.T) {
	m := newMosquitto(t)
	cable := newCable(t, m.addr)
	g := prepare(t, cable.url)
	g.start()
	session := g.link("connected", connected).Session
	m.until("online", func(r map[string]string) bool { return strings.Contains(r["status"], `"state":"online"`) })
	cable.cut() // what the kernel does to the sockets of a killed process
	m.until("lost", func(r map[string]string) bool {
		return strings.Contains(r["status"], `{"state":"lost","session":"`+session+`","ledger":{"epoch":"k3v9q2","run":12}}`)
	})
	cable.mend()
	m.until("online again", func(r map[string]string) bool {
		return strings.Contains(r["status"], `"state":"online"`) && !strings.Contains(r["status"], session)
	})
}

// While a publish of a topic is in flight, only the newest of what follows is kept.
func TestNewestOnly(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.start()
	p := b.accept()
	p.subscribed()
	for _, want := range []string{"status", "meta"} {
		m := as[*mqttPublish](p)
		if m.TopicName != testRoot+"/"+want {
			t.Fatalf("%s", m.TopicName)
		}
		p.ack(m.MessageID)
	}
	first := as[*mqttPublish](p)
	for i := range 1000 {
		g.putGate([]string{"open", "closed", "opening", "stopped"}[i%4])
	}
	g.out.add(1, g.clock.Now()) // published after anything of the gate that could be on its way
	event := as[*mqttPublish](p)
	if !strings.Contains(event.TopicName, "/event/") {
		t.Fatalf("%s %s: a second state before the first was acknowledged", event.TopicName, event.Payload)
	}
	p.ack(first.MessageID)
	p.ack(event.MessageID)
	if last := as[*mqttPublish](p); !strings.Contains(string(last.Payload), `"value":"stopped"`) {
		t.Errorf("after the acknowledgement came %s", last.Payload)
	}
}

// Half of the window is kept free of states.
func TestStatesLeaveRoomForEvents(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.opt.Window = 8
	for _, id := range strings.Fields("a b c d e f g h i j k l m n o p") {
		g.hub.PutDevice(hub.Device{MetaDevice: gateway.MetaDevice{ID: id, Kind: "contact"}})
	}
	g.start()
	p := b.accept()
	p.on("state/p")  // the last one of the birth
	p.unsubscribed() // or its packet could take a place in the window while this test runs
	for _, id := range strings.Fields("a b c d e f g h i j k l m n o p") {
		g.hub.PutDevice(hub.Device{MetaDevice: gateway.MetaDevice{ID: id, Kind: "contact"}, State: gateway.DeviceState{Value: "raised", Quality: gateway.Good}})
	}
	for range 4 { // and no acknowledgement
		if m := p.published(); !strings.Contains(m.TopicName, "/state/") {
			t.Errorf("%s instead of a state", m.TopicName)
		}
	}
	g.out.add(4, g.clock.Now())
	for range 4 {
		if m := p.published(); !strings.Contains(m.TopicName, "/event/") {
			t.Errorf("%s instead of an event", m.TopicName)
		}
	}
}
