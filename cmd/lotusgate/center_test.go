//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lotusgate/gateway/audit"
)

// program is a child process whose output goes to the test's log.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}
}

// start runs a program until the test ends.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	return startTo(t, nil, name, args...)
}

// startTo hands the program's output to line, or to the test's log.
func startTo(t *testing.T, line func(string), name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(name, args...), done: make(chan struct{})}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p.cmd.Stdout
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line == nil {
		line = func(s string) { fmt.Fprintf(t.Output(), "%s: %s\n", filepath.Base(name), s) }
	}
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			line(lines.Text())
		}
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *program) signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// awaitStopped waits until every thread has stopped: SIGSTOP takes effect when a thread next leaves the kernel.
func (p *program) awaitStopped() {
	p.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		states, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
		if err != nil || len(states) == 0 {
			p.t.Fatal(len(states), err)
		}
		running := slices.ContainsFunc(states, func(name string) bool {
			b, err := os.ReadFile(name)
			_, rest, _ := strings.Cut(string(b), ") ") // after the name of the program
			return err == nil && !strings.HasPrefix(rest, "T")
		})
		if !running {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatal("the program does not stop")
		}
	}
}

// kill is kill -9; once is enough.
func (p *program) kill() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended by itself
	<-p.done
	_ = p.cmd.Wait() // says that it was killed
}

// cloudEvent is what the test looks at.
type cloudEvent struct {
	ID, Source, Subject, Type, Sequence, Uptime string
	Data                                        json.RawMessage
}

func (e cloudEvent) uptime(t *testing.T) float64 {
	f, err := strconv.ParseFloat(e.Uptime, 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// run is the run of the daemon that made the event.
func (e cloudEvent) run() int {
	run, _, _ := strings.Cut(e.Sequence, "-")
	n, _ := strconv.Atoi(run) // 0 where it is none: before every run
	return n
}

// record is what a center has heard.
type record struct {
	events []cloudEvent // each once, in the order of arrival
	state  map[string]struct{ Value, Quality string }
	alarms map[string]bool
	status string

	listening bool
}

func (r *record) alive() bool { return r.status == "online" || r.status == "degraded" }

// center is a broker and a subscriber that keeps book: mosquitto and mosquitto_sub.
type center struct {
	t    *testing.T
	mu   sync.Mutex
	rec  record
	book *audit.Book
	got  chan struct{} // signalled, buffered 1
}

// startBroker runs mosquitto until the test ends.
func startBroker(t *testing.T) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(conf, []byte("listener "+broker+" 127.0.0.1\nallow_anonymous true\nuser root\nset_tcp_nodelay true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "mosquitto", "-c", conf)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", "127.0.0.1:"+broker)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func newCenter(t *testing.T) *center {
	t.Helper()
	c := &center{t: t, got: make(chan struct{}, 1), book: audit.New()}
	c.rec.state = map[string]struct{ Value, Quality string }{}
	c.rec.alarms = map[string]bool{}
	startBroker(t)
	startTo(t, c.hear, "mosquitto_sub", "-p", broker, "-q", "1", "-i", "center", "-c", "-t", root+"#", "-v")
	// What comes before the subscription is heard by nobody, so the center begins when it hears itself.
	start(t, "mosquitto_pub", "-p", broker, "-q", "1", "-r", "-t", root+"probe", "-m", "hello")
	c.await("its own probe", func(r *record) bool { return r.listening })
	return c
}

// hear takes one line of mosquitto_sub -v.
func (c *center) hear(line string) {
	topic, payload, _ := strings.Cut(line, " ")
	topic, ok := strings.CutPrefix(topic, root)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	kind, rest, _ := strings.Cut(topic, "/")
	var err error
	switch kind {
	case "event":
		c.book.Line([]byte(payload))
		var e cloudEvent
		err = json.Unmarshal([]byte(payload), &e)
		if slices.ContainsFunc(c.rec.events, func(o cloudEvent) bool { return o.ID == e.ID }) {
			break
		}
		c.rec.events = append(c.rec.events, e)
	case "probe":
		c.rec.listening = true
	case "state":
		var s struct{ Value, Quality string }
		err = json.Unmarshal([]byte(payload), &s)
		c.rec.state[rest] = s
	case "alarm":
		c.rec.alarms[rest] = payload != "" && payload != "(null)"
	case "status":
		var s struct{ State string }
		err = json.Unmarshal([]byte(payload), &s)
		c.rec.status = s.State
		if !c.rec.alive() {
			clear(c.rec.state) // what was retained says nothing any more
		}
	}
	if err != nil {
		c.t.Errorf("%s: %v: %s", topic, err, payload)
	}
	select {
	case c.got <- struct{}{}:
	default:
	}
}

// await waits until the center knows something.
func (c *center) await(what string, known func(*record) bool) {
	c.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		ok := known(&c.rec)
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-c.got:
		case <-deadline:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.t.Fatalf("the center never heard: %s\nstates %v\nalarms %v\nstatus %s\nevents %d, the last %+v", what,
				c.rec.state, c.rec.alarms, c.rec.status, len(c.rec.events), c.rec.events[max(0, len(c.rec.events)-5):])
		}
	}
}

// traffic is every event but the camera's, whose second-long period runs beside everything else.
func (r *record) traffic() []cloudEvent {
	return slices.DeleteFunc(slices.Clone(r.events), func(e cloudEvent) bool { return strings.HasPrefix(e.Subject, "camera/") })
}

func (c *center) traffic() []cloudEvent {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rec.traffic()
}

// run is the newest run heard of.
func (c *center) run() (newest int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.rec.events {
		newest = max(newest, e.run())
	}
	return newest
}

// holeless asserts that the numbers of each run are contiguous from 1, or that what is missing was named, and returns
// the number of runs.
func (c *center) holeless() int {
	c.t.Helper()
	c.mu.Lock()
	r := c.book.Report(true)
	c.mu.Unlock()
	for _, run := range r.Runs {
		if len(run.Missing) > 0 {
			c.t.Errorf("run %d: of %d events %s are missing and nobody named them", run.Run, run.Highest, list(run.Missing))
		}
	}
	c.t.Logf("%d events in %d runs, %d came twice, %d missing without a name", r.Delivered, len(r.Runs), r.Duplicates, r.Missing)
	return len(r.Runs)
}
