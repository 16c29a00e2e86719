package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"lotusgate/gateway"
)

var passed = gateway.Event{
	Type: gateway.VehiclePassed, ID: "entry", At: gateway.Mono(86211113402 * time.Microsecond),
	Data: gateway.PassData{Direction: gateway.In, Confidence: gateway.HighConfidence, DurationMS: 2140, Count: 352},
}

var passedID = gateway.EventID{Epoch: "k3v9q2", Run: 12, Number: 4711}

func TestCloudEvent(t *testing.T) {
	b, err := gateway.Store(passed, "4a1c")
	if err != nil {
		t.Fatal(err)
	}
	s, err := gateway.ParseStored(b)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 8, 15, 2, 113402000, time.UTC)
	got := string(gateway.AppendCloudEvent(nil, "//lianhua/park-01", passedID, s, gateway.Stamp{Time: at, Clock: gateway.ClockSynced}))
	want := `{"specversion":"1.0","id":"k3v9q2-00000012-0000004711","source":"//lianhua/park-01","subject":"lane/entry",` +
		`"type":"lotusgate.lane.vehicle_passed","time":"2026-11-23T08:15:02.113402Z",` +
		`"dataschema":"urn:lotusgate:v1:lane.vehicle_passed","sequence":"00000012-0000004711","uptime":"86211.113402",` +
		`"clock":"synced","late":false,"severitynumber":9,"severitytext":"info",` +
		`"data":{"direction":"in","confidence":"high","duration_ms":2140,"count":352}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	short := string(gateway.AppendCompact(nil, passedID, s, gateway.Stamp{Time: at, Clock: gateway.ClockSynced}))
	if !strings.HasPrefix(short, `{"id":"`+passedID.String()+`","type":"lane.vehicle_passed","time":"`) || strings.Contains(short, "clock") || len(short) > len(got)/2 {
		t.Errorf("%d bytes instead of %d: %s", len(short), len(got), short)
	}
	late := string(gateway.AppendCompact(nil, passedID, s, gateway.Stamp{Clock: gateway.ClockUnset, Late: true, NotBefore: at}))
	for _, part := range []string{`"clock":"unset"`, `"late":true`, `"notbefore":"`, `"sev":9`, `"data":{`} {
		if !strings.Contains(late, part) {
			t.Errorf("no %s in %s", part, late)
		}
	}
	undated := gateway.AppendCloudEvent(nil, "//l/p", passedID, s, gateway.Stamp{Clock: gateway.ClockUnset, Late: true, NotAfter: at})
	var m map[string]any
	if err := json.Unmarshal(undated, &m); err != nil {
		t.Fatal(err)
	}
	if _, has := m["time"]; has || m["clock"] != "unset" || m["late"] != true || m["notafter"] == nil || m["notbefore"] != nil {
		t.Errorf("without a date: %s", undated)
	}
}

func TestStoreRefusesUnknownType(t *testing.T) {
	if _, err := gateway.Store(gateway.Event{Type: "lane.flew_away", ID: "x"}, ""); err == nil {
		t.Error("an event outside the catalogue was stored")
	}
}

func TestEventID(t *testing.T) {
	const text = "k3v9q2-00000012-0000004711"
	if got := passedID.String(); got != text {
		t.Errorf("got %s", got)
	}
	back, err := gateway.ParseEventID(text)
	if err != nil || back != passedID {
		t.Errorf("parsed %+v, %v", back, err)
	}
	for _, bad := range []string{"", "k3v9q2", "k3v9q2-12-4711", "k3v9q2-00000012-0000000000", "k3v9q2-0000001x-0000004711", text + "-1"} {
		if _, err := gateway.ParseEventID(bad); err == nil {
			t.Errorf("%q was taken for an id", bad)
		}
	}
	later := gateway.EventID{Epoch: "k3v9q2", Run: 100, Number: 1}
	if later.Sequence() <= passedID.Sequence() {
		t.Error("sequences do not sort as text")
	}
}

