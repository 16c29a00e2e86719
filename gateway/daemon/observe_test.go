package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lotusgate/drivers/line"
	"lotusgate/gateway/control"
	"lotusgate/gateway/outbox"
)

// Without a daemon the inputs are read, and whatever an output is at stays as it was left: even a coil that is on.
func TestObserve(t *testing.T) {
	m := newModels(t)
	left := [][]byte{{0x14, 0x80, 0x00}, {0x00, 0x7f, 0x7f}} // OLAT, IODIR: GPA7 high and GPB7 low, both on
	for _, w := range left {
		if err := m.bus.Tx(0x20, w, nil); err != nil {
			t.Fatal(err)
		}
	}
	cfg := cabinetConfig(t)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	socket := filepath.Join(t.TempDir(), "s")
	go func() {
		ended <- Observe(ctx, Options{Config: cfg, Hardware: Hardware{Lines: line.Registry(nil), OpenBus: m.open}}, socket, func() { close(ready) })
	}()
	<-ready
	client := control.Dial(socket)
	defer client.Close()
	var v struct {
		Points []struct{ ID, Quality string }
	}
	quality := func(id string) string {
		for _, p := range v.Points {
			if p.ID == id {
				return p.Quality
			}
		}
		return ""
	}
	for deadline := time.After(time.Minute); quality("fault") != "good"; {
		select {
		case <-deadline:
			t.Fatalf("the inputs are not read: %+v", v.Points)
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(10 * time.Millisecond):
		}
		if err := client.Read(ctx, "/api/v1/view", &v); err != nil {
			t.Fatal(err)
		}
	}
	if q := quality("up"); q == "good" {
		t.Error("an input of a chip with relays is read, so the chip was set up")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, w := range left {
		got := make([]byte, len(w)-1)
		if err := m.bus.Tx(0x20, w[:1], got); err != nil || string(got) != string(w[1:]) {
			t.Errorf("register %#x is %x, was left at %x: %v", w[0], got, w[1:], err)
		}
	}
}

func TestObserveLeavesADaemonAlone(t *testing.T) {
	cfg := example(t)
	if err := os.Mkdir(cfg.Storage.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := outbox.Disk{}.Lock(cfg.Storage.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := Observe(t.Context(), Options{Config: cfg}, filepath.Join(t.TempDir(), "s"), func() {}); !errors.Is(err, outbox.ErrLocked) {
		t.Errorf("got %v", err)
	}
}
