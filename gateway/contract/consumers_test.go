package contract

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

const patience = 20 * time.Second

// broker starts Debian's mosquitto on a free port.
func broker(t *testing.T) (port string) {
	t.Helper()
	path := program(t, "mosquitto", "/usr/sbin/mosquitto")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	cmd := exec.Command(path, "-p", port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = c.Close()
			return port
		}
		if time.Now().After(deadline) {
			t.Fatal("mosquitto does not listen")
		}
	}
}

// program finds an executable; a missing one skips the test, but not in CI.
func program(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: run make packages", names[0])
	}
	t.Skipf("%s is missing: run make packages", names[0])
	return ""
}

// consumer is an example that runs; what it prints comes line by line.
type consumer struct {
	t     *testing.T
	lines chan string
	all   []string
}

func run(t *testing.T, name string, args ...string) *consumer {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &consumer{t: t, lines: make(chan string, 1000)}
	go func() {
		defer close(c.lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			c.lines <- sc.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range c.lines {
		}
		_ = cmd.Wait()
	})
	return c
}

// await reads on until a line matches.
func (c *consumer) await(want string) {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-c.lines:
			c.all = append(c.all, line)
			if ok && strings.HasPrefix(line, want) {
				return
			}
			if !ok {
				c.t.Fatalf("ended without %q:\n%s", want, strings.Join(c.all, "\n"))
			}
		case <-deadline:
			c.t.Fatalf("no %q in:\n%s", want, strings.Join(c.all, "\n"))
		}
	}
}

// gatewayActor publishes what a test wants a gateway to have said.
type gatewayActor struct {
	t      *testing.T
	client mqtt.Client
}

