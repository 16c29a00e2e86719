package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a writer whose lines can be waited for.
type lines struct {
	mu    sync.Mutex
	text  strings.Builder
	wrote chan struct{} // signalled, buffered 1
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	select {
	case l.wrote <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// all are the lines so far.
func (l *lines) all() []string { return strings.Split(l.String(), "\n") }

// await waits until the output matches, and returns the match.
func (l *lines) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(60 * time.Second)
	for {
		if m := re.FindStringSubmatch(l.String()); m != nil {
			return m
		}
		select {
		case <-l.wrote:
		case <-deadline:
			t.Fatalf("no %s in:\n%s", pattern, l)
		}
	}
}

// heard is what a subscriber has received: topic below the root → payloads.
type heard struct {
	mu  sync.Mutex
	got map[string][]string
	new chan struct{}
}

func subscribe(t *testing.T, addr string) *heard {
	t.Helper()
	return subscribeTo(t, addr, "lotusgate/v1/lianhua/park-01/")
}

func subscribeTo(t *testing.T, addr, root string) *heard {
	t.Helper()
	h := &heard{got: map[string][]string{}, new: make(chan struct{}, 1)}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetClientID("test of " + root).SetAutoReconnect(false)
	c := mqtt.NewClient(o)
	if tok := c.Connect(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
		t.Fatalf("connect to the demo's broker: %v", tok.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	tok := c.Subscribe(root+"#", 1, func(_ mqtt.Client, m mqtt.Message) {
		h.mu.Lock()
		defer h.mu.Unlock()
		topic := strings.TrimPrefix(m.Topic(), root)
		h.got[topic] = append(h.got[topic], string(m.Payload()))
		select {
		case h.new <- struct{}{}:
		default:
		}
	})
	if !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
		t.Fatalf("subscribe: %v", tok.Error())
	}
	return h
}

func (h *heard) await(t *testing.T, topic, part string) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for {
		h.mu.Lock()
		for _, p := range h.got[topic] {
			if strings.Contains(p, part) {
				h.mu.Unlock()
				return
			}
		}
		h.mu.Unlock()
		select {
		case <-h.new:
		case <-deadline:
			t.Fatalf("no %q at %s: %v", part, topic, h.got)
		}
	}
}

// The demo as its user sees it: the page answers, a subscriber hears a passing car, Ctrl-C ends it and leaves nothing.
func TestDemo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:1883") // the demo finds another port
	if err == nil {
		defer taken.Close()
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := &lines{wrote: make(chan struct{}, 1)}
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"demo", "--speed", "4", "--lang", "en"}, strings.NewReader(""), out, out)
	}()

	page := out.await(t, `status page\s+(http://\S+)`)[1]
	port := out.await(t, `mosquitto_sub -h 127\.0\.0\.1 -p (\d+)`)[1]
	if port == "1883" {
		t.Error("the demo claims a port that is taken")
	}
	sub := subscribe(t, "127.0.0.1:"+port)
	sub.await(t, "status", `"session"`)
	sub.await(t, "meta", `"entry-gate"`)
	sub.await(t, "state/entry", `"value":"clear"`)
	sub.await(t, "event/lane/entry", "vehicle_arrived")
	sub.await(t, "event/gate/entry-gate", "gate.opened")
	sub.await(t, "event/lane/entry", "vehicle_passed")
	sub.await(t, "event/gate/entry-gate", "gate.closed")
	out.await(t, `gateway\s+entry\s+lane\.vehicle_passed`)

	res, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "莲花街停车场") {
		t.Errorf("page: %v %s", err, res.Status)
	}
	http.DefaultClient.CloseIdleConnections()

	interrupt()
	if code := <-ended; code != 0 {
		t.Errorf("exit %d after an interrupt:\n%s", code, out)
	}
	sub.await(t, "event/gateway/gateway", "gateway.stopping")
	sub.await(t, "status", `"state":"offline"`)
	contiguous(t, sub)
}

// contiguous asserts that the subscriber, who came after the first events, heard every number from then on.
func contiguous(t *testing.T, h *heard) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	seen, last := map[string]bool{}, ""
	for topic, payloads := range h.got {
		if !strings.HasPrefix(topic, "event/") {
			continue
		}
		for _, p := range payloads {
			var e struct{ Sequence string }
			if err := json.Unmarshal([]byte(p), &e); err != nil {
				t.Fatal(err)
			}
			seen[e.Sequence] = true
			last = max(last, e.Sequence)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d events", len(seen))
	}
	first := last
	for s := range seen {
		first = min(first, s)
	}
	from, to := number(t, first), number(t, last)
	if to-from+1 != len(seen) {
		t.Errorf("%d events between %s and %s", len(seen), first, last)
	}
}

func TestDemoRefusesWhatMakesNoSense(t *testing.T) {
	for _, args := range [][]string{{"demo", "--speed", "100"}, {"demo", "--speed", "0"}, {"demo", "--broker", "http://x"}} {
		out := &lines{wrote: make(chan struct{}, 1)}
		if code := execute(t.Context(), args, strings.NewReader(""), out, out); code == 0 {
			t.Errorf("%v: accepted:\n%s", args, out)
		}
	}
}

func number(t *testing.T, sequence string) int {
	t.Helper()
	n, err := strconv.Atoi(sequence[strings.Index(sequence, "-")+1:])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
