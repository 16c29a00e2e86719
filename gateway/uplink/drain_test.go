package uplink

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"lotusgate/gateway"
)

const benchWindow = 64

// BenchmarkDrain sends b.N stored events to mosquitto, as the uplink does, as a loop around a bare paho client with the
// same window does, and as a loop around a socket that knows nothing but PUBLISH and PUBACK does. Run it with
// -benchtime 50000x: the ratios are of one run, so that they hold on a noisy machine too.
func BenchmarkDrain(b *testing.B) {
	m := newMosquitto(b)
	g := prepare(b, m.url)
	g.opt.Window = benchWindow
	g.out.add(b.N, g.clock.Now())
	payload := cloudEvent(g.out.records[0])
	topic := topicsOf(testRoot).event("lane", "entry")
	bare, raw := newBare(b, m), newRaw(b, m)

	// Three rounds in turns of the two loops, and the uplink between them.
	rounds := func(run func(n int)) (time.Duration, uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		run(b.N)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		return took, after.Mallocs - before.Mallocs
	}
	rawFirst, _ := rounds(func(n int) { raw.publish(topic, payload, n) })
	bareFirst, bareAllocs := rounds(func(n int) { bare.publish(topic, payload, n) })
	b.ResetTimer()
	ours, allocs := rounds(func(int) {
		drained := g.out.drained()
		g.start()
		wait(b, "drained", drained)
	})
	b.StopTimer()
	bareSecond, _ := rounds(func(n int) { bare.publish(topic, payload, n) })
	rawSecond, _ := rounds(func(n int) { raw.publish(topic, payload, n) })

	n := float64(b.N)
	b.ReportMetric(n/ours.Seconds(), "events/s")
	b.ReportMetric((bareFirst+bareSecond).Seconds()/2/ours.Seconds(), "of-bare-paho")
	b.ReportMetric((rawFirst+rawSecond).Seconds()/2/ours.Seconds(), "of-raw-socket")
	b.ReportMetric(float64(allocs)/n, "allocs/event")
	b.ReportMetric(float64(bareAllocs)/n, "bare-paho-allocs/event")
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
