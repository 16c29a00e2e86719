package daemon

import (
	"bytes"
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/config"
)

// quickContact believes its wire at once, so that no delay of the configuration hides what the gateway itself takes.
const quickContact = `
gateway: {site: lianhua, id: park-01}
mqtt: {broker: "BROKER"}
storage: {path: STATE}
status: {listen: ""}
control: {socket: STATE/control.sock}
points:
  w: {line: GPIO4, settle: 0s, budget: 0}
contacts:
  c: {input: w, severity: info, raise_after: 0s, clear_after: 0s}
`

// BenchmarkEdgeOverBroker is an edge of an input from the move of the wire to a subscriber of a real broker: line, settle
// filter, core, device, outbox with its commit beside, CloudEvent. Beside it, in the same run and in turn, a bare loop: the same
// driver on another input, and a bare paho client that publishes a payload of the same size for each edge.
func BenchmarkEdgeOverBroker(b *testing.B) {
	if _, err := exec.LookPath("mosquitto"); err != nil {
		b.Skip("mosquitto is not installed")
	}
	dir := b.TempDir()
	address := startMosquitto(b, dir)
	cfg, err := config.Parse("contact.yaml", []byte(strings.NewReplacer(
		"BROKER", "mqtt://"+address, "STATE", filepath.Join(dir, "state")).Replace(quickContact)))
	if err != nil {
		b.Fatal(err)
	}
	board, err := rig.New(1, rig.Site{
		Switches: []rig.Switch{{Name: "ours"}, {Name: "bare"}},
		Wires:    []rig.Wire{{From: "ours.contact", To: "GPIO4"}, {From: "bare.contact", To: "GPIO17"}},
	}, rig.Options{Private: true})
	if err != nil {
		b.Fatal(err)
	}
	defer board.Close()
	lines := line.Pins(func(name string) gpio.PinIO {
		if p := board.Pin(name); p != nil {
			return p
		}
		return nil
	}, nil)

	type arrival struct {
		at   time.Time
		size int
	}
	heard := map[string]chan arrival{"ours": make(chan arrival, 16), "bare": make(chan arrival, 16)}
	dialBroker(b, address, map[string]func([]byte){
		cfg.Root() + "/event/contact/#": func(p []byte) { heard["ours"] <- arrival{time.Now(), len(p)} },
		"bare":                          func(p []byte) { heard["bare"] <- arrival{time.Now(), len(p)} },
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	b.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		ended <- Run(ctx, Options{Config: cfg, Hardware: Hardware{Lines: lines}, Log: slog.New(slog.DiscardHandler)})
	}()
	rest := map[string]bool{}
	took := func(which string, patience time.Duration) (time.Duration, int) {
		began := time.Now()
		if err := board.Do(rig.Move{Switch: which, Rest: rest[which]}); err != nil {
			b.Fatal(err)
		}
		rest[which] = !rest[which]
		select {
		case a := <-heard[which]:
			return a.at.Sub(began), a.size
		case err := <-ended:
			b.Fatal("the daemon ended: ", err)
		case <-time.After(patience):
		}
		return 0, 0
	}
	size := 0
	for deadline := time.Now().Add(time.Minute); size == 0; {
		if time.Now().After(deadline) {
			b.Fatal("no event of the contact")
		}
		_, size = took("ours", time.Second) // until the daemon is up
	}
	for quiet := false; !quiet; {
		select {
		case <-heard["ours"]:
		case <-time.After(2 * time.Second):
			quiet = true
		}
	}
	bare, errs := lines.Inputs([]line.Input{{Name: "GPIO17", Bias: line.PullUp}})
	if errs[0] != nil {
		b.Fatal(errs[0])
	}
	defer bare.Close()
	publisher := dialBroker(b, address, nil)
	payload := bytes.Repeat([]byte("x"), size)
	go func() {
		for range bare.Edges() {
			publisher.Publish("bare", 1, false, payload)
		}
	}()
	var times [2][]time.Duration
	for b.Loop() {
		for i, which := range [...]string{"ours", "bare"} {
			d, n := took(which, time.Minute)
			if n == 0 {
				b.Fatalf("edge %d of %s was lost", len(times[i]), which)
			}
			times[i] = append(times[i], d)
		}
	}
	quantile := func(i, percent int) float64 {
		slices.Sort(times[i])
		return float64(times[i][len(times[i])*percent/100].Nanoseconds()) / 1000
	}
	b.ReportMetric(quantile(0, 50), "p50-µs")
	b.ReportMetric(quantile(0, 99), "p99-µs")
	b.ReportMetric(quantile(1, 50), "bare-p50-µs")
	b.ReportMetric(quantile(1, 99), "bare-p99-µs")
	b.ReportMetric(quantile(0, 50)/quantile(1, 50), "×bare-p50")
	b.ReportMetric(0, "ns/op") // both together: means nothing
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
