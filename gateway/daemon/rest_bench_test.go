package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers/line"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

const (
	restBuses    = 2
	restChips    = 8 // for each bus, of 16 inputs
	restContacts = restBuses * restChips * 16
)

// BenchmarkAtRest is what a gateway with 256 inputs behind 16 chips on two buses costs while nothing moves: memory and
// processor time of the whole process, and how much memory the gateway added to it. The simulated board, its chips and the
// benchmark itself are in the figures, so a gateway takes less. Run it with -benchtime 1x.
func BenchmarkAtRest(b *testing.B) {
	if _, err := exec.LookPath("mosquitto"); err != nil {
		b.Skip("mosquitto is not installed")
	}
	dir := b.TempDir()
	address := startMosquitto(b, dir)
	var site rig.Site
	var buses, chips, points, contacts strings.Builder
	for bus := range restBuses {
		fmt.Fprintf(&buses, "  i2c-%d: {device: /dev/i2c-%d, speed: 400kHz}\n", bus, bus)
		for n := range restChips {
			chip, interrupt := fmt.Sprintf("x%d%d", bus, n), fmt.Sprintf("GPIO%d", 4+bus*restChips+n)
			site.Chips = append(site.Chips, rig.Chip{
				Name: chip, Kind: "mcp23017", Bus: fmt.Sprintf("/dev/i2c-%d", bus), Address: uint16(0x20 + n), Interrupt: interrupt,
			})
			fmt.Fprintf(&chips, "  %s: {kind: mcp23017, bus: i2c-%d, address: 0x%x, interrupt: %s}\n", chip, bus, 0x20+n, interrupt)
			for pin := range 16 {
				id, at := fmt.Sprintf("%s-%d", chip, pin), fmt.Sprintf("GP%c%d", 'A'+pin/8, pin%8)
				site.Switches = append(site.Switches, rig.Switch{Name: id})
				site.Wires = append(site.Wires, rig.Wire{From: id + ".contact", To: chip + "." + at})
				fmt.Fprintf(&points, "  %s: {chip: %s, pin: %s}\n", id, chip, at)
				fmt.Fprintf(&contacts, "  c-%s: {input: %s}\n", id, id)
			}
		}
	}
	text := fmt.Sprintf("gateway: {site: lianhua, id: park-01}\nmqtt: {broker: \"mqtt://%s\"}\nstorage: {path: %s}\nstatus: {listen: \"127.0.0.1:0\"}\n"+
		"control: {socket: %s/control.sock}\nbuses:\n%schips:\n%spoints:\n%scontacts:\n%s",
		address, filepath.Join(dir, "state"), dir, &buses, &chips, &points, &contacts)
	cfg, err := config.Parse("rest.yaml", []byte(text))
	if err != nil {
		b.Fatal(err)
	}
	board, err := rig.New(1, site, rig.Options{Private: true})
	if err != nil {
		b.Fatal(err)
	}
	defer board.Close()
	hardware := Hardware{
		Lines: line.Pins(func(name string) gpio.PinIO {
			if p := board.Pin(name); p != nil {
				return p
			}
			return nil
		}, nil),
		OpenBus: func(name string) (i2c.BusCloser, error) { return board.Bus(name), nil },
	}
	states := make(chan gateway.State, 4*restContacts)
	dialBroker(b, address, map[string]func([]byte){cfg.Root() + "/state/#": func(p []byte) {
		var s gateway.State
		if json.Unmarshal(p, &s) == nil {
			states <- s
		}
	}})
	runtime.GC()
	without := residentMB(b)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	b.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		ended <- Run(ctx, Options{Config: cfg, Hardware: hardware, Log: slog.New(slog.DiscardHandler)})
	}()
	good := map[string]bool{}
	for patience := time.After(time.Minute); len(good) < restContacts; {
		select {
		case s := <-states:
			if s.Quality == gateway.Good {
				good[s.Device] = true
			}
		case err := <-ended:
			b.Fatal("the daemon ended: ", err)
		case <-patience:
			b.Fatalf("%d of %d contacts are known", len(good), restContacts)
		}
	}
	const rest = 20 * time.Second
	for b.Loop() {
		time.Sleep(5 * time.Second) // the start is not rest
		before := processorTime(b)
		time.Sleep(rest)
		b.ReportMetric(100*(processorTime(b)-before).Seconds()/rest.Seconds(), "%-of-a-core")
		b.ReportMetric(residentMB(b), "MB-resident")
		b.ReportMetric(residentMB(b)-without, "MB-more-than-before")
	}
	b.ReportMetric(restContacts, "inputs")
	b.ReportMetric(0, "ns/op")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func residentMB(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, pages float64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / 1e6
}
