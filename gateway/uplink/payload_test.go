package uplink

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

var update = flag.Bool("update", false, "rewrite testdata/*.json")

// fixedClock stands still.
type fixedClock struct {
	now   gateway.Mono
	known bool
}

func (c fixedClock) Now() gateway.Mono { return c.now }

func (c fixedClock) Stamp(_ string, at gateway.Mono) (time.Time, gateway.ClockQuality) {
	if !c.known {
		return time.Time{}, gateway.ClockUnset
	}
	return time.Date(2026, 11, 22, 8, 18, 51, 0, time.UTC).Add(time.Duration(at)), gateway.ClockSynced
}

type fixedLedger gateway.Ledger

func (l fixedLedger) Ledger() gateway.Ledger { return gateway.Ledger(l) }

func TestPayloads(t *testing.T) {
	now := gateway.Mono(86211113402999) // nanoseconds are cut off
	opt := Options{
		Source: "//lianhua/park-01", Version: "1.2.0", KernelBoot: testBoot,
		AlarmText: func(gateway.Alarm) gateway.Text { return gateway.Text{ZH: "电梯困人", EN: "Passengers trapped"} },
	}
	opt.complete()
	ledger := fixedLedger{Epoch: "k3v9q2", Run: 12, Number: 4711, Unconfirmed: []gateway.LedgerRun{
		{Epoch: "k3v9q2", Run: 11, DurableTo: 902}, {Epoch: "k3v9q2", Run: 12, DurableTo: 4711},
	}}
	dated := writer{opt: &opt, clock: fixedClock{now, true}, ledger: ledger}
	undated := writer{opt: &opt, clock: fixedClock{now, false}, ledger: fixedLedger{Epoch: "k3v9q2", Run: 1}}

	limits := struct {
		OpenLimit   bool `json:"open_limit"`
		ClosedLimit bool `json:"closed_limit"`
		SafetyClear bool `json:"safety_clear"`
	}{false, true, true}
	gate := hub.Device{
		MetaDevice: gateway.MetaDevice{ID: "entry-gate", Kind: "gate", Label: "入口道闸", Points: []string{"eg-open", "eg-closed"}},
		State:      gateway.DeviceState{Value: "closed", Quality: gateway.Good, Since: now.Add(-time.Minute), Detail: limits},
		Event:      gateway.EventID{Epoch: "k3v9q2", Run: 12, Number: 4711},
	}
	lane := hub.Device{
		MetaDevice: gateway.MetaDevice{ID: "entry", Kind: "lane", Labels: map[string]string{"grid": "0195"}, Parts: []string{"entry-a", "entry-b"}},
	}
	lot := hub.Device{
		MetaDevice: gateway.MetaDevice{ID: "lot", Kind: "lot"},
		State:      gateway.DeviceState{Value: "17", Number: true, Quality: gateway.Stale, Since: now},
	}
	view := &hub.View{
		Gateway: hub.Gateway{Site: "lianhua", ID: "park-01", Labels: map[string]string{"community": "wanquan"}, Config: "sha256:9f86"},
		Devices: []hub.Device{lane, gate},
		Alarms:  make([]gateway.Alarm, 2),
	}
	alarm := gateway.Alarm{
		ID: "car-1", Name: "entrapment_confirmed", Type: "elevator.entrapment_confirmed", Severity: gateway.Critical,
		Since: now.Add(-time.Hour), Event: gateway.EventID{Epoch: "k3v9q2", Run: 12, Number: 4640},
	}
	stored, err := gateway.Store(gateway.Event{
		Type: gateway.VehiclePassed, ID: "entry", At: now,
		Data: gateway.PassData{Direction: gateway.In, Confidence: gateway.HighConfidence, DurationMS: 2140, Count: 352},
	}, testBoot)
	if err != nil {
		t.Fatal(err)
	}
	event, err := parse(stored)
	if err != nil {
		t.Fatal(err)
	}
	at, quality := dated.clock.Stamp(testBoot, event.At)
	degraded := condition{alarms: 1, problems: []gateway.Text{{ZH: "存储已满", EN: "disk full: remove something"}}}
	session := "Zm9vYmFyYmF6cXV4"

	for name, got := range map[string][]byte{
		"status":          encode(dated.status(session, now.Add(-time.Second), dated.condition(view))),
		"status-degraded": encode(dated.status(session, now, degraded)),
		"status-undated":  encode(undated.status(session, now, undated.condition(&hub.View{}))),
		"will":            dated.will(session),
		"meta":            meta(view),
		"state-gate":      dated.state(gate),
		"state-unknown":   dated.state(lane),
		"state-number":    dated.state(lot),
		"state-undated":   undated.state(gate),
		"alarm":           dated.alarm(alarm),
		"alarm-undated":   undated.alarm(alarm),
		"event": gateway.AppendCloudEvent(nil, opt.Source, gateway.EventID{Epoch: "k3v9q2", Run: 12, Number: 4711}, event,
			gateway.Stamp{Time: at, Clock: quality}),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, got) })
	}
}

// golden compares JSON with a file, indented so that a difference can be read.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, got, "", "  "); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	indented.WriteByte('\n')
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err, "; go test -update writes it")
	}
	if !bytes.Equal(indented.Bytes(), want) {
		t.Errorf("%s\n got %s\nwant %s", file, indented.Bytes(), want)
	}
}

// A detail that JSON cannot hold costs the detail, not the state.
func TestStateWithImpossibleDetail(t *testing.T) {
	w := writer{opt: &Options{}, clock: fixedClock{}}
	got := w.state(hub.Device{MetaDevice: gateway.MetaDevice{ID: "a", Kind: "b"}, State: gateway.DeviceState{Detail: make(chan int)}})
	if want := `{"device":"a","kind":"b","value":null,"quality":"bad","since":null}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"t":"lane.vehicle_passed","i":"entry","a":5,"b":"x","s":"info","d":{}}`))
	f.Add([]byte(`{"t":"a.b","i":"+","a":5,"b":"x","s":"info","d":{}}`))
	f.Add([]byte(`{"t":"a/.b","i":"x","a":-5,"d":[1,2]}`))
	tops := topicsOf(testRoot)
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := parse(payload)
		if err != nil {
			return
		}
		topic := tops.event(e.Type.Kind(), e.ID)
		if !isTopic(topic) || bytes.Count([]byte(topic), []byte("/")) != bytes.Count([]byte(testRoot), []byte("/"))+3 {
			t.Errorf("topic %q", topic)
		}
		id := gateway.EventID{Epoch: "k3v9q2", Run: 1, Number: 1}
		if b := gateway.AppendCloudEvent(nil, "//a/b", id, e, gateway.Stamp{}); !json.Valid(b) {
			t.Errorf("invalid JSON %s", b)
		}
	})
}
