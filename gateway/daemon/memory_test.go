package daemon

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
)

// A latched fire is on the disk as soon as it is handed over: a power cut that takes everything else leaves it.
func TestFireIsKeptAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	truths, err := checkpoint.Open(checkpoint.Options{Path: path, Every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{keeper: timekeeper{mono: func() gateway.Mono { return 1000 }}, boot: "b"}
	m := newMemory(truths, c, slog.New(slog.DiscardHandler))
	go m.run(t.Context()) // and not truths.Run
	m.Keep([]field.Truth{{Key: "device fire fire", Value: device.FireSnapshot{Latched: true, Since: 900}}}, true)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var kept device.FireSnapshot
		if ok, err := checkpoint.Peek(path, "device fire fire", &kept); err != nil {
			t.Fatal(err)
		} else if ok && kept.Latched {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is not on the disk")
		}
	}
}

// While a maintenance window is open the checkpoint is never older than truthsEvery, also where nothing else happens and after
// the daemon was restarted: a power cut does not give it back what had passed of it. Once it is closed nothing is written.
func TestOpenWindowIsKeptFresh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		now := func() gateway.Mono { return gateway.MonoOf(time.Hour + time.Since(begin)) }
		live := func() (*memory, func()) {
			truths, err := checkpoint.Open(checkpoint.Options{Path: path, Every: truthsEvery})
			if err != nil {
				t.Fatal(err)
			}
			m := newMemory(truths, &clock{keeper: timekeeper{mono: now}, boot: "b"}, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() { truths.Run(ctx) })
			wg.Go(func() { m.run(ctx) })
			return m, func() { cancel(); wg.Wait() }
		}
		stale := func() time.Duration {
			t.Helper()
			var kept keptIn
			if ok, err := checkpoint.Peek(path, memorySection, &kept); !ok || err != nil {
				t.Fatal(ok, err)
			}
			return now().Sub(kept.At)
		}
		m, stop := live()
		const key = "device maintenance maintenance"
		until := now().Add(10 * time.Minute)
		m.Keep([]field.Truth{{Key: key, Value: device.WindowSnapshot{Opened: now(), Until: until}}}, true)
		for range 5 {
			time.Sleep(59 * time.Second)
			if s := stale(); s > truthsEvery {
				t.Fatalf("%v before its end what is kept is of %v ago", until.Sub(now()), s)
			}
		}
		stop()
		m, stop = live()
		defer stop()
		if _, ok := m.Recall(key, &device.WindowSnapshot{}); !ok {
			t.Fatal("it is forgotten")
		}
		time.Sleep(4 * time.Minute)
		if s := stale(); s > truthsEvery {
			t.Fatalf("after a restart what is kept is of %v ago", s)
		}
		time.Sleep(time.Hour)
		if s := stale(); s < 50*time.Minute {
			t.Errorf("written %v ago, when it was closed", s)
		}
	})
}

// What an earlier boot of the kernel had kept keeps its age: by dates, or, without any, as if the power had never been off.
func TestShiftBetweenBoots(t *testing.T) {
	date := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	at := func(d time.Duration) gateway.Mono { return gateway.MonoOf(d) }
	clockAt := func(now time.Duration) *clock {
		c := &clock{keeper: timekeeper{mono: func() gateway.Mono { return at(now) }}, boot: "new"}
		c.dates.Boots = []kernelBoot{{ID: "old", Offset: date}, {ID: "dark"}, {ID: "new"}}
		return c
	}
	dated := clockAt(time.Minute)
	dated.now.Quality, dated.now.Offset = gateway.ClockSynced, date.Add(10*time.Hour)
	wrong := clockAt(time.Minute)
	wrong.now.Quality, wrong.now.Offset = gateway.ClockSynced, date.Add(-10*time.Hour) // the old date was wrong
	for _, c := range []struct {
		name  string
		clock *clock
		was   keptIn
		want  time.Duration
	}{
		{"nothing was kept", dated, keptIn{}, 0},
		{"the same boot", dated, keptIn{"new", at(time.Second)}, 0},
		{"both dated", dated, keptIn{"old", at(9 * time.Hour)}, -10 * time.Hour},
		{"no dates", clockAt(time.Minute), keptIn{"old", at(9 * time.Hour)}, time.Minute - 9*time.Hour},
		{"the old boot knew none", dated, keptIn{"dark", at(9 * time.Hour)}, time.Minute - 9*time.Hour},
		{"dates that put it into the future", wrong, keptIn{"old", at(9 * time.Hour)}, time.Minute - 9*time.Hour},
	} {
		if got := c.clock.ahead(c.was); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
