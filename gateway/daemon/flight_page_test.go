package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"

	"lotusgate/drivers/line"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/record"
)

// withPage runs a daemon without hardware while look looks at its page; reload makes it read next.
func withPage(t *testing.T, cfg, next *config.Config, look func(get func(path string) []byte, reload func())) {
	t.Helper()
	cfg.Status.Listen, cfg.Control.Socket = "127.0.0.1:0", filepath.Join(t.TempDir(), "sock")
	hup, page := make(chan os.Signal), make(chan net.Addr, 1)
	reloaded, decides := make(chan struct{}, 1), make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			Config: cfg, Version: "then", Page: func(a net.Addr) { page <- a },
			Load: func() (*config.Config, error) { return next, nil }, Reload: hup,
			Event: func(_ gateway.EventID, e gateway.Event) {
				switch {
				case e.Type == gateway.GatewayConfigReloaded:
					reloaded <- struct{}{}
				case e.Type == gateway.BusFault && e.ID == "i2c-1":
					select {
					case decides <- struct{}{}:
					default:
					}
				}
			},
			Hardware: Hardware{Lines: line.Registry(nil), OpenBus: func(string) (i2c.BusCloser, error) { return nil, errors.New("no such bus") }},
		})
	}()
	addr := <-page
	<-decides // something to compare
	client := &http.Client{Timeout: time.Minute}
	look(func(path string) []byte {
		a, err := client.Get(fmt.Sprintf("http://%s%s", addr, path))
		if err != nil {
			t.Error(err)
			return nil
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil || a.StatusCode != http.StatusOK {
			t.Errorf("%s: %s, %v", path, a.Status, err)
		}
		return b
	}, func() {
		hup <- syscall.SIGHUP
		select {
		case <-reloaded:
		case <-time.After(time.Minute):
			t.Error("the configuration is not reloaded")
		}
	})
	client.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The page hands the recording out while the daemon runs. A reload of the configuration begins a stretch with the new one,
// and both are played bit by bit.
func TestRecordingFromThePage(t *testing.T) {
	cfg, next := example(t), example(t)
	next.Storage, next.Status, next.Control = cfg.Storage, cfg.Status, cfg.Control
	point := next.Points["entry-a-in"]
	settle := 50 * time.Millisecond
	point.Settle, point.Label = &settle, "moved"
	next.Points["entry-a-in"] = point
	next.Hash = "another"
	withPage(t, cfg, next, func(get func(string) []byte, reload func()) {
		first := get("/recording.rec")
		reload()
		second := get("/recording.rec")
		var labels []string
		play := func(b []byte) record.Result {
			got, err := record.Play(t.Context(), bytes.NewReader(b), record.PlayOptions{Parts: Recorded, Began: func(h record.Header) {
				labels = append(labels, fmt.Sprint(strings.Contains(string(h.Config), `"moved"`)))
			}})
			if err != nil || got.Different != nil || got.Cut {
				t.Errorf("%+v, %v", got, err)
			}
			return got
		}
		if got := play(first); got.Stretches != 1 || got.Decisions == 0 {
			t.Errorf("before the reload: %+v", got)
		}
		labels = nil
		if got := play(second); got.Stretches != 2 || strings.Join(labels, " ") != "false true" {
			t.Errorf("after it: %+v, with the new configuration: %v", got, labels)
		}
	})
}

// A recorder that cannot even begin is a gap in the metrics, and keeps nothing from running.
func TestNoRecorder(t *testing.T) {
	cfg := example(t)
	if err := os.MkdirAll(cfg.Storage.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(RecordDir(cfg.Storage.Path), nil, 0o600); err != nil { // where the directory would be
		t.Fatal(err)
	}
	withPage(t, cfg, cfg, func(get func(string) []byte, _ func()) {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
			if bytes.Contains(get("/metrics"), []byte("\nlotusgate_recorder_gaps_total 1\n")) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("lotusgate_recorder_gaps_total is not 1")
			}
		}
	})
}
