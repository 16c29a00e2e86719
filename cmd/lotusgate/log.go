package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// logger writes JSON, one object a line; journald adds time and unit. What repeats itself does so at most burst times at
// once and once in repeatEvery after that: a wire that chatters or a broker that refuses must not fill the journal, which
// pushes out what explains it.
func logger(w io.Writer) *slog.Logger {
	return slog.New(sparing{slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: readable}), &said{by: map[utterance]*saying{}}})
}

// readable writes lengths of time with their unit ("31s"), which the handler would print as a bare count of nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

const (
	repeatBurst = 20
	repeatEvery = 6 * time.Second
)

// utterance is what counts as the same: messages are constants, what differs is in the attributes.
type utterance struct {
	level   slog.Level
	message string
}

type saying struct {
	limit      *rate.Limiter
	suppressed int
}

// said is shared by a logger and those made of it.
type said struct {
	mu sync.Mutex
	by map[utterance]*saying
}

// sparing is a slog.Handler that keeps repeats back. The next line of the same message tells how many there were.
type sparing struct {
	slog.Handler
	said *said
}

// Handle implements slog.Handler.
func (h sparing) Handle(ctx context.Context, r slog.Record) error {
	h.said.mu.Lock()
	u := utterance{r.Level, r.Message}
	s := h.said.by[u]
	if s == nil {
		s = &saying{limit: rate.NewLimiter(rate.Every(repeatEvery), repeatBurst)}
		h.said.by[u] = s
	}
	if !s.limit.AllowN(r.Time, 1) {
		s.suppressed++
		h.said.mu.Unlock()
		return nil
	}
	suppressed := s.suppressed
	s.suppressed = 0
	h.said.mu.Unlock()
	if suppressed > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("suppressed", suppressed))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h sparing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sparing{h.Handler.WithAttrs(attrs), h.said}
}

// WithGroup implements slog.Handler.
func (h sparing) WithGroup(name string) slog.Handler {
	return sparing{h.Handler.WithGroup(name), h.said}
}
