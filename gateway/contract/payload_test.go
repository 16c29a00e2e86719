package contract

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/intake"
)

const root = "lotusgate/v1/lianhua/park-01"

var (
	eventName = gateway.EventID{Epoch: "k3v9q2", Run: 12, Number: 4711}
	dated     = gateway.Stamp{Time: time.Date(2026, 11, 23, 8, 15, 2, 113402000, time.UTC), Clock: gateway.ClockSynced}
)

func open(t testing.TB) *Checker {
	t.Helper()
	c, err := Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fill sets everything in v, so that every key is written.
func (a author) fill(v reflect.Value, key string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		a.fill(v.Elem(), key)
	case reflect.Struct:
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			a.fill(v.Field(i), name)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`"closed"`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		a.fill(v.Index(0), key)
	case reflect.Map:
		elem := reflect.New(v.Type().Elem()).Elem()
		a.fill(elem, key)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("floor"), elem)
	case reflect.Interface:
		v.Set(reflect.ValueOf(map[string]any{"open_limit": true}))
	case reflect.String:
		word := map[string]string{
			"config": "sha256:" + strings.Repeat("0f", 32), "epoch": "k3v9q2", "event": eventName.String(), "state": gateway.Online,
		}[key]
		if n := a.Of(v.Type()); word == "" && len(n.Enum) > 0 {
			word = n.Enum[0].(string)
		}
		if slices.Contains(moments, key) {
			word = *gateway.WireTime(dated.Time)
		}
		if word == "" {
			word = "word"
		}
		v.SetString(word)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(86211.113402)
	}
}

// full is a copy of the zero value v with everything set.
func (a author) full(v any) any {
	p := reflect.New(reflect.TypeOf(v)).Elem()
	a.fill(p, "")
	return p.Interface()
}

// message is one payload and where it goes.
type message struct {
	topic   string
	payload []byte
}

// everything the gateway can say, with all optional keys and without any.
func (a author) everything(t testing.TB) map[string]message {
	t.Helper()
	all := map[string]message{}
	add := func(name, topic string, v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = message{root + "/" + topic, b}
	}
	add("status", "status", a.full(gateway.Status{}))
	will := a.full(gateway.Will{}).(gateway.Will)
	will.State = gateway.Lost
	add("will", "status", will)
	add("meta", "meta", a.full(gateway.Meta{}))
	add("state", "state/word", a.full(gateway.State{}))
	add("unknown state", "state/word", gateway.State{Device: "x", Kind: "gate"})
	add("alarm", "alarm/word/word", a.full(gateway.AlarmPayload{}))
	add("reply", "reply/word", a.full(gateway.Reply{}))
	add("short reply", "reply/word", gateway.Reply{Stage: gateway.Accepted})
	add("command", "command/word", a.full(intake.Request{}))
	for _, spec := range gateway.Catalogue() {
		for name, data := range map[string]any{string(spec.Type): a.full(spec.Data), string(spec.Type) + " undated": nil} {
			stamp := dated
			if data == nil {
				data = a.least(spec.Data)
				stamp = gateway.Stamp{Late: true, NotBefore: dated.Time, NotAfter: dated.Time.Add(time.Hour)}
			}
			stored, err := gateway.Store(gateway.Event{Type: spec.Type, ID: "entry", At: 86211113402 * gateway.Mono(time.Microsecond), Data: data}, "4a1c")
			if err != nil {
				t.Fatal(err)
			}
			s, err := gateway.ParseStored(stored)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = message{
				root + "/event/" + spec.Type.Kind() + "/entry",
				gateway.AppendCloudEvent(nil, "//lianhua/park-01", eventName, s, stamp),
			}
			all[name+" compact"] = message{root + "/event/" + spec.Type.Kind() + "/entry", gateway.AppendCompact(nil, eventName, s, stamp)}
		}
	}
	return all
}

// least sets what is required and leaves out the rest.
func (a author) least(v any) any {
	p := reflect.New(reflect.TypeOf(v)).Elem()
	p.Set(reflect.ValueOf(a.full(v)))
	for i := range p.NumField() {
		if strings.HasSuffix(p.Type().Field(i).Tag.Get("json"), ",omitempty") {
			p.Field(i).SetZero()
		}
	}
	return p.Interface()
}

// What the code can say, the contract allows; every key that the contract names, the code says.
func TestEverythingIsInTheContract(t *testing.T) {
	a, c := newAuthor(t), open(t)
	for name, m := range a.everything(t) {
		if err := c.Message(root, m.topic, m.payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever is left out, or of another type, or more than the contract says, is found.
func TestCheckerFindsEveryChange(t *testing.T) {
	a, c := newAuthor(t), open(t)
	changes := 0
	for name, m := range a.everything(t) {
		var v map[string]any
		if err := json.Unmarshal(m.payload, &v); err != nil {
			t.Fatal(err)
		}
		objects := map[string]map[string]any{"": v}
		if data, ok := v["data"].(map[string]any); ok {
			objects["data."] = data
		}
		for at, o := range objects {
			for _, key := range slices.Sorted(maps.Keys(o)) {
				was := o[key]
				for what, now := range map[string]any{"is an object": map[string]any{"odd": 1}, "is a list of lists": []any{[]any{}}} {
					if key == "detail" && what == "is an object" || key == "value" && m.topic == root+"/state/word" {
						continue // open by design
					}
					o[key] = now
					changes++
					b, _ := json.Marshal(v)
					if c.Message(root, m.topic, b) == nil && !anyObject(at, key) {
						t.Errorf("%s: %s%s %s, and nobody notices", name, at, key, what)
					}
				}
				o[key] = was
			}
			o["unheard_of"] = 1
			b, _ := json.Marshal(v)
			if c.Message(root, m.topic, b) == nil {
				t.Errorf("%s: %sunheard_of was added, and nobody notices", name, at)
			}
			delete(o, "unheard_of")
		}
	}
	if changes < 1000 {
		t.Errorf("only %d changes were tried", changes)
	}
	for _, m := range []message{
		{root + "/state", []byte(`{}`)},
		{root + "/cmd/x", nil},
		{"elsewhere/status", []byte(`{}`)},
		{root + "/status", nil},
		{root + "/event/loop/entry", []byte(`{"specversion":"1.0"}`)},
		{root + "/status", []byte(`{`)},
	} {
		if c.Message(root, m.topic, m.payload) == nil {
			t.Errorf("%s %s was accepted", m.topic, m.payload)
		}
	}
	good := a.everything(t)["lane.vehicle_passed"]
	if c.Message(root, root+"/event/lane/exit", good.payload) == nil {
		t.Error("an event on the topic of another device was accepted")
	}
	if c.Message(root, root+"/event/loop/entry", a.everything(t)["lane.vehicle_passed compact"].payload) == nil {
		t.Error("a compact event on the topic of another kind was accepted")
	}
}

// anyObject: free words have free keys, and these are objects to begin with.
func anyObject(at, key string) bool { return at == "" && key == "labels" }

// The examples of docs/wire.md are what they explain.
func TestWireExamples(t *testing.T) {
	c := open(t)
	for name, payload := range examples(t) {
		topic := map[string]string{"state": "state/entry-gate", "alarm": "alarm/car-1/fault_raised", "event": "event/lane/entry", "status": "status", "compact": "event/lane/entry", "command": "command/entry-gate", "reply": "reply/entry-gate"}[name]
		if err := c.Message(root, root+"/"+topic, payload); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
