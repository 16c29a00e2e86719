package control

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, l net.Listener) {
	t.Helper()
	s := &http.Server{ConnContext: WithPeer, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, ok := PeerOf(r.Context())
		if r.URL.Path == "/bad" {
			http.Error(w, "no", http.StatusTeapot)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"pid": p.PID, "uid": p.UID, "known": ok})
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	client := Dial(path)
	defer client.Close()
	if _, err := client.Get(t.Context(), "/"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("nobody there: %v", err)
	}
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("permissions: %v, %v", info.Mode(), err)
	}
	serve(t, l)
	var who struct {
		PID, UID int
		Known    bool
	}
	if err := client.Read(t.Context(), "/", &who); err != nil || !who.Known || who.PID != os.Getpid() || who.UID != os.Getuid() {
		t.Errorf("got %+v, %v", who, err)
	}
	if _, err := client.Get(t.Context(), "/bad"); err == nil || !strings.Contains(err.Error(), "418") {
		t.Errorf("a refusal: %v", err)
	}
	lines := 0
	if err := client.Post(t.Context(), "/", who, func([]byte) error { lines++; return nil }); err != nil || lines != 1 {
		t.Errorf("%d lines, %v", lines, err)
	}
	if err := client.Post(t.Context(), "/bad", who, nil); err == nil || !strings.Contains(err.Error(), "418") {
		t.Errorf("a refused post: %v", err)
	}
	if _, err := Listen(path, ""); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second daemon: %v", err)
	}
}

// TestDeadSocketIsReplaced leaves a socket behind as a killed daemon does.
func TestDeadSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	client := Dial(path)
	defer client.Close()
	if _, err := client.Get(t.Context(), "/"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a dead socket: %v", err)
	}
	again, err := Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestListenTellsTheNextStep(t *testing.T) {
	if l, err := Listen(filepath.Join(t.TempDir(), "no", "s"), ""); l != nil || err == nil || !strings.Contains(err.Error(), "control.socket") {
		t.Errorf("no directory: %v", err)
	}
	l, err := Listen(filepath.Join(t.TempDir(), "s"), "no-such-group-here")
	if !errors.Is(err, ErrGroup) || !strings.Contains(err.Error(), "groupadd") || l == nil {
		t.Fatalf("no group: %v", err)
	}
	l.Close()
}
