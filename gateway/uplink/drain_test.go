package uplink

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	"golang.org/x/sys/unix"

	"lotusgate/gateway"
)

const (
	benchWindow = 64
	benchTurn   = 5000
)

// BenchmarkDrain sends b.N stored events to mosquitto, as the uplink does, as a loop around a bare paho client with the
// same window does, and as a loop around a socket that knows nothing but PUBLISH and PUBACK does. They take turns of
// benchTurn events, and the ratios are medians over the turns: whatever else this machine does, it does to all three. Run it
// with -benchtime 100000x.
func BenchmarkDrain(b *testing.B) {
	m := newMosquitto(b)
	g := prepare(b, m.url)
	g.opt.Window = benchWindow
	g.out.add(1, g.clock.Now())
	stored := g.out.records[0].Payload
	payload := cloudEvent(g.out.records[0])
	topic := topicsOf(testRoot).event("lane", "entry")
	bare, raw := newBare(b, m), newRaw(b, m)
	g.start()
	wait(b, "drained", g.out.drained())

	type cost struct {
		took   float64
		cpu    time.Duration // of this process: what the sender itself costs
		allocs uint64
	}
	turn := func(run func(n int), n int) cost {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		cpu, start := processorTime(b), time.Now()
		run(n)
		took := time.Since(start).Seconds()
		cpu = processorTime(b) - cpu
		runtime.ReadMemStats(&after)
		return cost{took, cpu, after.Mallocs - before.Mallocs}
	}
	var ours, ofBare, ofRaw, cpuOfBare []float64
	var cpu time.Duration
	var allocs, bareAllocs uint64
	b.ResetTimer()
	for left := b.N; left > 0; left -= benchTurn {
		n := min(left, benchTurn)
		g.out.fill(n, stored)
		own := turn(func(int) {
			drained := g.out.drained()
			g.out.signal()
			wait(b, "drained", drained)
		}, n)
		paho := turn(func(n int) { bare.publish(topic, payload, n) }, n)
		socket := turn(func(n int) { raw.publish(topic, payload, n) }, n)
		ours = append(ours, float64(n)/own.took)
		ofBare, ofRaw = append(ofBare, paho.took/own.took), append(ofRaw, socket.took/own.took)
		cpuOfBare = append(cpuOfBare, own.cpu.Seconds()/paho.cpu.Seconds())
		cpu, allocs, bareAllocs = cpu+own.cpu, allocs+own.allocs, bareAllocs+paho.allocs
	}
	b.StopTimer()
	b.ReportMetric(middle(ours), "events/s")
	b.ReportMetric(middle(ofBare), "of-bare-paho")
	b.ReportMetric(middle(ofRaw), "of-raw-socket")
	b.ReportMetric(cpu.Seconds()*1e6/float64(b.N), "cpu-µs/event")
	b.ReportMetric(middle(cpuOfBare), "×cpu-of-bare-paho")
	b.ReportMetric(float64(allocs)/float64(b.N), "allocs/event")
	b.ReportMetric(float64(bareAllocs)/float64(b.N), "bare-paho-allocs/event")
	b.ReportMetric(0, "ns/op") // all three together: means nothing
}

func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func middle(s []float64) float64 {
	slices.Sort(s)
	return s[len(s)/2]
}

func cloudEvent(r Record) []byte {
	e, err := parse(r.Payload)
	if err != nil {
		panic(err)
	}
	return gateway.AppendCloudEvent(make([]byte, 0, 512), "//lianhua/park-01", r.ID, e, gateway.Stamp{Time: time.Now(), Clock: gateway.ClockSynced})
}

// bare is paho with a window and nothing else.
type bare struct {
	b      *testing.B
	client mqtt.Client
}

func newBare(b *testing.B, m *mosquitto) bare {
	return bare{b, m.client("bare", func(o *mqtt.ClientOptions) {
		o.SetAutoReconnect(false).SetCleanSession(true).SetStore(noStore{}).SetOrderMatters(false).SetWriteTimeout(writeTimeout)
	})}
}

func (p bare) publish(topic string, payload []byte, n int) {
	var flying [benchWindow]mqtt.Token
	for i := range n {
		if old := flying[i%benchWindow]; old != nil {
			finished(p.b, "publish", old)
		}
		flying[i%benchWindow] = p.client.Publish(topic, 1, false, bytes.Clone(payload))
	}
	for _, t := range flying {
		if t != nil {
			finished(p.b, "publish", t)
		}
	}
}

// BenchmarkEvent is the work of one event up to the hand-over to paho.
func BenchmarkEvent(b *testing.B) {
	out := newMemory()
	out.add(1, gateway.Mono(time.Hour))
	r := out.records[0]
	b.ReportAllocs()
	for b.Loop() {
		cloudEvent(r)
	}
}

// BenchmarkParse is the part of it that reads what the outbox kept.
func BenchmarkParse(b *testing.B) {
	out := newMemory()
	out.add(1, gateway.Mono(time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(out.records[0].Payload); err != nil {
			b.Fatal(err)
		}
	}
}

// raw writes packets and counts acknowledgements.
type raw struct {
	b    *testing.B
	conn net.Conn
	r    *bufio.Reader
}

func newRaw(b *testing.B, m *mosquitto) raw {
	conn, err := net.Dial("tcp", m.addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion, c.CleanSession, c.ClientIdentifier = "MQTT", 4, true, "raw"
	if err := c.Write(conn); err != nil {
		b.Fatal(err)
	}
	r := bufio.NewReader(conn)
	if _, err := packets.ReadPacket(r); err != nil {
		b.Fatal(err)
	}
	return raw{b, conn, r}
}

func (p raw) publish(topic string, payload []byte, n int) {
	m := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	m.TopicName, m.Payload, m.Qos, m.MessageID = topic, payload, 1, 0x1234
	var buf bytes.Buffer
	if err := m.Write(&buf); err != nil {
		p.b.Fatal(err)
	}
	packet := buf.Bytes()
	at := bytes.Index(packet, []byte{0x12, 0x34})
	room := make(chan struct{}, benchWindow)
	failed := make(chan error, 1)
	go func() {
		var ack [4]byte
		for range n {
			if _, err := io.ReadFull(p.r, ack[:]); err != nil {
				failed <- err
				return
			}
			<-room
		}
		failed <- nil
	}()
	for i := range n {
		room <- struct{}{}
		id := uint16(i%60000 + 1)
		packet[at], packet[at+1] = byte(id>>8), byte(id)
		if _, err := p.conn.Write(packet); err != nil {
			p.b.Fatal(err)
		}
	}
	if err := <-failed; err != nil {
		p.b.Fatal(err)
	}
}
