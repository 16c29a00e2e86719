package faults

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mqttclient "github.com/eclipse/paho.mqtt.golang"

	"lotusgate/gateway/audit"
	"lotusgate/gateway/intake"
)

// patience of a test for something that takes a second on an idle machine.
const patience = 60 * time.Second

// matrix in the order of docs/reliability.md.
var matrix = []struct {
	part string // as in make campaign PART=…
	test func(*testing.T)
}{
	{"broker-kill", brokerKill},
	{"watermark", watermark},
	{"nats-kill", natsKill("puback")},
	{"nats-watermark", natsKill("watermark")},
	{"nats-cluster", natsCluster},
	{"broker-stop", brokerStop},
	{"broker-drops", brokerDrops},
	{"silently-dropped", silentlyDropped},
	{"asked-again", askedAgain},
	{"broker-denies", brokerDenies},
	{"takeover", takeover},
	{"link-flap", linkFlap},
	{"ack-never", ackNever},
	{"acks", acks},
	{"poison", poison},
	{"no-name", noName},
	{"hostile", hostile},
	{"broker-expired", expired},
	{"renewed", renewed},
	{"chatter", chatter},
	{"daemon-kill", daemonKill},
	{"restored-card", restoredCard},
	{"power-cut", powerCut},
	{"power-cut-volatile", powerCutVolatile},
	{"vm", vmCuts},
	{"disk-full", diskFull},
	{"read-only", readOnly},
	{"clock-steps", clockSteps},
	{"million", million},
}

func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("minutes of broken brokers and links")
	}
	for _, f := range matrix {
		t.Run(f.part, f.test)
	}
}

// TestEveryFaultIsReported holds that make reliability runs every fault, and that the page tells of it.
func TestEveryFaultIsReported(t *testing.T) {
	script, err1 := os.ReadFile("../../.ci/reliability")
	page, err2 := os.ReadFile("../../docs/reliability.md")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, f := range matrix {
		if !regexp.MustCompile(`(?m)[\s(]` + f.part + `=`).Match(script) {
			t.Errorf("%s is not among the parts of .ci/reliability", f.part)
		}
		if !strings.Contains(string(page), "<!-- "+f.part+" -->") {
			t.Errorf("%s has no line in docs/reliability.md: PARTS=%s make reliability", f.part, f.part)
		}
	}
}

// verdict is a line of docs/reliability.md.
func verdict(t *testing.T, fault string, times int, r audit.Report, lostByBroker uint64, note string) {
	t.Helper()
	t.Logf("reliability: | %s | %d | %d | %d | %d | %d | %d | %s |",
		fault, times, r.Issued, r.Missing-lostByBroker, lostByBroker, r.Duplicates, r.Dropped, note)
}

// flowing waits until the center has heard n events more.
func flowing(t *testing.T, b *book, n int) {
	t.Helper()
	reached(t, b, b.heard()+n)
}

// reached waits until the center has heard n events in all.
func reached(t *testing.T, b *book, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience + time.Duration(n)*time.Millisecond); b.heard() < n; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d events of %d", b.heard(), n)
		}
	}
}

