package faults

import (
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

	mqttclient "github.com/eclipse/paho.mqtt.golang"
)

// natsServer is built once: the version is that of .tools/go.mod.
var natsServer = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	const module, versions = "github.com/nats-io/nats-server/v2", "-modfile=../../.tools/go.mod"
	version, err := exec.Command("go", "list", "-m", versions, "-f", "{{.Version}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("version of nats-server: %w", err)
	}
	file := filepath.Join(cache, "lotusgate", "nats-server-"+strings.TrimSpace(string(version)))
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	made := fmt.Sprint(file, ".", os.Getpid())
	build := exec.Command("go", "build", versions, "-o", made, module)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build nats-server: %w\n%s", err, out)
	}
	return file, os.Rename(made, file)
})

// natsNodes are the servers of one cluster, each at an address of its own, all at the same port for MQTT.
type natsNodes struct {
	t      *testing.T
	port   string
	config []string
	cmd    []*exec.Cmd
	book   *book
}

func host(node int) string { return fmt.Sprint("127.0.0.", node+1) }

func newNATS(t *testing.T, nodes int) *natsNodes {
	t.Helper()
	if _, err := exec.LookPath("mosquitto_sub"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	if _, err := natsServer(); err != nil {
		t.Fatal(err)
	}
	n := &natsNodes{t: t, port: freePort(t), cmd: make([]*exec.Cmd, nodes), book: newBook()}
	client, routes := freePort(t), freePort(t)
	shipped, err := os.ReadFile("../../deploy/broker/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	for i := range nodes {
		dir := t.TempDir()
		text := strings.NewReplacer(
			`"broker-1"`, fmt.Sprintf(`"broker-%d"`, i+1), `listen: "10.0.0.1`, `listen: "`+host(i), "10.0.0.", "127.0.0.",
			":4222", ":"+client, ":6222", ":"+routes, ":1883", ":"+n.port, "/var/lib/nats", dir,
		).Replace(string(shipped))
		if nodes == 1 {
			text, _, _ = strings.Cut(text, "\ncluster {")
		}
		n.config = append(n.config, filepath.Join(dir, "nats.conf"))
		writeFile(t, n.config[i], text)
		n.launch(i)
	}
	t.Cleanup(func() {
		for i := range n.cmd {
			n.kill(i)
		}
	})
	for i := range nodes {
		n.ready(i)
	}
	last := nodes - 1 // which is not killed, if there are more
	subscriber(t, host(last), n.port, n.book)
	return n
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	return port
}

func (n *natsNodes) url(node int) string { return "mqtt://" + net.JoinHostPort(host(node), n.port) }

func (n *natsNodes) launch(node int) {
	n.t.Helper()
	program, err := natsServer()
	if err != nil {
		n.t.Fatal(err)
	}
	c := exec.Command(program, "-c", n.config[node], "-l", n.config[node]+".log")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.cmd[node] = c
}

// ready waits until the node takes a client of MQTT: a cluster needs a moment to find its leader.
func (n *natsNodes) ready(node int) {
	n.t.Helper()
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		c := mqttclient.NewClient(mqttclient.NewClientOptions().AddBroker(n.url(node)).SetClientID(fmt.Sprint("ready-", node)).
			SetAutoReconnect(false).SetConnectTimeout(10 * time.Second))
		token := c.Connect()
		if token.WaitTimeout(15*time.Second) && token.Error() == nil {
			c.Disconnect(100)
			return
		}
		last = token.Error()
	}
	log, _ := os.ReadFile(n.config[node] + ".log")
	n.t.Fatalf("node %d does not answer: %v\n%s", node, last, log)
}

// kill is kill -9.
func (n *natsNodes) kill(node int) {
	if n.cmd[node] != nil {
		_ = n.cmd[node].Process.Kill()
		_ = n.cmd[node].Wait()
		n.cmd[node] = nil
	}
}

// natsKill: the one server dies under load.
func natsKill(ack string) func(*testing.T) {
	return func(t *testing.T) {
		t.Parallel()
		n := newNATS(t, 1)
		g := newGateway(t, n.url(0))
		g.configure(t, n.url(0), "stall: 5s, ack: "+ack)
		if ack == "watermark" {
			end := confirming(n.url(0), n.book, nil)
			defer end()
		}
		g.start()
		kills := repeat(map[string]int{"puback": 20, "watermark": 8}[ack])
		for range kills {
			flowing(t, n.book, 1)
			time.Sleep(worthwhile())
			n.kill(0)
			n.launch(0)
		}
		flowing(t, n.book, 1)
		r := settle(t, g, n.book)
		if ack == "watermark" {
			nothing(t, r)
			verdict(t, "the same with `ack: watermark`", kills, r, 0, "")
			return
		}
		verdict(t, "`kill -9` of nats-server under load", kills, r, acknowledged(t, r), "")
	}
}

// natsCluster: three nodes behind one name; those that the gateway may be connected to die in turn, one at a time. The
// gateway has ack_timeout at 15 s there: a cluster acknowledges nothing for up to 11 s when a leader dies.
func natsCluster(t *testing.T) {
	t.Parallel()
	n := newNATS(t, 3)
	name := newNames(t, host(0), host(1), host(2))
	url := "mqtt://" + net.JoinHostPort(testName, n.port)
	g := newGateway(t, url)
	writeFile(t, g.file, strings.Replace(configuration(url, g.dir), "ack_timeout: 2s", "ack_timeout: 15s, ack: watermark", 1))
	g.env = append(g.env, name.environment())
	end := confirming(n.url(2), n.book, nil)
	defer end()
	g.start()
	kills := repeat(2)
	for i := range kills {
		flowing(t, n.book, 200)
		n.kill(i % 2)
		flowing(t, n.book, 200) // while it is dead
		n.launch(i % 2)
		n.ready(i % 2)
	}
	r := settle(t, g, n.book)
	nothing(t, r)
	verdict(t, "`kill -9` of a node of a cluster of three nats-servers, `ack: watermark`", kills, r, 0, "one name, three addresses")
}
