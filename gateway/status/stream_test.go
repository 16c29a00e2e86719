package status

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// received is one server-sent event as a browser sees it.
type received struct {
	id string
	message
}

func parseEvent(t *testing.T, raw string) received {
	t.Helper()
	var r received
	for _, line := range strings.Split(strings.TrimRight(raw, "\n"), "\n") {
		field, value, _ := strings.Cut(line, ": ")
		switch field {
		case "id":
			r.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &r.message); err != nil {
				t.Fatalf("data %q: %v", value, err)
			}
		case "event", "retry":
		default:
			t.Fatalf("line %q", line)
		}
	}
	return r
}

// mailbox keeps what a viewer received.
type mailbox struct {
	t   *testing.T
	mu  sync.Mutex
	got []received
}

func (m *mailbox) send(b []byte) error {
	r := parseEvent(m.t, string(b))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.got = append(m.got, r)
	return nil
}

// all waits until every goroutine of the bubble rests.
func (m *mailbox) all() []received {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.got)
}

func setCounter(h *hub.Hub, n int) {
	d := site("n", "counter", "", strconv.Itoa(n), gateway.Good, 0, nil)
	d.State.Number = true
	h.PutDevice(d)
}

// follower runs follow in a bubble; send decides how fast the viewer reads.
func follower(ctx context.Context, s *Server, have string, send func([]byte) error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- s.follow(ctx, s.pages[text.EN], have, send) }()
	return done
}

func TestStreamSendsWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := wellHub()
		setCounter(h, 0)
		s := newServer(t, h, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		box := &mailbox{t: t}
		done := follower(ctx, s, "", box.send)
		got := box.all()
		if len(got) != 1 || len(got[0].Parts) < 15 || got[0].Now != testNow.Seconds() || got[0].Wall == 0 {
			t.Fatalf("the first message: %d, %+v", len(got), got)
		}
		time.Sleep(pace)
		setCounter(h, 1)
		if got = box.all(); len(got) != 2 || len(got[1].Parts) != 1 || !strings.Contains(got[1].Parts["d-n"], "<b>1</b>") {
			t.Fatalf("after a change: %+v", got[1:])
		}
		time.Sleep(tick + time.Millisecond)
		if got = box.all(); len(got) != 3 || len(got[2].Parts) != 0 || got[2].id != got[1].id {
			t.Fatalf("the sign of life: %+v", got[2:])
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("follow ended with %v", err)
		}
		// Who comes back with the newest frame is told nothing twice; with another one, all of it.
		for have, want := range map[string]int{got[2].id: 0, "other": len(got[0].Parts)} {
			ctx, cancel := context.WithCancel(t.Context())
			box := &mailbox{t: t}
			done := follower(ctx, s, have, box.send)
			if first := box.all(); len(first) != 1 || len(first[0].Parts) != want {
				t.Errorf("having %q: %+v, want %d parts", have, first, want)
			}
			cancel()
			<-done
		}
	})
}

// TestStreamIsPaced changes the hub a hundred times a second: viewers share at most five renderings.
func TestStreamIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := wellHub()
		s := newServer(t, h, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		const viewers, seconds = 20, 10
		var boxes [viewers]*mailbox
		var done [viewers]<-chan error
		for i := range viewers {
			boxes[i] = &mailbox{t: t}
			done[i] = follower(ctx, s, "", boxes[i].send)
		}
		for n := range seconds * 100 {
			setCounter(h, n)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(pace)
		const most = seconds*int(time.Second/pace) + 3
		ids := map[string]bool{}
		for i, box := range boxes {
			got := box.all()
			for _, r := range got {
				ids[r.id] = true
			}
			if len(got) > most {
				t.Errorf("viewer %d got %d messages in %d s, want at most %d", i, len(got), seconds, most)
			}
			if last := got[len(got)-1].Parts["d-n"]; !strings.Contains(last, fmt.Sprintf("<b>%d</b>", seconds*100-1)) {
				t.Errorf("viewer %d ended with %s", i, last)
			}
		}
		if len(ids) > most {
			t.Errorf("%d renderings for %d viewers, want at most %d", len(ids), viewers, most)
		}
		cancel()
		for _, d := range done {
			<-d
		}
	})
}

// TestSlowViewerGetsTheNewest lets one viewer hang in the middle of a message while a thousand changes happen.
func TestSlowViewerGetsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := wellHub()
		s := newServer(t, h, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		hang := make(chan struct{})
		box := &mailbox{t: t}
		done := follower(ctx, s, "", func(b []byte) error {
			err := box.send(b)
			<-hang
			return err
		})
		for n := range 1000 {
			setCounter(h, n)
			time.Sleep(10 * time.Millisecond)
		}
		close(hang)
		time.Sleep(pace)
		if got := box.all(); len(got) != 2 || !strings.Contains(got[1].Parts["d-n"], "<b>999</b>") {
			t.Errorf("%d messages, the last %+v; want the newest view alone", len(got), got[len(got)-1])
		}
		cancel()
		<-done
	})
}

func TestStreamEndsWithTheViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, wellHub(), Options{})
		gone := errors.New("broken pipe")
		if err := <-follower(t.Context(), s, "", func([]byte) error { return gone }); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	})
}

// running starts Run on a loopback listener and returns its address and a way to end it.
func running(t *testing.T, s *Server) (address string, stop func() error) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, l) }()
	stopped := false
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(time.Minute):
			return errors.New("Run does not return")
		}
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return l.Addr().String(), stop
}

func openStream(t *testing.T, address string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/v1/stream?lang=en", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// readEvent reads to the empty line that ends an event.
func readEvent(t *testing.T, b *bufio.Reader) received {
	t.Helper()
	var raw strings.Builder
	for {
		line, err := b.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		if line == "\n" {
			return parseEvent(t, raw.String())
		}
		raw.WriteString(line)
	}
}

// TestStreamOverTheNetwork follows a change through a real connection, and sees the stream end with the server.
func TestStreamOverTheNetwork(t *testing.T) {
	h := wellHub()
	setCounter(h, 1)
	s := newServer(t, h, Options{Viewers: 2})
	address, stop := running(t, s)
	first, second := openStream(t, address), openStream(t, address)
	b := bufio.NewReader(first.Body)
	readEvent(t, b)
	readEvent(t, bufio.NewReader(second.Body))
	if third := openStream(t, address); third.StatusCode != http.StatusServiceUnavailable || third.Header.Get("Retry-After") == "" {
		t.Errorf("one viewer too many: %d", third.StatusCode)
	}
	if s.refused.Load() != 1 {
		t.Errorf("%d refused", s.refused.Load())
	}
	setCounter(h, 2)
	for !strings.Contains(readEvent(t, b).Parts["d-n"], "<b>2</b>") {
	}
	if err := stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := b.ReadString(0); err == nil {
		t.Error("the stream outlives the server")
	}
	if len(s.viewers) != 0 {
		t.Errorf("%d viewers are still counted", len(s.viewers))
	}
}

// TestConnectionsAreBounded takes both places: the third connection is accepted only once one is free.
func TestConnectionsAreBounded(t *testing.T) {
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limitConns(inner, 2)
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	for range 4 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	first, second := <-accepted, <-accepted
	if len(l.slots) != 2 {
		t.Fatalf("%d places taken", len(l.slots))
	}
	for _, c := range []net.Conn{first, second} { // closing twice frees one place
		c.Close()
		c.Close()
		defer (<-accepted).Close()
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ended with %v", err)
	}
}

func TestListenTellsTheNextStep(t *testing.T) {
	s := newServer(t, wellHub(), Options{Listen: "256.0.0.1:80"})
	if err := s.Run(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "status.listen") {
		t.Errorf("got %v", err)
	}
	if _, err := New(Options{}, wellHub()); err == nil {
		t.Error("a server without a clock was made")
	}
}

// BenchmarkFrame is the cost of one rendering that all viewers of a language share: 300 inputs, one of which changed.
func BenchmarkFrame(b *testing.B) {
	h := wellHub()
	for i := range 300 {
		h.PutPoint(hub.Point{ID: fmt.Sprintf("p%03d", i), Label: "输入", Terminal: "x1 GPA0", Quality: gateway.Good})
	}
	s := newServer(b, h, Options{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.PutPoint(hub.Point{ID: "p150", Quality: gateway.Good, Edges: uint64(i)})
		if _, err := s.pages[text.ZH].newest(0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(pace)*100, "%-of-core-at-5/s")
}

// BenchmarkViewers is what an edge that everybody sees costs, from the hub to the last of the viewers' buffers: none,
// and twenty who watch the overview in two languages.
func BenchmarkViewers(b *testing.B) {
	for _, viewers := range []int{0, 20} {
		b.Run(strconv.Itoa(viewers), func(b *testing.B) {
			h := wellHub()
			s := newServer(b, h, Options{})
			sent := make([]map[string]uint64, viewers)
			for i := range sent {
				sent[i] = map[string]uint64{}
			}
			bytes := 0
			for i := 0; b.Loop(); i++ {
				h.PutPoint(hub.Point{ID: "ea", Label: "入口外线圈", Quality: gateway.Good, Edges: uint64(i)})
				for n := range viewers {
					f, err := s.pages[text.Langs()[n%2]].newest(0)
					if err != nil {
						b.Fatal(err)
					}
					m := message{Now: f.screen.now.Seconds(), Layout: f.layout, Parts: changedParts(sent[n], f, false)}
					bytes += len(m.encode(f.id))
				}
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(pace)*100, "%-of-core-at-5/s")
			b.ReportMetric(float64(bytes)/float64(b.N), "B")
		})
	}
}
