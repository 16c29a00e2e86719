//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/vm"
)

const (
	edgePairs = 60 // edges in a row, each beside one of the bare loop
	ownEdge   = 4  // lines
	bareEdge  = 5
)

// edgeSite believes its wire at once, so that no delay of the configuration hides what the gateway itself takes.
const edgeSite = `
gateway: {site: lianhua, id: park-01}
mqtt: {broker: "mqtt://127.0.0.1:BROKER"}
storage: {path: STATE}
status: {listen: ""}
control: {socket: STATE/control.sock}
points:
  w: {line: GPIO4, bias: none, settle: 0s, budget: 0}
contacts:
  c: {input: w, severity: info, raise_after: 0s, clear_after: 0s}
`

// From the kernel's stamp of an edge to a subscriber of a real broker, beside a bare loop that reads another line of the same
// chip and publishes as many bytes with a bare paho client, in the same run and in turn. The figures are in the log; what is
// asserted is that every edge becomes an event with the kernel's stamp of that edge.
func TestVMEdgeLatency(t *testing.T) {
	vm.GuestOnly(t)
	s := &site{t: t}
	s.plugGPIO()
	state := filepath.Join("/run/disk", t.Name())
	s.config = filepath.Join(t.TempDir(), "lotusgate.yaml")
	text := strings.NewReplacer("BROKER", broker, "STATE", state).Replace(edgeSite)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	startBroker(t)
	type arrival struct {
		at, stamp time.Duration // since the kernel's boot
		size      int
	}
	ours, bare := make(chan arrival, 256), make(chan arrival, 256)
	q := &quick{s: s, client: s.dial("subscriber")}
	q.listen(root+"event/contact/#", func(p []byte) {
		now := line.Now()
		var e struct{ Uptime string }
		var seconds float64
		if json.Unmarshal(p, &e) == nil {
			_, _ = fmt.Sscan(e.Uptime, &seconds)
		}
		ours <- arrival{now, time.Duration(seconds * 1e9), len(p)}
	})
	stamps := make(chan time.Duration, 256)
	q.listen("bare", func(p []byte) { bare <- arrival{at: line.Now(), stamp: <-stamps} })
	s.daemon = start(t, "lotusgate", "run", "--config", s.config)

	level := map[int]bool{}
	pull := func(n int) {
		level[n] = !level[n]
		s.pull(n, level[n])
	}
	await := func(from chan arrival, patience time.Duration) (a arrival, ok bool) {
		select {
		case a = <-from:
			return a, true
		case <-time.After(patience):
			return a, false
		}
	}
	size := 0
	for deadline := time.Now().Add(slowest); size == 0; { // until the daemon is up
		if time.Now().After(deadline) {
			t.Fatal("no event of the contact")
		}
		pull(ownEdge)
		a, _ := await(ours, time.Second)
		size = a.size
	}
	inputs, errs := line.Kernel().Inputs([]line.Input{{Name: fmt.Sprint("GPIO", bareEdge)}})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	defer inputs.Close()
	publisher, payload := s.dial("bare"), bytes.Repeat([]byte("x"), size)
	go func() {
		for e := range inputs.Edges() {
			stamps <- e.At
			publisher.Publish("bare", 1, false, payload)
		}
	}()
	var with, without []time.Duration
	for n := range edgePairs {
		for _, way := range []struct {
			line int
			from chan arrival
			took *[]time.Duration
		}{{bareEdge, bare, &without}, {ownEdge, ours, &with}} {
			before := line.Now()
			pull(way.line)
			a, ok := await(way.from, slowest)
			for n == 0 && ok && a.stamp < before-time.Microsecond { // of the time before
				a, ok = await(way.from, slowest)
			}
			if !ok {
				t.Fatalf("edge %d of GPIO%d did not arrive", n, way.line)
			}
			// The event has microseconds, cut off. gpio-sim raises the interrupt a moment after the pull.
			if a.stamp < before-time.Microsecond || a.stamp > a.at {
				t.Errorf("edge %d of GPIO%d is stamped %v, it was between %v and %v", n, way.line, a.stamp, before, a.at)
			}
			*way.took = append(*way.took, a.at-a.stamp)
		}
	}
	at := func(all []time.Duration, percent int) time.Duration {
		slices.Sort(all)
		return all[len(all)*percent/100].Round(time.Microsecond)
	}
	load, _ := exec.Command("cat", "/proc/loadavg").Output()
	t.Logf("kernel's stamp to subscriber p50 %v, p99 %v; bare loop p50 %v, p99 %v: %.2f times at p50 (load in the VM %s)",
		at(with, 50), at(with, 99), at(without, 50), at(without, 99), float64(at(with, 50))/float64(at(without, 50)), strings.TrimSpace(string(load)))
}
