//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lotusgate/firmware-sim/chip"
	"lotusgate/firmware-sim/scenario"
	"lotusgate/firmware-sim/vm"
)

// site is the minimal example on real kernel devices: a GPIO chip whose lines the test pulls, an I²C bus on which a
// register-true MCP23017 sits, a real broker, and the unmodified program.
type site struct {
	t      *testing.T
	gpio   *vm.Chip
	bus    *vm.Bus
	wire   *wire
	cut    atomic.Bool // the INT wire
	expand *chip.MCP23017
	center *center
	config string
	daemon *program
}

// Lines of the example configuration.
const (
	loopA, loopB           = 17, 27
	openLimit, closedLimit = 22, 23
	photocell              = 24
	interrupt              = 25
	relayOpen, relayClose  = 16, 20
	relayStop              = 21
	pinFault, pinCamera    = 0, 1
	settle                 = 20 * time.Millisecond
	broker                 = "1883"
	root                   = "lotusgate/v1/lianhua/park-01/"
)

// wire gives the kernel the bare errno of a fault, as the driver of a real adapter does.
type wire struct{ *chip.Bus }

func (w *wire) Tx(addr uint16, out, in []byte) error {
	var msgs []chip.Message
	if len(out) > 0 || len(in) == 0 { // with neither the address alone is asked
		msgs = append(msgs, chip.Message{Addr: addr, Data: out})
	}
	if len(in) > 0 {
		msgs = append(msgs, chip.Message{Addr: addr, Read: true, Data: in})
	}
	return w.Transfer(msgs)
}

func newSite(t *testing.T) *site {
	s := &site{t: t}
	s.plugGPIO()
	s.plugBus()
	example, err := os.ReadFile("../../deploy/examples/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(
		"mqtt://broker.lan:1883", "mqtt://127.0.0.1:"+broker,
		"/var/lib/lotusgate", filepath.Join("/run/disk", t.Name()),
		"127.0.0.1:8080", "127.0.0.1:0",
		"period: 60s", "period: 1s",
		// gpio-sim knows one resistor per line, and the test is it.
		// The VM has just booted, but its detectors need no tuning.
		"input: entry-a-in", "input: entry-a-in, blank: 0s", "input: entry-b-in", "input: entry-b-in, blank: 0s",
		"bias: up", "bias: none",
		"line: GPIO22,", "line: GPIO22, bias: none,", "line: GPIO23,", "line: GPIO23, bias: none,",
	).Replace(string(example))
	s.config = filepath.Join(t.TempDir(), "lotusgate.yaml")
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) plugGPIO() {
	s.t.Helper()
	var names []string
	for n := range 28 {
		names = append(names, fmt.Sprintf("GPIO%d", n))
	}
	gpio, err := vm.NewChip("soc", "pinctrl-bcm2835", names)
	if err != nil {
		s.t.Fatal(err)
	}
	s.gpio = gpio
	s.t.Cleanup(func() { gpio.Close() })
	for line, high := range map[int]bool{
		loopA: false, loopB: false, photocell: false, openLimit: true, closedLimit: false, interrupt: true,
	} {
		s.pull(line, high)
	}
}

func (s *site) plugBus() {
	s.t.Helper()
	s.expand = chip.NewMCP23017(chip.MCP23017Wiring{RevD: true, Interrupt: func(pin int, high bool) {
		if pin == 0 && !s.cut.Load() {
			s.pull(interrupt, high)
		}
	}})
	for pin := range 16 {
		s.expand.Drive(pin, true)
	}
	s.wire = &wire{chip.NewBus("I2C1")}
	s.wire.Sleep(time.Sleep)
	if err := s.wire.Attach(0x20, s.expand); err != nil {
		s.t.Fatal(err)
	}
	// The kernel gives the number out again when nobody has the old bus open any more.
	bus, err := vm.NewBus(1, s.wire)
	for deadline := time.Now().Add(10 * time.Second); errors.Is(err, syscall.EBUSY) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		bus, err = vm.NewBus(1, s.wire)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.bus = bus
	s.t.Cleanup(func() { bus.Close() })
}

// pull sets a wire. It may be called from a chip model, so it must not end the test.
func (s *site) pull(line int, high bool) {
	if err := s.gpio.Pull(line, high); err != nil {
		s.t.Error(err)
	}
}

