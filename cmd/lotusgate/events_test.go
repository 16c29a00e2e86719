package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/outbox"

	"periph.io/x/conn/v3/i2c"
)

// ranOnce lets a daemon without hardware and broker start and stop, and returns its configuration and its directory.
func ranOnce(t *testing.T) (file, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "outbox")
	file = write(t, "gateway: {site: lianhua, id: park-01}\nstorage: {path: "+dir+"}\n"+
		"points:\n  a: {line: GPIO17}\nelevators:\n  car-1: {fault: a}\n")
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = daemon.Run(ctx, daemon.Options{
		Config: cfg, Version: "test",
		Hardware: daemon.Hardware{
			Lines:   line.Registry(nil),
			OpenBus: func(string) (i2c.BusCloser, error) { return nil, errors.New("no bus") },
		},
		Event: func(_ gateway.EventID, e gateway.Event) {
			if e.Type == gateway.BusFault {
				cancel()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return file, dir
}

// lines parses JSON lines.
func lines(t *testing.T, out string) (events []cloudLine) {
	t.Helper()
	for l := range strings.Lines(out) {
		var e cloudLine
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		events = append(events, e)
	}
	return events
}

type cloudLine struct {
	ID, Source, Type, Sequence, Queue string
	Confirmed                         bool
}

func TestEventsExportAndVerify(t *testing.T) {
	file, dir := ranOnce(t)
	code, out, errs := call(t, "events", "export", "--config", file)
	events := lines(t, out)
	if code != 0 || errs != "" || len(events) < 3 {
		t.Fatalf("exit %d, %d events\n%s", code, len(events), errs)
	}
	if e := events[0]; e.Type != "lotusgate.gateway.started" || e.Source != "//lianhua/park-01" || e.Sequence != "00000001-0000000001" ||
		e.Queue != "alarm" || e.Confirmed {
		t.Errorf("first event %+v", e)
	}
	_, some, _ := call(t, "events", "export", "--dir", dir, "--type", "gateway", "--from", "1-1", "--to", events[0].ID)
	if got := lines(t, some); len(got) != 1 || got[0].Source != "file://"+dir {
		t.Errorf("chosen: %s", some)
	}
	if code, _, errs := call(t, "events", "export", "--dir", dir, "--from", "yesterday"); code != exitUsage || !strings.Contains(errs, "run-number") {
		t.Errorf("exit %d: %s", code, errs)
	}

	verify := func(want int, says string, args ...string) {
		t.Helper()
		code, out, errs := call(t, append([]string{"events", "verify"}, args...)...)
		if code != want || !strings.Contains(out+errs, says) {
			t.Errorf("verify %v: exit %d, want %d and %q:\n%s%s", args, code, want, says, out, errs)
		}
	}
	heard := filepath.Join(t.TempDir(), "heard")
	keep := func(text string) {
		if err := os.WriteFile(heard, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify(0, "0 missing", "--dir", dir)
	keep(out)
	verify(0, "delivered, 0 missing, 0 arrived", heard)
	keep(out + out)
	verify(0, "0 missing, ", heard, "--dir", dir)
	all := strings.SplitAfter(out, "\n")
	keep("t/event/x " + all[1])
	verify(exitFailed, "missing", heard)
	verify(0, "waiting", heard, "--dir", dir) // nobody has confirmed anything: it is on its way
	keep("nonsense\n")
	verify(exitUsage, "no event", heard)
	verify(exitUsage, "--dir", "--dir", dir+"/nowhere")
	if code, out, _ := call(t, "events", "verify", "--json", "--dir", dir); code != 0 || !strings.Contains(out, `"complete": true`) {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestEventsTail(t *testing.T) {
	_, dir := ranOnce(t)
	code, out, _ := call(t, "events", "tail", "--dir", dir, "--once", "-n", "1")
	if code != 0 || strings.Count(out, "\n") != 1 || !strings.Contains(out, "gateway.stopping") {
		t.Errorf("exit %d: %s", code, out)
	}
	code, out, _ = call(t, "events", "tail", "--dir", dir, "--once", "--json", "--type", "bus.fault")
	if got := lines(t, out); code != 0 || len(got) == 0 || got[0].Type != "lotusgate.bus.fault" {
		t.Errorf("exit %d: %s", code, out)
	}

	// What comes later is seen, once, and in order.
	s := store{dir: dir, stamp: func(string, gateway.Mono) (s gateway.Stamp) { return s }}
	f := tail{store: &s, filter: &filter{upper: sequence{^uint32(0), 0}}, out: new(bytes.Buffer), err: new(bytes.Buffer)}
	first, err := f.look()
	if err != nil || len(first) < 3 {
		t.Fatalf("%d events, error %v", len(first), err)
	}
	for i := range first[1:] {
		if first[i+1].found.ID.Number <= first[i].found.ID.Number {
			t.Errorf("%v comes after %v", first[i+1].found.ID, first[i].found.ID)
		}
	}
	if again, err := f.look(); err != nil || len(again) != 0 {
		t.Errorf("%d events twice, error %v", len(again), err)
	}
	box, err := outbox.Open(outbox.Options{Dir: dir, AlarmBytes: 16 << 20, NormalBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := gateway.Store(gateway.Event{Type: gateway.LoopOccupied, ID: "entry-a", At: 1, Data: gateway.LoopData{}}, "boot-2")
	if err != nil {
		t.Fatal(err)
	}
	box.Append(outbox.Normal, payload)
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	if later, err := f.look(); err != nil || len(later) != 1 || later[0].event.Type != gateway.LoopOccupied {
		t.Errorf("%d events later, error %v", len(later), err)
	}
}
