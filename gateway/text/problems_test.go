package text

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

const second = gateway.Mono(time.Second)

// well is a gateway with nothing wrong.
func well() *hub.View {
	return &hub.View{
		At:      100 * second,
		Gateway: hub.Gateway{Site: "s", ID: "g", Started: second},
		Devices: []hub.Device{
			{
				MetaDevice: gateway.MetaDevice{ID: "gate", Kind: "gate", Label: "入口道闸"},
				State:      gateway.DeviceState{Value: "closed", Quality: gateway.Good, Since: 2 * second},
			},
		},
		Points:  []hub.Point{{ID: "p1", Quality: gateway.Good}, {ID: "p2", Label: "线圈", Quality: gateway.Good}},
		Sources: []hub.Source{{ID: "gpio", Kind: "gpio", OK: true}, {ID: "x1", Kind: "mcp23017", Where: "I2C1 0x20", OK: true}},
		Link:    hub.Link{Broker: "mqtt://b:1883", Connected: true, Since: 3 * second},
		Clock:   hub.Clock{Quality: gateway.ClockSynced},
	}
}

func TestProblems(t *testing.T) {
	type brief struct {
		ID       string
		Severity gateway.Severity
		Own      bool
		EN       string
	}
	noAck := func(v *hub.View) {
		v.Sources[1].OK, v.Sources[1].Fault, v.Sources[1].Since = false, "no_ack", 50*second
	}
	for _, c := range []struct {
		name   string
		break_ func(v *hub.View)
		want   []brief
	}{
		{"nothing", func(*hub.View) {}, nil},
		{
			"damaged files stand until a restart",
			func(v *hub.View) { v.Storage.Damaged = "runs, gaps" },
			[]brief{{"storage/damaged", gateway.Warning, true, "Files on the card were damaged when the gateway started: runs, gaps"}},
		},
		{
			"an alarm names its device and is not the gateway's own",
			func(v *hub.View) {
				v.Alarms = []gateway.Alarm{{ID: "gate", Name: "travel_timeout", Type: gateway.GateFault, Severity: gateway.Major}}
				v.Devices[0].State.Value = "stopped"
			},
			[]brief{{"gate/travel_timeout", gateway.Major, false, "入口道闸: The arm did not arrive in time"}},
		},
		{
			"a hung bus is one problem, not one for each chip; a chip that fails otherwise is told",
			func(v *hub.View) {
				v.Sources = append(
					v.Sources[:1],
					hub.Source{ID: "bus", Kind: "i2c", Bus: "bus", Where: "/dev/i2c-1", Fault: "hung"},
					hub.Source{ID: "x1", Bus: "bus", Fault: "hung"}, hub.Source{ID: "x2", Bus: "bus"}, hub.Source{ID: "x3", Bus: "bus", Fault: "mismatch"},
				)
			},
			[]brief{
				{"source/bus", gateway.Major, true, "bus · /dev/i2c-1: the bus is held, no module can be read"},
				{"source/x3", gateway.Major, true, "x3: not the configured part"},
			},
		},
		{
			"a bus that nobody has answered on yet is told by its chip",
			func(v *hub.View) {
				v.Sources = append(
					v.Sources[:1],
					hub.Source{ID: "bus", Kind: "i2c", Bus: "bus"}, hub.Source{ID: "x1", Kind: "mcp23017", Bus: "bus", Fault: "no_ack"},
				)
			},
			[]brief{{"source/x1", gateway.Major, true, "x1: the module does not answer"}},
		},
		{
			"an interrupt wire that does not fire",
			func(v *hub.View) {
				v.Sources[1].Interrupt = "int_dead"
				v.Alarms = []gateway.Alarm{{ID: "bus", Name: "fault-x1.int", Type: gateway.BusFault, Severity: gateway.Major}}
				v.Events = []hub.Event{{Event: gateway.Event{Type: gateway.BusFault, ID: "bus", Data: gateway.BusFaultData{Part: "x1.int", Cause: "int_dead"}}}}
			},
			[]brief{{"bus/fault-x1.int", gateway.Major, true, "x1.int: the interrupt wire is silent, polling instead"}},
		},
		{
			"a certificate that ends soon",
			func(v *hub.View) {
				v.Clock.Offset = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
				v.Link.CertificateEnds = v.Clock.Wall(v.At).Add(certificateSoon)
			},
			[]brief{{"certificate", gateway.Warning, true, "The gateway's certificate ends on 2026-12-01"}},
		},
		{
			"a certificate that has ended",
			func(v *hub.View) {
				v.Clock.Offset = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
				v.Link.CertificateEnds = v.Clock.Offset
			},
			[]brief{{"certificate", gateway.Major, true, "The gateway's certificate ended on 2026-11-01"}},
		},
		{
			"a certificate, and no date to judge it by",
			func(v *hub.View) { v.Link.CertificateEnds = time.Unix(0, 0) },
			nil,
		},
		{
			"a state without alarm that needs a look",
			func(v *hub.View) { v.Devices[0].State.Value = "stopped" },
			[]brief{{"gate/stopped", gateway.Warning, false, "入口道闸: Stopped midway"}},
		},
		{
			"a state that is not known is no such problem",
			func(v *hub.View) {
				v.Devices[0].State.Value, v.Devices[0].State.Quality = "stopped", gateway.Stale
			},
			nil,
		},
		{
			"a broken chip hides its own alarm and its wires",
			func(v *hub.View) {
				noAck(v)
				v.Alarms = []gateway.Alarm{{ID: "i2c1", Name: "fault-x1", Type: gateway.BusFault, Severity: gateway.Major}}
				v.Points[1].Quality = gateway.Bad
			},
			[]brief{{"source/x1", gateway.Major, true, "x1 · I2C1 0x20: the module does not answer"}},
		},
		{
			"the alarm of another chip stays",
			func(v *hub.View) {
				noAck(v)
				v.Alarms = []gateway.Alarm{{ID: "i2c1", Name: "fault-x2", Type: gateway.BusFault, Severity: gateway.Major, Since: second}}
			},
			[]brief{
				{"i2c1/fault-x2", gateway.Major, true, "i2c1: Input module fault"},
				{"source/x1", gateway.Major, true, "x1 · I2C1 0x20: the module does not answer"},
			},
		},
		{
			"one native line tells what its event said, once",
			func(v *hub.View) {
				v.Points[1].Quality, v.Points[1].Terminal = gateway.Bad, "GPIO17"
				v.Alarms = []gateway.Alarm{{ID: "gpio", Name: "fault-p2", Type: gateway.BusFault, Severity: gateway.Major}}
				v.Events = []hub.Event{{Event: gateway.Event{
					Type: gateway.BusFault, ID: "gpio", Data: gateway.BusFaultData{Part: "p2", Cause: "busy"},
				}}}
			},
			[]brief{{"gpio/fault-p2", gateway.Major, true, "线圈 · GPIO17: held by another program"}},
		},
		{
			"a source that has not spoken yet, and one that never did",
			func(v *hub.View) {
				v.Sources[0].OK, v.Sources[0].Since = false, 99*second
				v.Sources[1].OK, v.Sources[1].Since = false, second
				v.Points[0].Quality = gateway.Bad
			},
			[]brief{
				{"source/x1", gateway.Major, true, "x1 · I2C1 0x20: nothing read yet"},
				{"source/gpio", gateway.Info, true, "gpio: nothing read yet"},
			},
		},
		{
			"wires that cannot be read although every source works",
			func(v *hub.View) { v.Points[0].Quality, v.Points[1].Quality = gateway.Bad, gateway.Stale },
			[]brief{{"points", gateway.Major, true, "Inputs cannot be read: p1, 线圈"}},
		},
		{
			"a wire that chatters is read all the same",
			func(v *hub.View) {
				v.Points[0].Quality = gateway.Bad
				v.Alarms = []gateway.Alarm{{ID: "p1", Name: "chattering", Type: gateway.InputChattering, Severity: gateway.Warning}}
			},
			[]brief{{"p1/chattering", gateway.Warning, false, "p1: Input chatters"}},
		},
		{
			"a connection that just broke",
			func(v *hub.View) { v.Link.Connected, v.Link.Since = false, 90*second },
			[]brief{{"link", gateway.Warning, true, "The service center cannot be reached: mqtt://b:1883"}},
		},
		{
			"a connection that never was",
			func(v *hub.View) { v.Link.Connected, v.Link.Since = false, 0 },
			[]brief{{"link", gateway.Major, true, "The service center cannot be reached: mqtt://b:1883"}},
		},
		{
			"no uplink configured",
			func(v *hub.View) { v.Link = hub.Link{} },
			nil,
		},
		{
			"a board with a weak supply, in the sun, with a full disk",
			func(v *hub.View) {
				v.Board = hub.Board{Temperature: 81, Undervoltage: true, Supervised: true, DiskFree: 5 << 20, DiskSize: 1 << 30}
			},
			[]brief{
				{"disk", gateway.Warning, true, "Only 5 MiB of storage are left"},
				{"heat", gateway.Warning, true, "The board is too hot: 81 °C"},
				{"power", gateway.Warning, true, "The board's supply voltage is too low"},
			},
		},
		{
			"a warm board",
			func(v *hub.View) {
				v.Board = hub.Board{Temperature: 79, Supervised: true, DiskFree: 64 << 20, DiskSize: 1 << 30}
			},
			nil,
		},
		{
			"storage and clock, the worse one first, storage once",
			func(v *hub.View) {
				v.Clock = hub.Clock{}
				v.Storage.Degraded = "write: no space left on device"
				v.Alarms = []gateway.Alarm{{ID: gateway.GatewayID, Name: "storage_degraded", Type: gateway.StorageDegraded, Severity: gateway.Major}}
			},
			[]brief{
				{"storage", gateway.Major, true, "Local storage has failed: a power cut would lose events"},
				{"clock", gateway.Warning, true, "This gateway does not know the date"},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := well()
			c.break_(v)
			var got []brief
			for _, p := range Problems(v) {
				got = append(got, brief{p.ID, p.Severity, p.Own, p.What.EN})
				if p.What.ZH == "" || p.Do.ZH == "" || p.Do.EN == "" {
					t.Errorf("%s does not say in both languages what to do: %+v", p.ID, p)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
		})
	}
}

func TestManyWiresAreOneProblem(t *testing.T) {
	v := well()
	for range 5 {
		v.Points = append(v.Points, hub.Point{ID: "more"})
	}
	v.Points[0].Quality = gateway.Bad
	ps := Problems(v)
	if len(ps) != 1 || ps[0].What.ZH != "输入读不到：p1、more、more 等共 6 路" {
		t.Errorf("got %+v", ps)
	}
}

func TestLinkAdvice(t *testing.T) {
	for _, c := range []struct {
		err  string
		want Key
	}{
		{"dial tcp 127.0.0.1:1883: connect: connection refused", "problem.link.refused"},
		{"dial tcp: lookup broker.example on 127.0.0.53:53: no such host", "problem.link.name"},
		{"dial tcp 10.1.1.1:1883: connect: network is unreachable", "problem.link.network"},
		{"tls: failed to verify certificate: x509: certificate has expired", "problem.link.tls"},
		{"tls: first record does not look like a TLS handshake", "problem.link.plain"},
		{"connect: not Authorized", "problem.link.auth"},
		{"dial tcp 10.1.1.1:1883: i/o timeout", "problem.link.do"},
		{"", "problem.link.do"},
	} {
		if got := linkAdvice(c.err); got != c.want {
			t.Errorf("linkAdvice(%q) = %s, want %s", c.err, got, c.want)
		}
	}
}

// What is told of the gateway itself is the same whether devices were looked at or not.
func TestOwnProblems(t *testing.T) {
	v := &hub.View{
		At: 1e12, Gateway: hub.Gateway{ID: "park-01"},
		Devices: []hub.Device{{
			MetaDevice: gateway.MetaDevice{ID: "car", Kind: "elevator"},
			State:      gateway.DeviceState{Value: "fault", Quality: gateway.Good},
		}},
		Sources: []hub.Source{{ID: "x1", Kind: "mcp23017", Where: "I2C1 0x20", Fault: "nack"}},
		Alarms: []gateway.Alarm{
			{ID: gateway.GatewayID, Name: "storage_degraded", Type: gateway.StorageDegraded, Severity: gateway.Major},
			{ID: "other", Name: "offline", Type: gateway.CameraOffline, Severity: gateway.Major},
		},
	}
	all := Problems(v)
	own := OwnProblems(v, gateway.Warning)
	if want := Own(all, gateway.Warning); len(own) < 2 || !slices.Equal(own, want) {
		t.Errorf("%+v, want %+v", own, want)
	}
	if len(all) < len(own)+1 {
		t.Errorf("%d problems, %d of our own: those of devices are missing", len(all), len(own))
	}
}

func TestOwn(t *testing.T) {
	ps := []Problem{{ID: "a", Severity: gateway.Critical}, {ID: "b", Severity: gateway.Major, Own: true}, {ID: "c", Severity: gateway.Warning, Own: true}}
	if got := Own(ps, gateway.Major); len(got) != 1 || got[0].ID != "b" {
		t.Errorf("got %v", got)
	}
}
