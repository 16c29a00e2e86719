package uplink

import (
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"lotusgate/gateway/hub"
)

// The description is retained outside the root, and comes once more when somebody there has started; a birth that was
// retained before, or the word that somebody goes, moves nothing. Events are compact where that is wanted.
func TestAnnouncement(t *testing.T) {
	m := newMosquitto(t)
	c := m.client("homeassistant", nil)
	seen, events := make(chan mqtt.Message, 16), make(chan string, 16)
	finished(t, "subscribe", c.Subscribe("homeassistant/device/#", 1, func(_ mqtt.Client, m mqtt.Message) { seen <- m }))
	finished(t, "subscribe", c.Subscribe(testRoot+"/event/#", 1, func(_ mqtt.Client, m mqtt.Message) { events <- string(m.Payload()) }))
	finished(t, "birth", c.Publish("homeassistant/status", 1, true, "online"))
	g := prepare(t, m.url)
	g.opt.Compact = true
	g.opt.Announce = &Announcement{
		Topic: "homeassistant/device/x/config", Birth: "homeassistant/status",
		Payload: func(v *hub.View) []byte { return []byte("described " + v.Gateway.ID) },
		Born:    func(b []byte) bool { return string(b) == "online" },
	}
	g.start()
	next := func() {
		t.Helper()
		select {
		case m := <-seen:
			if m.Topic() != "homeassistant/device/x/config" || string(m.Payload()) != "described park-01" {
				t.Errorf("%s: %s", m.Topic(), m.Payload())
			}
		case <-time.After(patience):
			t.Fatal("no description")
		}
	}
	next()
	g.out.add(1, g.clock.Now())
	select {
	case e := <-events:
		if strings.Contains(e, "specversion") || !strings.HasPrefix(e, `{"id":"`) {
			t.Error(e)
		}
	case <-time.After(patience):
		t.Fatal("no event")
	}
	finished(t, "leaves", c.Publish("homeassistant/status", 1, true, "offline"))
	finished(t, "comes", c.Publish("homeassistant/status", 1, true, "online"))
	next()
	finished(t, "last", c.Publish("homeassistant/device/end", 1, false, "x"))
	if m := <-seen; m.Topic() != "homeassistant/device/end" {
		t.Errorf("one more: %s", m.Topic())
	}
}
