package field

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// notebook is a Memory as the checkpoint is one: it holds text.
type notebook struct {
	pages map[string]json.RawMessage
	soon  int
	shift time.Duration
}

func (n *notebook) Keep(changed []Truth, soon bool) {
	if n.pages == nil {
		n.pages = map[string]json.RawMessage{}
	}
	for _, t := range changed {
		if t.Value == nil {
			delete(n.pages, t.Key)
			continue
		}
		text, err := json.Marshal(t.Value)
		if err != nil {
			panic(err)
		}
		n.pages[t.Key] = text
	}
	if soon {
		n.soon++
	}
}

func (n *notebook) Recall(key string, v any) (time.Duration, bool) {
	text, ok := n.pages[key]
	return n.shift, ok && json.Unmarshal(text, v) == nil
}

// keptSite has a contact, a loop of a configuration that may change, and a camera.
func keptSite(n *notebook, maxPresence time.Duration) (*Core, *memory, *hub.Hub) {
	m := &memory{start: gateway.MonoOf(boot)}
	h := hub.New(func() gateway.Mono { return m.start })
	dev := func(kind, id string, machine Stepper, point int) DeviceConfig {
		return DeviceConfig{Meta: gateway.MetaDevice{ID: id, Kind: kind}, Machine: machine, Parts: []Part{{Point: point}}}
	}
	cfg := Config{
		Sources: []SourceConfig{{ID: GPIO, Kind: GPIO, Bus: GPIO}},
		Points:  []PointConfig{{ID: "door-in"}, {ID: "loop-in", Channel: 1}},
		Devices: []DeviceConfig{
			dev("contact", "door", BoxKept(device.NewContact(device.ContactConfig{Severity: gateway.Warning})), 0),
			dev("loop", "loop", BoxKept(device.NewLoop(device.LoopConfig{MaxPresence: maxPresence, Healthy: time.Minute})), 1),
		},
		Memory: n,
	}
	return NewCore(cfg, h, m, m.start), m, h
}

// What stood before a restart stands after it, acknowledged and shelved as it was; it is not raised again, and it clears.
func TestAlarmsSurviveARestart(t *testing.T) {
	n := &notebook{}
	c, m, _ := keptSite(n, time.Minute)
	at := func(s int) gateway.Mono { return m.start.Add(time.Duration(s) * time.Second) }
	levels := func(c *Core, s int, door, loop bool) {
		l := Levels{At: at(s)}
		l.Set(0, door)
		l.Set(1, loop)
		c.Apply(at(s), Input{Kind: LevelsInput, Levels: l})
		c.Tick(at(s))
	}
	c.begin(at(0))
	levels(c, 1, true, true)
	levels(c, 70, true, true)
	c.Apply(at(71), Input{Kind: EventInput, Event: offline("elsewhere", at(71))}) // of which no device knows
	c.Apply(at(72), Input{Kind: EventInput, Event: gateway.Event{
		Type: gateway.BusFault, ID: "i2c-1", At: at(72), Data: gateway.BusFaultData{Cause: "nack"},
	}})
	c.Apply(at(73), Input{Kind: AlarmInput, Alarm: AlarmAct{ID: "door", Alarm: "raised", Act: Acknowledge, By: "operator-7"}})
	c.Apply(at(74), Input{Kind: AlarmInput, Alarm: AlarmAct{ID: "loop", Alarm: "max_presence", Act: Shelve, For: time.Hour}})
	m.take()
	if n.soon != 6 {
		t.Errorf("kept at once %d times, alarms have changed 6 times", n.soon)
	}

	// Another boot of the kernel: its clock shows 900 s less.
	n.shift = -900 * time.Second
	c, m, h := keptSite(n, time.Minute)
	m.start = at(-870)
	c.begin(m.start)
	alarms := map[string]gateway.Alarm{}
	for _, a := range h.View().Alarms {
		alarms[a.Key()] = a
	}
	door, loop := alarms["door/raised"], alarms["loop/max_presence"]
	if len(alarms) != 4 || door.Since != gateway.MonoOf(boot).Add(-899*time.Second) ||
		door.Acknowledged.IsZero() || door.Event.IsZero() || loop.ShelvedUntil.IsZero() {
		t.Fatalf("%+v", alarms)
	}
	levels(c, 1, true, true)
	c.Apply(at(2), Input{Kind: EventInput, Event: gateway.Event{
		Type: gateway.BusFault, ID: "i2c-1", At: at(2), Data: gateway.BusFaultData{Cause: "nack"},
	}}) // it still is
	c.Tick(at(31))
	levels(c, 40, false, false)
	c.Tick(at(101))
	expect(t, m, `
		2s bus.fault i2c-1
		31s alarm.cleared elsewhere
		40s contact.cleared door
		40s loop.cleared loop
		1m40s loop.fault_cleared loop`)
	if len(n.pages) != 1 { // what is over takes no space
		t.Errorf("still kept: %v", n.pages)
	}
	for _, a := range h.View().Alarms {
		if a.Key() != "i2c-1/fault" {
			t.Errorf("still stands: %+v", a)
		}
	}
}

