package deploy

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logged waits for a line of the log and returns it.
func (d *daemon) logged(msg string) map[string]any {
	d.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-d.lines:
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == msg {
				return entry
			}
			if !ok {
				d.t.Fatalf("the log ended without %q", msg)
			}
		case <-deadline:
			d.t.Fatalf("no %q in the log", msg)
		}
	}
}

// A technician changes the file and says systemctl reload.
func TestReload(t *testing.T) {
	t.Parallel()
	config := site(t)
	d := start(t, config)
	page := "http://" + d.page()
	d.await("READY=1")
	devices := func() (ids, events []string) {
		t.Helper()
		resp, err := http.Get(page + "/api/v1/view")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var v struct {
			Devices []struct{ ID string }
			Events  []struct{ Type string }
		}
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatal(err)
		}
		for _, x := range v.Devices {
			ids = append(ids, x.ID)
		}
		for _, x := range v.Events {
			events = append(events, x.Type)
		}
		return ids, events
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	text := read(t, config)
	if ids, _ := devices(); !slices.Contains(ids, "cam-01") {
		t.Fatalf("devices %v", ids)
	}

	before, _, _ := strings.Cut(text, "\ncameras:")
	write(strings.Replace(before, "  broker: ", "  window: 7\n  broker: ", 1))
	entry := d.logged("configuration read again")
	if restart, ok := entry["restart"].([]any); !ok || len(restart) != 1 || restart[0] != "mqtt" || entry["begun"] != 0.0 {
		t.Errorf("%v", entry)
	}
	if ids, events := devices(); slices.Contains(ids, "cam-01") || !slices.Contains(ids, "entry") || !slices.Contains(events, "lotusgate.gateway.config_reloaded") {
		t.Errorf("devices %v, events %v", ids, events)
	}

	write(strings.Replace(text, "heartbeat:", "hartbeat:", 1))
	if entry := d.logged("the new configuration is refused, the old one stays"); !strings.Contains(entry["first"].(string), "lotusgate.yaml:") {
		t.Errorf("%v", entry)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, events := devices(); slices.Contains(events, "lotusgate.gateway.config_rejected") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no gateway.config_rejected")
		}
	}

	write(text)
	if entry := d.logged("configuration read again"); entry["begun"] != 1.0 {
		t.Errorf("%v", entry)
	}
	if ids, _ := devices(); !slices.Contains(ids, "cam-01") {
		t.Errorf("devices %v", ids)
	}
	d.stop()
}
