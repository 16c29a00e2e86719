package faults

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mqttclient "github.com/eclipse/paho.mqtt.golang"
	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"lotusgate/gateway"
	"lotusgate/gateway/audit"
	"lotusgate/gateway/intake"
)

// book is an audit.Book for many goroutines.
type book struct {
	mu sync.Mutex
	audit.Book
}

func newBook() *book { return &book{Book: *audit.New()} }

// hear enters a line of a subscriber; only events count, so that nothing is demanded that a status announced a moment
// before its events arrived.
func (b *book) hear(line string) {
	topic, payload, ok := strings.Cut(line, " ")
	if !ok || !strings.Contains(topic, "/event/") {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Line([]byte(payload))
}

// heard is the number of events that arrived, each counted once.
func (b *book) heard() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	events, _ := b.Arrived()
	return int(events)
}

// arrivals is the number of deliveries, repetitions included.
func (b *book) arrivals() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	events, repetitions := b.Arrived()
	return int(events + repetitions)
}

// center is a broker that has written down every event before it acknowledges it: nothing that was acknowledged can get
// lost there.
type center struct {
	url    string
	server *mqtt.Server
}

type ledgerHook struct {
	mqtt.HookBase
	write func(line string)
}

func (h *ledgerHook) Provides(b byte) bool { return b == mqtt.OnPublish }

// OnPublish runs before the acknowledgement is sent.
func (h *ledgerHook) OnPublish(_ *mqtt.Client, p packets.Packet) (packets.Packet, error) {
	h.write(p.TopicName + " " + string(p.Payload))
	return p, nil
}

func startCenter(write func(line string)) (*center, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return startCenterOn(l, write)
}

func startCenterOn(l net.Listener, write func(line string)) (*center, error) {
	c := &center{url: "mqtt://" + l.Addr().String(), server: mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})}
	for _, err := range []error{
		c.server.AddHook(new(auth.AllowHook), nil),
		c.server.AddHook(&ledgerHook{write: write}, nil),
		c.server.AddListener(listeners.NewNet("center", l)),
		c.server.Serve(),
	} {
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// newCenter lives as long as the test.
func newCenter(t *testing.T) (*center, *book) {
	t.Helper()
	b := newBook()
	c, err := startCenter(b.hear)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.server.Close() })
	return c, b
}

// mosquitto is the real broker, with a subscriber that keeps its session.
type mosquitto struct {
	t      *testing.T
	config string
	port   string
	url    string
	broker *exec.Cmd
	book   *book
}

func newMosquitto(t *testing.T, extra ...string) *mosquitto {
	t.Helper()
	for _, name := range []string{"mosquitto", "mosquitto_sub"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	dir := t.TempDir()
	m := &mosquitto{t: t, config: filepath.Join(dir, "mosquitto.conf"), port: port, url: "mqtt://127.0.0.1:" + port, book: newBook()}
	text := strings.Join(append([]string{
		"listener " + port + " 127.0.0.1", "allow_anonymous true", "user root", "set_tcp_nodelay true", "log_type error",
		"persistence true", "persistence_location " + dir + "/", "max_queued_messages 0",
		"autosave_on_changes true", "autosave_interval 1", // else a killed broker forgets the subscriber
	}, extra...), "\n") + "\n"
	if err := os.WriteFile(m.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.kill)
	subscriber(t, "127.0.0.1", port, m.book)
	return m
}

// start returns when the broker answers.
func (m *mosquitto) start() {
	m.t.Helper()
	m.broker = exec.Command("mosquitto", "-c", m.config)
	m.broker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.broker.Stderr = m.t.Output()
	if err := m.broker.Start(); err != nil {
		m.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial("tcp", "127.0.0.1:"+m.port)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatal(err)
		}
	}
}

// subscriber runs mosquitto_sub, which connects again by itself and keeps its session.
func subscriber(t *testing.T, host, port string, b *book, more ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command("mosquitto_sub", append(more, "-h", host, "-p", port, "-q", "1", "-i", "center", "-c", "-v", "-t", testRoot+"/#")...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			b.hear(lines.Text())
		}
	}()
	return c
}

// confirming publishes the watermark of the book every 100 ms, until end; signed, if there is a signer.
func confirming(url string, b *book, signer *intake.Signer) (end func()) {
	o := mqttclient.NewClientOptions().AddBroker(url).SetClientID("intake").SetMaxReconnectInterval(100 * time.Millisecond).
		SetConnectRetry(true).SetConnectRetryInterval(100 * time.Millisecond)
	c := mqttclient.NewClient(o)
	c.Connect()
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
			b.mu.Lock()
			epoch := b.Epoch()
			run, number := b.Watermark(epoch)
			b.mu.Unlock()
			if number > 0 && c.IsConnectionOpen() {
				payload := fmt.Sprintf(`{"epoch":%q,"run":%d,"number":%d}`, epoch, run, number)
				if signer != nil {
					payload, _ = signer.SignWatermark(gateway.Watermark{Epoch: epoch, Run: run, Number: number})
				}
				c.Publish("lotusgate/v1/lianhua/park-01/watermark", 1, true, payload)
			}
		}
	})
	return func() {
		close(stop)
		done.Wait()
		c.Disconnect(0)
	}
}

// kill is kill -9.
func (m *mosquitto) kill() {
	_ = m.broker.Process.Kill()
	_ = m.broker.Wait()
}

func (m *mosquitto) signal(s syscall.Signal) {
	m.t.Helper()
	if err := m.broker.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}
