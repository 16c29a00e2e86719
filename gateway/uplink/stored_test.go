package uplink

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"lotusgate/gateway"
	"lotusgate/gateway/outbox"
)

// durable is the real outbox behind an uplink.
type durable struct {
	*outbox.Outbox
	taken []outbox.Record
}

func (d *durable) Take(dst []Record, max int) []Record {
	return d.handOver(dst, d.Outbox.Take(d.taken[:0], max))
}

func (d *durable) TakeLive(dst []Record, max int) []Record {
	return d.handOver(dst, d.Outbox.TakeLive(d.taken[:0], max))
}

func (d *durable) handOver(dst []Record, taken []outbox.Record) []Record {
	for _, r := range taken {
		dst = append(dst, Record{ID: gateway.EventID(r.ID), Payload: r.Payload, Resent: r.Resent})
	}
	d.taken = taken
	return dst
}

func (d *durable) Confirm(ids ...gateway.EventID) {
	for _, id := range ids {
		d.Outbox.Confirm(outbox.ID(id))
	}
}

func (d *durable) ConfirmTo(mark gateway.EventID) { d.Outbox.ConfirmTo(outbox.ID(mark)) }

func (d *durable) Ledger() gateway.Ledger {
	l := d.Outbox.Ledger()
	return gateway.Ledger{Epoch: l.Epoch, Run: l.Run, Number: l.Number}
}

// slowDisk is a card whose fsync takes that much longer.
type slowDisk struct {
	outbox.Disk
	sync time.Duration
}

type slowFile struct {
	outbox.File
	sync time.Duration
}

func (d slowDisk) Open(path string) (outbox.File, error) {
	f, err := d.Disk.Open(path)
	return slowFile{f, d.sync}, err
}

func (d slowDisk) Create(path string) (outbox.File, error) {
	f, err := d.Disk.Create(path)
	return slowFile{f, d.sync}, err
}

func (f slowFile) Sync() error {
	time.Sleep(f.sync)
	return f.File.Sync()
}

func openBox(b *testing.B, fsys outbox.FS) *durable {
	b.Helper()
	box, err := outbox.Open(outbox.Options{Dir: b.TempDir(), AlarmBytes: 4 << 20, NormalBytes: 256 << 20, FS: fsys})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := box.Close(); err != nil {
			b.Error(err)
		}
	})
	return &durable{Outbox: box}
}

// run starts an uplink of its own name over an outbox, and ends it with the benchmark.
func (g *gatewayUnderTest) run(b *testing.B, name string, out interface {
	Outbox
	Ledger
},
) {
	b.Helper()
	g.opt.ClientID, g.opt.Root, g.opt.Source = name, "lotusgate/v1/lianhua/"+name, "//lianhua/"+name
	u, err := New(g.opt, out, g.clock, g.hub, out)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { _ = u.Run(ctx) })
	b.Cleanup(func() {
		cancel()
		ended.Wait()
	})
	g.link("connected", connected)
}

func passedPayload(b *testing.B, g *gatewayUnderTest) []byte {
	b.Helper()
	payload, err := gateway.Store(gateway.Event{
		Type: gateway.VehiclePassed, ID: "entry", At: g.clock.Now(),
		Data: gateway.PassData{Direction: gateway.In, Confidence: gateway.HighConfidence, DurationMS: 2140, Count: 352},
	}, testBoot)
	if err != nil {
		b.Fatal(err)
	}
	return payload
}

// BenchmarkToSubscriber is the way of one event from its maker to a subscriber of mosquitto, in turns: without any
// store, with the outbox, and with the outbox on a card whose every fsync takes 20 ms more. ×plain are ratios of medians.
func BenchmarkToSubscriber(b *testing.B) {
	m := newMosquitto(b)
	arrived := make(chan string, 16)
	c := m.client("center", func(o *mqtt.ClientOptions) { o.SetOrderMatters(true) })
	finished(b, "subscribe", c.Subscribe("lotusgate/v1/lianhua/+/event/#", 1, func(_ mqtt.Client, m mqtt.Message) {
		arrived <- strings.Split(m.Topic(), "/")[3]
	}))
	plain := newMemory()
	gp, gs, gc := prepare(b, m.url), prepare(b, m.url), prepare(b, m.url)
	stored, card := openBox(b, nil), openBox(b, slowDisk{sync: 20 * time.Millisecond})
	gp.run(b, "plain", plain)
	gs.run(b, "stored", stored)
	gc.run(b, "card", card)
	payload := passedPayload(b, gp)
	ways := []struct {
		name   string
		append func(outbox.Queue)
		took   []time.Duration
	}{
		{"plain", func(outbox.Queue) { plain.addRaw(plain.run, payload) }, nil},
		{"stored", func(q outbox.Queue) { stored.Append(q, payload) }, nil},
		{"card", func(q outbox.Queue) { card.Append(q, payload) }, nil},
	}
	n := 0
	for b.Loop() {
		n++
		for i := range ways {
			w := &ways[i]
			start := time.Now()
			w.append(outbox.Queue(n % 2)) // every other one an alarm, which is committed at once
			select {
			case name := <-arrived:
				if name != w.name {
					b.Fatalf("%s arrived, %s was sent", name, w.name)
				}
			case <-time.After(patience):
				b.Fatal(w.name, " does not arrive")
			}
			w.took = append(w.took, time.Since(start))
		}
	}
	for i := range ways {
		slices.Sort(ways[i].took)
	}
	p50 := func(i int) float64 { return ways[i].took[len(ways[i].took)/2].Seconds() * 1e6 }
	b.ReportMetric(p50(0), "µs-plain")
	b.ReportMetric(p50(1)/p50(0), "×plain-stored")
	b.ReportMetric(p50(2)/p50(0), "×plain-20ms-fsync")
	b.ReportMetric(0, "ns/op") // three ways together: means nothing
}

// telegraf is what Telegraf 1.37 with buffer_strategy = "disk" reached on such a machine, in events a second.
const telegraf = 2560

// BenchmarkSustained is how many events a second become durable and acknowledged by mosquitto, issued as fast as memory
// allows. Run it with -benchtime 100000x.
func BenchmarkSustained(b *testing.B) {
	m := newMosquitto(b)
	g := prepare(b, m.url)
	box := openBox(b, nil)
	g.run(b, "sustained", box)
	payload := passedPayload(b, g)
	ctx, cancel := context.WithTimeout(context.Background(), 10*patience)
	defer cancel()
	b.ResetTimer()
	for i := range b.N {
		box.Append(outbox.Normal, payload)
		if i%1024 == 1023 {
			if err := box.Sync(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := box.Sync(ctx); err != nil {
		b.Fatal(err)
	}
	for box.Stats().Queues[outbox.Normal].Depth > 0 {
		if ctx.Err() != nil {
			b.Fatal(fmt.Errorf("%d events wait for ever", box.Stats().Queues[outbox.Normal].Depth))
		}
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	if d := box.Stats().Dropped; d > 0 {
		b.Fatalf("%d events were dropped", d)
	}
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "events/s")
	b.ReportMetric(rate/telegraf, "×telegraf")
}
