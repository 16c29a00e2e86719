package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/gpio/gpiotest"
	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func example(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load("../../deploy/examples/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg.MQTT.Broker, cfg.Status.Listen = "", ""
	cfg.Storage.Path = filepath.Join(t.TempDir(), "outbox")
	return cfg
}

// Every reference of the configuration ends where it belongs, and devices come after their parts.
func TestAttach(t *testing.T) {
	out := attachConfig(example(t), Hardware{}, nil, &relays{}).out
	point := func(id string) int {
		return slices.IndexFunc(out.Points, func(p field.PointConfig) bool { return p.ID == id })
	}
	index := func(id string) int {
		return slices.IndexFunc(out.Devices, func(d field.DeviceConfig) bool { return d.Meta.ID == id })
	}
	for i, d := range out.Devices {
		for _, p := range d.Parts {
			if p.Point < 0 && p.Device >= i && p.Role != device.RoleFree {
				t.Errorf("%s comes before its part %s", d.Meta.ID, out.Devices[p.Device].Meta.ID)
			}
		}
	}
	lane := out.Devices[index("entry")]
	if lane.Parts[0].Device != index("entry-a") || lane.Parts[1].Device != index("entry-b") {
		t.Errorf("lane is made of %+v", lane.Parts)
	}
	gate := out.Devices[index("entry-gate")]
	if gate.Parts[0].Point != point("eg-open") || gate.Parts[1].Point != point("eg-closed") ||
		gate.Parts[2].Point != point("eg-photo") || gate.Parts[3].Device != index("entry-b") {
		t.Errorf("gate is made of %+v", gate.Parts)
	}
	if p := out.Points[point("car-1-fault-in")]; p.Source != 1 || p.Channel != 0 || p.Terminal != "x1 GPA0" || !p.ActiveLow {
		t.Errorf("expander point %+v", p)
	}
	// Five wires, then INT.
	if n := out.Lines.Count; n != 6 || !slices.Equal(out.Buses[0].Chips[0].Interrupts, []int{5}) {
		t.Errorf("%d lines, INT on %v", n, out.Buses[0].Chips[0].Interrupts)
	}
}

// pins registers simulated pins for the relays of the example; those in missing stay away.
func pins(t *testing.T, missing ...string) map[string]*gpiotest.Pin {
	t.Helper()
	out := map[string]*gpiotest.Pin{}
	for _, name := range []string{"GPIO16", "GPIO20", "GPIO21"} {
		p := &gpiotest.Pin{N: name, L: gpio.High} // as if somebody had left it driven
		out[name] = p
		if !slices.Contains(missing, name) {
			register(t, p)
		}
	}
	return out
}

func register(t *testing.T, p *gpiotest.Pin) {
	t.Helper()
	if err := gpioreg.Register(p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := gpioreg.Unregister(p.N); err != nil {
			t.Error(err)
		}
	})
}

// A missing relay keeps nothing from starting, is reported once, and is claimed when it appears; the others are inactive
// from the first moment on.
func TestRelays(t *testing.T) {
	p := pins(t, "GPIO21")
	r := claimRelays(example(t), line.Registry(nil), slog.New(slog.DiscardHandler))
	for _, name := range []string{"GPIO16", "GPIO20"} {
		if p[name].Read() != gpio.Low {
			t.Errorf("%s is active", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	events := make(chan gateway.Event)
	var wg sync.WaitGroup
	wg.Go(func() { r.keep(ctx, monotonic, func(e gateway.Event) { events <- e }) })
	e := <-events
	if d, ok := e.Data.(gateway.BusFaultData); !ok || e.Type != gateway.BusFault || e.ID != field.GPIO || d.Part != "entry-gate-stop" {
		t.Errorf("reported %+v", e)
	}
	register(t, p["GPIO21"])
	if e = <-events; e.Type != gateway.BusRecovered || p["GPIO21"].Read() != gpio.Low {
		t.Errorf("after it appeared: %+v, level %v", e, p["GPIO21"].Read())
	}
	cancel()
	wg.Wait()
	r.release()
}

// runFor runs a daemon without any hardware until it has told of it, and returns its events.
func runFor(t *testing.T, cfg *config.Config) (types []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	seen := func(_ gateway.EventID, e gateway.Event) {
		mu.Lock()
		defer mu.Unlock()
		types = append(types, string(e.Type)+" "+e.ID)
		if e.Type == gateway.BusFault && e.ID == "i2c-1" {
			cancel()
		}
	}
	err := Run(ctx, Options{Config: cfg, Version: "test", Event: seen, Hardware: Hardware{
		Lines:   line.Registry(nil),
		OpenBus: func(string) (i2c.BusCloser, error) { return nil, errors.New("no such bus") },
	}})
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// Without any hardware and without a broker the daemon starts, says what is missing, and ends in order.
func TestRunWithNothing(t *testing.T) {
	got := strings.Join(runFor(t, example(t)), "\n")
	if !strings.HasPrefix(got, "gateway.started gateway") || !strings.HasSuffix(got, "gateway.stopping gateway") {
		t.Errorf("events:\n%s", got)
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	cfg := example(t)
	hw := Hardware{Lines: line.Registry(nil), OpenBus: func(string) (i2c.BusCloser, error) { return nil, errors.New("no bus") }}
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	var once sync.Once
	first := make(chan error, 1)
	go func() {
		first <- Run(ctx, Options{Config: cfg, Hardware: hw, Event: func(gateway.EventID, gateway.Event) { once.Do(func() { close(started) }) }})
	}()
	<-started
	if err := Run(ctx, Options{Config: cfg, Hardware: hw}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second daemon on one outbox: %v", err)
	}
	cancel()
	if err := <-first; err != nil {
		t.Error(err)
	}
}
