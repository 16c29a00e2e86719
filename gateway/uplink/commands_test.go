package uplink

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

// inTray keeps what is handed over.
type inTray struct {
	mu      sync.Mutex
	session string
	taken   []string
	got     chan struct{}
	replies chan gateway.Reply
	nonce   string
}

func newInTray() *inTray {
	return &inTray{got: make(chan struct{}, 1000), replies: make(chan gateway.Reply, 10)}
}

func (i *inTray) Begin(session string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.session = session
}

func (i *inTray) Take(device string, payload []byte, retained bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.taken = append(i.taken, fmt.Sprintf("%s %s %v", device, payload, retained))
	i.got <- struct{}{}
}

func (i *inTray) Replies() <-chan gateway.Reply  { return i.replies }
func (i *inTray) Nonce() (string, time.Duration) { return i.nonce, 30 * time.Second }
func (i *inTray) list() []string                 { i.mu.Lock(); defer i.mu.Unlock(); return slices.Clone(i.taken) }

func TestCommandsComeInOrder(t *testing.T) {
	m := newMosquitto(t)
	retained := m.client("careless", nil)
	finished(t, "retained", retained.Publish(testRoot+"/command/entry-gate", 1, true, "old"))
	g := prepare(t, m.url)
	tray := newInTray()
	g.opt.Commands = tray
	g.start()
	wait(t, "the retained one", tray.got)
	c := m.client("center", nil)
	want := []string{"entry-gate old true"}
	for n := range 200 {
		c.Publish(testRoot+"/command/entry-gate", byte(n%2), false, fmt.Sprint(n)) // in flight together
	}
	for range 200 {
		wait(t, "commands", tray.got)
	}
	var zero, one []string
	for n := range 200 {
		line := fmt.Sprintf("entry-gate %d false", n)
		if n%2 == 0 {
			zero = append(zero, line)
		} else {
			one = append(one, line)
		}
	}
	got := tray.list()
	if got[0] != want[0] {
		t.Errorf("first %q", got[0])
	}
	for _, order := range [][]string{zero, one} { // the broker keeps order within a QoS
		i := -1
		for _, line := range order {
			if at := slices.Index(got, line); at <= i {
				t.Fatalf("%q came as number %d, after %d", line, at, i)
			} else {
				i = at
			}
		}
	}
	if tray.session != g.hub.View().Link.Session || tray.session == "" {
		t.Errorf("session %q", tray.session)
	}
}

func TestRepliesAndNonce(t *testing.T) {
	s := newScripted(t, nil)
	g := prepare(t, s.url)
	tray := newInTray()
	tray.nonce = "fresh"
	g.opt.Commands = tray
	g.start()
	p := s.accept()
	if s := p.on("status"); !strings.Contains(string(s.Payload), `"nonce":"fresh"`) {
		t.Errorf("status %s", s.Payload)
	}
	tray.replies <- gateway.Reply{JTI: "1", Device: "entry-gate", To: "entry-gate", Stage: gateway.Accepted, Issuer: "center"}
	r := p.on("reply/entry-gate")
	if r.Retain || r.Qos != 1 || strings.Contains(string(r.Payload), "center") {
		t.Errorf("reply %+v %s", r.FixedHeader, r.Payload)
	}
	tray.replies <- gateway.Reply{JTI: "2", Device: "nothing", To: gateway.GatewayID, Stage: gateway.Rejected}
	var reply gateway.Reply
	if err := json.Unmarshal(p.on("reply/gateway").Payload, &reply); err != nil || reply.Device != "nothing" {
		t.Errorf("%+v, %v", reply, err)
	}
}

// A broker that refuses the subscription of commands leaves a gateway that tells, and says that it is deaf.
func TestRefusedSubscriptionIsSeen(t *testing.T) {
	s := newScripted(t, nil)
	g := prepare(t, s.url)
	g.opt.Commands = newInTray()
	g.start()
	p := s.accept()
	sub := as[*packets.SubscribePacket](p)
	ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
	ack.MessageID = sub.MessageID
	for _, topic := range sub.Topics {
		code := byte(0)
		if strings.HasSuffix(topic, "command/#") {
			code = 0x80
		}
		ack.ReturnCodes = append(ack.ReturnCodes, code)
	}
	p.send(ack)
	g.out.add(1, g.clock.Now())
	e := p.events(1)[0]
	p.ack(e.MessageID)
	g.link("deaf", func(l hub.Link) bool { return l.Connected && l.Deaf })
}

// While a backlog drains every place is taken again at once: replies come first.
func TestRepliesComeBeforeABacklog(t *testing.T) {
	s := newScripted(t, nil)
	g := prepare(t, s.url)
	tray := newInTray()
	g.opt.Commands, g.opt.Window = tray, 2
	g.out.add(50, g.clock.Now())
	g.start()
	p := s.accept()
	sent := p.events(2)
	tray.replies <- gateway.Reply{JTI: "1", Device: "entry-gate", To: "entry-gate", Stage: gateway.Accepted}
	p.ack(sent[0].MessageID)
	for n := 0; ; n++ {
		m := p.published()
		if strings.HasSuffix(m.TopicName, "reply/entry-gate") {
			break
		}
		if n > 1 { // one may have been on its way
			t.Fatalf("%d events before the reply", n)
		}
		p.ack(m.MessageID)
	}
}
