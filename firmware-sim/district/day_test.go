package district

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// gateways are the shipped configurations of the reference district.
var gateways = []string{
	"park-01", "elevator-01", "elevator-02", "elevator-03", "elevator-04", "elevator-05", "elevator-06", "cctv-01",
}

func shipped(t testing.TB, id string) *config.Config {
	t.Helper()
	cfg, err := config.Load(filepath.Join("../../deploy/examples", id+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// day runs the day of a shipped gateway.
func day(t testing.TB, id string, seed uint64, end time.Duration) *Gateway {
	t.Helper()
	g, err := OpenDay(shipped(t, id), seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	if err := g.Run(end); err != nil {
		t.Fatal(err)
	}
	return g
}

// A day of the whole district: thousands of vehicles, trips of six lifts, 32 cameras, and each thing that can go wrong.
// Every count is that of the truth, each fault is reported once, and nothing is reported that was not.
func TestDay(t *testing.T) {
	t.Parallel()
	rows := make([][]Row, len(gateways))
	faults := 0
	for n, id := range gateways {
		g := day(t, id, 1, dayLength)
		faults += len(g.Faults)
		rows[n] = g.Reckon()
		for _, e := range g.Events {
			if err := published().Event(e.Event); err != nil {
				t.Fatalf("%s: %v", id, err)
			}
		}
		for _, r := range Difference(rows[n]) {
			t.Errorf("%s: %v: truth %d, reported %d", id, r, r.Truth, r.Reported)
		}
	}
	sum := map[gateway.Type]int{}
	for _, all := range rows {
		for _, r := range all {
			sum[r.Type] += r.Truth
		}
	}
	for kind, least := range map[gateway.Type]int{ // else it was a dull day
		gateway.VehiclePassed: 3000, gateway.VehicleBackedOut: 80, gateway.WrongWay: 2, gateway.BayOccupied: 1500, gateway.GateOpened: 2000,
		gateway.GateFault: 2, gateway.GateObstructed: 2, gateway.LoopFault: 12, gateway.FireOpened: 1, gateway.LockoutOn: 1,
		gateway.MaintenanceOpened: 1, gateway.AutonomyEntered: 1, gateway.InputChattering: 1, gateway.InputTamper: 24,
		gateway.ElevatorFaultRaised: 20, gateway.EntrapmentConfirmed: 12, gateway.EntrapmentEnded: 12, gateway.ElevatorServiceModeChanged: 12,
		gateway.CameraOffline: 10, gateway.CameraHeartbeatStuck: 6, gateway.CameraPowerLost: 3, gateway.CameraHungOrDark: 3,
		gateway.CameraOvercurrent: 3, gateway.CameraRebootLoop: 3, gateway.CameraGroupOutage: 3, gateway.ContactRaised: 20,
	} {
		if sum[kind] < least {
			t.Errorf("only %d of %s", sum[kind], kind)
		}
	}
	if faults < 80 {
		t.Errorf("only %d things went wrong", faults)
	}
}

// Another day: nothing rests on one seed.
func TestAnotherDay(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"park-01", "elevator-03", "cctv-01"} {
		for _, r := range Difference(day(t, id, 10, dayLength).Reckon()) {
			t.Errorf("%s: %v: truth %d, reported %d", id, r, r.Truth, r.Reported)
		}
	}
}

// The same seed gives the same events at the same times, whether time passes at once or in steps.
func TestSameSeedSameDay(t *testing.T) {
	t.Parallel()
	sum := func(g *Gateway) string {
		h := fnv.New64a()
		for _, e := range g.Events {
			data, err := json.Marshal(e.Event.Data)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(h, "%v %v %s\n", e.At, e, data)
		}
		return fmt.Sprintf("%d events, %x", len(g.Events), h.Sum64())
	}
	for _, id := range []string{"park-01", "elevator-01", "cctv-01"} {
		at, end := sum(day(t, id, 3, 6*time.Hour)), 6*time.Hour
		g, err := OpenDay(shipped(t, id), 3)
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		for now := time.Duration(0); now < end; {
			now = min(now+7*time.Minute, end)
			if err := g.Run(now); err != nil {
				t.Fatal(err)
			}
		}
		if got := sum(g); got != at {
			t.Errorf("%s: %s at once, %s in steps", id, at, got)
		}
	}
}

// A gateway that says one thing too often, or not at all, shows in the difference.
func TestReckonFindsWhatIsMissingAndWhatIsTooMuch(t *testing.T) {
	g := day(t, "elevator-01", 1, dayLength)
	whole := g.Events
	for n, e := range whole {
		if told[e.Event.Type] {
			continue
		}
		g.Events = append(append([]Issued{}, whole[:n]...), whole[n+1:]...)
		if len(Difference(g.Reckon())) != 1 {
			t.Errorf("without %v: %v", e, Difference(g.Reckon()))
		}
		g.Events = append(append([]Issued{}, whole...), e)
		if len(Difference(g.Reckon())) != 1 {
			t.Errorf("twice %v: %v", e, Difference(g.Reckon()))
		}
	}
	var b bytes.Buffer
	if err := Print(&b, g.Reckon()); err != nil || !strings.Contains(b.String(), "difference: 1 rows") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

// The day of the car park, as fast as it goes: 144 devices, 149 wires.
func BenchmarkDay(b *testing.B) {
	for b.Loop() {
		g := day(b, "park-01", 1, dayLength)
		b.ReportMetric(float64(len(g.Events)), "events/day")
	}
	b.ReportMetric(float64(b.N)*dayLength.Seconds()/b.Elapsed().Seconds(), "virtual_s/s")
}
