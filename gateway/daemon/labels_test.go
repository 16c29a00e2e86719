package daemon

import (
	"encoding/json"
	"strings"
	"testing"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

const labelled = `
gateway: {site: lianhua, id: park-01, labels: {community: wanquan, building: "0"}}
storage: {path: /var/lib/lotusgate}
mqtt: {broker: "mqtt://127.0.0.1:1883", event_labels: WANTED}
points: {a-in: {line: GPIO17}, b-in: {line: GPIO27}}
contacts:
  a: {input: a-in, labels: {building: "1", party: 万泉物业}}
  b: {input: b-in}
`

// Events bear the labels that are wanted: the device's over the gateway's; of a wire the gateway's. A stored event keeps them
// whatever the configuration becomes, and CloudEvents has them as one attribute.
func TestLabelsInEvents(t *testing.T) {
	parse := func(wanted string) *config.Config {
		cfg, err := config.Parse("labels.yaml", []byte(strings.ReplaceAll(labelled, "WANTED", wanted)))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	var l labels
	for _, c := range []struct{ wanted, id, want string }{
		{"[]", "a", ""},
		{"[building]", "a", "building=1"},
		{"[building]", "b", "building=0"},
		{`["*"]`, "a", "building=1&community=wanquan&party=%E4%B8%87%E6%B3%89%E7%89%A9%E4%B8%9A"},
		{`["*"]`, "a-in", "building=0&community=wanquan"},
		{"[party]", "gateway", ""},
	} {
		if got := l.of(parse(c.wanted), c.id); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.wanted, c.id, got, c.want)
		}
	}
	payload, err := gateway.Store(gateway.Event{
		Type: gateway.ContactRaised, ID: "a", At: 1, Data: gateway.ContactData{}, Labels: "building=1&community=wanquan",
	}, "boot")
	if err != nil {
		t.Fatal(err)
	}
	s, err := gateway.ParseStored(payload)
	if err != nil || s.Labels != "building=1&community=wanquan" || s.Severity != gateway.Info {
		t.Fatalf("%+v, %v", s, err)
	}
	var event map[string]any
	if err := json.Unmarshal(gateway.AppendCloudEvent(nil, "//s/g", gateway.EventID{Epoch: "k3v9q2", Run: 1, Number: 1}, s, gateway.Stamp{}), &event); err != nil {
		t.Fatal(err)
	}
	if event["labels"] != "building=1&community=wanquan" {
		t.Errorf("%v", event)
	}
}