// startDaemon runs the program as a user would.
func (s *site) startDaemon() {
	s.t.Helper()
	last := s.center.run()
	s.daemon = start(s.t, "lotusgate", "run", "--config", s.config)
	s.center.await("the lane is known", func(r *record) bool {
		return r.state["entry"].Value == "clear" && r.alive() &&
			slices.ContainsFunc(r.events, func(e cloudEvent) bool {
				return e.Type == "lotusgate.gateway.started" && e.run() > last
			})
	})
}

// relaysRest asserts that no movement relay is active, now.
func (s *site) relaysRest(when string) {
	s.t.Helper()
	for _, line := range []int{relayOpen, relayClose, relayStop} {
		if high, err := s.gpio.Value(line); err != nil || high {
			s.t.Errorf("%s: relay on GPIO%d is active (%v)", when, line, err)
		}
	}
}

// hold waits for wires to be in a state for longer than the settle time.
func hold() { time.Sleep(4 * settle) }

func monotonic(t *testing.T) float64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return float64(ts.Nano()) / 1e9
}

// bounce makes a contact bounce 20 times in as many milliseconds before it rests high, and returns the number of events
// before. A busy machine may have stretched one of the bounces until it was a pulse: then the wire rests low until the
// center has heard the end of it, and bounces again.
func (s *site) bounce(line int) (events int) {
	s.t.Helper()
	for range 50 {
		events = len(s.center.traffic())
		longest, last := time.Duration(0), time.Now()
		for level := range 20 {
			s.pull(line, level%2 == 0)
			time.Sleep(time.Millisecond)
			longest, last = max(longest, time.Since(last)), time.Now()
		}
		s.pull(line, true)
		if longest = max(longest, time.Since(last)); longest < settle {
			return events
		}
		s.t.Logf("a bounce took %v: once more", longest)
		s.pull(line, false)
		// However many pulses it was, they end as one vehicle that backed out after the gap time.
		s.center.await("the end of the stretched bounce", func(r *record) bool {
			heard := r.traffic()[events:]
			return len(heard) > 0 && strings.HasSuffix(heard[len(heard)-1].Type, "vehicle_backed_out")
		})
	}
	s.t.Fatal("this machine cannot bounce a contact within the settle time")
	return 0
}

func (s *site) passage() {
	s.pull(loopA, true)
	hold()
	s.pull(loopB, true)
	hold()
	s.pull(loopA, false)
	hold()
	s.pull(loopB, false)
	hold()
}

// run is a subtest on this site.
func (s *site) run(name string, test func(t *testing.T)) {
	s.t.Helper()
	parent := s.t
	parent.Run(name, func(t *testing.T) {
		s.t, s.center.t = t, t
		test(t)
	})
	s.t, s.center.t = parent, parent
	if parent.Failed() {
		parent.FailNow() // what follows builds on it
	}
}

// expect waits until the center has at least these events beyond from, and compares their types and subjects.
func (s *site) expect(from int, want ...string) []cloudEvent {
	s.t.Helper()
	s.center.await(strings.Join(want, ", "), func(r *record) bool { return len(r.traffic()) >= from+len(want) })
	got := s.center.traffic()[from:]
	names := make([]string, len(got))
	for i, e := range got {
		names[i] = strings.TrimPrefix(e.Type, "lotusgate.") + " " + e.Subject[strings.Index(e.Subject, "/")+1:]
	}
	if !slices.Equal(names, want) {
		s.t.Errorf("events:\n  %s\nwant:\n  %s", strings.Join(names, "\n  "), strings.Join(want, "\n  "))
	}
	return got
}

