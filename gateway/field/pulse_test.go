package field

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers"
	"lotusgate/drivers/mcp23017"
	"lotusgate/firmware-sim/chip"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/hub"
)

// slowBus takes the time that the bits take at 400 kHz, and some for the kernel.
type slowBus struct{ *chip.Bus }

func (b slowBus) Tx(addr uint16, w, r []byte) error {
	time.Sleep(time.Duration(drivers.Bits(len(w), len(r)))*2500*time.Nanosecond + 50*time.Microsecond)
	return b.Bus.Tx(addr, w, r)
}

var _ i2c.Bus = slowBus{}

// pulseBoard is native lines and MCP23017s with their INT wires, on virtual time.
type pulseBoard struct {
	origin time.Time
	mu     sync.Mutex
	levels []bool
	edges  chan drivers.Edge
}

func (b *pulseBoard) now() gateway.Mono { return gateway.MonoOf(boot + time.Since(b.origin)) }

func (b *pulseBoard) set(n int, level bool) {
	b.mu.Lock()
	was := b.levels[n]
	b.levels[n] = level
	b.mu.Unlock()
	if was != level {
		b.edges <- drivers.Edge{Channel: n, Level: level, At: time.Duration(b.now()), Clock: drivers.KernelClock}
	}
}

func (b *pulseBoard) Edges() <-chan drivers.Edge { return b.edges }

func (b *pulseBoard) Level(n int) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.levels[n], nil
}

func (b *pulseBoard) Close() error { return nil }

// Not one pulse of 50 ms is lost, on a native line or on an MCP23017 with INT, while every other pin of the same and of
// seven other chips chatters, and every other line.
func TestPulsesUnderLoad(t *testing.T) {
	const chips, lines, pulses = 8, 8, 40
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				b := &pulseBoard{origin: time.Now(), levels: make([]bool, lines+chips), edges: make(chan drivers.Edge, 4096)}
				wire := slowBus{chip.NewBus("I2C1")}
				cfg := Config{Sources: []SourceConfig{{ID: GPIO, Kind: GPIO, Bus: GPIO}, {ID: "bus", Bus: "bus", Quiet: true}}}
				bus := BusConfig{ID: "bus", Source: 1, Speed: 400_000}
				loop := func(id string, source, channel int, settle time.Duration) {
					p := len(cfg.Points)
					cfg.Points = append(cfg.Points, PointConfig{ID: "p" + id, Source: source, Channel: channel, Settle: settle})
					cfg.Devices = append(cfg.Devices, DeviceConfig{
						Meta: gateway.MetaDevice{ID: id, Kind: "loop"}, Machine: Box(device.NewLoop(device.LoopConfig{})), Parts: []Part{{Point: p}},
					})
				}
				loop("native", 0, 0, 20*time.Millisecond)
				var models []*chip.MCP23017
				var parts []Chip
				for n := range chips {
					b.levels[lines+n] = true
					m := chip.NewMCP23017(chip.MCP23017Wiring{Interrupt: func(pin int, high bool) {
						if pin == 0 {
							b.set(lines+n, high)
						}
					}})
					for pin := range 16 {
						m.Drive(pin, false)
					}
					addr := uint16(0x20 + n)
					if err := wire.Attach(addr, m); err != nil {
						t.Fatal(err)
					}
					d, err := mcp23017.New(wire, addr, mcp23017.Opts{
						Inputs: 0x7f7f, Interrupt: true, Now: func() time.Duration { return time.Duration(b.now()) },
					})
					if err != nil {
						t.Fatal(err)
					}
					models, parts = append(models, m), append(parts, d)
					cfg.Sources = append(cfg.Sources, SourceConfig{ID: fmt.Sprintf("x%d", n), Bus: "bus"})
					bus.Chips = append(bus.Chips, ChipConfig{Source: 2 + n, Interrupts: []int{lines + n}, Poll: time.Second})
				}
				loop("expander", 2+3, 5, 30*time.Millisecond)
				bus.Open = func() (Bus, error) { return Bus{Chips: parts, Close: func() error { return nil }}, nil }
				cfg.Buses = []BusConfig{bus}
				cfg.Lines = &LinesConfig{Count: lines + chips, Open: func(c []int) (Lines, []error) { return b, make([]error, len(c)) }}

				m := &memory{start: b.now()}
				f := New(cfg, hub.New(b.now), m, b.now, nil)
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { f.Run(ctx) })
				time.Sleep(100 * time.Millisecond)

				chatter := func(every time.Duration, r *rand.Rand, flip func(level bool)) {
					level := false
					for ctx.Err() == nil {
						time.Sleep(time.Millisecond + time.Duration(r.Int64N(int64(every))))
						level = !level
						flip(level)
					}
				}
				for n := 1; n < lines; n++ {
					wg.Go(func() {
						chatter(20*time.Millisecond, rand.New(rand.NewPCG(seed, uint64(n))), func(l bool) { b.set(n, l) })
					})
				}
				for n, model := range models {
					for pin := range 15 {
						if pin == 7 || n == 3 && pin == 5 {
							continue
						}
						wg.Go(func() {
							chatter(200*time.Millisecond, rand.New(rand.NewPCG(seed, uint64(100*n+pin))), func(l bool) { model.Drive(pin, l) })
						})
					}
				}
				for range pulses {
					b.set(0, true)
					time.Sleep(time.Duration(random.Int64N(int64(5 * time.Millisecond))))
					models[3].Drive(5, true)
					time.Sleep(50 * time.Millisecond)
					models[3].Drive(5, false)
					b.set(0, false)
					time.Sleep(50*time.Millisecond + time.Duration(random.Int64N(int64(50*time.Millisecond))))
				}
				time.Sleep(200 * time.Millisecond)
				cancel()
				wg.Wait()
				got := m.take()
				for _, id := range []string{"native", "expander"} {
					if on, off := strings.Count(got, "loop.occupied "+id), strings.Count(got, "loop.cleared "+id); on != pulses || off != pulses {
						t.Errorf("%s: %d of %d pulses began, %d ended", id, on, pulses, off)
					}
				}
				if seed == 0 {
					s := wire.Stats()
					t.Logf("%d transfers, bus load %.0f %%", s.Transfers, drivers.Load(s.Bits, 400_000, time.Since(b.origin)))
				}
			})
		})
	}
}
