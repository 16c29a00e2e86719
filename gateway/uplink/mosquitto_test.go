package uplink

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// mosquitto is a real broker in a process of its own, with its files in a temporary folder.
type mosquitto struct {
	t      testing.TB
	path   string
	config string
	addr   string
	url    string

	mu  sync.Mutex
	cmd *exec.Cmd
}

// newMosquitto starts the Debian package's broker on a free port. extra is added to its configuration.
func newMosquitto(t testing.TB, extra ...string) *mosquitto {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("mosquitto is missing: apt-get install mosquitto")
		}
		t.Skip("mosquitto is missing: apt-get install mosquitto")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{t: t, path: path, addr: l.Addr().String()}
	_ = l.Close()
	m.url = "mqtt://" + m.addr
	dir := t.TempDir()
	m.config = filepath.Join(dir, "mosquitto.conf")
	_, port, _ := net.SplitHostPort(m.addr)
	write(t, m.config, strings.Join(append([]string{
		"listener " + port + " 127.0.0.1", "allow_anonymous true", "user root", "set_tcp_nodelay true",
		"persistence true", "persistence_location " + dir + "/", "max_queued_messages 0", "log_type error",
	}, extra...), "\n")+"\n")
	m.start()
	t.Cleanup(m.kill)
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cmd = exec.Command(m.path, "-c", m.config)
	m.cmd.Stderr = m.t.Output()
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		c, err := net.Dial("tcp", m.addr)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatal("mosquitto does not listen:", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// kill is kill -9.
func (m *mosquitto) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

func (m *mosquitto) signal(s syscall.Signal) {
	if err := m.cmd.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
}

// client is a plain paho client of the test.
func (m *mosquitto) client(id string, change func(*mqtt.ClientOptions)) mqtt.Client {
	m.t.Helper()
	o := mqtt.NewClientOptions().AddBroker(m.url).SetClientID(id).SetProtocolVersion(4).SetConnectTimeout(patience)
	if change != nil {
		change(o)
	}
	c := mqtt.NewClient(o)
	finished(m.t, "connect "+id, c.Connect())
	m.t.Cleanup(func() { c.Disconnect(100) })
	return c
}

func finished(t testing.TB, what string, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatalf("%s: timed out", what)
	}
	if err := token.Error(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// retained reads what the broker holds below our root, by topic without the root.
func (m *mosquitto) retained() map[string]string {
	m.t.Helper()
	var mu sync.Mutex
	found := make(map[string]string)
	end := make(chan struct{}, 1)
	c := m.client(fmt.Sprintf("reader-%d", time.Now().UnixNano()), nil)
	finished(m.t, "subscribe", c.Subscribe("#", 1, func(_ mqtt.Client, msg mqtt.Message) {
		if msg.Topic() == "the/end" {
			end <- struct{}{}
			return
		}
		if msg.Retained() {
			mu.Lock()
			found[strings.TrimPrefix(msg.Topic(), testRoot+"/")] = string(msg.Payload())
			mu.Unlock()
		}
	}))
	finished(m.t, "publish", c.Publish("the/end", 1, false, "x"))
	select {
	case <-end:
	case <-time.After(patience):
		m.t.Fatal("retained messages never end")
	}
	c.Disconnect(100)
	mu.Lock()
	defer mu.Unlock()
	return found
}

// until polls the retained messages until ok; a broker has no other way to tell.
func (m *mosquitto) until(what string, ok func(map[string]string) bool) map[string]string {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		r := m.retained()
		if ok(r) {
			return r
		}
		select {
		case <-ctx.Done():
			m.t.Fatalf("retained messages never: %s; they are %v", what, r)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
