package field

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers/mcp23017"
	"lotusgate/firmware-sim/chip"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// heldBus is a bus whose wires can be held: a transfer then takes the kernel's second, and fails.
type heldBus struct {
	i2c.Bus
	held atomic.Bool
}

func (b *heldBus) Tx(addr uint16, w, r []byte) error {
	if b.held.Load() {
		time.Sleep(time.Second)
		return errors.New("sysfs-i2c: " + syscall.ETIMEDOUT.Error())
	}
	time.Sleep(500 * time.Microsecond)
	return b.Bus.Tx(addr, w, r)
}

// panel is a gate whose OPEN (GPA7, active high) and CLOSE (GPB7, active low) relays are on an expander, and its STOP relay
// on a native line.
type panel struct {
	model *chip.MCP23017
	bus   *heldBus
	stop  *coil
	hub   *hub.Hub
	want  func(device.Drive)
	now   func() gateway.Mono
	end   func()
}

func (p *panel) pulse(length time.Duration) device.Pulse {
	from := p.now()
	if length == 0 {
		return device.Pulse{From: from, Until: device.Forever}
	}
	return device.Pulse{From: from, Until: from.Add(length)}
}

func (p *panel) open() bool  { return p.model.Output(7) == chip.High }
func (p *panel) close() bool { return p.model.Output(15) == chip.Low }

// faults of the gate, as the center hears of them.
func (p *panel) faults() string {
	var all []string
	for _, a := range p.hub.View().Alarms {
		if a.ID == "gate" {
			all = append(all, a.Key())
		}
	}
	return strings.Join(all, " ")
}

func onExpander(t *testing.T, script func(p *panel)) {
	synctest.Test(t, func(t *testing.T) {
		origin := time.Now()
		p := &panel{model: chip.NewMCP23017(chip.MCP23017Wiring{}), stop: &coil{start: origin}}
		p.now = func() gateway.Mono { return gateway.MonoOf(boot + time.Since(origin)) }
		wire := chip.NewBus("I2C1")
		if err := wire.Attach(0x20, p.model); err != nil {
			t.Fatal(err)
		}
		p.bus = &heldBus{Bus: wire}
		dev, err := mcp23017.New(p.bus, 0x20, mcp23017.Opts{
			Inputs: 0x0001, Outputs: 0x8080, Inactive: 0x8000, Now: func() time.Duration { return time.Duration(p.now()) },
		})
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{
			Sources: []SourceConfig{{ID: GPIO, Kind: GPIO, Bus: GPIO}, {ID: "bus", Bus: "bus", Quiet: true}, {ID: "x1", Bus: "bus"}},
			Buses: []BusConfig{{ID: "bus", Source: 1, Speed: 400_000, Chips: []ChipConfig{{ID: "x1", Source: 2, Poll: time.Second}}, Open: func() (Bus, error) {
				return Bus{Chips: []Chip{dev}, Close: func() error { return nil }}, nil
			}}},
		}
		relays := [device.Outputs]Relay{&later{}, &later{}, p.stop}
		cfg.Devices = []DeviceConfig{{
			Meta:    gateway.MetaDevice{ID: "gate", Kind: "gate"},
			Machine: Box(device.NewGate(device.GateConfig{Travel: time.Minute})), Relays: relays, Held: true,
		}}
		p.hub = hub.New(p.now)
		f := New(cfg, p.hub, &memory{start: p.now()}, p.now, nil)
		relays[device.OpenOutput].(*later).Relay = f.Relay("x1", 7, false)
		relays[device.CloseOutput].(*later).Relay = f.Relay("x1", 15, true)
		p.want = f.actuators["gate"].want
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		p.end = func() { cancel(); <-done }
		wait(100 * ms)
		if p.open() || p.close() {
			t.Fatal("active from the start")
		}
		script(p)
		p.end()
	})
}

// later is a relay that there is only once the field is made.
type later struct{ Relay }

func TestPulseOnAnExpander(t *testing.T) {
	onExpander(t, func(p *panel) {
		for n, on := range map[device.Output]func() bool{device.OpenOutput: p.open, device.CloseOutput: p.close} {
			began, length := time.Now(), time.Duration(0)
			var d device.Drive
			d[n] = p.pulse(500 * ms)
			p.want(d)
			for time.Since(began) < 2*time.Second {
				wait(ms)
				if on() {
					length += ms
				}
			}
			if length < 495*ms || length > 505*ms {
				t.Errorf("%v was active for %v", n, length)
			}
		}
		if f := p.faults(); f != "" {
			t.Errorf("alarms %q", f)
		}
	})
}

// The bus is lost in the middle of a pulse, and the latch of the chip keeps the coil: an alarm stands until the relay is
// known to be off, which is soon after the bus is back. STOP on a native line does not wait for the bus.
func TestBusLostInAPulse(t *testing.T) {
	onExpander(t, func(p *panel) {
		p.want(device.Drive{device.CloseOutput: p.pulse(500 * ms)})
		wait(200 * ms)
		p.bus.held.Store(true)
		wait(400 * ms) // the pulse is over by now
		p.want(device.Drive{device.StopOutput: p.pulse(500 * ms), device.OpenOutput: p.pulse(0)})
		wait(ms)
		if on, _, _ := p.stop.Active(); !on {
			t.Error("STOP waits for the bus of another relay")
		}
		wait(10 * time.Second)
		if !p.close() || p.faults() != "gate/relay_readback" {
			t.Errorf("the bus is held: close %v, alarms %q", p.close(), p.faults())
		}
		p.bus.held.Store(false)
		for began := time.Now(); p.close(); wait(ms) {
			if p.open() {
				t.Fatal("OPEN and CLOSE are both active")
			}
			if time.Since(began) > 4*time.Second {
				t.Fatal("still active")
			}
		}
		for began := time.Now(); p.faults() != ""; wait(ms) {
			if time.Since(began) > 5*time.Second {
				t.Fatalf("alarms %q", p.faults())
			}
		}
		for began := time.Now(); !p.open(); wait(ms) { // what is still wanted comes after the gap
			if time.Since(began) > 5*time.Second {
				t.Fatal("OPEN is not held again")
			}
		}
	})
}

// A chip that loses its supply while it holds a relay lets go of it; it is told again within a second, and at the end of
// the program everything is off.
func TestChipResetWhileHolding(t *testing.T) {
	onExpander(t, func(p *panel) {
		p.want(device.Drive{device.OpenOutput: p.pulse(0)})
		wait(10 * time.Second)
		if !p.open() {
			t.Fatal("not held")
		}
		p.model.Reset()
		if p.open() {
			t.Fatal("the model keeps its latch without supply")
		}
		wait(1100 * ms)
		if !p.open() {
			t.Error("not held again")
		}
		p.end()
		if p.open() {
			t.Error("still active after the end")
		}
	})
}

// An output that does not hold what was written is switched off again and reported.
func TestReadBackDiffers(t *testing.T) {
	onExpander(t, func(p *panel) {
		// The fourth byte of a transfer: a write of the latch has three, its proof goes on to IODIR.
		clear := p.bus.Bus.(*chip.Bus).Inject(chip.Fault{Addr: 0x20, Times: chip.Forever, After: 3, Flip: 0x80})
		p.want(device.Drive{device.OpenOutput: p.pulse(500 * ms)})
		wait(300 * ms)
		clear()
		if p.faults() != "gate/relay_readback" {
			t.Errorf("alarms %q", p.faults())
		}
		wait(3 * time.Second)
		if p.open() {
			t.Error("still active")
		}
	})
}
