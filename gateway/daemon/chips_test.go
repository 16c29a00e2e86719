package daemon

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/line"
	sim "lotusgate/firmware-sim/chip"
	"lotusgate/gateway"
	"lotusgate/gateway/config"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

const cabinet = `
gateway: {site: lianhua, id: park-01}
storage: {path: DIR}
buses:
  i2c-1: {device: /dev/i2c-1, speed: 400kHz}
chips:
  x1: {kind: mcp23017, bus: i2c-1, address: 0x20}
  x2: {kind: pca9535, bus: i2c-1, address: 0x21}
  x3: {kind: pcf8574a, bus: i2c-1, address: 0x38}
  unused: {kind: mcp23017, bus: i2c-1, address: 0x27}
  adc: {kind: ads1115, bus: i2c-1, address: 0x48, reference: AIN3}
  cam: {kind: ina219, bus: i2c-1, address: 0x40, supply: {nominal: 12V, shunt: 100mohm, max: 2A}}
  gate: {kind: ina226, bus: i2c-1, address: 0x41, supply: {nominal: 24V, shunt: 10mohm, max: 5A}}
  rtc: {kind: ds3231, bus: i2c-1, address: 0x68}
points:
  up: {chip: x1, pin: GPA0}
  down: {chip: x1, pin: GPB0}
  fault: {chip: x2, pin: IO1_2}
  pulse: {chip: x3, pin: P7}
  contact: {chip: adc, pin: AIN0}
  pull-up: {chip: adc, pin: AIN3}
  cam-current: {chip: cam, pin: current}
  cam-voltage: {chip: cam, pin: voltage}
  gate-current: {chip: gate, pin: current}
elevators: {car: {fault: fault}}
cameras: {cam-01: {heartbeat: pulse}}
gates:
  g1:
    open_limit: up
    closed_limit: down
    outputs:
      open: {chip: x1, pin: GPA7}
      close: {chip: x1, pin: GPB7, active: low}
      stop: {chip: x3, pin: P0, active: low}
`

// models of the cabinet, on one bus.
type models struct {
	bus  *sim.Bus
	x1   *sim.MCP23017
	x3   *sim.PCF8574
	adc  *sim.ADS1115
	cam  *sim.INA219
	gate *sim.INA226
	rtc  *sim.DS3231
}