// scenarios plays the scenario files that are about nothing but wires of the minimal example: what a simulation says of
// them on virtual time, the program must say on a real kernel.
func (s *site) scenarios(t *testing.T) {
	native := map[string]int{"entry-a-in": loopA, "entry-b-in": loopB, "eg-open": openLimit, "eg-closed": closedLimit}
	files, err := filepath.Glob("../../firmware-sim/scenario/testdata/wires-*.txtar")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		f, err := scenario.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		script, err := f.Script()
		if err != nil {
			t.Fatal(err)
		}
		n, begin := len(s.center.traffic()), time.Now()
		for _, in := range script {
			time.Sleep(time.Until(begin.Add(in.At))) // later is the same story
			point, active := strings.TrimRight(in.Text, "+-"), strings.HasSuffix(in.Text, "+")
			line, ok := native[point]
			switch {
			case point == "car-1-fault-in":
				s.expand.Drive(pinFault, !active)
			case !ok:
				t.Fatalf("%s: %q is no wire of this site", f.Name(), in.Text)
			default:
				loop := line == loopA || line == loopB // a loop is active when its wire is open
				s.pull(line, active == loop)
			}
		}
		var want []string
		for line := range strings.Lines(f.Part(scenario.Events)) {
			words := strings.Fields(line)
			want = append(want, words[2]+" "+words[1])
		}
		s.expect(n, want...)
	}
}

