package uplink

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// pipes is a listener in memory, so that a gateway and a scripted broker can live in virtual time.
type pipes struct {
	calls chan net.Conn
	dead  chan struct{}
}

func newPiped(t *testing.T) (*gatewayUnderTest, *scripted) {
	l := &pipes{calls: make(chan net.Conn), dead: make(chan struct{})}
	g := prepare(t, "mqtt://broker")
	g.open = func(ctx context.Context) (net.Conn, net.Conn, error) {
		near, far := net.Pipe()
		select {
		case l.calls <- far:
			return memoryConn{near}, memoryConn{near}, nil
		case <-l.dead:
			return nil, nil, errors.New("no broker")
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
	return g, &scripted{t: t, l: l}
}

// memoryConn calls its own end by the name that TCP has for it.
type memoryConn struct{ net.Conn }

func (c memoryConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}

func (l *pipes) Accept() (net.Conn, error) { return <-l.calls, nil }
func (l *pipes) Close() error              { close(l.dead); return nil }
func (l *pipes) Addr() net.Addr            { return nil }

// pump reads what the gateway sends and acknowledges it until the connection ends; every publish is shown to see.
func (p *peer) pump(see func(packets.ControlPacket)) (ended chan struct{}) {
	ended = make(chan struct{})
	_ = p.conn.SetReadDeadline(time.Time{})
	go func() {
		defer close(ended)
		defer p.conn.Close()
		for {
			c, err := packets.ReadPacket(p.conn)
			if err != nil {
				return
			}
			see(c)
			p.echo(c)
			var ack packets.ControlPacket
			switch c := c.(type) {
			case *packets.PublishPacket:
				a := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				a.MessageID, ack = c.MessageID, a
			case *packets.SubscribePacket:
				a := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
				a.MessageID, a.ReturnCodes, ack = c.MessageID, make([]byte, len(c.Topics)), a
			case *packets.UnsubscribePacket:
				a := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
				a.MessageID, ack = c.MessageID, a
			case *packets.PingreqPacket:
				ack = packets.NewControlPacket(packets.Pingresp)
			default:
				continue
			}
			if ack.Write(p.conn) != nil {
				return
			}
		}
	}()
	return ended
}

func TestQuietHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, b := newPiped(t)
		g.start()
		p := b.accept()
		var statuses, others []string
		var unsubscribed []string
		var at []time.Duration
		begin := time.Now()
		ended := p.pump(func(c packets.ControlPacket) {
			switch c := c.(type) {
			case *packets.PublishPacket:
				if c.TopicName == testRoot+"/status" {
					statuses = append(statuses, string(c.Payload))
					at = append(at, time.Since(begin).Round(time.Second))
				} else {
					others = append(others, strings.TrimPrefix(c.TopicName, testRoot+"/"))
				}
			case *packets.UnsubscribePacket:
				unsubscribed = append(unsubscribed, c.Topics...)
			}
		})
		time.Sleep(time.Second)
		p.say(testRoot+"/status", `{"session":"what stood there before the birth"}`, true)
		time.Sleep(9 * time.Second)
		p.say(testRoot+"/state/forgotten", `{}`, true) // too late to be one of the read-back: it does no harm
		time.Sleep(time.Hour - 11*time.Second)
		g.stop()
		<-ended

		if len(statuses) != 61 { // birth, 59 repetitions, goodbye
			t.Errorf("%d statuses in an hour", len(statuses))
		}
		for i, d := range at[:60] {
			if want := time.Duration(i) * time.Minute; d != want {
				t.Errorf("status %d after %v, want %v", i, d, want)
				break
			}
		}
		slices.Sort(unsubscribed)
		if got := strings.ReplaceAll(strings.Join(unsubscribed, " "), testRoot+"/", ""); got != "alarm/+/+ meta state/+" {
			t.Errorf("unsubscribed from %q", got)
		}
		if got := strings.Join(others, " "); got != "meta state/entry-gate state/forgotten" {
			t.Errorf("published %q", got)
		}
		var last gateway.Status
		if err := json.Unmarshal([]byte(statuses[60]), &last); err != nil || last.State != gateway.Offline {
			t.Errorf("last status %s", statuses[60])
		}
	})
}

// A broker that accepts everything and never answers again is found by the acknowledgement's timer, without one by the
// ping.
func TestSilentBroker(t *testing.T) {
	for name, c := range map[string]struct {
		event bool
		from  time.Duration
		to    time.Duration
		error string
	}{
		"in flight": {event: true, from: 15 * time.Second, to: 16 * time.Second, error: "no acknowledgement of " + testRoot + "/event/lane/entry within 15s"},
		"idle":      {from: 20 * time.Second, to: 36 * time.Second, error: "pingresp not received"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, b := newPiped(t)
				g.start()
				p := b.accept()
				p.on("state/entry-gate")
				synctest.Wait()
				ack := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
				ack.MessageID = as[*packets.UnsubscribePacket](p).MessageID
				p.send(ack) // and this is the last that is heard of it
				begin := time.Now()
				if c.event {
					g.out.add(1, g.clock.Now())
				}
				_ = p.conn.SetReadDeadline(time.Time{})
				silent := make(chan struct{})
				go func() {
					defer close(silent)
					for {
						if _, err := packets.ReadPacket(p.conn); err != nil {
							return
						}
					}
				}()
				<-silent
				if took := time.Since(begin); took < c.from || took > c.to {
					t.Errorf("found after %v, want %v to %v", took, c.from, c.to)
				}
				l := g.link("failed", func(l hub.Link) bool { return l.Error != "" })
				if !strings.Contains(l.Error, c.error) {
					t.Errorf("error %q, want %q", l.Error, c.error)
				}
				if c.event && g.out.confirmations()[0] != 0 {
					t.Error("event confirmed")
				}
				g.stop()
			})
		})
	}
}

func TestRetryWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			failing  = 20
			flapping = 10 // connections of one second
		)
		ctx, cancel := context.WithCancel(t.Context())
		var waits []time.Duration
		attempts := 0
		var ended time.Time
		attempt := func(context.Context) (time.Duration, error) {
			if attempts > 0 {
				waits = append(waits, time.Since(ended))
			}
			attempts++
			defer func() { ended = time.Now() }()
			switch {
			case attempts <= failing:
				return 0, errors.New("down")
			case attempts <= failing+flapping:
				time.Sleep(time.Second)
				return time.Second, errors.New("flap")
			case attempts == failing+flapping+1:
				time.Sleep(steadyAfter)
				return steadyAfter, errors.New("after a good connection")
			case attempts == failing+flapping+3:
				cancel()
			}
			return 0, errors.New("down")
		}
		var told []time.Duration
		retry(ctx, longestWait, attempt, func(_ error, wait time.Duration) { told = append(told, wait) })

		if !slices.Equal(waits, told) {
			t.Errorf("waited %v, said %v", waits, told)
		}
		ceiling := firstWait
		for i, w := range waits {
			if i == failing+flapping {
				ceiling = firstWait
			}
			if i >= failing && i < failing+flapping {
				ceiling = flappingWait
			}
			if w < ceiling/2 || w > ceiling {
				t.Errorf("wait %d is %v, want %v to %v", i, w, ceiling/2, ceiling)
			}
			ceiling = min(2*ceiling, longestWait)
		}
		if attempts != failing+flapping+3 {
			t.Errorf("%d attempts", attempts)
		}
	})
}

// While the backlog waits for its rate, what is new goes past it.
func TestLiveGoesPastTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, b := newPiped(t)
		g.opt.BacklogRate = 1
		g.out.add(100, g.clock.Now().Add(-time.Hour)) // a backlog
		g.start()
		p := b.accept()
		type arrival struct {
			number uint64
			after  time.Duration
		}
		var arrivals []arrival
		begin := time.Now()
		ended := p.pump(func(c packets.ControlPacket) {
			if m, ok := c.(*packets.PublishPacket); ok && strings.Contains(m.TopicName, "/event/") {
				arrivals = append(arrivals, arrival{eventID(t, m.Payload).Number, time.Since(begin).Truncate(100 * time.Millisecond)})
			}
		})
		time.Sleep(2500 * time.Millisecond)
		g.out.add(2, g.clock.Now())
		time.Sleep(2 * time.Minute)
		g.stop()
		<-ended
		want := []arrival{
			{1, 0},
			{2, time.Second},
			{3, 2 * time.Second},
			{101, 2500 * time.Millisecond},
			{102, 2500 * time.Millisecond},
		}
		for i := range 97 {
			want = append(want, arrival{uint64(4 + i), time.Duration(3+i) * time.Second})
		}
		if !slices.Equal(arrivals, want) {
			t.Errorf("arrivals\n got %v\nwant %v", arrivals, want)
		}
		if err := once(g.out.confirmations()); err != nil {
			t.Error(err)
		}
	})
}

// A flood of changes is looked at fifty times a second, and its end is not missed.
func TestFloodOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, b := newPiped(t)
		g.start()
		p := b.accept()
		var states []string
		ended := p.pump(func(c packets.ControlPacket) {
			if m, ok := c.(*packets.PublishPacket); ok && strings.Contains(m.TopicName, "/state/") {
				states = append(states, string(m.Payload))
			}
		})
		time.Sleep(time.Second)
		for i := range 1001 {
			g.putGate([]string{"open", "closed"}[i%2])
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		g.stop()
		<-ended
		if n := len(states); n > 60 || !strings.Contains(states[n-1], `"value":"open"`) {
			t.Errorf("%d states, the last is %s", n, states[n-1])
		}
	})
}

// A day without a broker costs a bounded number of attempts, and the end of Run never waits for the next one.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, b := newPiped(t)
		_ = b.l.Close()
		g.out.add(1000, g.clock.Now())
		g.start()
		time.Sleep(24 * time.Hour)
		l := g.hub.View().Link
		if l.Attempts < 24*3600/30 || l.Attempts > 24*3600/15+20 || !strings.Contains(l.Error, "no broker") {
			t.Errorf("link after a day: %+v", l)
		}
		before := time.Now()
		g.stop()
		if d := time.Since(before); d > 0 {
			t.Errorf("stopping took %v", d)
		}
	})
}
