package drivers_test

import (
	"testing"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/mcp23017"
	"lotusgate/drivers/meter"
	"lotusgate/drivers/pca9555"
	"lotusgate/firmware-sim/chip"

	"periph.io/x/conn/v3/i2c"
)

// expander is a chip in use.
type expander struct {
	service func(*drivers.Sample, time.Duration) error
	drive   func(pin int, high bool)
	pins    []int
}

// cabinets of eight chips: 112 inputs on MCP23017s, 128 on PCA9555s.
var cabinets = []struct {
	name string
	bits uint64 // the least that tells one edge: address, register, address again, the inputs of a chip
	pins int
	make func(b *testing.B, wire *chip.Bus, bus i2c.Bus, addr uint16, now func() time.Duration) expander
}{
	{"8 MCP23017", drivers.Bits(1, 6), 14, func(b *testing.B, wire *chip.Bus, bus i2c.Bus, addr uint16, now func() time.Duration) expander {
		m := chip.NewMCP23017(chip.MCP23017Wiring{})
		attach(b, wire, addr, m)
		d, err := mcp23017.New(bus, addr, mcp23017.Opts{Inputs: 0x7f7f, Interrupt: true, Now: now})
		if err == nil {
			err = d.Init()
		}
		if err != nil {
			b.Fatal(err)
		}
		return expander{d.Service, m.Drive, []int{0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14}}
	}},
	{"8 PCA9555", drivers.Bits(1, 2), 16, func(b *testing.B, wire *chip.Bus, bus i2c.Bus, addr uint16, now func() time.Duration) expander {
		m := chip.NewPCA9555(chip.PCA9555Wiring{})
		attach(b, wire, addr, m)
		d, err := pca9555.New(bus, addr, pca9555.Opts{Inputs: 0xffff, Now: now})
		if err == nil {
			err = d.Init()
		}
		if err != nil {
			b.Fatal(err)
		}
		return expander{d.Service, m.Drive, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}
	}},
}

func attach(b *testing.B, wire *chip.Bus, addr uint16, d chip.Device) {
	b.Helper()
	if err := wire.Attach(addr, d); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkBus edges: one edge after another, each served when INT tells of it. Beside the transfers and bits that it
// costs stands the arithmetic minimum: the inputs of one chip (INTF, INTCAP and GPIO of an MCP23017) and nothing else. The
// rest is the price of the proof that the chip still has its settings, see the package comments.
//
// BenchmarkBus polls: every chip is looked at every 20 ms although nothing happens, which is what a cabinet without INT
// wires costs. load is in per cent of 400 kHz.
func BenchmarkBus(b *testing.B) {
	const hertz = 400_000
	for _, c := range cabinets {
		now := time.Second
		wire := chip.NewBus("I2C1")
		var m meter.Meter
		bus := m.Wrap(wire)
		var chips []expander
		for n := range 8 {
			chips = append(chips, c.make(b, wire, bus, uint16(0x20+n), func() time.Duration { return now }))
		}
		b.Run(c.name+"/edges", func(b *testing.B) {
			var s drivers.Sample
			for _, x := range chips { // begin with every contact open
				s.Reset()
				for _, pin := range x.pins {
					x.drive(pin, false)
				}
				if err := x.service(&s, 0); err != nil {
					b.Fatal(err)
				}
			}
			before, edges := m.Bus(), 0
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				x := chips[n/c.pins%8]
				x.drive(x.pins[n%c.pins], n/(8*c.pins)%2 == 0)
				now += time.Millisecond
				s.Reset()
				if err := x.service(&s, now); err != nil {
					b.Fatal(err)
				}
				edges += len(s.Edges)
				n++
			}
			if edges != n {
				b.Fatalf("%d edges of %d", edges, n)
			}
			t := m.Bus()
			b.ReportMetric(float64(t.Transfers-before.Transfers)/float64(edges), "transfers/edge")
			b.ReportMetric(float64(t.Bits-before.Bits)/float64(edges), "bits/edge")
			b.ReportMetric(float64(c.bits), "least-bits/edge")
			b.ReportMetric(float64(t.Bits-before.Bits)/float64(edges)/float64(c.bits), "of-least")
			b.ReportMetric(float64(hertz)/(float64(t.Bits-before.Bits)/float64(edges)), "edges/s-at-400kHz")
		})
		b.Run(c.name+"/polls", func(b *testing.B) {
			var s drivers.Sample
			before, rounds := m.Bus(), 0
			b.ReportAllocs()
			for b.Loop() {
				for _, x := range chips {
					s.Reset()
					if err := x.service(&s, 0); err != nil {
						b.Fatal(err)
					}
				}
				rounds++
			}
			bits := m.Bus().Bits - before.Bits
			during := time.Duration(rounds) * 20 * time.Millisecond
			b.ReportMetric(drivers.Load(bits, hertz, during), "%load")
			b.ReportMetric(drivers.Load(uint64(rounds)*8*drivers.Bits(1, 2), hertz, during), "%least")
		})
	}
}