func TestVMSite(t *testing.T) {
	vm.GuestOnly(t)
	s := newSite(t)
	s.center = newCenter(t)
	s.relaysRest("before the daemon runs")
	s.startDaemon()
	s.relaysRest("after start")

	s.run("entry", func(t *testing.T) {
		n := len(s.center.traffic())
		s.passage()
		s.expect(n, "loop.occupied entry-a", "lane.vehicle_arrived entry", "loop.occupied entry-b",
			"loop.cleared entry-a", "lane.vehicle_passed entry", "loop.cleared entry-b")
	})
	s.run("back-out", func(t *testing.T) {
		n := len(s.center.traffic())
		s.pull(loopA, true)
		hold()
		s.pull(loopB, true)
		hold()
		s.pull(loopB, false)
		hold()
		s.pull(loopA, false)
		s.expect(n, "loop.occupied entry-a", "lane.vehicle_arrived entry", "loop.occupied entry-b",
			"loop.cleared entry-b", "loop.cleared entry-a", "lane.vehicle_backed_out entry")
	})
	s.run("bounce", func(t *testing.T) {
		n := s.bounce(loopB)
		hold()
		s.pull(loopB, false)
		s.expect(n, "loop.occupied entry-b", "lane.vehicle_arrived entry", "loop.cleared entry-b")
		// The nibble on loop B ends as backed out, after the gap time.
		s.expect(n, "loop.occupied entry-b", "lane.vehicle_arrived entry", "loop.cleared entry-b", "lane.vehicle_backed_out entry")
	})
	s.run("pulse of 50 ms", func(t *testing.T) {
		n := len(s.center.traffic())
		s.pull(loopA, true)
		time.Sleep(50 * time.Millisecond)
		s.pull(loopA, false)
		s.expect(n, "loop.occupied entry-a", "lane.vehicle_arrived entry", "loop.cleared entry-a", "lane.vehicle_backed_out entry")
	})
	s.run("kernel time stamps", func(t *testing.T) {
		n := len(s.center.traffic())
		// While the daemon is stopped only the kernel can know when the edge was.
		s.daemon.signal(syscall.SIGSTOP)
		before := monotonic(t)
		s.pull(loopA, true)
		time.Sleep(10 * time.Millisecond)
		after := monotonic(t)
		time.Sleep(300 * time.Millisecond)
		s.daemon.signal(syscall.SIGCONT)
		got := s.expect(n, "loop.occupied entry-a", "lane.vehicle_arrived entry")
		if at := got[0].uptime(t); at < before || at > after {
			t.Errorf("stamped %.6f, the edge was between %.6f and %.6f", at, before, after)
		}
		s.pull(loopA, false)
		s.expect(n, "loop.occupied entry-a", "lane.vehicle_arrived entry", "loop.cleared entry-a", "lane.vehicle_backed_out entry")
	})
	s.run("barrier", func(t *testing.T) {
		n := len(s.center.traffic())
		s.pull(closedLimit, true)
		hold()
		s.pull(openLimit, false)
		hold()
		s.pull(openLimit, true)
		hold()
		s.pull(closedLimit, false)
		s.expect(n, "gate.opening entry-gate", "gate.opened entry-gate", "gate.closing entry-gate", "gate.closed entry-gate")
	})
	s.run("scenarios", func(t *testing.T) { s.scenarios(t) })
	s.run("register behind the bus", func(t *testing.T) {
		n := len(s.center.traffic())
		s.expand.Drive(pinFault, false)
		s.expect(n, "elevator.fault_raised car-1")
		s.center.await("retained alarm", func(r *record) bool { return r.alarms["car-1/fault_raised"] })
		s.expand.Drive(pinFault, true)
		s.expect(n, "elevator.fault_raised car-1", "elevator.fault_cleared car-1")
		s.center.await("the alarm is cleared", func(r *record) bool { return !r.alarms["car-1/fault_raised"] })
	})
	s.run("heartbeat pulses of 50 ms behind the bus", func(t *testing.T) {
		for range 2 {
			s.expand.Drive(pinCamera, false)
			time.Sleep(50 * time.Millisecond)
			s.expand.Drive(pinCamera, true)
			time.Sleep(950 * time.Millisecond)
		}
		s.center.await("camera online", func(r *record) bool {
			return slices.ContainsFunc(r.events, func(e cloudEvent) bool { return e.Type == "lotusgate.camera.online" })
		})
	})
	s.run("chip loses its supply for a moment", func(t *testing.T) {
		s.expand.Reset()
		s.center.await("the reset is reported", func(r *record) bool {
			return slices.ContainsFunc(r.events, func(e cloudEvent) bool { return e.Type == "lotusgate.bus.chip_reset" })
		})
		n := len(s.center.traffic())
		s.expand.Drive(pinFault, false)
		s.expect(n, "elevator.fault_raised car-1")
		s.expand.Drive(pinFault, true)
		s.expect(n, "elevator.fault_raised car-1", "elevator.fault_cleared car-1")
	})
	s.run("INT wire cut: polled, reported, and mended", func(t *testing.T) {
		s.cut.Store(true)
		n := len(s.center.traffic())
		s.pull(interrupt, true) // the pull-up
		s.expand.Drive(pinFault, false)
		s.expect(n, "elevator.fault_raised car-1")
		s.expand.Drive(pinFault, true)
		s.expect(n, "elevator.fault_raised car-1", "bus.fault i2c-1", "elevator.fault_cleared car-1")
		s.center.await("the wire is reported", func(r *record) bool { return r.alarms["i2c-1/fault-x1.int"] })
		s.cut.Store(false)
		s.expand.Drive(pinFault, false)
		s.expect(n, "elevator.fault_raised car-1", "bus.fault i2c-1", "elevator.fault_cleared car-1",
			"bus.recovered i2c-1", "elevator.fault_raised car-1")
		s.expand.Drive(pinFault, true)
		s.center.await("the wire is mended", func(r *record) bool { return !r.alarms["i2c-1/fault-x1.int"] })
		s.center.await("the fault is over", func(r *record) bool { return !r.alarms["car-1/fault_raised"] })
	})
	s.run("hung bus: the native lines go on", func(t *testing.T) {
		free := s.wire.Inject(chip.Fault{Addr: chip.AnyAddr, Times: chip.Forever, Errno: vm.TimedOut, Delay: 300 * time.Millisecond})
		s.center.await("bus fault", func(r *record) bool { return r.alarms["i2c-1/fault-x1"] && r.state["car-1"].Quality == "stale" })
		n := 0
		s.center.await("the event of it", func(r *record) bool {
			n = len(r.traffic())
			return r.traffic()[n-1].Type == "lotusgate.bus.fault"
		})
		s.passage()
		s.expect(n, "loop.occupied entry-a", "lane.vehicle_arrived entry", "loop.occupied entry-b",
			"loop.cleared entry-a", "lane.vehicle_passed entry", "loop.cleared entry-b")
		free()
		s.center.await("bus recovered", func(r *record) bool { return !r.alarms["i2c-1/fault-x1"] && r.state["car-1"].Quality == "good" })
	})
	s.run("bus pulled out and back", func(t *testing.T) {
		if err := s.bus.Close(); err != nil {
			t.Fatal(err)
		}
		s.center.await("bus fault", func(r *record) bool { return r.alarms["i2c-1/fault-x1"] && r.state["car-1"].Quality == "stale" })
		s.plugBus()
		s.center.await("bus recovered", func(r *record) bool { return !r.alarms["i2c-1/fault-x1"] && r.state["car-1"].Quality == "good" })
	})
	s.run("GPIO chip pulled out and back", func(t *testing.T) {
		if err := s.gpio.Close(); err != nil {
			t.Fatal(err)
		}
		s.center.await("gpio fault", func(r *record) bool { return r.alarms["gpio/fault"] && r.state["entry"].Quality == "bad" })
		s.center.await("relay fault", func(r *record) bool { return r.alarms["gpio/fault-entry-gate-stop"] })
		s.plugGPIO()
		s.center.await("gpio recovered", func(r *record) bool { return !r.alarms["gpio/fault"] && r.state["entry"].Value == "clear" })
		s.center.await("relays claimed again", func(r *record) bool { return !r.alarms["gpio/fault-entry-gate-stop"] })
		s.relaysRest("after the chip came back")
	})
	s.center.holeless()
}

