package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"periph.io/x/conn/v3/gpio"

	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/intake"
)

// box is a whole gateway without wires, a broker, and a center that listens.
type box struct {
	t      *testing.T
	cfg    *config.Config
	signer *intake.Signer
	center mqtt.Client
	status chan gateway.Status
	told   chan string // what the center hears of commands: "reply accepted", "audit command.accepted center"
	n      int
}

func newBox(t *testing.T, leds string) *box {
	dir := t.TempDir()
	address := startMosquitto(t, dir)
	if _, err := intake.NewKey(dir, "center", "EdDSA"); err != nil {
		t.Fatal(err)
	}
	signer, err := intake.NewSigner(filepath.Join(dir, "center.key"), "center")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("box.yaml", fmt.Appendf(nil, `
gateway: {site: lianhua, id: park-01}
mqtt: {broker: "mqtt://%s"}
storage: {path: %s}
status: {listen: ""}
control: {socket: %s}
commands: {keys: {center: {file: %s, devices: [gateway], actions: [identify]}}}
`, address, filepath.Join(dir, "state"), filepath.Join(dir, "control.sock"), filepath.Join(dir, "center.pub")))
	if err != nil {
		t.Fatal(err)
	}
	b := &box{t: t, cfg: cfg, signer: signer, status: make(chan gateway.Status, 64), told: make(chan string, 64)}
	b.center = dialBroker(t, address, map[string]func([]byte){
		cfg.Root() + "/status": func(p []byte) {
			var s gateway.Status
			if json.Unmarshal(p, &s) == nil && (s.State == gateway.Online || s.State == gateway.Degraded) {
				b.status <- s
			}
		},
		cfg.Root() + "/reply/gateway": func(p []byte) {
			var r gateway.Reply
			if json.Unmarshal(p, &r) == nil {
				b.told <- strings.TrimSpace(fmt.Sprintf("reply %s %s", r.Stage, r.Reason))
			}
		},
		cfg.Root() + "/event/command/gateway": func(p []byte) {
			var e struct {
				Type string
				Data gateway.CommandData
			}
			if json.Unmarshal(p, &e) == nil {
				b.told <- strings.TrimSpace(fmt.Sprintf("audit %s %s %s %s", strings.TrimPrefix(e.Type, "lotusgate."), e.Data.Action, e.Data.Issuer, e.Data.Reason))
			}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		hw := Hardware{LEDs: leds, Lines: line.Pins(func(string) gpio.PinIO { return nil }, nil)}
		ended <- Run(ctx, Options{Config: cfg, Hardware: hw, Log: slog.New(slog.DiscardHandler)})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b
}

// order signs a command for the gateway itself and publishes it, once the gateway listens.
func (b *box) order(a gateway.Action) {
	b.t.Helper()
	s := receive(b.t, b.status)
	b.n++
	now := time.Now().Unix()
	r := intake.Request{
		JTI: fmt.Sprint(b.n), IssuedAt: now, Expires: now + 30, Audience: b.cfg.Source(), Session: s.Session, Device: gateway.GatewayID, Action: a,
	}
	if s.Nonce != nil {
		r.Nonce = *s.Nonce
	}
	m, err := b.signer.Sign(r)
	if err != nil {
		b.t.Fatal(err)
	}
	b.center.Publish(b.cfg.Root()+"/command/gateway", 1, false, m)
}

// hears waits for what the center is told.
func (b *box) hears(want ...string) {
	b.t.Helper()
	var got []string
	for range want {
		got = append(got, receive(b.t, b.told))
	}
	slices.Sort(got) // whether replies or audit come first is open
	if slices.Sort(want); !slices.Equal(got, want) {
		b.t.Fatalf("the center heard %q, want %q", got, want)
	}
}

// receive waits for one value, for as long as a busy machine may take.
func receive[T any](t *testing.T, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(60 * time.Second):
		t.Fatal("nothing came within a minute")
	}
	return v
}

// Which of the boxes is it? The center asks, the LED blinks for ten seconds, and shows what it showed before. They are real
// seconds: everything but the hand that would look at the LED is that of a gateway in the field.
func TestIdentify(t *testing.T) {
	if _, err := exec.LookPath("mosquitto"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("needs mosquitto")
	}
	t.Run("a board without an LED says so", func(t *testing.T) {
		b := newBox(t, t.TempDir())
		b.order(gateway.Identify)
		b.hears("reply accepted", "audit command.accepted identify center",
			"reply failed no_light", "audit command.failed identify center no_light")
	})
	t.Run("an LED blinks", func(t *testing.T) {
		leds := t.TempDir()
		led := func(name string) string { return filepath.Join(leds, "ACT", name) }
		if err := os.Mkdir(filepath.Join(leds, "ACT"), 0o755); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"trigger": "none timer [mmc0] heartbeat", "brightness": "0"} {
			if err := os.WriteFile(led(name), []byte(value), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		read := func(name string) string {
			v, err := os.ReadFile(led(name))
			if err != nil {
				t.Fatal(err)
			}
			return string(v)
		}
		b := newBox(t, leds)
		b.order(gateway.Identify)
		b.hears("reply accepted", "audit command.accepted identify center")
		began, on, off := time.Now(), false, false
		for !on || !off {
			on, off = on || read("brightness") == "1", off || on && read("brightness") == "0"
			if time.Since(began) > 60*time.Second {
				t.Fatalf("the LED does not blink: on %v, off again %v", on, off)
			}
			time.Sleep(10 * time.Millisecond)
		}
		b.hears("reply done", "audit command.done identify center")
		if got := read("trigger"); got != "mmc0" {
			t.Errorf("the LED shows %s, not what it did", got)
		}
	})
}
