//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/vm"
	"lotusgate/gateway"
	"lotusgate/gateway/intake"
	"lotusgate/gateway/outbox"
)

const (
	bareRelay    = 26
	quickPairs   = 60 // commands in a row, each beside one of the bare loop
	slowest      = 60 * time.Second
	backlogInVM  = 100_000
	chatterEvery = time.Millisecond
)

// From the publication of a signed command to the relay line, on a real kernel with a real broker, beside a bare loop that
// switches a line in its subscription's callback, in the same run and in turn, while a backlog of 100,000 events drains and
// every input chatters. The figures are in the log; what is asserted is that every command arrives.
func TestVMCommandLatency(t *testing.T) {
	vm.GuestOnly(t)
	s := newSite(t)
	key := s.keyed("one_shot")
	b, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("commands: {keys", "commands: {per_minute: 6000, keys", "outputs:", "maintain: true\n    outputs:").Replace(string(b))
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.backlog()
	startBroker(t) // and no center that keeps book: it would be what is measured
	relay, err := line.Kernel().Output(line.Output{Name: fmt.Sprint("GPIO", bareRelay)})
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	q := s.quick(key)
	q.listen("bare", func(p []byte) { _ = relay.Set(string(p) == "1") })
	s.daemon = start(t, "lotusgate", "run", "--config", s.config)
	q.ready()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.chatterAll(ctx) }()
	before, cpu, began := q.events.Load(), s.daemon.processorTime(), time.Now()
	q.measure("backlog draining, every input chattering")
	n, cpu, took := q.events.Load()-before, s.daemon.processorTime()-cpu, time.Since(began)
	t.Logf("%d events of the backlog of %d came before, %d meanwhile: %v of the daemon's processor time each, %.0f %% of the processor",
		before, backlogInVM, n, (cpu / time.Duration(max(n, 1))).Round(time.Microsecond), 100*cpu.Seconds()/took.Seconds())
	cancel()
	<-done
}

