package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	flight "lotusgate/gateway/record"
)

// recorded is what a daemon without hardware has recorded.
func recorded(t *testing.T) string {
	t.Helper()
	cfg, err := config.Load("../../deploy/examples/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg.MQTT.Broker, cfg.Status.Listen = "", ""
	cfg.Storage.Path, cfg.Control.Socket = filepath.Join(t.TempDir(), "outbox"), filepath.Join(t.TempDir(), "sock")
	ctx, cancel := context.WithCancel(t.Context())
	err = daemon.Run(ctx, daemon.Options{
		Config: cfg, Version: "then",
		Event: func(_ gateway.EventID, e gateway.Event) {
			if e.Type == gateway.BusFault && e.ID == "i2c-1" {
				cancel()
			}
		},
		Hardware: daemon.Hardware{Lines: line.Registry(nil), OpenBus: func(string) (i2c.BusCloser, error) {
			return nil, errors.New("no such bus")
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := daemon.CopyRecording(&b, cfg.Storage.Path); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "gate.rec")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReplay(t *testing.T) {
	name := recorded(t)
	run := func(want int, args ...string) (out, errs string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := execute(t.Context(), append([]string{"replay"}, args...), &stdout, &stderr); got != want {
			t.Fatalf("replay %v: exit code %d, want %d\n%s%s", args, got, want, &stdout, &stderr)
		}
		return stdout.String(), stderr.String()
	}
	out, _ := run(0, name)
	for _, want := range []string{"recorded by then", `event {"t":"bus.fault","i":"i2c-1"`, "gateway.stopping", "bit by bit as it was decided then"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out, _ := run(0, name, "--device", "i2c-1"); strings.Contains(out, "gateway.stopping") || !strings.Contains(out, "bus.fault") {
		t.Errorf("of one device:\n%s", out)
	}
	if out, _ := run(0, name, "--until", "1h"); !strings.Contains(out, "gateway.stopping") {
		t.Errorf("an hour is more than there is:\n%s", out)
	}
	if out, _ := run(0, name, "--until", "0s"); strings.Contains(out, "gateway.stopping") {
		t.Errorf("beyond the end:\n%s", out)
	}
	if out, _ := run(0, name, "--until", "1ns"); strings.Contains(out, "gateway.stopping") {
		t.Errorf("beyond the end:\n%s", out)
	}
	if _, errs := run(2, "replay_test.go"); !strings.Contains(errs, "no recording") {
		t.Error(errs)
	}
	if _, errs := run(2, name, "--until", "noon"); !strings.Contains(errs, "--until") {
		t.Error(errs)
	}

	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.rec")
	if err := os.WriteFile(cut, append(b, b[:100]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := run(0, cut); !strings.Contains(out, "cut or damaged") {
		t.Errorf("cut:\n%s", out)
	}
}

// Another configuration that decides the same says so; one that does not is contradicted at its first decision.
func TestReplayWithAnotherConfiguration(t *testing.T) {
	name := recorded(t)
	run := func(want int, config string) string {
		t.Helper()
		var out bytes.Buffer
		if got := execute(t.Context(), []string{"replay", name, "--config", config}, &out, &out); got != want {
			t.Fatalf("replay --config %s: exit code %d, want %d\n%s", config, got, want, &out)
		}
		return out.String()
	}
	if out := run(0, "../../deploy/examples/minimal.yaml"); !strings.Contains(out, " 0 of them from what is not in it") {
		t.Errorf("the configuration that recorded:\n%s", out)
	}
	text, err := os.ReadFile("../../deploy/examples/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	renamed := filepath.Join(t.TempDir(), "renamed.yaml")
	if err := os.WriteFile(renamed, bytes.ReplaceAll(text, []byte("i2c-1:"), []byte("i2c-9:")), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(renamed); err != nil || os.WriteFile(renamed, bytes.ReplaceAll(text, []byte("bus: i2c-1"), []byte("bus: i2c-9")), 0o600) != nil {
		t.Fatal(err)
	}
	if out := run(1, renamed); !strings.Contains(out, "decided otherwise with another configuration: as recorded") || !strings.Contains(out, `"i":"i2c-1"`) || !strings.Contains(out, "i2c-9") {
		t.Errorf("a bus of another name:\n%s", out)
	}
	run(1, "replay_test.go") // is none
}

// A scenario that was made of a recording decides the same.
func TestReplayMakesAScenario(t *testing.T) {
	name, to := recorded(t), filepath.Join(t.TempDir(), "made.txtar")
	var stdout, stderr bytes.Buffer
	if got := execute(t.Context(), []string{"replay", name, "--scenario", to}, &stdout, &stderr); got != 0 {
		t.Fatalf("%d: %s", got, &stderr)
	}
	a, err := txtar.ParseFile(to)
	if err != nil || len(a.Files) != 3 {
		t.Fatal(err)
	}
	parts, err := daemon.Recorded(a.Files[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	decided, err := flight.PlayScript(bytes.NewReader(a.Files[1].Data), parts)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(a.Files[2].Data), "\n"); n != len(decided) || n == 0 {
		t.Errorf("%d decisions, %d in the file\n%s", len(decided), n, a.Files[2].Data)
	}
	if !strings.Contains(string(a.Files[2].Data), "bus.fault") {
		t.Errorf("%s", a.Files[2].Data)
	}
}
