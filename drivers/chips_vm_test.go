//go:build linux

package drivers_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/ads1115"
	"lotusgate/drivers/ds3231"
	"lotusgate/drivers/ina219"
	"lotusgate/drivers/ina226"
	"lotusgate/drivers/line"
	"lotusgate/drivers/mcp23017"
	"lotusgate/drivers/pca9555"
	"lotusgate/drivers/pcf8574"
	"lotusgate/firmware-sim/chip"
	"lotusgate/firmware-sim/vm"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/host/v3/sysfs"
)

// The drivers on the kernel's own I²C character device: what a fault of the wire looks like after i2c-core, i2c-dev and
// periph have had their hands on it.

// wire carries transfers of the kernel to the models, with the bare errno that an adapter driver gives.
type wire struct {
	*chip.Bus
	held atomic.Bool // SDA is stuck: the adapter hears nothing
}

func (w *wire) Tx(addr uint16, out, in []byte) error {
	if w.held.Load() {
		return vm.ErrSilent
	}
	var msgs []chip.Message
	if len(out) > 0 || len(in) == 0 { // with neither the address alone is asked
		msgs = append(msgs, chip.Message{Addr: addr, Data: out})
	}
	if len(in) > 0 {
		msgs = append(msgs, chip.Message{Addr: addr, Read: true, Data: in})
	}
	return w.Transfer(msgs)
}

// subject is a driver with its model.
type subject struct {
	name  string
	addr  uint16
	model chip.Device
	reset func() // a loss of supply
	init  func() error
	read  func() (string, error) // one look, as text; stable while nothing happens
	blind bool                   // what is read has no redundancy: a disturbed byte shows in the next look only
}

func subjects(t *testing.T, bus i2c.Bus) []subject {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var all []subject
	levels := func(service func(*drivers.Sample, time.Duration) error) func() (string, error) {
		var s drivers.Sample
		return func() (string, error) {
			s.Reset()
			err := service(&s, 0)
			return fmt.Sprintf("%04x %v", s.Levels, s.Edges), err
		}
	}

	mcp := chip.NewMCP23017(chip.MCP23017Wiring{})
	a, err := mcp23017.New(bus, 0x20, mcp23017.Opts{Inputs: 0x7f7f, PullUps: 0x7f7f, Outputs: 0x8080, Now: line.Now})
	must(err)
	all = append(all, subject{"mcp23017", 0x20, mcp, mcp.Reset, a.Init, levels(a.Service), false})

	pca := chip.NewPCA9555(chip.PCA9555Wiring{})
	b, err := pca9555.New(bus, 0x21, pca9555.Opts{Inputs: 0x7fff, Outputs: 0x8000, Now: line.Now})
	must(err)
	all = append(all, subject{"pca9555", 0x21, pca, pca.Reset, b.Init, levels(b.Service), true})

	pcf := chip.NewPCF8574(chip.PCF8574Wiring{})
	c, err := pcf8574.New(bus, 0x38, pcf8574.Opts{Inputs: 0xff, Now: line.Now})
	must(err)
	all = append(all, subject{"pcf8574", 0x38, pcf, pcf.Reset, c.Init, levels(c.Service), true})

	adc := chip.NewADS1115(line.Now, 1000)
	adc.Drive(2, 1500*physic.MilliVolt)
	d, err := ads1115.New(bus, 0x48, ads1115.Opts{Max: 3 * physic.Volt, Rate: 860})
	must(err)
	all = append(all, subject{"ads1115", 0x48, adc, adc.Reset, func() error {
		_, err := d.Start(2)
		time.Sleep(3 * time.Millisecond)
		return err
	}, func() (string, error) {
		r, err := d.Read()
		return fmt.Sprint(r.Channel, r.Voltage, r.Clipped), err
	}, false})

	for n, part := range []interface {
		chip.Device
		Drive(shunt, bus physic.ElectricPotential)
		Reset()
	}{chip.NewINA219(line.Now), chip.NewINA226(line.Now)} {
		part.Drive(18*physic.MilliVolt, 12*physic.Volt)
		if n == 0 {
			dev, err := ina219.New(bus, 0x40, ina219.Opts{Shunt: 100 * physic.MilliOhm, Max: physic.Ampere, Supply: 12 * physic.Volt})
			must(err)
			all = append(all, subject{"ina219", 0x40, part, part.Reset, func() error {
				err := dev.Init()
				time.Sleep(40 * time.Millisecond)
				return err
			}, func() (string, error) {
				r, err := dev.Read()
				return fmt.Sprint(r.Current, r.Voltage), err
			}, true})
			continue
		}
		dev, err := ina226.New(bus, 0x41, ina226.Opts{Shunt: 100 * physic.MilliOhm, Max: physic.Ampere / 2, Supply: 12 * physic.Volt})
		must(err)
		all = append(all, subject{"ina226", 0x41, part, part.Reset, func() error {
			err := dev.Init()
			time.Sleep(40 * time.Millisecond)
			return err
		}, func() (string, error) {
			r, err := dev.Read()
			return fmt.Sprint(r.Current, r.Voltage), err
		}, true})
	}

	rtc := chip.NewDS3231(func() time.Duration { return 0 }, 0) // it stands still, for comparison
	e, err := ds3231.New(bus)
	must(err)
	return append(all, subject{"ds3231", 0x68, rtc, func() {}, func() error {
		_, err := e.Read()
		return err
	}, func() (string, error) {
		r, err := e.Read()
		return fmt.Sprint(r.Time, r.Trusted), err
	}, true})
}

