package homeassistant

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/contract"
	"lotusgate/gateway/hub"
)

// words that a state can be, by kind, and those of them that its entity calls on (docs/wire.md; what on means is Home
// Assistant's).
var words = map[string]struct{ class, all, on string }{
	"loop":         {"occupancy", "occupied clear", "occupied"},
	"bay":          {"occupancy", "occupied vacant", "occupied"},
	"camera":       {"connectivity", "online late offline stuck power_lost hung_or_dark overcurrent reboot_loop", "online late"},
	"camera_group": {"connectivity", "online outage", "online"},
	"fire":         {"safety", "clear alarm latched", "alarm latched"},
	"contact":      {"problem", "raised clear", "raised"},
	"input":        {"tamper", "idle active short open out_of_tolerance", "short open out_of_tolerance"},
	"gate_problem": {"problem", "closed opening open closing stopped obstructed forced arm_off fault", "obstructed forced arm_off fault"},
	"elevator_problem": {
		"problem", "normal service fault alarm entrapment_suspected entrapment_confirmed", "fault alarm entrapment_suspected entrapment_confirmed",
	},
}

// covers have words of their own; None is a position that nobody knows.
var covers = map[string]string{
	"closed": "closed", "opening": "opening", "open": "open", "closing": "closing", "stopped": "stopped",
	"obstructed": "stopped", "forced": "open", "arm_off": "open", "fault": "None",
}

func site() (*hub.View, Gateway) {
	h := hub.New(func() gateway.Mono { return 1 })
	h.SetGateway(hub.Gateway{Site: "lianhua", ID: "park-01", Label: "East gate", Version: "1.2.3"})
	for _, kind := range []string{"loop", "bay", "camera", "camera_group", "fire", "contact", "input", "gate", "elevator", "lane", "lot", "counter"} {
		d := gateway.MetaDevice{ID: strings.ReplaceAll(kind, "_", "-"), Kind: kind}
		if kind == "gate" {
			d.Label, d.Commands = "入口道闸", []string{"open", "close", "stop", "hold_open", "release"}
		}
		h.PutDevice(hub.Device{MetaDevice: d})
	}
	return h.View(), Gateway{Prefix: "homeassistant", Root: "lotusgate/v1/lianhua/park-01", Source: "//lianhua/park-01"}
}

type component map[string]any

func described(t *testing.T, v *hub.View, g Gateway) map[string]component {
	t.Helper()
	var d struct {
		Dev  struct{ Ids []string }
		O    struct{ Name string }
		Cmps map[string]component
	}
	if err := json.Unmarshal(g.Payload(v), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Dev.Ids) != 1 || d.O.Name == "" {
		t.Errorf("no device or no origin: %+v", d)
	}
	return d.Cmps
}

// What Home Assistant asks of a description: a platform and an id of its own for each entity, only known classes, and no
// topic but those of docs/wire.md.
func TestDescription(t *testing.T) {
	v, g := site()
	if topic := g.Topic(v); topic != "homeassistant/device/lotusgate_lianhua_park-01/config" {
		t.Error(topic)
	}
	if g.Birth() != "homeassistant/status" || !Born([]byte("online")) || Born([]byte("offline")) {
		t.Error("birth")
	}
	classes := map[string][]string{
		"binary_sensor": {"occupancy", "problem", "connectivity", "safety", "tamper"}, "sensor": {"enum"}, "cover": {"gate"},
	}
	for _, buttons := range []bool{false, true} {
		g.Buttons = buttons
		ids := map[string]bool{}
		parts := described(t, v, g)
		for key, c := range parts {
			platform, _ := c["p"].(string)
			id, _ := c["uniq_id"].(string)
			if ids[id] || !strings.HasPrefix(id, "lotusgate_lianhua_park-01_") || c["name"] == nil {
				t.Errorf("%s: id %q, name %v", key, id, c["name"])
			}
			ids[id] = true
			if class, ok := c["device_class"].(string); ok && !slices.Contains(classes[platform], class) {
				t.Errorf("%s: a %s of class %s", key, platform, class)
			}
			for _, name := range []string{"state_topic", "command_topic"} {
				if topic, ok := c[name].(string); ok && !strings.HasPrefix(topic, g.Root+"/") {
					t.Errorf("%s: %s %s", key, name, topic)
				}
			}
			if c["command_topic"] != nil && (!buttons || platform != "button" || c["retain"] != false) {
				t.Errorf("%s can be commanded: %v", key, c)
			}
		}
		gates := slices.DeleteFunc(slices.Collect(maps.Keys(parts)), func(k string) bool { return !strings.HasPrefix(k, "gate") })
		slices.Sort(gates)
		want := "gate gate_problem"
		if buttons {
			want = "gate gate_close gate_open gate_problem gate_release gate_stop"
		}
		if got := strings.Join(gates, " "); got != want {
			t.Errorf("of the gate: %s, want %s", got, want)
		}
	}
}

