package status

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lotusgate/gateway"
	"lotusgate/gateway/control"
)

// taker is the rest of the gateway, as far as commands go.
type taker struct{ given []gateway.Command }

func (k *taker) take(c gateway.Command) <-chan gateway.Reply {
	k.given = append(k.given, c)
	replies := make(chan gateway.Reply, 2)
	replies <- gateway.Reply{Device: c.Device, Action: c.Action, Stage: gateway.Accepted}
	replies <- gateway.Reply{Device: c.Device, Action: c.Action, Stage: gateway.Done}
	close(replies)
	return replies
}

func TestCommandsOverTheLocalSocket(t *testing.T) {
	k := &taker{}
	s := newServer(t, emptyHub(), Options{Command: k.take})
	path := filepath.Join(t.TempDir(), "s")
	l, err := control.Listen(path, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx, l) }()
	client := control.Dial(path)
	var stages []gateway.Stage
	hear := func(line []byte) error {
		var r gateway.Reply
		stages = append(stages, r.Stage)
		err := json.Unmarshal(line, &r)
		stages[len(stages)-1] = r.Stage
		return err
	}
	body := map[string]any{"device": "entry-gate", "action": "open", "args": gateway.Args{Ref: "r"}}
	if err := client.Post(t.Context(), commandPath, body, hear); err != nil || len(stages) != 2 || stages[1] != gateway.Done {
		t.Errorf("%v, %v", stages, err)
	}
	if len(k.given) != 1 {
		t.Fatalf("%d commands", len(k.given))
	}
	c := k.given[0]
	if c.Peer == nil || c.Peer.UID != int64(os.Getuid()) || c.Peer.PID != int64(os.Getpid()) || !strings.HasPrefix(c.Issuer, "local/") || c.Args.Ref != "r" {
		t.Errorf("%+v", c)
	}
	body["device_id"] = "misspelled"
	if err := client.Post(t.Context(), commandPath, body, hear); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a misspelled key: %v", err)
	}
	client.Close()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Nobody commands over HTTP, and nobody over HTTPS by that address.
func TestCommandsNeedTheLocalSocket(t *testing.T) {
	k := &taker{}
	s := newServer(t, emptyHub(), Options{Command: k.take})
	for name, server := range map[string]*httptest.Server{
		"http": httptest.NewServer(s.Handler()), "https": httptest.NewTLSServer(s.Handler()),
	} {
		resp, err := server.Client().Post(server.URL+commandPath, "application/json", bytes.NewReader([]byte(`{"device":"entry-gate","action":"open"}`)))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed || len(k.given) != 0 {
			t.Errorf("%s: %s, %d commands", name, resp.Status, len(k.given))
		}
		server.Close()
	}
}
