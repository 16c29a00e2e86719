package uplink

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// counter is the center: a subscriber with a session that checks the sequence.
type counter struct {
	mu       sync.Mutex
	received map[gateway.EventID]int
	late     int // arrived after a higher number
	highest  uint64
}

func newCounter(m *mosquitto) *counter {
	c := &counter{received: make(map[gateway.EventID]int)}
	m.client("center", func(o *mqtt.ClientOptions) {
		o.SetCleanSession(false).SetAutoReconnect(true).SetConnectRetry(true).SetMaxReconnectInterval(50 * time.Millisecond)
		o.SetConnectRetryInterval(50 * time.Millisecond)
		o.SetDefaultPublishHandler(func(_ mqtt.Client, msg mqtt.Message) {
			id := eventID(m.t, msg.Payload())
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.received[id]++; c.received[id] == 1 && id.Number < c.highest {
				c.late++
			}
			c.highest = max(c.highest, id.Number)
		})
		o.SetOnConnectHandler(func(cl mqtt.Client) { cl.Subscribe(testRoot+"/event/#", 1, nil) })
	})
	return c
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.received)
}

// The broker dies again and again under load. Whatever the uplink confirmed, the broker had acknowledged: the cable
// between them has seen it. What the subscriber misses all the same was forgotten by the broker.
func TestBrokerKilled(t *testing.T) {
	kills := 20
	if s := os.Getenv("LOTUSGATE_KILLS"); s != "" {
		kills, _ = strconv.Atoi(s)
	}
	m := newMosquitto(t)
	wire := newCable(t, m.addr)
	g := prepare(t, wire.url)
	center := newCounter(m)
	g.longest = 100 * time.Millisecond // a broker that dies twice a second would be left alone for half a minute
	g.start()

	stop := make(chan struct{})
	var producing sync.WaitGroup
	producing.Go(func() { // about 2,000 events a second
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				g.out.add(10, g.clock.Now())
			}
		}
	})
	for i := range kills {
		g.link("connected", func(l hub.Link) bool { return l.Connected && l.Connects > uint64(i) })
		time.Sleep(100*time.Millisecond + rand.N(100*time.Millisecond)) // of load; nothing depends on how long
		m.kill()
		m.start()
	}
	close(stop)
	producing.Wait()
	wait(t, "everything confirmed", g.out.drained())

	confirmations := g.out.confirmations()
	if err := once(confirmations); err != nil {
		t.Error(err)
	}
	wire.mu.Lock()
	acknowledged, published := wire.acknowledged, wire.published
	wire.mu.Unlock()
	for i := range confirmations {
		if acknowledged[g.out.records[i].ID] == 0 {
			t.Errorf("event %d was confirmed without a PUBACK", i+1)
		}
	}
	// What the broker still has comes within moments of the last event; it is waited for as long as something comes.
	for n := -1; n != center.count() && center.count() < len(confirmations); {
		n = center.count()
		time.Sleep(time.Second)
	}
	center.mu.Lock()
	defer center.mu.Unlock()
	again := 0
	for _, n := range center.received {
		again += n - 1
	}
	missing := len(confirmations) - len(center.received)
	t.Logf("kills %d, events %d, publishes %d, lost by the uplink 0, forgotten by the broker after PUBACK %d, duplicates %d, late %d, connections %d",
		kills, len(confirmations), published, missing, again, center.late, g.hub.View().Link.Connects)
}

// A stopped broker keeps its sockets open: only timers find it.
func TestBrokerStopped(t *testing.T) {
	m := newMosquitto(t)
	g := prepare(t, m.url)
	g.opt.KeepAlive = time.Second
	g.opt.AckTimeout = 500 * time.Millisecond
	g.start()
	g.link("connected", connected)
	m.signal(syscall.SIGSTOP)
	defer m.signal(syscall.SIGCONT)
	g.out.add(100, g.clock.Now())
	l := g.link("lost", func(l hub.Link) bool { return !l.Connected && l.Error != "" })
	if n := g.out.confirmations()[0]; n != 0 {
		t.Errorf("confirmed %d times by a stopped broker", n)
	}
	t.Logf("found by: %s", l.Error)
	m.signal(syscall.SIGCONT)
	wait(t, "everything confirmed", g.out.drained())
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
}

// The link goes down again and again; nothing is lost.
func TestFlappingLink(t *testing.T) {
	m := newMosquitto(t)
	wire := newCable(t, m.addr)
	g := prepare(t, wire.url)
	center := newCounter(m)
	g.start()
	const n = 5000
	for i := range 5 {
		g.link("connected", func(l hub.Link) bool { return l.Connected && l.Connects > uint64(i) })
		g.out.add(n/5, g.clock.Now())
		wire.cut()
		wire.mend()
	}
	wait(t, "everything confirmed", g.out.drained())
	for deadline := time.Now().Add(patience); center.count() < n && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	center.mu.Lock()
	defer center.mu.Unlock()
	if len(center.received) != n {
		t.Errorf("center has %d of %d events", len(center.received), n)
	}
	again := 0
	for _, n := range center.received {
		again += n - 1
	}
	t.Logf("%d events, %d connections, %d duplicates, %d behind newer ones", n, g.hub.View().Link.Connects, again, center.late)
}

// A second client takes the name: both keep coming back, and the events still arrive.
func TestTakeover(t *testing.T) {
	m := newMosquitto(t)
	g := prepare(t, m.url)
	g.start()
	first := g.link("connected", connected)
	thief := m.client(g.opt.ClientID, func(o *mqtt.ClientOptions) { o.SetAutoReconnect(false) })
	_ = thief
	g.out.add(10, g.clock.Now())
	g.link("back", func(l hub.Link) bool { return l.Connected && l.Session != first.Session })
	wait(t, "everything confirmed", g.out.drained())
	if err := once(g.out.confirmations()); err != nil {
		t.Error(err)
	}
	m.until("status is that of the last session", func(r map[string]string) bool {
		l := g.hub.View().Link
		return l.Connected && fmt.Sprintf("%.60s", r["status"]) == fmt.Sprintf("%.60s", `{"state":"online","session":"`+l.Session+`","version":"1.2.0"`)
	})
}
