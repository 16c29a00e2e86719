package deploy

import (
	"bufio"
	"bytes"
	"encoding/json"
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
)

const patience = 20 * time.Second

// tool finds an executable; a missing one skips the test, but not in CI.
func tool(t testing.TB, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: run make packages", name)
	}
	t.Skipf("%s is missing: run make packages", name)
	return ""
}

func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// program is lotusgate, built once for all tests.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lotusgate-deploy-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lotusgate")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", path, "../cmd/lotusgate")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, os.Chmod(dir, 0o755)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := program(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func built(t testing.TB) string {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// site writes the minimal example with everything it touches below a folder of the test.
func site(t testing.TB, replace ...string) (config string) {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile("examples/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config = filepath.Join(dir, "lotusgate.yaml")
	state := filepath.Join(dir, "state")
	pairs := append(replace, "mqtt://broker.lan:1883", "mqtt://127.0.0.1:1", "/var/lib/lotusgate", state, "127.0.0.1:8080", "127.0.0.1:0")
	if err := os.WriteFile(config, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) { // for a user without rights
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(state, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return config
}

const nobody = 65534

// daemon is the program as a supervisor runs it.
type daemon struct {
	t     testing.TB
	cmd   *exec.Cmd
	told  chan string // sd_notify
	lines chan string // log
	ended chan error
}

// start runs the program, through a wrapper if one is given, and listens to what it tells systemd.
func start(t testing.TB, config string, wrapper ...string) *daemon {
	t.Helper()
	socket := filepath.Join(filepath.Dir(config), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	args := append(wrapper, built(t), "run", "--config", config)
	d := &daemon{t: t, cmd: exec.Command(args[0], args[1:]...), told: make(chan string, 100), lines: make(chan string, 1000), ended: make(chan error, 1)}
	d.cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000")
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	d.cmd.Stderr = &stderr
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := l.Read(b)
			if err != nil {
				return
			}
			select {
			case d.told <- string(b[:n]):
			default:
			}
		}
	}()
	go func() {
		for sc := bufio.NewScanner(out); sc.Scan(); {
			d.lines <- sc.Text()
		}
		close(d.lines)
		d.ended <- d.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
		_ = l.Close()
		if t.Failed() {
			t.Logf("%s", stderr.String())
		}
	})
	return d
}

func (d *daemon) await(state string) {
	d.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case said := <-d.told:
			if said == state {
				return
			}
		case err := <-d.ended:
			d.t.Fatalf("ended before %s: %v", state, err)
		case <-deadline:
			d.t.Fatalf("never told systemd %s", state)
		}
	}
}

// page is the address that the log names.
func (d *daemon) page() string {
	d.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line := <-d.lines:
			var entry struct{ Msg, Address string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "status page" {
				return entry.Address
			}
		case <-deadline:
			d.t.Fatal("no status page in the log")
		}
	}
}

// stop ends it as systemd does, and expects it to end in order.
func (d *daemon) stop() {
	d.t.Helper()
	if err := syscall.Kill(-d.cmd.Process.Pid, syscall.SIGTERM); err != nil {
		d.t.Fatal(err)
	}
	deadline := time.After(patience)
	for {
		select {
		case <-d.lines:
		case err := <-d.ended:
			if err != nil {
				d.t.Errorf("ended with %v", err)
			}
			return
		case <-deadline:
			d.t.Fatal("does not end")
		}
	}
}
