package daemon

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

const signedLot = `
gateway: {site: lianhua, id: park-01}
storage: {path: STATE, alarm: 4MiB, normal: 4MiB}
control: {socket: STATE/control.sock}
points: {bay-1-in: {line: GPIO17}}
bays: {bay-1: {input: bay-1-in, raise_after: 0s, clear_after: 0s}}
lots: {b1: {bays: [bay-1], available_at: 1, sign: {line: GPIO5}}}
`

// The sign of a lot is dark from the first moment on, lit while the lot is full, and dark when the program has ended.
func TestSignIsLitWhileTheLotIsFull(t *testing.T) {
	site := rig.Site{Switches: []rig.Switch{{Name: "bay-1"}}, Wires: []rig.Wire{{From: "bay-1.contact", To: "GPIO17"}}}
	board, err := rig.New(1, site, rig.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer board.Close()
	state := t.TempDir()
	cfg, err := config.Parse("lot.yaml", []byte(strings.ReplaceAll(signedLot, "STATE", state)))
	if err != nil {
		t.Fatal(err)
	}
	lit := func() bool { return bool(board.Pin("GPIO5").Read()) }
	events := make(chan gateway.Type, 64)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	reload := make(chan os.Signal)
	go func() {
		ended <- Run(ctx, Options{
			Load: func() (*config.Config, error) {
				c, err := config.Parse("lot.yaml", []byte(strings.ReplaceAll(signedLot, "STATE", state)))
				c.Lots["b1"] = config.Lot{Bays: []string{"bay-1"}, AvailableAt: c.Lots["b1"].AvailableAt} // whose sign waits for a restart
				return c, err
			},
			Reload: reload,
			Config: cfg, Hardware: Hardware{Lines: line.Registry(nil)}, Log: slog.New(slog.DiscardHandler),
			Event: func(_ gateway.EventID, e gateway.Event) { events <- e.Type },
		})
	}()
	becomes := func(what gateway.Type, want bool) {
		t.Helper()
		hang := time.After(30 * time.Second)
		for seen := false; !seen || lit() != want; {
			select {
			case got := <-events:
				seen = seen || got == what
			case <-time.After(time.Millisecond): // the relay follows its event
			case <-hang:
				t.Fatalf("no %s, or a sign that is not lit = %v", what, want)
			}
		}
	}
	becomes(gateway.GatewayStarted, false)
	for range 2 {
		if err := board.Do(rig.Move{Switch: "bay-1"}); err != nil {
			t.Fatal(err)
		}
		becomes(gateway.LotFull, true)
		if err := board.Do(rig.Move{Switch: "bay-1", Rest: true}); err != nil {
			t.Fatal(err)
		}
		becomes(gateway.LotAvailable, false)
	}
	if err := board.Do(rig.Move{Switch: "bay-1"}); err != nil {
		t.Fatal(err)
	}
	becomes(gateway.LotFull, true)
	reload <- syscall.SIGHUP
	becomes(gateway.GatewayConfigReloaded, true)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if lit() {
		t.Error("lit after the end")
	}
}
