package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"lotusgate/gateway"
	"lotusgate/gateway/intake"
)

// listener is a gateway that checks what a center says with one key.
func listener(t *testing.T, keys ...intake.KeyFile) *intake.Intake {
	t.Helper()
	in, err := intake.New(intake.Options{
		Audience: "//lianhua/park-01", Keys: keys,
		Now:     func() gateway.Mono { return 1 },
		Wall:    func() (time.Time, gateway.ClockQuality) { return time.Now(), gateway.ClockSynced },
		Command: func(gateway.Command) bool { return true },
		Audit:   func(context.Context, gateway.Event) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// What watermark and heartbeat print and publish is what a gateway believes.
func TestCenterConfirms(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := mqtt.New(&mqtt.Options{InlineClient: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := server.AddHook(new(auth.AllowHook), nil); err != nil {
		t.Fatal(err)
	}
	if err := server.AddListener(listeners.NewNet("test", l)); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	heard := make(chan packets.Packet, 8)
	if err := server.Subscribe("#", 1, func(_ *mqtt.Client, _ packets.Subscription, p packets.Packet) { heard <- p }); err != nil {
		t.Fatal(err)
	}

	dir := t.TempDir()
	if code, _, errs := call(t, "key", "new", "center", "--dir", dir); code != 0 {
		t.Fatal(errs)
	}
	key := filepath.Join(dir, "center.key")
	knows := intake.KeyFile{
		ID: "center", File: filepath.Join(dir, "center.pub"), Alg: "EdDSA", Devices: []string{"gateway"}, Actions: []string{"watermark", "heartbeat"},
	}
	mark := []string{"command", "watermark", "--gateway", "lianhua/park-01", "k3v9q2-00000012-0000004700"}
	beat := []string{"command", "heartbeat", "--site", "lianhua"}
	for _, c := range []struct {
		name string
		with []string
		in   *intake.Intake
	}{
		{"signed", []string{"--key", key}, listener(t, knows)},
		{"not signed", nil, listener(t)},
	} {
		for _, to := range [][]string{nil, {"--broker", "mqtt://" + l.Addr().String()}} {
			said := func(args []string, topic string, retained bool) []byte {
				t.Helper()
				code, out, errs := call(t, append(append(append([]string(nil), args...), c.with...), to...)...)
				if code != 0 {
					t.Fatal(errs)
				}
				if to == nil {
					return []byte(strings.TrimSpace(out))
				}
				select {
				case p := <-heard:
					if p.TopicName != topic || p.FixedHeader.Retain != retained || out != "" {
						t.Errorf("%s: published to %s, retained %v, printed %q", c.name, p.TopicName, p.FixedHeader.Retain, out)
					}
					return p.Payload
				case <-time.After(time.Minute):
					t.Fatal("nothing was published")
				}
				return nil
			}
			got, err := c.in.Watermark(said(mark, "lotusgate/v1/lianhua/park-01/watermark", true))
			if want := (gateway.Watermark{Epoch: "k3v9q2", Run: 12, Number: 4700}); err != nil || got != want {
				t.Errorf("%s: %v %v", c.name, got, err)
			}
			at, signed, err := c.in.Heartbeat(said(beat, "lotusgate/v1/lianhua/heartbeat", false), "lianhua")
			if err != nil || signed != (c.with != nil) || time.Since(at).Abs() > time.Hour {
				t.Errorf("%s: %v %v %v", c.name, at, signed, err)
			}
		}
	}

	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"command", "watermark", "--gateway", "lianhua/park-01", "4700"}, exitUsage, "not an event id"},
		{[]string{"command", "watermark", "k3v9q2-00000012-0000004700"}, exitUsage, "gateway"},
		{[]string{"command", "heartbeat", "--site", "lianhua", "--every", "10s"}, exitUsage, "--broker"},
		{append(append([]string(nil), mark...), "--key", filepath.Join(dir, "none.key")), exitFailed, "none.key"},
	} {
		if code, _, errs := call(t, c.args...); code != c.code || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit %d, %s", c.args, code, errs)
		}
	}
}
