package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"lotusgate/gateway"
	"lotusgate/gateway/control"
)

// daemonAnswering listens at a local socket and answers every command with the given replies.
func daemonAnswering(t *testing.T, replies ...gateway.Reply) (socket string, given *[]string) {
	t.Helper()
	socket, given = filepath.Join(t.TempDir(), "s"), new([]string)
	l, err := control.Listen(socket, "")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+commandAddress, func(w http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		*given = append(*given, string(body))
		for _, reply := range replies {
			fmt.Fprintf(w, "%s\n", gateway.MarshalReply(reply))
		}
	})
	s := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return socket, given
}

func TestTrigger(t *testing.T) {
	yes := true
	reply := func(s gateway.Stage, why gateway.Reason) gateway.Reply {
		return gateway.Reply{Device: "entry-gate", Action: gateway.Open, Stage: s, Reason: why}
	}
	done := reply(gateway.Done, "")
	done.Verified = &yes
	for name, c := range map[string]struct {
		replies []gateway.Reply
		code    int
		says    []string
	}{
		"done":     {[]gateway.Reply{reply(gateway.Accepted, ""), reply(gateway.Executing, ""), done}, 0, []string{"open: accepted", "open: executing", "a limit switch says so"}},
		"rejected": {[]gateway.Reply{reply(gateway.Rejected, gateway.NoPresence)}, exitFailed, []string{"rejected, no_presence (nobody has pressed the button at the machine)"}},
		"failed":   {[]gateway.Reply{reply(gateway.Accepted, ""), reply(gateway.Failed, gateway.NoMotion)}, exitFailed, []string{"failed, no_motion"}},
		"cut off":  {[]gateway.Reply{reply(gateway.Accepted, "")}, exitFailed, []string{"the daemon ended"}},
	} {
		t.Run(name, func(t *testing.T) {
			socket, given := daemonAnswering(t, c.replies...)
			code, out, errs := call(t, "trigger", "--socket", socket, "--ref", "ticket-1", "entry-gate", "open")
			if code != c.code {
				t.Errorf("exit %d, want %d: %s", code, c.code, errs)
			}
			for _, word := range c.says {
				if !strings.Contains(out+errs, word) {
					t.Errorf("no %q in\n%s%s", word, out, errs)
				}
			}
			if want := `{"action":"open","args":{"ref":"ticket-1"},"device":"entry-gate"}`; len(*given) != 1 || (*given)[0] != want {
				t.Errorf("gave %v, want %s", *given, want)
			}
		})
	}
	reset := done
	reset.Device, reset.Action = "fire", gateway.ResetFire
	socket, _ := daemonAnswering(t, reset)
	if code, out, errs := call(t, "trigger", "--socket", socket, "fire", "reset_fire"); code != 0 || !strings.Contains(out, "reset_fire: done\n") {
		t.Errorf("exit %d: %s%s: no limit switch says that a fire is over", code, out, errs)
	}
	code, _, errs := call(t, "trigger", "--socket", filepath.Join(t.TempDir(), "none"), "entry-gate", "open")
	if code != exitFailed || !strings.Contains(errs, "systemctl start") {
		t.Errorf("no daemon: exit %d, %q", code, errs)
	}
}
