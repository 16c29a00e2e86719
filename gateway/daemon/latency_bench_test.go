package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/intake"
	"lotusgate/gateway/outbox"
)

const quickGate = `
gateway: {site: lianhua, id: park-01}
mqtt: {broker: "BROKER"}
storage: {path: STATE}
status: {listen: ""}
control: {socket: STATE/control.sock}
points:
  up: {line: GPIO22}
  down: {line: GPIO23}
  w0: {line: GPIO4}
  w1: {line: GPIO17}
  w2: {line: GPIO27}
  w3: {line: GPIO24}
contacts:
  c0: {input: w0, severity: info}
  c1: {input: w1, severity: info}
  c2: {input: w2, severity: info}
  c3: {input: w3, severity: info}
gates:
  entry-gate: {open_limit: up, closed_limit: down, maintain: true, travel: 1m, outputs: {open: {line: GPIO16}}}
commands: {keys: {center: {file: KEY, devices: ["*"], actions: ["*"]}}}
`

// toldPin tells when it is switched.
type toldPin struct {
	gpio.PinIO
	switched chan time.Time
}

// Out implements gpio.PinOut.
func (p toldPin) Out(l gpio.Level) error {
	was := p.Read()
	err := p.PinIO.Out(l)
	if was != l {
		select {
		case p.switched <- time.Now():
		default:
		}
	}
	return err
}

// BenchmarkCommandOverBroker is a command from its publication to the relay: a real broker, signature, checks, core, gate,
// actuator, a pin of the simulated board. Beside it, in the same run and in turn, a bare loop: a subscription whose
// callback switches a pin of that board. Once quiet, and once while a backlog of 100,000 events drains and every input
// chatters a thousand times a second.
func BenchmarkCommandOverBroker(b *testing.B) {
	if _, err := exec.LookPath("mosquitto"); err != nil {
		b.Skip("mosquitto is not installed")
	}
	b.Run("quiet", func(b *testing.B) { commandOverBroker(b, 0) })
	b.Run("loaded", func(b *testing.B) { commandOverBroker(b, 100_000) })
}

func commandOverBroker(b *testing.B, backlog int) {
	dir := b.TempDir()
	address := startMosquitto(b, dir)
	if _, err := intake.NewKey(dir, "center", "EdDSA"); err != nil {
		b.Fatal(err)
	}
	signer, err := intake.NewSigner(filepath.Join(dir, "center.key"), "center")
	if err != nil {
		b.Fatal(err)
	}
	cfg, err := config.Parse("gate.yaml", []byte(strings.NewReplacer(
		"BROKER", "mqtt://"+address, "STATE", filepath.Join(dir, "state"), "KEY", filepath.Join(dir, "center.pub")).Replace(quickGate)))
	if err != nil {
		b.Fatal(err)
	}
	cfg.Commands.PerMinute = 600_000 // a hundred times what a configuration may allow: the rate is not what is measured
	fill(b, cfg, backlog)
	var site rig.Site
	for i, to := range []string{"GPIO4", "GPIO17", "GPIO27", "GPIO24"} {
		name := fmt.Sprint("s", i)
		site.Switches = append(site.Switches, rig.Switch{Name: name})
		site.Wires = append(site.Wires, rig.Wire{From: name + ".contact", To: to})
	}
	board, err := rig.New(1, site, rig.Options{Private: true})
	if err != nil {
		b.Fatal(err)
	}
	defer board.Close()
	ours, bare := toldPin{board.Pin("GPIO16"), make(chan time.Time, 16)}, toldPin{board.Pin("GPIO26"), make(chan time.Time, 16)}
	lines := line.Pins(func(name string) gpio.PinIO {
		switch p := board.Pin(name); {
		case p == nil:
			return nil
		case name == "GPIO16":
			return ours
		case name == "GPIO26":
			return bare
		default:
			return p
		}
	}, nil)
	relay, err := lines.Output(line.Output{Name: "GPIO26"})
	if err != nil {
		b.Fatal(err)
	}
	status, online := new(atomic.Pointer[gateway.Status]), make(chan struct{}, 1)
	events, replies := new(atomic.Int64), make(chan gateway.Reply, 64)
	center := dialBroker(b, address, map[string]func([]byte){
		cfg.Root() + "/status": func(p []byte) {
			var s gateway.Status
			if json.Unmarshal(p, &s) == nil && (s.State == gateway.Online || s.State == gateway.Degraded) {
				status.Store(&s)
				select {
				case online <- struct{}{}:
				default:
				}
			}
		},
		cfg.Root() + "/event/#": func([]byte) { events.Add(1) },
		cfg.Root() + "/reply/#": func(p []byte) {
			var r gateway.Reply
			if json.Unmarshal(p, &r) == nil {
				select {
				case replies <- r:
				default:
				}
			}
		},
	})
	dialBroker(b, address, map[string]func([]byte){"bare": func(p []byte) { _ = relay.Set(string(p) == "1") }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	b.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		ended <- Run(ctx, Options{Config: cfg, Hardware: Hardware{Lines: lines}, Log: slog.New(slog.DiscardHandler)})
	}()
	select {
	case <-online:
	case err := <-ended:
		b.Fatal("the daemon ended: ", err)
	case <-time.After(60 * time.Second):
		b.Fatal("no status")
	}
	n := 0
	order := func(a gateway.Action) []byte {
		n++
		now, s := time.Now(), status.Load()
		r := intake.Request{
			JTI: fmt.Sprint(n), IssuedAt: now.Unix(), Expires: now.Unix() + 30, Audience: cfg.Source(), Session: s.Session, Device: "entry-gate", Action: a,
		}
		if s.Nonce != nil {
			r.Nonce = *s.Nonce
		}
		m, err := signer.Sign(r)
		if err != nil {
			b.Fatal(err)
		}
		return []byte(m)
	}
	took := func(topic string, payload []byte, switched <-chan time.Time) time.Duration {
		time.Sleep(time.Millisecond) // what the one before still has to do is not this one's
		for len(replies) > 0 {
			<-replies
		}
		began := time.Now()
		center.Publish(topic, 1, false, payload)
		for {
			select {
			case at := <-switched:
				return at.Sub(began)
			case r := <-replies:
				if r.Stage == gateway.Rejected && r.Reason != gateway.Starting {
					b.Fatalf("rejected: %+v", r)
				}
				if r.Stage == gateway.Rejected {
					return -1
				}
			case <-time.After(60 * time.Second):
				b.Fatalf("nothing moved at %s", topic)
			}
		}
	}
	command := cfg.Root() + "/command/entry-gate"
	for took(command, order(gateway.HoldOpen), ours.switched) < 0 { // until every source is read
		time.Sleep(10 * time.Millisecond)
	}
	took(command, order(gateway.Release), ours.switched)
	if backlog > 0 {
		go chatter(ctx, board)
	}
	var with, without []time.Duration
	for i := 0; b.Loop(); i++ {
		level, action := "1", gateway.HoldOpen
		if i%2 == 1 {
			level, action = "0", gateway.Release
		}
		without = append(without, took("bare", []byte(level), bare.switched))
		with = append(with, took(command, order(action), ours.switched))
	}
	if heard := events.Load(); backlog > 0 && heard >= int64(backlog) {
		b.Logf("the backlog had drained before the last of %d commands", len(with))
	}
	report := func(name string, all []time.Duration) time.Duration {
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)/2].Microseconds()), name+"p50-µs")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), name+"p99-µs")
		return all[len(all)/2]
	}
	b.ReportMetric(float64(report("", with))/float64(report("bare-", without)), "x-bare-p50")
	b.ReportMetric(float64(events.Load()), "events-meanwhile")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// chatter moves every contact a thousand times a second.
