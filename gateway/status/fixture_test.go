package status

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"lotusgate/gateway"
	"lotusgate/gateway/day"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/support"
	"lotusgate/gateway/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const second = gateway.Mono(time.Second)

// testNow is the gateway's clock in all tests that do not move it: a day and a bit after the kernel booted.
const testNow = 90_000 * second

// testStart is the date of the kernel's boot.
var testStart = time.Date(2026, 11, 22, 0, 15, 2, 0, time.UTC)

func newServer(t testing.TB, h *hub.Hub, o Options) *Server {
	t.Helper()
	if o.Now == nil {
		o.Now = func() gateway.Mono { return testNow }
	}
	o.Location = time.FixedZone("", 8*3600)
	if o.Terminals == nil {
		o.Terminals = siteTerminals()
	}
	if o.Facts == nil {
		o.Facts = func() []support.File { return []support.File{{Name: "board.txt", Data: []byte("a board")}} }
	}
	if o.Day == nil {
		o.Day = siteDay()
	}
	if o.Trace == nil {
		o.Trace = siteTrace()
	}
	s, err := New(o, h)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func emptyHub() *hub.Hub { return hub.New(func() gateway.Mono { return testNow }) }

// evil is a label that somebody typed to break the page.
const evil = `<script>alert("1")</script>'"><img src=x onerror=alert(1)>`

func site(id, kind, label, value string, q gateway.Quality, ago time.Duration, detail any, parts ...string) hub.Device {
	return hub.Device{
		MetaDevice: gateway.MetaDevice{ID: id, Kind: kind, Label: label, Parts: parts},
		State:      gateway.DeviceState{Value: value, Quality: q, Since: testNow.Add(-ago), Detail: detail},
	}
}

type laneSeen struct {
	A        bool   `json:"a"`
	B        bool   `json:"b"`
	CountIn  uint64 `json:"count_in"`
	CountOut uint64 `json:"count_out"`
	Counting bool   `json:"counting"`
}

type liftSeen struct {
	Mode string `json:"mode"`
}

type gateSeen struct {
	OpenLimit   bool `json:"open_limit"`
	ClosedLimit bool `json:"closed_limit"`
	SafetyClear bool `json:"safety_clear"`

	Cause gateway.MovementCause `json:"cause,omitempty"`
	Left  uint16                `json:"left,omitempty"`
}

// wellHub is a site where everything works: two lanes, an elevator, a camera.
func wellHub() *hub.Hub {
	h := emptyHub()
	h.SetGateway(hub.Gateway{
		Site: "lianhua", ID: "park-01", Label: "莲花地下停车场", Version: "0.1.0", KernelBoot: "4a1c",
		Config: "sha256:9f2c41d7", Started: testNow.Add(-26 * time.Hour),
	})
	h.SetClock(hub.Clock{Quality: gateway.ClockSynced, Offset: testStart})
	h.SetBoard(hub.Board{Temperature: 47, Supervised: true, DiskFree: 20 << 30, DiskSize: 29 << 30})
	h.SetLink(hub.Link{
		Broker: "mqtts://center.example:8883", Connected: true, Session: "Zm9v", Since: testNow.Add(-3 * time.Hour),
		Connects: 2, Published: 4711, InFlight: 1, Resent: 3,
	})
	h.SetStorage(hub.Storage{
		Ledger:  gateway.Ledger{Epoch: "k3v9q2", Run: 12, Number: 4711, Unconfirmed: []gateway.LedgerRun{{Epoch: "k3v9q2", Run: 12, DurableTo: 4711}}},
		Queues:  [2]hub.QueueStats{{Bytes: 3_250_000, Limit: 64 << 20}, {Bytes: 120_000, Limit: 16 << 20}},
		Commits: 4650, CommitTime: 21 * time.Millisecond, BytesWritten: 5_200_000,
	})
	for _, d := range []hub.Device{
		site("entry", "lane", "入口车道", "passing", gateway.Good, 2*time.Second, laneSeen{A: true, B: true, CountIn: 352, CountOut: 1, Counting: true}, "entry-a", "entry-b", "entry-gate"),
		site("entry-a", "loop", "入口外线圈", "occupied", gateway.Good, 4*time.Second, nil),
		site("entry-b", "loop", "入口内线圈", "occupied", gateway.Good, 2*time.Second, nil),
		site("entry-gate", "gate", "入口道闸", "open", gateway.Good, 6*time.Second, gateSeen{OpenLimit: true, Cause: gateway.CauseCommand, Left: 1}),
		site("exit", "lane", "出口车道", "clear", gateway.Good, 190*time.Second, laneSeen{CountOut: 347, Counting: true}, "exit-a", "exit-b"),
		site("exit-a", "loop", "出口内线圈", "clear", gateway.Good, 200*time.Second, nil),
		site("exit-b", "loop", "出口外线圈", "clear", gateway.Good, 190*time.Second, nil),
		site("exit-gate", "gate", "出口道闸", "closed", gateway.Good, 180*time.Second, gateSeen{ClosedLimit: true, SafetyClear: true, Cause: gateway.CauseManual}, "exit"),
		site("car-1", "elevator", "1 号梯", "normal", gateway.Good, 26*time.Hour, nil),
		site("cam-1", "camera", "入口摄像机", "online", gateway.Good, 5*time.Hour, nil),
	} {
		h.PutDevice(d)
	}
	h.PutSource(hub.Source{ID: "gpio", Kind: "gpio", Where: "gpiochip0", OK: true, Since: testNow.Add(-26 * time.Hour), Reads: 1204})
	h.PutSource(hub.Source{
		ID: "x1", Kind: "mcp23017", Where: "I2C1 0x20", Bus: "i2c-1", OK: true, Since: testNow.Add(-26 * time.Hour), Reads: 93_000,
		Transfers: 93_004, Failed: 3, Retries: 2, Load: 0.41,
	})
	h.PutSource(hub.Source{
		ID: "i2c-1", Kind: "i2c", Where: "/dev/i2c-1", Bus: "i2c-1", OK: true, Since: testNow.Add(-26 * time.Hour),
		Transfers: 93_004, Failed: 3, Retries: 2, Load: 0.41,
	})
	for _, p := range []hub.Point{
		{ID: "ea", Label: "入口外线圈", Terminal: "GPIO17", Active: true, Quality: gateway.Good, Since: testNow.Add(-4 * time.Second), Edges: 1412, Bounces: 6, LastEdge: testNow.Add(-4 * time.Second)},
		{ID: "eb", Label: "入口内线圈", Terminal: "GPIO27", Active: true, Quality: gateway.Good, Since: testNow.Add(-2 * time.Second), Edges: 1408, Bounces: 2, LastEdge: testNow.Add(-2 * time.Second)},
		{ID: "car-fault", Label: "1 号梯故障触点", Terminal: "x1 GPA3", Raw: true, Quality: gateway.Good, Since: testNow.Add(-26 * time.Hour)},
	} {
		h.PutPoint(p)
	}
	for i, e := range []gateway.Event{
		{Type: gateway.GatewayStarted, ID: gateway.GatewayID, Data: gateway.StartedData{Version: "0.1.0"}},
		{Type: gateway.VehicleArrived, ID: "entry", Data: gateway.ArrivalData{Direction: gateway.In}},
		{Type: gateway.GateOpened, ID: "entry-gate", Data: gateway.MovementData{Cause: gateway.CauseUnknown}},
		{Type: gateway.VehiclePassed, ID: "entry", Data: gateway.PassData{Direction: gateway.In, Count: 352}},
	} {
		addEvent(h, uint64(4708+i), e)
	}
	return h
}

func addEvent(h *hub.Hub, number uint64, e gateway.Event) {
	if e.At == 0 {
		e.At = testNow.Add(-time.Duration(4800-number) * time.Second)
	}
	h.AddEvent(hub.Event{
		ID:   gateway.EventID{Epoch: "k3v9q2", Run: 12, Number: number},
		Time: testStart.Add(time.Duration(e.At)), Event: e,
	})
}

// brokenHub is the same site with something wrong everywhere, every device kind in every bad state, and a label that
// attacks the page.
func brokenHub() *hub.Hub {
	h := wellHub()
	h.SetClock(hub.Clock{})
	h.SetLink(hub.Link{
		Broker: "mqtts://center.example:8883", Since: testNow.Add(-11 * time.Minute), Attempts: 31, Connects: 2, Published: 4600,
		Error: "dial tcp 192.0.2.7:8883: connect: connection refused",
	})
	h.SetStorage(hub.Storage{
		Ledger:   gateway.Ledger{Epoch: "k3v9q2", Run: 12, Number: 4711},
		Degraded: "write outbox: no space left on device",
		Queues: [2]hub.QueueStats{
			{Depth: 108, Bytes: 61 << 20, Limit: 64 << 20, OldestAge: 11 * time.Minute},
			{Depth: 3, Bytes: 200_000, Limit: 16 << 20, OldestAge: 10 * time.Minute},
		},
		Commits: 4650, CommitTime: 340 * time.Millisecond, Dropped: 17,
	})
	for _, d := range []hub.Device{
		site("entry", "lane", evil, "waiting", gateway.Good, 95*time.Second, laneSeen{A: true, CountIn: 352}, "entry-a", "entry-b", "entry-gate"),
		site("entry-b", "loop", "", "", gateway.Bad, 0, nil),
		site("entry-gate", "gate", "入口道闸", "fault", gateway.Good, 80*time.Second, gateSeen{OpenLimit: true, ClosedLimit: true}),
		site("exit-gate", "gate", "出口道闸", "stopped", gateway.Good, 30*time.Second, gateSeen{}, "exit"),
		site("side-gate", "gate", "侧门道闸", "", gateway.Bad, 0, gateSeen{}),
		site("g-closing", "gate", "甲", "closing", gateway.Good, time.Second, nil),
		site("g-obstructed", "gate", "乙", "obstructed", gateway.Good, time.Second, nil),
		site("g-forced", "gate", "丙", "forced", gateway.Good, time.Second, nil),
		site("g-off", "gate", "丁", "arm_off", gateway.Good, time.Second, nil),
		site("car-1", "elevator", "1 号梯", "fault", gateway.Good, 5*time.Minute, liftSeen{"inspection"}),
		site("car-2", "elevator", "2 号梯", "entrapment_confirmed", gateway.Good, time.Minute, nil),
		site("car-3", "elevator", "3 号梯", "service", gateway.Good, time.Hour, liftSeen{"fire"}),
		site("cam-1", "camera", "入口摄像机", "offline", gateway.Good, 20*time.Minute, nil),
		site("cam-2", "camera", "出口摄像机", "late", gateway.Good, 50*time.Second, nil),
		site("cam-3", "camera", "车道摄像机", "stuck", gateway.Good, 50*time.Second, nil),
		site("cam-4", "camera", "", "online", gateway.Stale, 50*time.Second, nil),
		site("bay-1", "bay", "车位 1", "occupied", gateway.Good, 50*time.Second, nil),
		site("bay-2", "bay", "", "vacant", gateway.Stale, 50*time.Second, nil),
		site("bay-3", "bay", "车位 3", "", gateway.Bad, 50*time.Second, nil),
		site("door", "contact", "配电柜门", "raised", gateway.Good, 50*time.Second, nil),
		site("pump", "future_kind", "", "future_value", gateway.Good, 50*time.Second, nil),
	} {
		h.PutDevice(d)
	}
	free := site("b1", "lot", "地下一层余位", "37", gateway.Good, time.Minute, nil, "bay-1", "bay-2", "bay-3")
	free.State.Number = true
	h.PutDevice(free)
	h.PutSource(hub.Source{
		ID: "x1", Kind: "mcp23017", Where: "I2C1 0x20", Fault: "no_ack", Error: "read INTF..GPIO: no such device or address",
		Since: testNow.Add(-4 * time.Minute), Reads: 93_000, Errors: 240, Resets: 1,
	})
	h.PutPoint(hub.Point{ID: "car-fault", Label: "1 号梯故障触点", Terminal: "x1 GPA3", Quality: gateway.Bad, Edges: 4, Missed: 2})
	h.PutPoint(hub.Point{ID: "pulse", Label: evil, Terminal: evil, Quality: gateway.Stale, Active: true, Edges: 77_123, Bounces: 70_000})
	for _, a := range []gateway.Alarm{
		{ID: "entry-gate", Name: "limit_conflict", Type: gateway.GateFault, Severity: gateway.Major, Since: testNow.Add(-80 * time.Second)},
		{ID: "car-1", Name: "fault_raised", Type: gateway.ElevatorFaultRaised, Severity: gateway.Major, Since: testNow.Add(-5 * time.Minute)},
		{ID: "car-2", Name: "entrapment_confirmed", Type: "elevator.entrapment_confirmed", Severity: gateway.Critical, Since: testNow.Add(-time.Minute)},
		{ID: "cam-1", Name: "offline", Type: gateway.CameraOffline, Severity: gateway.Major, Since: testNow.Add(-20 * time.Minute)},
		{ID: "cam-2", Name: "late", Type: gateway.CameraLate, Severity: gateway.Warning, Since: testNow.Add(-50 * time.Second)},
		{ID: "i2c1", Name: "fault-x1", Type: gateway.BusFault, Severity: gateway.Major, Since: testNow.Add(-4 * time.Minute)},
	} {
		h.PutAlarm(a)
	}
	for i, e := range []gateway.Event{
		{Type: gateway.BusFault, ID: "i2c1", Data: gateway.BusFaultData{Part: "x1", Cause: "no_ack"}},
		{Type: gateway.CameraOffline, ID: "cam-1", Data: gateway.CameraData{Method: "pulse"}},
		{Type: gateway.GateFault, ID: "entry-gate", Data: gateway.GateFaultData{Cause: "limit_conflict"}},
		{Type: "future.happened", ID: evil, Data: map[string]string{"x": evil}},
		{Type: gateway.GatewayEventsDropped, ID: gateway.GatewayID, Data: gateway.DroppedData{Ranges: []gateway.NumberRange{{From: 1, To: 17}}, Cause: "evicted"}},
	} {
		addEvent(h, uint64(4712+i), e)
	}
	h.AddEvent(hub.Event{
		ID:    gateway.EventID{Epoch: "k3v9q2", Run: 12, Number: 4720},
		Event: gateway.Event{Type: gateway.ElevatorFaultRaised, ID: "car-1", At: testNow.Add(-30 * time.Second), Data: gateway.ElevatorFaultData{}},
	})
	return h
}

// siteTerminals are the wires of the site: loops, limits and photocell on the board, contacts on the expander.
func siteTerminals() []Terminal {
	in := func(id, label, source, pin string, low bool, uses ...Use) Terminal {
		bias := "up"
		return Terminal{ID: id, Label: label, Source: source, Pin: pin, ActiveLow: low, Bias: bias, Settle: 20 * time.Millisecond, Uses: uses}
	}
	list := []Terminal{
		in("ea", "入口外线圈", "gpio", "GPIO17", false, Use{"entry-a", "input"}),
		in("eb", "入口内线圈", "gpio", "GPIO27", false, Use{"entry-b", "input"}, Use{"entry-gate", "safety"}),
		in("car-fault", "1 号梯故障触点", "x1", "GPA3", true, Use{"car-1", "input"}),
		in("pulse", evil, "x1", "GPA4", true),
		{ID: "entry-gate/open", Source: "gpio", Pin: "GPIO16", Header: 36, Output: true, Uses: []Use{{"entry-gate", "relay_open"}}},
	}
	list[0].Header, list[1].Header = 11, 13
	return list
}

// siteTrace has a car over both loops, a contact that bounces on the first one, a wire that chatters and one that was
// never read.
func siteTrace() *trace.Trace {
	t := trace.New([]string{"ea", "eb", "car-fault", "pulse"})
	for i, from := range []float64{-41.2, -4} {
		at := testNow.Add(time.Duration(from * float64(time.Second)))
		if i == 0 {
			for n := range 2 { // known for long
				t.Raw(n, at-100*second, false)
				t.Settled(n, at-100*second, false)
			}
		}
		for k := range 5 { // a relay contact that closes bounces for 3 ms
			t.Raw(0, at.Add(time.Duration(k)*750*time.Microsecond), k%2 == 0)
		}
		t.Settled(0, at, true)
		t.Raw(1, at.Add(1800*time.Millisecond), true)
		t.Settled(1, at.Add(1800*time.Millisecond), true)
		if i == 0 {
			t.Raw(0, at.Add(2600*time.Millisecond), false)
			t.Settled(0, at.Add(2600*time.Millisecond), false)
			t.Raw(1, at.Add(5*time.Second), false)
			t.Settled(1, at.Add(5*time.Second), false)
		}
	}
	t.Raw(3, testNow-100*second, true)
	for i := range 900 {
		t.Raw(3, testNow.Add(-time.Duration(900-i)*11*time.Millisecond), i%2 == 0)
	}
	return t
}

// siteDay is a day on which the barrier was open at rush hours and a camera was away for an hour.
func siteDay() *day.Diary {
	d := &day.Diary{}
	var beats uint64
	for at := testNow.Add(-23 * time.Hour); at <= testNow; at += second {
		hour := time.Duration(at % gateway.Mono(24*time.Hour)).Hours()
		gate, cam := "closed", "online"
		if busy := int64(at/second) % 60; hour > 7 && hour < 9 && busy < 40 || hour > 17 && hour < 19 && busy < 30 || busy < 2 {
			gate = "open"
		}
		if hour > 11 && hour < 12 {
			cam = "offline"
		} else if int64(at/second)%60 == 0 {
			beats += 2
		}
		d.Look(&hub.View{
			Devices: []hub.Device{
				site("entry-gate", "gate", "", gate, gateway.Good, 0, nil),
				{MetaDevice: gateway.MetaDevice{ID: "cam-1", Points: []string{"beat"}}, State: gateway.DeviceState{Value: cam, Quality: gateway.Good}},
			},
			Points: []hub.Point{{ID: "beat", Edges: beats}},
		}, at)
	}
	return d
}