// render evaluates templates as Home Assistant does, with the same engine.
func render(t *testing.T, in []map[string]any) []string {
	t.Helper()
	const script = `
import datetime, json, sys
import jinja2
env = jinja2.Environment()
now = lambda: datetime.datetime.now(datetime.timezone.utc)
states = lambda e: 'Zm9vYmFyYmF6cXV4' if e == 'sensor.lotusgate_lianhua_park_01_session' else 'unknown'
print(json.dumps([env.from_string(x['t']).render(value_json=x.get('v'), now=now, states=states) for x in json.load(sys.stdin)]))`
	python := "python3"
	if exec.Command(python, "-c", "import jinja2").Run() != nil {
		python = "/usr/bin/python3" // Debian's, where the first one is another
	}
	if exec.Command(python, "-c", "import jinja2").Run() != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3-jinja2 is missing: run make packages")
		}
		t.Skip("python3-jinja2 is missing: run make packages")
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", script)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(b)), os.Stderr
	text, err := cmd.Output()
	var out []string
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil || len(out) != len(in) {
		t.Fatal(err, string(text))
	}
	return out
}

// Every word of every state is on or off as it should be, numbers are numbers, and what is not alive and good is not
// available.
func TestPolarity(t *testing.T) {
	v, g := site()
	parts := described(t, v, g)
	var in []map[string]any
	var want, what []string
	ask := func(name, template string, value any, result string) {
		in = append(in, map[string]any{"t": template, "v": value})
		want, what = append(want, result), append(what, name)
	}
	template := func(key string) string {
		s, _ := parts[key]["value_template"].(string)
		if s == "" {
			t.Fatalf("%s has no template", key)
		}
		return s
	}
	for kind, w := range words {
		key := strings.ReplaceAll(strings.TrimSuffix(kind, "_problem"), "_", "-")
		if strings.HasSuffix(kind, "_problem") {
			key += "_problem"
		}
		if parts[key]["device_class"] != w.class || parts[key]["p"] != "binary_sensor" {
			t.Errorf("%s is a %v of class %v", key, parts[key]["p"], parts[key]["device_class"])
		}
		for word := range strings.FieldsSeq(w.all) {
			result := "OFF"
			if slices.Contains(strings.Fields(w.on), word) {
				result = "ON"
			}
			ask(kind+" "+word, template(key), map[string]any{"value": word}, result)
		}
	}
	for word, shown := range covers {
		ask("cover "+word, template("gate"), map[string]any{"value": word}, shown)
	}
	for _, key := range []string{"lot", "counter"} {
		ask(key, template(key), map[string]any{"value": 17}, "17")
	}
	for _, state := range []string{"online", "degraded", "offline", "lost"} {
		on, problem := "offline", "OFF"
		if state == "online" || state == "degraded" {
			on = "online"
		}
		if state == "degraded" {
			problem = "ON"
		}
		alive := parts["loop"]["availability"].([]any)[0].(map[string]any)
		ask("alive "+state, alive["value_template"].(string), map[string]any{"state": state}, on)
		ask("problem "+state, template("problem"), map[string]any{"state": state}, problem)
	}
	for quality, on := range map[string]string{"good": "online", "stale": "offline", "bad": "offline"} {
		good := parts["loop"]["availability"].([]any)[1].(map[string]any)
		ask("quality "+quality, good["value_template"].(string), map[string]any{"quality": quality}, on)
	}
	for i, got := range render(t, in) {
		if got != want[i] {
			t.Errorf("%s: %q, want %q", what[i], got, want[i])
		}
	}
}

// What a button sends is a command by the contract, for this session, and perishable.
func TestButtons(t *testing.T) {
	v, g := site()
	g.Buttons = true
	check, err := contract.Open("../../docs/contract")
	if err != nil {
		t.Fatal(err)
	}
	var in []map[string]any
	var topics []string
	for _, c := range described(t, v, g) {
		if c["p"] == "button" {
			in = append(in, map[string]any{"t": c["command_template"]})
			topics = append(topics, c["command_topic"].(string))
		}
	}
	for i, payload := range render(t, in) {
		if err := check.Message(g.Root, topics[i], []byte(payload)); err != nil {
			t.Error(err)
		}
		var claims struct {
			JTI, Aud, Session string
			Iat, Exp          int64
		}
		if err := json.Unmarshal([]byte(payload), &claims); err != nil {
			t.Fatal(err)
		}
		if claims.Aud != g.Source || claims.Session != "Zm9vYmFyYmF6cXV4" || claims.Exp-claims.Iat != 10 || time.Since(time.Unix(claims.Iat, 0)).Abs() > time.Minute {
			t.Errorf("%+v", claims)
		}
	}
	if len(in) != 4 {
		t.Errorf("%d buttons", len(in))
	}
}