// What another boot of the kernel has left is kept with the times of this one: the next boot counts from this one.
func TestTimesMoveOnceABoot(t *testing.T) {
	n := &notebook{}
	c, m, _ := keptSite(n, 0)
	c.begin(m.start)
	l := Levels{At: m.start}
	l.Set(0, true)
	c.Apply(m.start, Input{Kind: LevelsInput, Levels: l})
	c.Tick(m.start.Add(time.Second))
	c.Apply(m.start.Add(time.Second), Input{Kind: AlarmInput, Alarm: AlarmAct{ID: "door", Alarm: "raised", Act: Shelve, For: time.Hour}})
	since := func() (device, alarm, shelved gateway.Mono) {
		var kept struct{ Since gateway.Mono }
		var alarms keptAlarms
		if err := errors.Join(json.Unmarshal(n.pages["device contact door"], &kept), json.Unmarshal(n.pages[alarmsKey], &alarms)); err != nil {
			t.Fatal(err)
		}
		return kept.Since, alarms.Standing[0].Since, alarms.Shelved["door/raised"]
	}
	device, alarm, shelved := since()
	for range 2 {
		n.shift = -10 * time.Minute
		c, m, _ = keptSite(n, 0)
		c.begin(m.start)
		device, alarm, shelved = device.Add(n.shift), alarm.Add(n.shift), shelved.Add(n.shift)
		if d, a, s := since(); d != device || a != alarm || s != shelved {
			t.Errorf("device %v, alarm %v, shelf %v; want %v, %v, %v", d, a, s, device, alarm, shelved)
		}
	}
}

// An alarm of a diagnostic that the site has switched off meanwhile is not left standing for ever.
func TestAlarmOfAnotherConfigurationIsCleared(t *testing.T) {
	n := &notebook{}
	c, m, _ := keptSite(n, time.Minute)
	c.begin(m.start)
	l := Levels{At: m.start + 1}
	l.Set(0, false)
	l.Set(1, true)
	c.Apply(m.start+1, Input{Kind: LevelsInput, Levels: l})
	c.Tick(m.start.Add(2 * time.Minute))
	if got := m.take(); !strings.Contains(got, "loop.fault loop") {
		t.Fatal(got)
	}
	c, m, h := keptSite(n, 0)
	c.begin(m.start)
	if len(h.View().Alarms) != 1 || c.Wake() != m.start.Add(adoptTime) {
		t.Errorf("%+v, wakes at %v", h.View().Alarms, c.Wake())
	}
	c.Tick(c.Wake())
	expect(t, m, "30s alarm.cleared loop")
	if len(h.View().Alarms) != 0 {
		t.Error("it stands")
	}
}