// settle lets the wires rest, waits until nothing waits any more, ends the gateway and returns what became of each event.
// It loses its patience when nothing moves: a mosquitto that writes everything down at every change is slow with thousands.
func settle(t *testing.T, g *gatewayProcess, b *book) audit.Report {
	t.Helper()
	g.signal(syscall.SIGUSR1)
	moved := -1
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		if n := b.arrivals(); n != moved {
			moved, deadline = n, time.Now().Add(patience)
		}
		now := audit.New()
		if err := now.Outbox(g.dir, nil); err != nil {
			t.Fatal(err)
		}
		r := now.Report(false)
		if r.Waiting == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d events wait for ever", r.Waiting)
		}
	}
	g.stop()
	// What the broker still has on its way to the subscriber.
	for quiet, n := 0, -1; quiet < 10; time.Sleep(50 * time.Millisecond) {
		if now := b.heard(); now != n {
			quiet, n = 0, now
		} else {
			quiet++
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.Outbox(g.dir, nil); err != nil {
		t.Fatal(err)
	}
	return b.Report(true)
}

// acknowledged counts what the broker had acknowledged and nobody heard, and demands that nothing else is missing.
func acknowledged(t *testing.T, r audit.Report) (lost uint64) {
	t.Helper()
	for _, run := range r.Runs {
		for _, c := range run.Confirmed {
			lost += c.To - c.From + 1
		}
	}
	if lost != r.Missing {
		t.Errorf("%d events are missing without anybody having acknowledged them: %+v", r.Missing-lost, r.Runs)
	}
	return lost
}

// nothing demands that nothing is missing at all.
func nothing(t *testing.T, r audit.Report) {
	t.Helper()
	for _, run := range r.Runs {
		if len(run.Missing) > 0 {
			t.Errorf("run %d: of %d events %v are missing, acknowledged of them %v", run.Run, run.Highest, run.Missing, run.Confirmed)
		}
	}
}

// worthwhile is how long a connection lasts that the gateway soon makes again: after shorter ones the pause grows to 30 s.
func worthwhile() time.Duration { return 600*time.Millisecond + rand.N(200*time.Millisecond) }

// brokerKill: what mosquitto acknowledged and had not written yet, it forgets; nothing else may be lost.
func brokerKill(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	g := newGateway(t, m.url)
	g.start()
	kills := repeat(20)
	for range kills {
		flowing(t, m.book, 1)
		time.Sleep(worthwhile())
		m.kill()
		m.start()
	}
	flowing(t, m.book, 1)
	r := settle(t, g, m.book)
	verdict(t, "`kill -9` of mosquitto under load", kills, r, acknowledged(t, r), "what it had acknowledged and not yet written")
}

// watermark: the same with a center that says, and signs, how far it has stored everything: now nothing at all may be lost.
func watermark(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	g := newGateway(t, m.url)
	dir := t.TempDir()
	public, err := intake.NewKey(dir, "center", "EdDSA")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := intake.NewSigner(filepath.Join(dir, "center.key"), "center")
	if err != nil {
		t.Fatal(err)
	}
	g.configure(t, m.url, "ack: watermark, stall: 5s") // what the broker forgot after the last kill comes again then
	g.add(fmt.Sprintf("commands: {keys: {center: {file: %q, devices: [gateway], actions: [watermark]}}}\n", public))
	end := confirming(m.url, m.book, signer)
	defer end()
	g.start()
	kills := repeat(8)
	for range kills {
		flowing(t, m.book, 1)
		time.Sleep(worthwhile())
		m.kill()
		m.start()
	}
	flowing(t, m.book, 1)
	r := settle(t, g, m.book)
	nothing(t, r)
	verdict(t, "the same with `ack: watermark`", kills, r, 0, "watermarks signed")
}

// brokerStop: the connection stays open and nobody answers.
func brokerStop(t *testing.T) {
	t.Parallel()
	m := newMosquitto(t)
	g := newGateway(t, m.url)
	g.start()
	stops := repeat(1)
	for range stops {
		flowing(t, m.book, 50)
		m.signal(syscall.SIGSTOP)
		time.Sleep(4 * time.Second) // twice the time in which an acknowledgement must come
		m.signal(syscall.SIGCONT)
	}
	flowing(t, m.book, 50)
	r := settle(t, g, m.book)
	nothing(t, r)
	verdict(t, "broker stopped (SIGSTOP) for 4 s", stops, r, 0, "")
}

// brokerDrops: a broker that acknowledges and drops, as some do where an access rule forbids a topic. MQTT 3.1.1 cannot
// tell; the numbers can.
func brokerDrops(t *testing.T) {
	t.Parallel()
	heard := newBook()
	c, err := startCenter(func(line string) {
		if !strings.Contains(line, "/event/loop/loop-3") {
			heard.hear(line)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Close() })
	g := newGateway(t, c.url)
	g.start()
	flowing(t, heard, 300)
	r := settle(t, g, heard)
	lost := acknowledged(t, r)
	if lost < r.Issued/20 || r.Delivered == 0 {
		t.Errorf("an eighth should be missing, and the book should say so: %+v", r)
	}
	verdict(t, "broker acknowledges and drops one topic", 1, r, lost, "named by `events verify`, and still in the outbox")
}

// brokerDenies: Debian's mosquitto ends the connection of who publishes what a rule forbids. Nothing is lost, and all
// is sent once the rule is right.
func brokerDenies(t *testing.T) {
	t.Parallel()
	acl := t.TempDir() + "/acl"
	writeFile(t, acl, "topic read #\ntopic write lotusgate/v1/lianhua/park-01/status\n")
	m := newMosquitto(t, "acl_file "+acl)
	g := newGateway(t, m.url)
	g.start()
	time.Sleep(time.Second)
	writeFile(t, acl, "topic readwrite #\n")
	m.signal(syscall.SIGHUP)
	flowing(t, m.book, 300)
	r := settle(t, g, m.book)
	nothing(t, r)
	verdict(t, "access rule of mosquitto that forbids, then is put right", 1, r, 0, "")
}

// takeover: somebody else with the same client id.
func takeover(t *testing.T) {
	t.Parallel()
	c, b := newCenter(t)
	g := newGateway(t, c.url)
	g.start()
	times := repeat(6)
	for range times {
		flowing(t, b, 20)
		time.Sleep(worthwhile())
		other := mqttclient.NewClient(mqttclient.NewClientOptions().AddBroker(c.url).SetClientID("lianhua_park-01").SetAutoReconnect(false))
		if token := other.Connect(); !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatal("the other client cannot connect: ", token.Error())
		}
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		other.Disconnect(0)
	}
	r := settle(t, g, b)
	nothing(t, r)
	verdict(t, "taken over by a client of the same id", times, r, 0, "")
}

// linkFlap: the link breaks every second, in the middle of packets.
func linkFlap(t *testing.T) {
	t.Parallel()
	c, b := newCenter(t)
	l := newLink(t, strings.TrimPrefix(c.url, "mqtt://"))
	g := newGateway(t, "mqtt://"+l.addr)
	g.start()
	flaps := repeat(5)
	for range flaps {
		time.Sleep(time.Second)
		l.cut()
	}
	r := settle(t, g, b)
	nothing(t, r)
	verdict(t, "link broken every second", flaps, r, 0, "")
}

// daemonKill: at any moment, also during its start.
func daemonKill(t *testing.T) {
	t.Parallel()
	c, b := newCenter(t)
	g := newGateway(t, c.url)
	kills := repeat(100)
	for range kills {
		g.start()
		time.Sleep(time.Duration(20+rand.IntN(600)) * time.Millisecond)
		g.kill()
	}
	g.start()
	flowing(t, b, 50)
	r := settle(t, g, b)
	nothing(t, r)
	if len(r.Runs) < kills/2 {
		t.Errorf("only %d runs of %d got far enough to say anything", len(r.Runs), kills)
	}
	verdict(t, "`kill -9` of the daemon", kills, r, 0, "")
}

// link is a TCP connection to the broker that can be cut at any byte.
type link struct {
	addr string
	mu   sync.Mutex
	open []net.Conn
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{addr: listener.Addr().String()}
	t.Cleanup(func() { _ = listener.Close(); l.cut() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.open = append(l.open, near, far)
			l.mu.Unlock()
			go pump(near, far)
			go pump(far, near)
		}
	}()
	return l
}

func pump(to, from net.Conn) {
	_, _ = io.Copy(to, from) // it ends when it is cut
	_ = to.Close()
	_ = from.Close()
}

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.open {
		_ = c.(*net.TCPConn).SetLinger(0) // at once: what was written may be lost
		_ = c.Close()
	}
	l.open = nil
}