func newActor(t *testing.T, port string) gatewayActor {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://127.0.0.1:" + port).SetClientID("lianhua.park-01"))
	if tok := c.Connect(); !tok.WaitTimeout(patience) || tok.Error() != nil {
		t.Fatal(tok.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return gatewayActor{t, c}
}

func (g gatewayActor) say(topic string, retained bool, payload string) {
	g.t.Helper()
	if err := open(g.t).Message(root, root+"/"+topic, []byte(payload)); err != nil {
		g.t.Fatal(err) // the test must not teach what no gateway says
	}
	if tok := g.client.Publish(root+"/"+topic, 1, retained, payload); !tok.WaitTimeout(patience) || tok.Error() != nil {
		g.t.Fatal(tok.Error())
	}
}

func (g gatewayActor) event(number int, typ, id, data string) {
	g.t.Helper()
	kind, _, _ := strings.Cut(typ, ".")
	g.say("event/"+kind+"/"+id, false, fmt.Sprintf(`{"specversion":"1.0","id":"k3v9q2-00000012-%010d","source":"//lianhua/park-01",`+
		`"subject":"%s/%s","type":"lotusgate.%s","dataschema":"urn:lotusgate:v1:%s","sequence":"00000012-%010d","uptime":"12.000000",`+
		`"clock":"unset","late":false,"severitynumber":9,"severitytext":"info","data":%s}`, number, kind, id, typ, typ, number, data))
}

const (
	online = `{"state":"online","session":"s1","version":"1","kernelboot":"b","uptime":1,"clock":"unset","nonce":null,` +
		`"ledger":{"epoch":"k3v9q2","run":12,"number":0,"unconfirmed":[]},"alarms":0,"problems":[],"since":null}`
	lost   = `{"state":"lost","session":"s1","ledger":{"epoch":"k3v9q2","run":12}}`
	closed = `{"device":"entry-gate","kind":"gate","value":"closed","quality":"good","since":null,"detail":{}}`
	alarm  = `{"device":"car-1","alarm":"fault_raised","severity":"major","since":null,"acknowledged":null,"shelved_until":null,` +
		`"text":{"zh":"电梯报故障","en":"The elevator reports a fault"},"event":"k3v9q2-00000012-0000000004"}`
)

// play is a day in the life of a gateway, and what a good consumer says to it.
func play(g gatewayActor, c *consumer) {
	g.say("status", true, online)
	c.await("status park-01 online")
	g.say("state/entry-gate", true, closed)
	c.await("state park-01 entry-gate closed good")
	g.event(1, "loop.occupied", "entry-a", `{}`)
	c.await("event k3v9q2-00000012-0000000001 lotusgate.loop.occupied loop/entry-a {}")
	g.event(1, "loop.occupied", "entry-a", `{}`)
	c.await("duplicate k3v9q2-00000012-0000000001")
	g.event(4, "elevator.fault_raised", "car-1", `{"fault":"general"}`) // overtakes the two before it
	g.say("alarm/car-1/fault_raised", true, alarm)
	c.await("missing park-01 k3v9q2-00000012-0000000002 k3v9q2-00000012-0000000003")
	c.await("alarm park-01 car-1 fault_raised major The elevator reports a fault")
	g.event(2, "loop.cleared", "entry-a", `{"occupied_ms":900}`)
	c.await("missing park-01 k3v9q2-00000012-0000000003")
	g.event(5, "gateway.events_dropped", "gateway",
		`{"epoch":"k3v9q2","run":12,"ranges":[{"from":3,"to":3}],"queue":"normal","cause":"evicted"}`)
	c.await("missing park-01 nothing")
	g.say("alarm/car-1/fault_raised", true, "")
	c.await("alarm cleared park-01 car-1 fault_raised")
	g.say("status", true, lost)
	c.await("state park-01 entry-gate closed gateway is not there")
}

func TestPythonConsumer(t *testing.T) {
	t.Parallel()
	python := program(t, "/usr/bin/python3") // not one that a developer's shell finds first: Debian's has the package
	if err := exec.Command(python, "-c", "import paho.mqtt.client").Run(); err != nil {
		program(t, "python3-paho-mqtt")
	}
	port := broker(t)
	g := newActor(t, port)
	play(g, run(t, python, "../../docs/consumers/center.py", "127.0.0.1", port))
}

func TestNodeConsumer(t *testing.T) {
	t.Parallel()
	modules := nodeModules(t, "mqtt")
	dir := t.TempDir()
	for from, to := range map[string]string{modules: "node_modules", "../../docs/consumers/center.mjs": "center.mjs"} {
		abs, err := filepath.Abs(from)
		if err != nil {
			t.Fatal(err)
		}
		if to == "center.mjs" { // a link would be resolved, and its modules sought beside the original
			b, err := os.ReadFile(abs)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, to), b, 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Symlink(abs, filepath.Join(dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	port := broker(t)
	g := newActor(t, port)
	play(g, run(t, "node", filepath.Join(dir, "center.mjs"), "mqtt://127.0.0.1:"+port))
}

// The shell commands of the guide run as they stand, but for the broker's address.
func TestShellConsumers(t *testing.T) {
	t.Parallel()
	program(t, "mosquitto_sub")
	b, err := os.ReadFile("../../docs/consumers/README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)\n```").FindAllStringSubmatch(string(b), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d commands in the guide, this test knows 2", len(blocks))
	}
	port := broker(t)
	g := newActor(t, port)
	g.say("state/entry-gate", true, closed)
	all := run(t, "sh", "-c", "exec "+local(blocks[0][1], port))
	all.await(root + "/state/entry-gate " + closed)
	events := run(t, "sh", "-c", "exec "+local(blocks[1][1], port))
	// A subscription has no sound: speak until it is heard.
	for n := 1; len(events.lines) == 0 && n < 1000; n++ {
		g.event(n, "loop.occupied", "entry-a", `{}`)
		time.Sleep(10 * time.Millisecond)
	}
	events.await(`{"specversion":"1.0"`)
	all.await(root + "/event/loop/entry-a {")
}

func local(command, port string) string {
	return strings.NewReplacer("broker.lan", "127.0.0.1", "1883", port).Replace(command)
}

// Telegraf is not in Debian: its file is read as TOML, and its topics and keys are held against the contract.
func TestTelegrafConfiguration(t *testing.T) {
	t.Parallel()
	python := program(t, "/usr/bin/python3")
	out, err := exec.Command(python, "-c", `
import tomllib
doc = tomllib.load(open("../../docs/consumers/telegraf.conf", "rb"))
for i in doc["inputs"]["mqtt_consumer"]:
    for topic in i["topics"]: print("topic", topic)
    for p in i["json_v2"]:
        print("key", i["name_override"], p.get("timestamp_path", "state"))
        for kind in ("tag", "field", "object"):
            for f in p.get(kind, []): print("key", i["name_override"], f["path"])
`).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	a := newAuthor(t)
	keys := map[string][]string{}
	for _, p := range a.envelope().Properties {
		keys["lotusgate_event"] = append(keys["lotusgate_event"], p.Name)
	}
	for _, p := range a.status().OneOf[0].Properties {
		keys["lotusgate_status"] = append(keys["lotusgate_status"], p.Name)
	}
	topics := 0
	for line := range strings.Lines(string(out)) {
		switch word := strings.Fields(line); word[0] {
		case "topic":
			topics++
			if word[1] != "lotusgate/v1/+/+/event/#" && word[1] != "lotusgate/v1/+/+/status" {
				t.Errorf("topic %s is not in docs/wire.md", word[1])
			}
		case "key":
			if !slices.Contains(keys[word[1]], word[2]) {
				t.Errorf("%s has no key %s", word[1], word[2])
			}
		}
	}
	if topics != 2 {
		t.Errorf("%d topics", topics)
	}
}
