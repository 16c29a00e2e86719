package main

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/spf13/cobra"

	"lotusgate/gateway/contract"
)

// ear judges every message that reaches the broker.
type ear struct {
	t     *testing.T
	check *contract.Checker

	mu   sync.Mutex
	want map[string]bool // what was not heard yet
	done context.CancelFunc
}

const demoRoot = "lotusgate/v1/lianhua/park-01"

func (e *ear) hear(_ *mqtt.Client, _ packets.Subscription, p packets.Packet) {
	if err := e.check.Message(demoRoot, p.TopicName, p.Payload); err != nil {
		e.t.Error(err)
	}
	rest := strings.TrimPrefix(p.TopicName, demoRoot+"/")
	heard := rest
	if strings.HasPrefix(rest, "event/") {
		_, after, _ := strings.Cut(string(p.Payload), `"type":"lotusgate.`)
		heard, _, _ = strings.Cut(after, `"`)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.want, heard)
	if len(e.want) == 0 {
		e.done()
	}
}

// All that the demo puts on the wire is in the contract: the daemon as it is, its storage, its uplink, a broker.
func TestDemoKeepsTheContract(t *testing.T) {
	check, err := contract.Open("../../docs/contract")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e := &ear{t: t, check: check, done: cancel, want: map[string]bool{}}
	for _, name := range []string{
		"status", "meta", "state/entry", "state/entry-gate", "state/car-1", "state/cam-01", "alarm/car-1/fault_raised",
		"gateway.started", "loop.occupied", "loop.cleared", "lane.vehicle_arrived", "lane.vehicle_passed", "lane.vehicle_backed_out",
		"gate.opening", "gate.opened", "gate.closing", "gate.closed", "elevator.fault_raised", "elevator.fault_cleared",
	} {
		e.want[name] = true
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	for _, err := range []error{
		server.AddHook(new(auth.AllowHook), nil), server.AddListener(listeners.NewNet("test", l)), server.Serve(),
		server.Subscribe("lotusgate/#", 1, e.hear),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	defer server.Close()
	cmd := &cobra.Command{}
	cmd.SetOut(io.Discard)
	err = demo(ctx, cmd, demoOptions{site: "park", seed: 1, speed: 4, broker: "mqtt://" + l.Addr().String(), page: "127.0.0.1:0", state: t.TempDir(), quiet: true})
	if err != nil {
		t.Error(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.want) > 0 {
		t.Errorf("never heard of %v", slices.Sorted(maps.Keys(e.want)))
	}
}
