package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/control"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/status"
	"lotusgate/gateway/trace"
)

// walker is the technician in the field: whoever is asked for is triggered, the third input has no wire.
type walker struct {
	mu    sync.Mutex
	said  strings.Builder
	asked int // index of the input that the terminal asks for
	quit  io.Writer
}

func (w *walker) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, line := range []string{"[1/3]", "[2/3]", "[3/3]"} {
		if strings.Contains(string(b), line) {
			w.asked = i
			if i == 2 {
				go func() { _, _ = io.WriteString(w.quit, "0\n") }()
			}
		}
	}
	return w.said.Write(b)
}

func (w *walker) asking() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// TestWalktest walks over three inputs against a real page, at its local socket.
func TestWalktest(t *testing.T) {
	t.Setenv("LC_ALL", "C")
	begun := time.Now()
	now := func() gateway.Mono { return gateway.Mono(time.Hour) + gateway.Mono(time.Since(begun)) }
	h, tr := hub.New(now), trace.New([]string{"a", "b", "c"})
	h.SetGateway(hub.Gateway{Site: "s", ID: "g", KernelBoot: "4a1c60ee-0000"})
	for n := range 3 {
		tr.Raw(n, gateway.Mono(time.Minute), false)
		tr.Settled(n, gateway.Mono(time.Minute), false)
	}
	wire := func(id, pin string) status.Terminal {
		return status.Terminal{ID: id, Label: "Loop " + id, Source: "gpio", Pin: pin, Settle: 20 * time.Millisecond}
	}
	page, err := status.New(status.Options{Now: now, Trace: tr, Terminals: []status.Terminal{wire("a", "GPIO17"), wire("b", "GPIO27"), wire("c", "GPIO22")}}, h)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := control.Listen(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() {
		if err := page.Run(ctx, l); err != nil {
			t.Error(err)
		}
	})
	in, quit := io.Pipe()
	defer quit.Close() // nobody types any more
	field := &walker{asked: -1, quit: quit}
	others.Go(func() {
		for ctx.Err() == nil {
			if n := field.asking(); n == 0 || n == 1 {
				for _, level := range []bool{true, false} {
					at := now()
					tr.Raw(n, at, level)
					tr.Settled(n, at, level)
					time.Sleep(40 * time.Millisecond)
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	report := filepath.Join(t.TempDir(), "walk.json")
	code := executeWith(ctx, []string{"walktest", "--socket", socket, "--report", report}, in, field, field)
	cancel()
	others.Wait()
	said := field.said.String()
	for _, want := range []string{"Trigger now: Loop a (gpio GPIO17)", "Passed  Pulse width", "gpio GPIO22  Loop c  Waiting", "1 of 3 inputs did not pass."} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var j walkJSON
	if err := json.Unmarshal(b, &j); err != nil || len(j.Results) != 3 || j.Results[1].Verdict != "ok" || j.Passed {
		t.Errorf("report: %v\n%s", err, b)
	}
}