func TestVMDrivers(t *testing.T) {
	vm.GuestOnly(t)
	w := &wire{Bus: chip.NewBus("I2C1")}
	w.Sleep(time.Sleep)
	bus, err := vm.NewBus(1, w)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	if err := bus.SetTimeout(200 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	host, err := sysfs.NewI2C(1)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	all := subjects(t, host)
	for _, s := range all {
		if err := w.Attach(s.addr, s.model); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) { s.test(t, w) })
	}
	t.Run("bus pulled out", func(t *testing.T) {
		if err := bus.Close(); err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			if _, err := s.read(); drivers.Classify(err) != drivers.FaultMissing {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	})
}

// test runs one driver through every way in which a transfer fails.
func (s subject) test(t *testing.T, w *wire) {
	if err := s.init(); err != nil {
		t.Fatal(err)
	}
	want, err := s.read()
	if err != nil {
		t.Fatal(err)
	}
	fault := func(name string, f chip.Fault, kind drivers.Fault) {
		t.Run(name, func(t *testing.T) {
			f.Addr, f.Times = s.addr, chip.Forever
			clear := w.Inject(f)
			got, err := s.read()
			clear()
			var e *drivers.Error
			if drivers.Classify(err) != kind || err != nil && !errors.As(err, &e) {
				t.Errorf("%v (%v), want %v", drivers.Classify(err), err, kind)
			}
			if err == nil && got != want {
				t.Errorf("read %s, want %s", got, want)
			}
			s.recovers(t, want)
		})
	}
	fault("no answer", chip.Fault{Errno: syscall.ENXIO}, drivers.FaultNoAck)
	fault("no answer on a Raspberry Pi", chip.Fault{Errno: syscall.EREMOTEIO}, drivers.FaultRemoteIO)
	fault("arbitration lost", chip.Fault{Errno: syscall.EAGAIN}, drivers.FaultArbitration)
	half := 1
	if s.name == "pcf8574" {
		half = 0 // one byte is all it ever sends
	}
	fault("failed half way", chip.Fault{Errno: syscall.EREMOTEIO, After: half}, drivers.FaultRemoteIO)
	fault("time-out", chip.Fault{Errno: syscall.ETIMEDOUT}, drivers.FaultTimeout)
	fault("clock stretched for 30 ms", chip.Fault{Delay: 30 * time.Millisecond}, drivers.FaultNone)

	t.Run("SDA stuck", func(t *testing.T) {
		w.held.Store(true)
		before := time.Now()
		_, err := s.read()
		w.held.Store(false)
		if drivers.Classify(err) != drivers.FaultTimeout || time.Since(before) < 150*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(before))
		}
		s.recovers(t, want)
	})
	t.Run("one byte disturbed", func(t *testing.T) {
		for after := range 4 {
			w.Inject(chip.Fault{Addr: s.addr, Times: 1, After: after, Flip: 0x40})
			if got, err := s.read(); err == nil && got != want && !s.blind {
				t.Errorf("byte %d disturbed: read %s, want %s or an error", after, got, want)
			}
			s.recovers(t, want)
		}
	})
	t.Run("supply lost and back", func(t *testing.T) {
		s.reset()
		_, err := s.read()
		f := drivers.Classify(err)
		if silent := s.name == "pcf8574" || s.name == "ds3231"; silent != (f == drivers.FaultNone) || !silent && f != drivers.FaultReset {
			t.Errorf("%v (%v)", f, err)
		}
		s.recovers(t, want)
	})
	t.Run("unplugged and back", func(t *testing.T) {
		w.Detach(s.addr)
		if _, err := s.read(); drivers.Classify(err) != drivers.FaultNoAck {
			t.Error(err)
		}
		if err := s.init(); drivers.Classify(err) != drivers.FaultNoAck {
			t.Error(err)
		}
		if err := w.Attach(s.addr, s.model); err != nil {
			t.Fatal(err)
		}
		s.recovers(t, want)
	})
}

// recovers sets the chip up again and expects what was there before. The first look may report that a level which was
// read wrong is right again.
func (s subject) recovers(t *testing.T, want string) {
	t.Helper()
	if err := s.init(); err != nil {
		t.Fatal(err)
	}
	_, err := s.read()
	if s.blind && err == nil {
		_, err = s.read()
	}
	if err != nil {
		t.Errorf("afterwards: %v", err)
		return
	}
	if got, err := s.read(); err != nil || got != want {
		t.Errorf("afterwards: %s, %v, want %s", got, err, want)
	}
}
