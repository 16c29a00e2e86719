package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers/line"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/outbox"
)

// TestMain lets the test binary be its own victim: with a configuration in the environment it is the daemon, with a
// directory it tells what that outbox holds, with the configuration of a site it is everything around the daemon.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LOTUSGATE_LOOK"); dir != "" {
		if err := look(os.Stdout, dir); err != nil {
			fmt.Fprintln(os.Stderr, "look:", err)
			os.Exit(1)
		}
		return
	}
	if file := os.Getenv("LOTUSGATE_FIELD"); file != "" {
		if err := openField(file); err != nil {
			fmt.Fprintln(os.Stderr, "field:", err)
			os.Exit(1)
		}
		return
	}
	if file := os.Getenv("LOTUSGATE_VICTIM"); file != "" {
		if err := victim(file); err != nil {
			fmt.Fprintln(os.Stderr, "victim:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	wires  = 8
	alarms = 2   // of them, contacts whose alarms are major
	load   = 400 // events a second, all wires together
)

// look prints how many records wait, and how many of each queue are on disk.
func look(w io.Writer, dir string) error {
	var waiting, kept [2]int
	_, err := outbox.Scan(dir, nil, func(f outbox.Found) error {
		if f.Err == nil {
			kept[f.Queue]++
		}
		if f.Err == nil && !f.Confirmed {
			waiting[f.Queue]++
		}
		return nil
	})
	if err == nil {
		_, err = fmt.Fprintf(w, "waiting %d alarm %d normal %d\n", waiting[0]+waiting[1], kept[outbox.Alarm], kept[outbox.Normal])
	}
	return err
}

// victim runs the daemon on simulated wires that never rest, until SIGTERM. SIGUSR1 lets them rest. Without a broker in
// the configuration it brings its own, which prints what it hears.
func victim(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if strings.Contains(string(text), "mqtt://own") {
		own, err := startCenter(func(line string) { fmt.Println(line) })
		if err != nil {
			return err
		}
		text = []byte(strings.ReplaceAll(string(text), "mqtt://own", own.url))
	}
	resolve()
	cfg, err := config.Parse(file, text)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	rest := make(chan os.Signal, 1)
	signal.Notify(rest, syscall.SIGUSR1)
	pins := make([]*gpiotest.Pin, wires)
	for i := range pins {
		pins[i] = &gpiotest.Pin{N: fmt.Sprintf("WIRE%d", i), EdgesChan: make(chan gpio.Level, 1)}
		if err := gpioreg.Register(pins[i]); err != nil {
			return err
		}
	}
	go func() {
		rate := load
		if n, err := strconv.Atoi(os.Getenv("LOTUSGATE_LOAD")); err == nil {
			rate = n
		}
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-rest:
				return
			case <-tick.C:
			}
			select {
			case pins[i%wires].EdgesChan <- i/wires%2 == 0:
			default: // not open yet, or busy
			}
		}
	}()
	level := slog.LevelError
	if os.Getenv("LOTUSGATE_VERBOSE") != "" {
		level = slog.LevelInfo
	}
	return daemon.Run(ctx, daemon.Options{
		Config: cfg, Version: "test", Built: built(), Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
		Hardware: daemon.Hardware{
			Lines:   line.Registry(nil),
			OpenBus: func(string) (i2c.BusCloser, error) { return nil, errors.New("no bus") },
		},
	})
}

// built is when the program was made, for a test about dates: the clock of this machine need not be synchronised.
func built() time.Time {
	date, _ := time.Parse(time.RFC3339, os.Getenv("LOTUSGATE_BUILT")) // zero = not known
	return date
}

// configuration of a victim.
func configuration(broker, dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `gateway: {site: lianhua, id: park-01}
mqtt: {broker: %q, keep_alive: 5s, ack_timeout: 2s}
storage: {path: %q, alarm: 4MiB, normal: 32MiB}
points:
`, broker, dir)
	for i := range wires {
		fmt.Fprintf(&b, "  wire-%d: {line: WIRE%d, settle: 0s, budget: 0}\n", i, i)
	}
	b.WriteString("loops:\n")
	for i := range wires - alarms {
		fmt.Fprintf(&b, "  loop-%d: {input: wire-%d, erratic: 0, blank: 0s}\n", i, i)
	}
	b.WriteString("contacts:\n")
	for i := wires - alarms; i < wires; i++ {
		fmt.Fprintf(&b, "  contact-%d: {input: wire-%d, severity: major, raise_after: 0s, clear_after: 0s}\n", i, i)
	}
	return b.String()
}

// gatewayProcess is a daemon that can be killed.
type gatewayProcess struct {
	t    *testing.T
	file string
	dir  string
	env  []string
	cmd  *exec.Cmd
}

func newGateway(t *testing.T, broker string) *gatewayProcess {
	t.Helper()
	g := &gatewayProcess{t: t, dir: filepath.Join(t.TempDir(), "outbox"), file: filepath.Join(t.TempDir(), "lotusgate.yaml")}
	if err := os.WriteFile(g.file, []byte(configuration(broker, g.dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.kill)
	return g
}

// configure writes the configuration anew, with more keys of mqtt.
func (g *gatewayProcess) configure(t *testing.T, broker, keys string) {
	t.Helper()
	writeFile(t, g.file, strings.Replace(configuration(broker, g.dir), "mqtt: {", "mqtt: {"+keys+", ", 1))
}

// add appends sections to the configuration.
func (g *gatewayProcess) add(sections string) {
	g.t.Helper()
	text, err := os.ReadFile(g.file)
	if err != nil {
		g.t.Fatal(err)
	}
	writeFile(g.t, g.file, string(text)+sections)
}

func (g *gatewayProcess) start() {
	g.t.Helper()
	g.cmd = exec.Command(os.Args[0])
	g.cmd.Env = append(append(os.Environ(), "LOTUSGATE_VICTIM="+g.file), g.env...)
	g.cmd.Stderr = g.t.Output()
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gatewayProcess) signal(s syscall.Signal) {
	g.t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		g.t.Fatal(err)
	}
}

// kill is kill -9.
func (g *gatewayProcess) kill() {
	if g.cmd == nil {
		return
	}
	_ = g.cmd.Process.Kill() // it may have ended by itself
	_ = g.cmd.Wait()
	g.cmd = nil
}

// stop is SIGTERM and an end in order.
func (g *gatewayProcess) stop() {
	g.t.Helper()
	g.signal(syscall.SIGTERM)
	if err := g.cmd.Wait(); err != nil {
		g.t.Errorf("the gateway ended with %v", err)
	}
	g.cmd = nil
}

// repeat is how often a fault happens: RUNS in a campaign, else usual.
func repeat(usual int) int {
	if n, err := strconv.Atoi(os.Getenv("RUNS")); err == nil && n > 0 {
		return n
	}
	return usual
}
