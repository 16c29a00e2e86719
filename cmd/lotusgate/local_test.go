package main

import (
	"archive/zip"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lotusgate/drivers/line"
	"lotusgate/gateway/access"
	"lotusgate/gateway/config"
	"lotusgate/gateway/control"
)

// daemonSaying listens at a local socket and answers as a daemon that knows view.
func daemonSaying(t *testing.T, view string) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l, err := control.Listen(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/view", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, view) })
	mux.HandleFunc("/support.zip", func(w http.ResponseWriter, _ *http.Request) {
		z := zip.NewWriter(w)
		f, _ := z.Create("view.json")
		_, _ = f.Write([]byte(view))
		_ = z.Close()
	})
	s := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return socket
}

const seen = `{"at": 100, "points": [
 {"id": "a", "label": "地感 A", "terminal": "GPIO17", "active": true, "level": true, "edges": 12, "bounces": 4, "last_edge_at": 97.5},
 {"id": "b", "terminal": "x1 GPA0\u001b[2J", "active": null, "level": null}],
 "sources": [{"id": "gpio", "ok": false, "error": "line 17 is busy"}], "link": {"broker": "mqtt://b:1883", "connected": true},
 "storage": {"degraded": "no space left"}}`

func TestWiring(t *testing.T) {
	code, out, errs := call(t, "wiring", "--socket", daemonSaying(t, seen))
	want := "Terminal Name Level Settled Edges Bounces Missed Last edge\n" +
		"> GPIO17 地感 A High Active 12 4 0 2 s ago\n" +
		"x1 GPA0?[2J b - Unknown 0 0 0 -"
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if code != 0 || errs != "" || strings.Join(got, "\n") != want {
		t.Errorf("exit %d %s\n%s, want\n%s", code, errs, out, want)
	}
	code, _, errs = call(t, "wiring", "--socket", filepath.Join(t.TempDir(), "none"))
	if code != exitFailed || !strings.Contains(errs, "systemctl start") {
		t.Errorf("no daemon: exit %d, %q", code, errs)
	}
}

func TestProbe(t *testing.T) {
	code, out, _ := call(t, "probe", "gpio", "mqtt", "storage", "-c", "../../deploy/examples/minimal.yaml", "--socket", daemonSaying(t, seen))
	for _, want := range []string{"FAIL  gpio     the lines cannot be read: line 17 is busy", "ok    mqtt     connected", "FAIL  storage"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	if code, _, errs := call(t, "probe", "barrier"); code != exitUsage || !strings.Contains(errs, "barrier") {
		t.Errorf("a part that does not exist: exit %d, %s", code, errs)
	}
}

func TestProbeComparesLines(t *testing.T) {
	cfg, err := config.Load("../../deploy/examples/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var found []line.Info
	for _, name := range []string{"GPIO17", "GPIO27", "GPIO22", "GPIO24"} {
		found = append(found, line.Info{Name: name, Used: name == "GPIO22", Consumer: "pwm-fan"})
	}
	var said []string
	for _, f := range compareLines(cfg, found) {
		said = append(said, fmt.Sprint(f.OK, f.What, f.Args))
	}
	want := "[false probe.gpio.unknown[GPIO23 eg-closed] false probe.gpio.used[GPIO22 pwm-fan] true probe.gpio.free[3]]"
	if got := fmt.Sprint(said); strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got %s", got)
	}
}

func TestSupportBundle(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "b.zip")
	for socket, want := range map[string]string{daemonSaying(t, seen): "view.json", filepath.Join(dir, "none"): "config/minimal.yaml"} {
		code, out, errs := call(t, "support-bundle", "--socket", socket, "-c", "../../deploy/examples/minimal.yaml", "-o", file)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d\n%s%s", code, out, errs)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
}

// TestPassword sets one from a pipe, and shows the fingerprint of the certificate that comes with it.
func TestPassword(t *testing.T) {
	dir := t.TempDir()
	example, err := os.ReadFile("../../deploy/examples/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, strings.Replace(string(example), "/var/lib/lotusgate ", dir+" ", 1))
	var out, errs strings.Builder
	t.Setenv("LC_ALL", "C")
	if code := executeWith(t.Context(), []string{"password", "-c", path}, strings.NewReader("four words are enough\n"), &out, &errs); code != 0 || !strings.Contains(out.String(), "stored") {
		t.Errorf("exit %d, %s%s", code, &out, &errs)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "access", "operator")); err != nil || !strings.HasPrefix(string(b), "$argon2id$") {
		t.Errorf("%q, %v", b, err)
	}
	if code := executeWith(t.Context(), []string{"password", "-c", path}, strings.NewReader("short\n"), &out, &errs); code != exitFailed || !strings.Contains(errs.String(), "at least 10") {
		t.Errorf("a short one: exit %d, %s", code, &errs)
	}
	made := map[string]bool{}
	for range 2 {
		code, said, _ := call(t, "password", "--random", "-c", path)
		word, _, _ := strings.Cut(said, "\n")
		if code != 0 || len(word) != 14 || strings.Count(word, "-") != 2 || made[word] {
			t.Errorf("exit %d, a password made for this device: %q", code, said)
		}
		made[word] = true
		if _, err := access.New(filepath.Join(dir, "access"), func() time.Duration { return 0 }).Login(t.Context(), "phone", word); err != nil {
			t.Errorf("log-in with it: %v", err)
		}
	}
	code, said, _ := call(t, "certificate", "-c", path)
	if code != 0 || !strings.Contains(said, "SHA256 ") || !strings.Contains(said, "▄") {
		t.Errorf("exit %d\n%s", code, said)
	}
}
