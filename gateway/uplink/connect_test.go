package uplink

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
)

func TestConnectPacket(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	dir := t.TempDir()
	g.opt.UsernameFile, g.opt.PasswordFile = filepath.Join(dir, "user"), filepath.Join(dir, "password")
	write(t, g.opt.UsernameFile, "park-01\n")
	write(t, g.opt.PasswordFile, "old\r\n")
	g.start()

	p := b.accept()
	c := p.connect
	if c.ProtocolVersion != 4 || !c.CleanSession || c.Keepalive != 20 || c.ClientIdentifier != "lianhua.park-01" {
		t.Errorf("CONNECT: version %d, clean %v, keep alive %d, client id %q", c.ProtocolVersion, c.CleanSession, c.Keepalive, c.ClientIdentifier)
	}
	if c.Username != "park-01" || string(c.Password) != "old" {
		t.Errorf("CONNECT: user %q, password %q", c.Username, c.Password)
	}
	if !c.WillFlag || !c.WillRetain || c.WillQos != 1 || c.WillTopic != testRoot+"/status" {
		t.Errorf("will: %v, retain %v, QoS %d, topic %q", c.WillFlag, c.WillRetain, c.WillQos, c.WillTopic)
	}
	link := g.link("connected", connected)
	if want := `{"state":"lost","session":"` + link.Session + `","ledger":{"epoch":"k3v9q2","run":12}}`; string(c.WillMessage) != want {
		t.Errorf("will\n got %s\nwant %s", c.WillMessage, want)
	}

	// The files are read again at the next connect, which is another session.
	write(t, g.opt.PasswordFile, "new\n")
	_ = p.conn.Close()
	p = b.accept()
	if string(p.connect.Password) != "new" {
		t.Errorf("second CONNECT: password %q", p.connect.Password)
	}
	second := g.link("connected again", func(l hub.Link) bool { return l.Connects == 2 })
	if second.Session == link.Session || len(second.Session) < 16 {
		t.Errorf("sessions %q and %q", link.Session, second.Session)
	}
}

func TestOrderAfterConnect(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.hub.PutAlarm(gateway.Alarm{ID: "car-1", Name: "fault_raised", Type: gateway.ElevatorFaultRaised, Severity: gateway.Major})
	g.out.add(2, g.clock.Now())
	g.start()

	for range 2 { // every connection begins the same way
		p := b.accept()
		filters := strings.Join(p.subscribed().Topics, " ")
		for _, want := range []string{"status", "meta", "state/+", "alarm/+/+"} {
			if !strings.Contains(filters+" ", testRoot+"/"+want+" ") {
				t.Errorf("not subscribed to %s: %s", want, filters)
			}
		}
		var got []string
		for range 6 {
			m := as[*packets.PublishPacket](p)
			if event := strings.HasPrefix(m.TopicName, testRoot+"/event/"); m.Qos != 1 || m.Retain == event {
				t.Errorf("%s: QoS %d, retained %v", m.TopicName, m.Qos, m.Retain)
			}
			got = append(got, strings.TrimPrefix(m.TopicName, testRoot+"/"))
		}
		want := "status meta state/entry-gate alarm/car-1/fault_raised event/lane/entry event/lane/entry"
		if s := strings.Join(got, " "); s != want {
			t.Errorf("order\n got %s\nwant %s", s, want)
		}
		_ = p.conn.Close()
	}
}

func TestGoodbye(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.start()
	p := b.accept()
	p.on("state/entry-gate")
	g.link("connected", connected)

	go g.stop()
	var s gateway.Status
	if err := json.Unmarshal(p.on("status").Payload, &s); err != nil || s.State != gateway.Offline {
		t.Errorf("last status %+v, %v", s, err)
	}
	if _, ok := p.closed().(*packets.DisconnectPacket); !ok {
		t.Error("no DISCONNECT: the broker would publish the will")
	}
	g.stop()
	if l := g.hub.View().Link; l.Connected || l.Session != "" {
		t.Errorf("link after the end: %+v", l)
	}
}

func TestGoodbyeIsBounded(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.start()
	p := b.accept()
	p.subscribed()
	g.link("connected", connected)
	go g.stop()
	if _, ok := p.closed().(*packets.DisconnectPacket); ok {
		t.Error("DISCONNECT though the goodbye was not acknowledged: the status would stay online for ever")
	}
	g.stop()
}

func TestStopWhileConnecting(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.start()
	b.knock() // and no CONNACK
	g.stop()  // fails the test when it hangs; the connect timeout is shorter than patience, so the time is looked at
	if up := g.clock.Now().Sub(g.clock.base); up >= connectTimeout {
		t.Errorf("Run ended only after %v", up)
	}
}

func TestRefused(t *testing.T) {
	for code, want := range map[byte]string{
		1:   "enable MQTT 3.1.1",
		2:   "mqtt.client_id",
		3:   "tried again",
		4:   "password files",
		5:   "access rules",
		200: "", // paho takes it for a success and closes the connection
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			b := newScripted(t, nil)
			g := prepare(t, b.url)
			g.out.add(1, g.clock.Now())
			g.start()
			b.knock().answer(code)
			l := g.link("failed", func(l hub.Link) bool { return l.Error != "" })
			if !strings.Contains(l.Error, want) {
				t.Errorf("error %q does not say %q", l.Error, want)
			}
			p := b.accept()
			p.ack(p.events(1)[0].MessageID)
			wait(t, "event confirmed", g.out.drained())
		})
	}
}

func TestBrokerComesLater(t *testing.T) {
	b := newScripted(t, nil)
	_ = b.l.Close()
	g := prepare(t, b.url)
	g.out.add(3, g.clock.Now())
	g.start()
	l := g.link("tried twice", func(l hub.Link) bool { return l.Attempts >= 2 && l.Error != "" })
	if !strings.Contains(l.Error, "nothing listens there") {
		t.Errorf("error %q", l.Error)
	}
	again := listen(t, b.l.Addr().String())
	p := again.accept()
	for _, m := range p.events(3) {
		p.ack(m.MessageID)
	}
	wait(t, "events confirmed", g.out.drained())
	if l := g.link("connected", connected); l.Error != "" || l.Attempts != 0 {
		t.Errorf("link %+v", l)
	}
}

func TestMissingCredentials(t *testing.T) {
	b := newScripted(t, nil)
	g := prepare(t, b.url)
	g.opt.UsernameFile = filepath.Join(t.TempDir(), "user")
	g.start()
	l := g.link("failed", func(l hub.Link) bool { return l.Error != "" })
	if !strings.Contains(l.Error, "read user name") || !strings.Contains(l.Error, g.opt.UsernameFile) {
		t.Errorf("error %q", l.Error)
	}
	write(t, g.opt.UsernameFile, "late\n")
	if p := b.accept(); p.connect.Username != "late" {
		t.Errorf("user name %q", p.connect.Username)
	}
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
