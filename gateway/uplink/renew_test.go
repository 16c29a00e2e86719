package uplink

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"

	"lotusgate/gateway/hub"
)

// A renewed client certificate is taken while everything works: the gateway ends the connection itself, in order, when
// all is acknowledged, and comes back with the new one at once.
func TestCertificateRenewed(t *testing.T) {
	a := newAuthority(t, "ours")
	config := &tls.Config{
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: a.pool(),
		Certificates: []tls.Certificate{a.server("127.0.0.1", time.Now().Add(time.Hour))},
	}
	b := newScripted(t, config)
	g := prepare(t, b.url)
	dir := t.TempDir()
	g.opt.CAFile, g.opt.CertFile, g.opt.KeyFile = a.file, filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	a.client("one", g.opt.CertFile, g.opt.KeyFile)
	g.out.add(3, g.clock.Now())
	g.start()
	p := b.accept()
	for _, m := range p.events(3) {
		p.ack(m.MessageID)
	}
	wait(t, "everything confirmed", g.out.drained())

	a.client("two", g.opt.CertFile, g.opt.KeyFile)
	p.parted()
	p = b.accept()
	if name := p.conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName; name != "two" {
		t.Errorf("client certificate of %q", name)
	}
	if ends := g.hub.View().Link.CertificateEnds; !ends.After(time.Now()) {
		t.Errorf("it ends at %v", ends)
	}
	g.out.add(1, g.clock.Now())
	m := p.events(1)[0]
	if n := eventID(t, m.Payload).Number; n != 4 {
		t.Errorf("event %d was sent again", n)
	}
	p.ack(m.MessageID)
	wait(t, "everything confirmed", g.out.drained())
}

// Two files cannot be renewed at one moment: until both fit, the last pair stays in use, and it is said once.
func TestHalfRenewed(t *testing.T) {
	a := newAuthority(t, "ours")
	dir := t.TempDir()
	var log strings.Builder
	c := credentials{certFile: filepath.Join(dir, "cert"), keyFile: filepath.Join(dir, "key"), log: slog.New(slog.NewTextHandler(&log, nil))}
	if _, err := c.current(); err == nil {
		t.Error("no files, and no error")
	}
	a.client("one", c.certFile, c.keyFile)
	one, err := c.current()
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "key of two")
	a.client("two", c.certFile, other)
	for range 3 {
		if fresh, err := c.renew(); fresh || err == nil {
			t.Errorf("certificate and key of two: fresh %v, error %v", fresh, err)
		}
		if now, err := c.current(); now != one || err != nil {
			t.Errorf("the first pair is not used any more: %v", err)
		}
	}
	if n := strings.Count(log.String(), "stays in use"); n != 1 {
		t.Errorf("said %d times", n)
	}
	if err := os.Rename(other, c.keyFile); err != nil {
		t.Fatal(err)
	}
	if fresh, err := c.renew(); !fresh || err != nil {
		t.Errorf("both fit: fresh %v, error %v", fresh, err)
	}
	if two, err := c.current(); two == one || err != nil {
		t.Errorf("the second pair is not used: %v", err)
	}
}

// TestWebsocket speaks to a real broker on a WebSocket, plain and encrypted.
func TestWebsocket(t *testing.T) {
	a := newAuthority(t, "ours")
	for scheme, secure := range map[string]*tls.Config{
		"ws":  nil,
		"wss": {Certificates: []tls.Certificate{a.server("127.0.0.1", time.Now().Add(time.Hour))}},
	} {
		t.Run(scheme, func(t *testing.T) {
			broker := mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_ = free.Close()
			l := listeners.NewWebsocket(listeners.Config{ID: "web", Address: free.Addr().String(), TLSConfig: secure})
			for _, err := range []error{broker.AddHook(new(auth.AllowHook), nil), broker.AddListener(l), broker.Serve()} {
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() { _ = broker.Close() })
			g := prepare(t, scheme+"://"+l.Address()+"/mqtt")
			if secure != nil {
				g.opt.CAFile = a.file
			}
			g.start()
			g.link("connected", connected)
			g.out.add(500, g.clock.Now())
			wait(t, "everything confirmed", g.out.drained())
			if err := once(g.out.confirmations()); err != nil {
				t.Error(err)
			}
			g.stop()
		})
	}
}

// What is no WebSocket with MQTT on it is named, with the next step.
func TestNoWebsocket(t *testing.T) {
	m := newMosquitto(t)
	g := prepare(t, strings.Replace(m.url, "mqtt:", "ws:", 1)+"/mqtt")
	g.start()
	g.link("failed", func(l hub.Link) bool { return l.Error != "" })
}