// A daemon that is killed in the middle of traffic leaves no hole in the numbers that nobody names.
func TestVMKill(t *testing.T) {
	vm.GuestOnly(t)
	s := newSite(t)
	s.daemon = start(t, "lotusgate", "run", "--config", s.config) // the broker is not there yet
	time.Sleep(200 * time.Millisecond)
	s.daemon.signal(syscall.SIGSTOP) // or it would connect before the center listens
	s.center = newCenter(t)
	s.daemon.signal(syscall.SIGCONT)
	s.center.await("the lane is known", func(r *record) bool { return r.state["entry"].Value == "clear" })
	for range 5 {
		s.passage()
		s.pull(loopA, true)
		time.Sleep(settle + 5*time.Millisecond)
		s.daemon.kill()
		s.relaysRest("after kill -9")
		s.center.await("the will", func(r *record) bool { return r.status == "lost" })
		s.pull(loopA, false)
		s.startDaemon()
		s.relaysRest("after the restart")
	}
	s.passage()
	s.center.await("the last event", func(r *record) bool {
		return r.events[len(r.events)-1].Type == "lotusgate.loop.cleared" && strings.HasSuffix(r.events[len(r.events)-1].Subject, "entry-b")
	})
	if runs := s.center.holeless(); runs != 6 {
		t.Errorf("%d runs of the daemon, want 6", runs)
	}
}

// The probe works beside a running daemon and takes nothing from it: a pulse that waits in the latch while the probe runs
// is counted, and relays stay where they are.
func TestVMProbe(t *testing.T) {
	vm.GuestOnly(t)
	s := newSite(t)
	pcf := chip.NewPCF8574(chip.PCF8574Wiring{})
	for addr, d := range map[uint16]chip.Device{
		0x38: pcf, 0x41: chip.NewINA226(func() time.Duration { return 0 }), 0x68: chip.NewDS3231(func() time.Duration { return 0 }, 0),
	} {
		if err := s.wire.Attach(addr, d); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.wire.Tx(0x38, []byte{0xfe}, nil); err != nil { // a relay is on
		t.Fatal(err)
	}
	s.center = newCenter(t)
	s.startDaemon()
	s.center.await("the expander is read", func(r *record) bool { return r.state["car-1"].Quality == "good" })
	s.daemon.signal(syscall.SIGSTOP)
	s.daemon.awaitStopped()
	s.expand.Drive(pinFault, false) // waits in the latch
	var out strings.Builder
	if code := execute(t.Context(), []string{"probe", "i2c", "/dev/i2c-1"}, &out, &out); code != 0 {
		t.Errorf("exit code %d: %s", code, out.String())
	}
	t.Log("\n" + out.String())
	for _, want := range []string{
		"0x20  ? (MCP23017, PCA9555, PCF8574)", "0x38  ? (PCF8574A)", "0x41  ina226", "0x68  ds3231",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "0x"); n != 4 {
		t.Errorf("%d addresses answer", n)
	}
	if s.expand.Interrupt(0) || pcf.Output(0) != chip.Low {
		t.Errorf("INT high %v, relay %v: the probe disturbed something", s.expand.Interrupt(0), pcf.Output(0))
	}
	s.daemon.signal(syscall.SIGCONT)
	s.center.await("what waited in the latch", func(r *record) bool { return r.alarms["car-1/fault_raised"] })
	if code := execute(t.Context(), []string{"probe", "i2c", "/dev/i2c-9"}, &out, &out); code != exitFailed {
		t.Errorf("a bus that is not there: exit code %d", code)
	}
}