// processorTime is what the program has used so far, by the guest's clock: a host that takes the processor away counts.
func (p *program) processorTime() time.Duration {
	p.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ") // after the name of the program: state is field 3, utime 14, stime 15
	fields, ticks := strings.Fields(rest), 0
	for _, f := range fields[11:13] {
		n, err := strconv.Atoi(f)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// backlog makes events of an earlier run.
func (s *site) backlog() {
	s.t.Helper()
	box, err := outbox.Open(outbox.Options{
		Dir: "/run/disk/" + s.t.Name(), AlarmBytes: 16 << 20, NormalBytes: 40 << 20, Now: func() time.Duration { return line.Now() },
	})
	if err != nil {
		s.t.Fatal(err)
	}
	payload, err := gateway.Store(gateway.Event{Type: gateway.LoopOccupied, ID: "entry-a", At: 1, Data: gateway.LoopData{}}, "boot")
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	for n := range backlogInVM {
		box.Append(outbox.Normal, payload)
		if n%5000 != 4999 {
			continue
		}
		if err := box.Sync(ctx); err != nil { // what waits in memory is bounded
			s.t.Fatal(err)
		}
	}
	if err := box.Close(); err != nil {
		s.t.Fatal(err)
	}
}

// chatterAll moves every native input a thousand times a second, as far as this machine can.
func (s *site) chatterAll(ctx context.Context) {
	for level := true; ctx.Err() == nil; level = !level {
		time.Sleep(chatterEvery)
		for _, n := range []int{loopA, loopB, photocell} {
			s.pull(n, level)
		}
	}
}

// quick is a center in a hurry.
type quick struct {
	s      *site
	client mqtt.Client
	signer *intake.Signer
	status atomic.Pointer[gateway.Status]
	events atomic.Int64
	last   atomic.Pointer[gateway.Reply]
}

func (s *site) quick(key string) *quick {
	s.t.Helper()
	signer, err := intake.NewSigner(key, "center")
	if err != nil {
		s.t.Fatal(err)
	}
	q := &quick{s: s, signer: signer}
	// Who counts events is another client: a broker drops what one cannot take in time.
	q.client = s.dial("counter")
	q.listen(root+"event/#", func([]byte) { q.events.Add(1) })
	q.client = s.dial("quick")
	q.listen(root+"status", func(p []byte) {
		var st gateway.Status
		if json.Unmarshal(p, &st) == nil && (st.State == gateway.Online || st.State == gateway.Degraded) {
			q.status.Store(&st)
		}
	})
	q.listen(root+"reply/#", func(p []byte) {
		var r gateway.Reply
		if json.Unmarshal(p, &r) == nil {
			q.last.Store(&r)
		}
	})
	return q
}

func (s *site) dial(id string) mqtt.Client {
	s.t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://127.0.0.1:" + broker).SetClientID(id))
	if tok := c.Connect(); !tok.WaitTimeout(slowest) || tok.Error() != nil {
		s.t.Fatal("connect: ", tok.Error())
	}
	s.t.Cleanup(func() { c.Disconnect(0) })
	return c
}

func (q *quick) listen(topic string, take func([]byte)) {
	q.s.t.Helper()
	tok := q.client.Subscribe(topic, 0, func(_ mqtt.Client, m mqtt.Message) { take(m.Payload()) })
	if !tok.WaitTimeout(slowest) || tok.Error() != nil {
		q.s.t.Fatal("subscribe: ", tok.Error())
	}
}

// ready waits until the gateway takes commands.
func (q *quick) ready() {
	q.s.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if q.status.Load() == nil {
			continue
		}
		q.last.Store(nil)
		q.client.Publish(root+"command/entry-gate", 1, false, q.order(gateway.Release))
		for wait := time.Now().Add(10 * time.Second); time.Now().Before(wait); time.Sleep(10 * time.Millisecond) {
			if r := q.last.Load(); r != nil && r.Stage.Final() {
				break
			}
		}
		if r := q.last.Load(); r != nil && r.Stage == gateway.Done {
			return
		}
	}
	q.s.t.Fatalf("the gateway takes no commands: %+v, status %+v, %d events", q.last.Load(), q.status.Load(), q.events.Load())
}

func (q *quick) order(a gateway.Action) string {
	now, st := time.Now().Unix(), q.status.Load()
	r := intake.Request{
		JTI: rand.Text(), IssuedAt: now, Expires: now + 30, Audience: "//lianhua/park-01", Session: st.Session, Device: "entry-gate", Action: a,
	}
	if st.Nonce != nil {
		r.Nonce = *st.Nonce
	}
	m, err := q.signer.Sign(r)
	if err != nil {
		q.s.t.Fatal(err)
	}
	return m
}

// takes is from publishing to the edge.
func (q *quick) takes(topic, payload string, relay int, level bool) time.Duration {
	q.s.t.Helper()
	began := time.Now()
	q.client.Publish(topic, 1, false, payload)
	for {
		high, err := q.s.gpio.Value(relay)
		if took := time.Since(began); err == nil && high == level {
			return took
		} else if took > slowest {
			q.s.t.Fatalf("GPIO%d is not %v after %v (%v), the last reply %+v", relay, level, took, err, q.last.Load())
		}
		time.Sleep(20 * time.Microsecond)
	}
}

func (q *quick) measure(when string) {
	q.s.t.Helper()
	var with, without []time.Duration
	for n := range quickPairs {
		level, action := "1", gateway.HoldOpen
		if n%2 == 1 {
			level, action = "0", gateway.Release
		}
		without = append(without, q.takes("bare", level, bareRelay, n%2 == 0))
		with = append(with, q.takes(root+"command/entry-gate", q.order(action), relayOpen, n%2 == 0))
	}
	at := func(all []time.Duration, percent int) time.Duration {
		slices.Sort(all)
		return all[len(all)*percent/100].Round(time.Microsecond)
	}
	load, _ := exec.Command("cat", "/proc/loadavg").Output()
	q.s.t.Logf("%s: command to relay p50 %v, p99 %v; bare loop p50 %v, p99 %v: %.2f times at p50 (load in the VM %s)", when,
		at(with, 50), at(with, 99), at(without, 50), at(without, 99), float64(at(with, 50))/float64(at(without, 50)), strings.TrimSpace(string(load)))
}
