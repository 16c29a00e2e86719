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

// natsPassword is a number that a file of configuration would take for one, if it were not quoted.
const natsPassword = "0123456789"

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
		writeFile(t, filepath.Join(dir, "passwords.conf"), fmt.Sprintf("CENTER: %q\nPARK_01: %q\n", natsPassword, natsPassword))
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
	subscriber(t, host(last), n.port, n.book, "-u", "center", "-P", natsPassword)
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

// url of the center.
func (n *natsNodes) url(node int) string {
	return "mqtt://center:" + natsPassword + "@" + net.JoinHostPort(host(node), n.port)
}

// as are the keys of the configuration of a gateway that logs in.
func (n *natsNodes) as(user string) string {
	dir := n.t.TempDir()
	writeFile(n.t, filepath.Join(dir, "user"), user)
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(natsPassword), 0o600); err != nil {
		n.t.Fatal(err)
	}
	return fmt.Sprintf("username_file: %q, password_file: %q", filepath.Join(dir, "user"), filepath.Join(dir, "password"))
}

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
		url := "mqtt://" + net.JoinHostPort(host(0), n.port)
		g := newGateway(t, url)
		g.configure(t, url, n.as("lianhua_park-01")+", stall: 5s, ack: "+ack)
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
	writeFile(t, g.file, strings.Replace(configuration(url, g.dir), "ack_timeout: 2s", "ack_timeout: 15s, ack: watermark, "+n.as("lianhua_park-01"), 1))
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

// TestNATSRules holds what deploy/broker/nats.conf promises: nobody gets in without a password, a gateway speaks for itself
// only, and a server without passwords does not start. That a gateway may do what it must, the faults nats-… hold.
func TestNATSRules(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a nats-server")
	}
	t.Parallel()
	n := newNATS(t, 1)
	connect := func(id, user, password string) (mqttclient.Client, error) {
		o := mqttclient.NewClientOptions().AddBroker("mqtt://" + net.JoinHostPort(host(0), n.port)).SetClientID(id).
			SetUsername(user).SetPassword(password).SetAutoReconnect(false)
		c := mqttclient.NewClient(o)
		token := c.Connect()
		if !token.WaitTimeout(patience) {
			t.Fatal("the server does not answer")
		}
		if token.Error() == nil {
			t.Cleanup(func() { c.Disconnect(0) })
		}
		return c, token.Error()
	}
	for _, c := range [][2]string{{"", ""}, {"lianhua_park-01", ""}, {"lianhua_park-01", "guess"}, {"admin", natsPassword}} {
		if _, err := connect("stranger", c[0], c[1]); err == nil {
			t.Errorf("%q got in with the password %q", c[0], c[1])
		}
	}
	gateway, err := connect("park", "lianhua_park-01", natsPassword)
	if err != nil {
		t.Fatal(err)
	}
	center, err := connect("watcher", "center", natsPassword)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 64)
	hear := func(_ mqttclient.Client, m mqttclient.Message) { heard <- m.Topic() }
	if token := center.Subscribe("lotusgate/#", 1, hear); !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	// Each forbidden message is followed by a permitted one of the same client: when that arrives alone, the other was not let through.
	say := func(c mqttclient.Client, forbidden, permitted string) {
		t.Helper()
		for _, topic := range []string{forbidden, permitted} {
			if token := c.Publish(topic, 1, false, "x"); !token.WaitTimeout(patience) {
				t.Fatal("no acknowledgement")
			}
		}
		select {
		case topic := <-heard:
			if topic != permitted {
				t.Errorf("%s was let through", topic)
			}
		case <-time.After(patience):
			log, _ := os.ReadFile(n.config[0] + ".log")
			t.Fatalf("%s was not let through; connected %v\n%s", permitted, c.IsConnectionOpen(), log)
		}
	}
	say(gateway, "lotusgate/v1/lianhua/park-02/event/loop/x", testRoot+"/event/loop/x")
	say(gateway, testRoot+"/command/entry-gate", testRoot+"/state/x")
	say(gateway, testRoot+"/watermark", testRoot+"/alarm/x/y")
	say(center, testRoot+"/event/loop/x", testRoot+"/command/entry-gate")
	for filter, allowed := range map[string]bool{
		testRoot + "/command/#": true, "lotusgate/v1/lianhua/heartbeat": true,
		"lotusgate/v1/lianhua/park-02/command/#": false, "lotusgate/#": false, "#": false,
	} {
		token := gateway.Subscribe(filter, 1, nil).(*mqttclient.SubscribeToken)
		if !token.WaitTimeout(patience) {
			t.Fatal("no answer")
		}
		if granted := token.Result()[filter] < 0x80; granted != allowed {
			t.Errorf("the gateway subscribes to %s: granted %v", filter, granted)
		}
	}

	if err := os.Remove(filepath.Join(filepath.Dir(n.config[0]), "passwords.conf")); err != nil {
		t.Fatal(err)
	}
	program, _ := natsServer() // it runs
	if out, err := exec.Command(program, "-t", "-c", n.config[0]).CombinedOutput(); err == nil {
		t.Errorf("a server without passwords finds its configuration good: %s", out)
	}
}
