package uplink

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"
	"time"
)

// TestCertificateDates judges one certificate, valid from an hour ago for an hour, by what a gateway knows of the date.
func TestCertificateDates(t *testing.T) {
	ours, other := newAuthority(t, "ours"), newAuthority(t, "other")
	now := time.Now()
	cert := ours.server("127.0.0.1", now.Add(time.Hour))
	foreign := other.server("127.0.0.1", now.Add(time.Hour))
	elsewhere := ours.server("broker.example", now.Add(time.Hour))
	for _, c := range []struct {
		name   string
		cert   tls.Certificate
		date   time.Time
		known  bool
		refuse string // "" = accepted
	}{
		{"known", cert, now, true, ""},
		{"known, before it begins", cert, now.AddDate(-1, 0, 0), true, "not yet valid"},
		{"known, after its end", cert, now.Add(2 * time.Hour), true, "expired"},
		{"unknown, 1970", cert, time.Unix(0, 0), false, ""},
		{"unknown, nothing at all", cert, time.Time{}, false, ""},
		{"unknown, but its end has certainly passed", cert, now.Add(2 * time.Hour), false, "expired"},
		{"unknown, another authority", foreign, time.Unix(0, 0), false, "unknown authority"},
		{"unknown, another name", elsewhere, time.Unix(0, 0), false, "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newScripted(t, &tls.Config{Certificates: []tls.Certificate{c.cert}})
			go func() {
				conn, err := b.l.Accept()
				if err != nil {
					return
				}
				_ = conn.(*tls.Conn).Handshake()
				_ = conn.Close()
			}()
			u := Uplink{opt: Options{Broker: b.url, CAFile: ours.file, Date: func() (time.Time, bool) { return c.date, c.known }}}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			tcp, _, err := u.openStream(ctx)
			if tcp != nil {
				_ = tcp.Close()
			}
			if c.refuse == "" && err != nil || c.refuse != "" && (err == nil || !strings.Contains(err.Error(), c.refuse)) {
				t.Errorf("error %v, want %q", err, c.refuse)
			}
		})
	}
}
