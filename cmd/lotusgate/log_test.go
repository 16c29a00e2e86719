package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What repeats itself is told a few times, then now and then with a count; what is new is told at once, whatever else goes on.
func TestRepeatsAreSpared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := logger(&out)
		lines := func() int {
			n := strings.Count(out.String(), "\n")
			out.Reset()
			return n
		}
		chatter := log.With("point", "p")
		for i := range 1000 {
			chatter.Warn("it chatters", "count", i)
		}
		if n := lines(); n != repeatBurst {
			t.Errorf("%d lines of 1000", n)
		}
		log.Warn("something else")
		log.Error("it chatters") // of another level
		if n := lines(); n != 2 {
			t.Errorf("%d lines of what is new", n)
		}
		time.Sleep(repeatEvery)
		chatter.Warn("it chatters", "count", 1000)
		var line struct {
			Level, Msg, Point string
			Suppressed        int
		}
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Level != "WARN" || line.Msg != "it chatters" || line.Point != "p" || line.Suppressed != 1000-repeatBurst {
			t.Errorf("%+v", line)
		}
		out.Reset()
		time.Sleep(time.Hour)
		chatter.Warn("it chatters")
		if strings.Contains(out.String(), "suppressed") || lines() != 1 {
			t.Error("a count of nothing")
		}
	})
}

func TestLengthsOfTimeHaveTheirUnit(t *testing.T) {
	var out bytes.Buffer
	logger(&out).Info("m", "next", 31*time.Millisecond, "count", 31)
	if !strings.Contains(out.String(), `"next":"31ms","count":31`) {
		t.Error(out.String())
	}
}

func TestLogIsSafeForConcurrentUse(t *testing.T) {
	log := logger(&bytes.Buffer{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				log.WithGroup("g").LogAttrs(t.Context(), slog.LevelInfo, "word", slog.Int("i", i))
			}
		})
	}
	wg.Wait()
}
