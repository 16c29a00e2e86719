package uplink

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// Whatever becomes true or false, and however acknowledgements are delayed: once everything is acknowledged, the broker
// retains exactly what is true, and no topic ever had two publishes in flight.
func TestMirrorConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tops := topicsOf("p/s/g")
		m := newMirror(tops)
		topic := rapid.SampledFrom([]string{tops.state("a"), tops.state("b"), tops.alarm("a/x"), tops.alarm("a/y"), tops.alarm("b/x")})
		broker := rapid.MapOf(topic, rapid.SampledFrom([]string{"old", "1"})).Draw(t, "left behind")
		truth := make(map[string]string)
		knows := false
		var flying []*retained

		sync := func() {
			m.begin()
			for topic, payload := range truth {
				if rapid.Bool().Draw(t, "unchanged is skipped") && m.keep(m.all[topic]) && string(m.all[topic].want) == payload {
					continue
				}
				m.put(topic, []byte(payload))
			}
			m.sweep(func(string) bool { return knows })
		}
		publish := func() {
			r := m.next()
			if r == nil {
				return
			}
			for _, f := range flying {
				if f == r {
					t.Fatalf("two publishes of %s in flight", r.topic)
				}
			}
			flying = append(flying, r)
			if len(r.sent) == 0 { // the broker takes it at once and acknowledges it later
				delete(broker, r.topic)
			} else {
				broker[r.topic] = string(r.sent)
			}
		}
		acknowledge := func() {
			if len(flying) > 0 {
				m.acknowledged(flying[0])
				flying = flying[1:]
			}
		}

		sync()
		for topic := range maps.Clone(broker) {
			m.find(topic)
		}
		t.Repeat(map[string]func(*rapid.T){
			"becomes true": func(t *rapid.T) {
				truth[topic.Draw(t, "topic")] = rapid.SampledFrom([]string{"1", "2"}).Draw(t, "payload")
			},
			"becomes false": func(t *rapid.T) { delete(truth, topic.Draw(t, "topic")) },
			"sync":          func(*rapid.T) { sync() },
			"publish":       func(*rapid.T) { publish() },
			"acknowledge":   func(*rapid.T) { acknowledge() },
		})
		knows = true
		sync()
		for len(m.queue) > 0 || len(flying) > 0 {
			publish()
			acknowledge()
		}
		if !maps.Equal(broker, truth) {
			t.Fatalf("broker retains %v, true is %v", broker, truth)
		}
		if len(m.all) != len(truth) {
			t.Fatalf("%d entries for %d topics", len(m.all), len(truth))
		}
	})
}