func chatter(ctx context.Context, board *rig.Board) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for rest := false; ; rest = !rest {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i := range 4 {
			_ = board.Do(rig.Move{Switch: fmt.Sprint("s", i), Rest: rest}) // a closed board: the benchmark is over
		}
	}
}

// fill makes a backlog of an earlier run.
func fill(b *testing.B, cfg *config.Config, n int) {
	b.Helper()
	if n == 0 {
		return
	}
	box, err := outbox.Open(outbox.Options{
		Dir: cfg.Storage.Path, AlarmBytes: int64(cfg.Storage.Alarm), NormalBytes: int64(cfg.Storage.Normal), Board: boardIdentity(),
		Now: func() time.Duration { return time.Duration(monotonic()) },
	})
	if err != nil {
		b.Fatal(err)
	}
	payload, err := gateway.Store(gateway.Event{Type: gateway.LoopOccupied, ID: "entry-a", At: monotonic(), Data: gateway.LoopData{}}, "boot")
	if err != nil {
		b.Fatal(err)
	}
	for range n {
		box.Append(outbox.Normal, payload)
	}
	if err := box.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := box.Close(); err != nil {
		b.Fatal(err)
	}
}

func startMosquitto(b testing.TB, dir string) (address string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address = l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("listener "+port+" 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("mosquitto", "-c", conf)
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return address
}

// dialBroker connects, as soon as the broker answers, and subscribes.
func dialBroker(b testing.TB, address string, topics map[string]func([]byte)) mqtt.Client {
	b.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetClientID(fmt.Sprint("test-", len(topics))).SetConnectRetry(true).
		SetConnectRetryInterval(20 * time.Millisecond).SetAutoReconnect(false).SetOrderMatters(true)
	c := mqtt.NewClient(o)
	if t := c.Connect(); !t.WaitTimeout(30*time.Second) || t.Error() != nil {
		b.Fatal("connect: ", t.Error())
	}
	for topic, take := range topics {
		if t := c.Subscribe(topic, 0, func(_ mqtt.Client, m mqtt.Message) { take(m.Payload()) }); !t.WaitTimeout(30*time.Second) || t.Error() != nil {
			b.Fatal("subscribe: ", t.Error())
		}
	}
	b.Cleanup(func() { c.Disconnect(250) })
	return c
}
