package district

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/field"
	"lotusgate/gateway/record"
)

// recordDay runs a part of the day of a shipped gateway with its flight recorder, which writes every minute as it does on a
// board, and returns the recording.
func recordDay(t testing.TB, id string, end time.Duration) (whole []byte, stats record.Stats) {
	t.Helper()
	dir := t.TempDir()
	tape, err := record.New(record.Options{Dir: dir, Limit: 64 << 20, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { tape.Run(ctx) })
	dayOn(t, id, end, tape, func() {
		if err := tape.Flush(ctx); err != nil {
			t.Error(err)
		}
	})
	cancel()
	wg.Wait()
	files, err := record.Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, b...)
	}
	return whole, tape.Stats()
}

// dayOn runs a part of a day on a tape; nil = none.
func dayOn(t testing.TB, id string, end time.Duration, tape field.Tape, minute func()) {
	t.Helper()
	cfg := shipped(t, id)
	d := NewDay(cfg, 1)
	g, err := Build(cfg, 1, rig.Script(d.Cues...))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.Start(daemon.NewLockstep(daemon.LockstepOptions{Config: cfg, Start: epoch, Event: g.Issued, Lines: g.lines, Tape: tape}))
	g.Center(true)
	g.Faults = d.Faults
	for _, act := range d.acts {
		act(g)
	}
	g.attended = true
	for at := time.Minute; at <= end; at += time.Minute {
		if err := g.Run(at); err != nil {
			t.Fatal(err)
		}
		minute()
	}
}

// The morning of every gateway of the district, played again: bit by bit the same.
func TestDayPlayedAgain(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"park-01", "elevator-03", "cctv-01"} {
		whole, stats := recordDay(t, id, 8*time.Hour)
		got, err := record.Play(t.Context(), bytes.NewReader(whole), record.PlayOptions{Parts: daemon.Recorded})
		if err != nil || got.Different != nil || got.Cut || stats.Gaps != 0 {
			t.Fatalf("%s: %+v, %v", id, got, err)
		}
		t.Logf("%s: %d inputs, %d of no effect, %d decisions, %d bytes", id, got.Inputs, stats.Skipped, got.Decisions, len(whole))
	}
}

// BenchmarkRecordedDay is a day of the car park with its flight recorder beside the same day without: bytes a day (goal: 5 MB)
// and processor time a day (goal: 1 %, 864 s).
func BenchmarkRecordedDay(b *testing.B) {
	for b.Loop() {
		began := time.Now()
		dayOn(b, "park-01", dayLength, nil, func() {})
		bare := time.Since(began)
		began = time.Now()
		whole, stats := recordDay(b, "park-01", dayLength)
		b.ReportMetric((time.Since(began)-bare).Seconds()/dayLength.Seconds()*100, "%cpu")
		b.ReportMetric(float64(len(whole))/1e6, "MB/day")
		b.ReportMetric(float64(stats.Frames), "frames/day")
		b.ReportMetric(float64(stats.Skipped), "skipped/day")
	}
}
