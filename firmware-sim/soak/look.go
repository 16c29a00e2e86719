package soak

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// moment is what the gateway needs at one time. Negative is what could not be measured then.
type moment struct {
	at     time.Duration // since the beginning
	values [measures]float64
}

// monotonic is the clock of every event's uptime.
func monotonic() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // a clock every Linux has
	}
	return time.Duration(ts.Nano())
}

// look measures the gateway from outside.
func (s *site) look(ctx context.Context) (m moment, err error) {
	pid := s.gateway.Process.Pid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return m, err
	}
	metrics, err := s.metrics(ctx)
	if err != nil {
		return m, err
	}
	_, rss, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rss)[0], 64)
	if err != nil {
		return m, err
	}
	const mebi = 1 << 20
	m.values = [measures]float64{
		memory: kilobytes / 1024, heap: metrics["go_memstats_heap_inuse_bytes"] / mebi, goroutines: metrics["go_goroutines"],
		descriptors: float64(len(files)), disk: float64(size(s.state())) / mebi, delay: s.takeDelay(),
	}
	return m, nil
}

// takeDelay is the median since the last sample, in ms; -1 when no loop said anything.
func (s *site) takeDelay() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.delays) == 0 {
		return -1
	}
	slices.Sort(s.delays)
	median := s.delays[len(s.delays)/2]
	s.delays = s.delays[:0]
	return float64(median) / float64(time.Millisecond)
}

func size(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { // files come and go: what is gone has no size
		if err == nil && !d.IsDir() {
			if st, err := d.Info(); err == nil {
				n += st.Size()
			}
		}
		return nil
	})
	return n
}

// metrics without labels.
func (s *site) metrics(ctx context.Context) (map[string]float64, error) {
	body, err := get(ctx, s.page+"/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]float64{}
	for line := range bytes.Lines(body) {
		words := strings.Fields(string(line))
		if len(words) == 2 {
			if v, err := strconv.ParseFloat(words[1], 64); err == nil {
				all[words[0]] = v
			}
		}
	}
	return all, nil
}

func get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", url, a.Status)
	}
	return io.ReadAll(a.Body)
}

// clients is what browsers did.
type clients struct {
	pages, streams, messages, refused atomic.Int64
}

// browse lets browsers come and go until ctx ends; the function it returns waits for them.
func (s *site) browse(ctx context.Context) (wait func() *clients) {
	c := &clients{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				c.stream(ctx, s.page+"/api/v1/stream")
			}
		})
	}
	for _, path := range []string{"/", "/signals", "/history", "/api/v1/view", "/recording.rec"} {
		all.Go(func() {
			for ctx.Err() == nil {
				if _, err := get(ctx, s.page+path); err == nil {
					c.pages.Add(1)
				} else if ctx.Err() == nil {
					c.refused.Add(1)
				}
				pause(ctx, time.Second+rand.N(3*time.Second))
			}
		})
	}
	return func() *clients { all.Wait(); return c }
}

// stream is a page that is looked at for up to a minute.
func (c *clients) stream(ctx context.Context, url string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second+rand.N(55*time.Second))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		pause(ctx, time.Second)
		return
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		c.refused.Add(1)
		pause(ctx, time.Second)
		return
	}
	c.streams.Add(1)
	lines := bufio.NewScanner(a.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data:") {
			c.messages.Add(1)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
