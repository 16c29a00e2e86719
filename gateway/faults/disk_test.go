package faults

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/audit"
	"lotusgate/gateway/outbox"
)

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// million: a queue as a long outage leaves it; RUNS is the number of events.
func million(t *testing.T) {
	n := repeat(100_000)
	c, b := newCenter(t)
	g := newGateway(t, c.url)
	fillOutbox(t, g.dir, n)
	writeFile(t, g.file, strings.Replace(configuration(c.url, g.dir), "normal: 32MiB", "normal: 1GiB", 1))
	began := time.Now()
	g.start()
	flowing(t, b, 1)
	first := time.Since(began)
	g.signal(syscall.SIGUSR1)
	reached(t, b, n)
	drained := time.Since(began)
	r := settle(t, g, b)
	nothing(t, r)
	verdict(t, "events queued at start", n, r, 0,
		"first event after "+first.Round(time.Millisecond).String()+", all after "+drained.Round(100*time.Millisecond).String())
}

func fillOutbox(t *testing.T, dir string, n int) {
	t.Helper()
	o, err := outbox.Open(outbox.Options{Dir: dir, AlarmBytes: 4 << 20, NormalBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := gateway.Store(gateway.Event{Type: gateway.LoopOccupied, ID: "loop-0", At: 1, Data: gateway.LoopData{}}, "an earlier boot")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for i := range n {
		o.Append(outbox.Normal, payload)
		if i%10_000 == 0 {
			if err := o.Sync(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	before := audit.New()
	if err := before.Outbox(dir, nil); err != nil {
		t.Fatal(err)
	}
	if r := before.Report(false); r.Waiting != uint64(n) {
		t.Fatalf("%d events wait, %d were stored", r.Waiting, n)
	}
}