func newModels(t *testing.T) *models {
	t.Helper()
	now := line.Now
	m := &models{
		bus: sim.NewBus("I2C1"), x1: sim.NewMCP23017(sim.MCP23017Wiring{}), x3: sim.NewPCF8574(sim.PCF8574Wiring{}),
		adc: sim.NewADS1115(now, 1000), cam: sim.NewINA219(now), gate: sim.NewINA226(now), rtc: sim.NewDS3231(now, 0),
	}
	for addr, d := range map[uint16]sim.Device{
		0x20: m.x1, 0x21: sim.NewPCA9555(sim.PCA9555Wiring{}), 0x38: m.x3, 0x48: m.adc, 0x40: m.cam, 0x41: m.gate, 0x68: m.rtc,
	} {
		if err := m.bus.Attach(addr, d); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// open is the bus of the daemon; closing a handle leaves the bus alone.
func (m *models) open(string) (i2c.BusCloser, error) { return handle{m.bus}, nil }

type handle struct{ *sim.Bus }

func (handle) Close() error { return nil }

func cabinetConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Parse("cabinet.yaml", []byte(strings.Replace(cabinet, "DIR", filepath.Join(t.TempDir(), "outbox"), 1)))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Every kind of chip of the configuration has a driver, and one that nobody uses is left alone.
func TestEveryKindHasADriver(t *testing.T) {
	m := newModels(t)
	a := attachConfig(cabinetConfig(t), Hardware{OpenBus: m.open}, &clock{}, &relays{})
	b := a.buses[0]
	if !a.chipOf("unused").idle() || len(b.chips) != 7 {
		t.Error("a chip that nobody uses is served")
	}
	opened, err := a.hw.openBus(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range opened.Chips {
		if err := c.Init(); err != nil {
			t.Errorf("%s: %v", b.chips[i].id, err)
		}
	}
	if got := opened.Traffic(-1); got.Transfers != m.bus.Stats().Transfers {
		t.Errorf("counted %d transfers of %d", got.Transfers, m.bus.Stats().Transfers)
	}
}

// What is measured arrives in the unit of its channel: ‰ of the reference, µA, µV.
func TestReadings(t *testing.T) {
	m := newModels(t)
	a := attachConfig(cabinetConfig(t), Hardware{OpenBus: m.open}, &clock{}, &relays{})
	opened, err := a.hw.openBus(a.buses[0])
	if err != nil {
		t.Fatal(err)
	}
	m.adc.Drive(0, 1053*physic.MilliVolt) // 2.2 k of 6.9 k
	m.adc.Drive(3, 3300*physic.MilliVolt)
	m.cam.Drive(18*physic.MilliVolt, 12*physic.Volt)
	m.gate.Drive(-5*physic.MilliVolt, 24*physic.Volt)
	got := map[string]int64{}
	var s drivers.Sample
	for i, c := range opened.Chips {
		id := a.buses[0].chips[i].id
		if err := c.Init(); err != nil {
			t.Fatal(id, err)
		}
		for range 100 {
			time.Sleep(5 * time.Millisecond) // conversions take real time
			s.Reset()
			if err := c.Service(&s, 0); err != nil {
				t.Fatal(id, err)
			}
			for _, r := range s.Readings {
				got[id+string(rune('0'+r.Channel))] = r.Value
			}
			if n := map[string]int{"adc": 2, "cam": 2, "gate": 2}[id]; len(seen(got, id)) == n {
				break
			}
		}
	}
	for name, want := range map[string]int64{
		"adc0": 319, "adc3": 3_300_000, "cam0": 180_000, "cam1": 12_000_000, "gate0": -500_000, "gate1": 24_000_000,
	} {
		if d := got[name] - want; d < -200 || d > 200 {
			t.Errorf("%s reads %d, want %d", name, got[name], want)
		}
	}
	if unit := a.cfg.Chips["adc"].Unit("AIN0") + a.cfg.Chips["adc"].Unit("AIN3") + a.cfg.Chips["cam"].Unit("current"); unit != "‰µVµA" {
		t.Errorf("units %q", unit)
	}
}

// An order that the chip did not take is given again: nothing is waited for, and no fault comes of one transfer that failed.
func TestConverterOrderIsLost(t *testing.T) {
	at := time.Second
	now := func() time.Duration { return at }
	bus, part := sim.NewBus("I2C1"), sim.NewADS1115(now, 1000)
	if err := bus.Attach(0x48, part); err != nil {
		t.Fatal(err)
	}
	part.Drive(0, physic.Volt)
	c, err := newConverter(bus, chip{cfg: config.Chip{Kind: config.ADS1115, Address: 0x48}, inputs: 1, now: now})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Init(); err != nil {
		t.Fatal(err)
	}
	for transfer := range 4 { // of one look: configuration, result, configuration, order
		var s drivers.Sample
		refused := 0
		for look := range 20 {
			at += 10 * time.Millisecond
			if look == 3 {
				for n := range transfer + 1 {
					f := sim.Fault{Addr: 0x48, Times: 1}
					if n == transfer {
						f.Errno = syscall.ENXIO
					}
					bus.Inject(f)
				}
			}
			s.Reset()
			if err := c.Service(&s, 0); err != nil {
				if drivers.Classify(err) != drivers.FaultNoAck {
					t.Errorf("transfer %d, look %d: %v", transfer, look, err)
				}
				refused++
			}
		}
		if refused != 1 || len(s.Readings) != 1 {
			t.Errorf("transfer %d: refused %d times, %d readings at last", transfer, refused, len(s.Readings))
		}
	}
}

func seen(got map[string]int64, id string) (names []string) {
	for name := range got {
		if strings.HasPrefix(name, id) {
			names = append(names, name)
		}
	}
	return names
}

// A coil that the last owner left on is off before the daemon opens its storage; a relay that cannot be driven is
// reported, and taken again when its chip is back.
func TestExpanderRelays(t *testing.T) {
	m := newModels(t)
	for _, w := range [][]byte{{0x14, 0x80, 0x00}, {0x00, 0x7f, 0x7f}} { // OLAT, IODIR: GPA7 high and GPB7 low, both on
		if err := m.bus.Tx(0x20, w, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.bus.Tx(0x38, []byte{0xfe}, nil); err != nil {
		t.Fatal(err)
	}
	rest := func(when string) {
		t.Helper()
		if a, b, c := m.x1.Output(7), m.x1.Output(15), m.x3.Output(0); a != sim.Low || b != sim.High || c != sim.HiZ {
			t.Errorf("%s: open %v, close %v, stop %v", when, a, b, c)
		}
	}
	if m.x1.Output(7) != sim.High || m.x1.Output(15) != sim.Low || m.x3.Output(0) != sim.Low {
		t.Fatal("the coils are not on to begin with")
	}
	ctx, cancel := context.WithCancel(t.Context())
	events := make(chan gateway.Event, 1000)
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			Config: cabinetConfig(t), Hardware: Hardware{Lines: line.Registry(nil), OpenBus: m.open},
			Event: func(_ gateway.EventID, e gateway.Event) {
				if e.Type == gateway.GatewayStarted {
					rest("at the first event")
				}
				events <- e
			},
		})
	}()
	await := func(typ gateway.Type, part string) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for {
			select {
			case e := <-events:
				if d, ok := e.Data.(gateway.BusFaultData); ok && e.Type == typ && e.ID == "i2c-1" && d.Part == part {
					return
				}
			case err := <-done:
				t.Fatalf("the daemon ended: %v", err)
			case <-deadline:
				t.Fatalf("no %s of %s", typ, part)
			}
		}
	}
	time.Sleep(1500 * time.Millisecond) // the relays are looked at once a second
	m.x1.Hold(true)
	await(gateway.BusFault, "g1-open")
	m.x1.Hold(false)
	await(gateway.BusRecovered, "g1-open")
	rest("after the chip came back")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	rest("after the end")
}

// A daemon that died with coils of an expander on: the one tool that writes outputs makes them inactive.
func TestSafeOnExpanders(t *testing.T) {
	m := newModels(t)
	for _, w := range [][]byte{{0x14, 0x80, 0x00}, {0x00, 0x7f, 0x7f}} { // OLAT, IODIR: GPA7 high and GPB7 low, both on
		if err := m.bus.Tx(0x20, w, nil); err != nil {
			t.Fatal(err)
		}
	}
	n, err := MakeSafe(cabinetConfig(t), Hardware{Lines: line.Registry(nil), OpenBus: m.open})
	if err != nil || n != 3 || m.x1.Output(7) != sim.Low || m.x1.Output(15) != sim.High {
		t.Errorf("%d relays, %v: open %v, close %v", n, err, m.x1.Output(7), m.x1.Output(15))
	}
	m.x1.Hold(true)
	if _, err := MakeSafe(cabinetConfig(t), Hardware{Lines: line.Registry(nil), OpenBus: m.open}); drivers.Classify(err) != drivers.FaultNoAck {
		t.Errorf("a chip that does not answer: %v", err)
	}
}

// A board without a clock of its own takes the date from a DS3231 that can be trusted, and from no other.
func TestClockOnTheBus(t *testing.T) {
	w := &watch{up: time.Minute, system: epoch}
	c := reboot(t, nil, "b", w)
	bus := func(date time.Time, trusted bool) bool { return c.fromBus(date, trusted, gateway.Mono(w.up)) }
	look := func(want string) {
		t.Helper()
		g := c.look()
		if got := stamp(c, "b", time.Minute); got != want || g.synced != (g.Quality == gateway.ClockSynced) {
			t.Errorf("%s, synced %v, want %s", got, g.synced, want)
		}
	}
	look("unset")
	bus(noon, false)
	look("unset") // its oscillator had stopped
	bus(built.Add(-time.Hour), true)
	look("unset") // before this program was made
	bus(noon, true)
	look("2026-11-23 12:00:00 holdover")
	w.up += time.Hour
	look("2026-11-23 12:00:00 holdover") // not the kernel's date
	bus(noon, false)
	look("2026-11-23 12:00:00 holdover") // its battery is out: what is known goes on by the monotonic clock

	w.ntp, w.system = true, noon.Add(2*time.Second-time.Minute)
	look("2026-11-23 12:00:02 synced")
	now := w.system.Add(w.up)
	for _, x := range []struct {
		date    time.Time
		trusted bool
		set     bool
	}{{now, true, false}, {now.Add(time.Second), true, false}, {now.Add(-3 * time.Second), true, true}, {now, false, true}} {
		if got := bus(x.date, x.trusted); got != x.set {
			t.Errorf("off by %v, trusted %v: set %v", x.date.Sub(now), x.trusted, got)
		}
	}
}

// A clock on the bus that is off is set to what the system clock shows.
func TestClockOnTheBusIsSet(t *testing.T) {
	w := &watch{up: time.Minute, ntp: true, system: noon.Add(-time.Minute)}
	c := reboot(t, nil, "b", w)
	c.look()
	bus := sim.NewBus("I2C1")
	part := sim.NewDS3231(func() time.Duration { return w.up }, 0)
	if err := bus.Attach(0x68, part); err != nil {
		t.Fatal(err)
	}
	r, err := newRTC(bus, chip{clock: c, now: func() time.Duration { return w.up }})
	if err != nil {
		t.Fatal(err)
	}
	var s drivers.Sample
	if err := r.Service(&s, 0); err != nil {
		t.Fatal(err)
	}
	if off := part.Time().Sub(noon).Abs(); off > time.Second {
		t.Errorf("it shows %v, want %v", part.Time(), noon)
	}
}