func TestCheckID(t *testing.T) {
	for id, ok := range map[string]bool{
		"entry-a": true, "x1": true, "": false, "Entry": false, "a.b": false, "a/b": false, "gateway": false,
		"heartbeat": false, strings.Repeat("a", 33): false, "入口": false,
	} {
		if err := gateway.CheckID(id); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// Every type says what its data looks like, and what clears an alarm is as urgent as what raised it.
func TestCatalogue(t *testing.T) {
	raised := map[string]gateway.Spec{}
	seen := map[gateway.Type]bool{}
	for _, s := range gateway.Catalogue() {
		if seen[s.Type] {
			t.Errorf("%s stands twice", s.Type)
		}
		seen[s.Type] = true
		if s.Type.Kind() == "" || s.Type.Name() == "" || s.Data == nil {
			t.Errorf("%s is not complete", s.Type)
			continue
		}
		if !reflect.TypeOf(s.Data).Comparable() && s.Type != gateway.GatewayStarted && s.Type != gateway.GatewayConfigReloaded && s.Type != gateway.GatewayEventsDropped && s.Type.Kind() != "command" {
			t.Errorf("%s: data of a machine's event must be comparable", s.Type)
		}
		if s.Raises != "" {
			raised[s.Type.Kind()+"/"+s.Raises] = s
		}
		_, causer := s.Data.(gateway.AlarmCauser)
		if s.Raises == gateway.Cause && !causer {
			t.Errorf("%s names its alarm by a cause that its data does not tell", s.Type)
		}
	}
	for _, s := range gateway.Catalogue() {
		for _, name := range s.Clears {
			r, ok := raised[s.Type.Kind()+"/"+name]
			if !ok && s.Type != gateway.AlarmCleared { // which is for alarms of every kind

				t.Errorf("%s clears %q, which nothing raises", s.Type, name)
			}
			if r.Queue() == gateway.AlarmQueue && s.Queue() != gateway.AlarmQueue {
				t.Errorf("%s waits in the normal queue, but clears %s", s.Type, r.Type)
			}
		}
	}
}

func TestWireValue(t *testing.T) {
	for _, c := range []struct {
		s    gateway.DeviceState
		want string
	}{
		{gateway.DeviceState{}, "null"},
		{gateway.DeviceState{Value: "open", Quality: gateway.Bad}, "null"},
		{gateway.DeviceState{Value: "open", Quality: gateway.Stale}, `"open"`},
		{gateway.DeviceState{Value: "113", Number: true, Quality: gateway.Good}, "113"},
	} {
		if got := string(gateway.WireValue(c.s)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.s, got, c.want)
		}
	}
}

// What the outbox gives back may be anything: it is parsed or refused, as encoding/json would, and what is parsed becomes
// JSON.
func FuzzParseStored(f *testing.F) {
	b, err := gateway.Store(passed, "4a1c")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"t":"a.b","i":"\"","d":{}}`))
	f.Add([]byte(`{"t":"a.b","i":"x","s":9,"d":null}`))
	f.Add(bytes.Replace(b, []byte(`"d":`), []byte(`"e":{"d":1},"d":`), 1))
	for _, at := range []string{"0", "-0", "-1", "+1", "01", "1e3", "9223372036854775808"} {
		f.Add(fmt.Appendf(nil, `{"t":"a.b","i":"x","a":%s,"b":"","s":"info","d":{}}`, at))
	}
	for _, labels := range []string{"", "a=1&b=2", `x","z":"y`, `x\"y`} {
		f.Add(fmt.Appendf(nil, `{"t":"a.b","i":"x","a":1,"b":"","s":"info","l":"%s","d":{}}`, labels))
	}
	f.Add([]byte("{\"t\":\"a.b\",\"i\":\"x\ny\",\"a\":1,\"b\":\"\",\"s\":\"info\",\"d\":{}}"))
	f.Add(append(b[:len(b)-1:len(b)-1], `,"d":{"twice":true},"new":1}`...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := gateway.ParseStored(b)
		var want gateway.Stored
		if fails := json.Unmarshal(b, &want) != nil || want.Type == "" || want.ID == "" || len(want.Data) == 0; fails != (err != nil) {
			t.Fatalf("%q: error %v; encoding/json reads %+v", b, err, want)
		}
		if err != nil {
			return
		}
		if utf8.Valid(b) && !reflect.DeepEqual(s, want) {
			t.Errorf("%q became %+v, want %+v", b, s, want)
		}
		if e := gateway.AppendCloudEvent(nil, "//s/g", passedID, s, gateway.Stamp{}); !json.Valid(e) {
			t.Errorf("%q became %s", b, e)
		}
	})
}

func BenchmarkStoreAndEncode(b *testing.B) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		p, err := gateway.Store(passed, "4a1c4a1c-0000-4000-8000-4a1c4a1c4a1c")
		if err != nil {
			b.Fatal(err)
		}
		s, err := gateway.ParseStored(p)
		if err != nil {
			b.Fatal(err)
		}
		buf = gateway.AppendCloudEvent(buf[:0], "//lianhua/park-01", passedID, s, gateway.Stamp{})
	}
	b.ReportMetric(float64(len(buf)), "bytes/event")
}
