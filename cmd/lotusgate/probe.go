package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"lotusgate/drivers/line"
	"lotusgate/gateway/config"
	"lotusgate/gateway/control"
	"lotusgate/gateway/text"
)

// finding is one line of a probe: what is so, and what to do if it should not be.
type finding struct {
	OK   bool
	What text.Key
	Args []any
	Next text.Key // "" = nothing
}

// probe looks at one part. v is what a running daemon knows; nil when none runs.
type probe func(ctx context.Context, cfg *config.Config, v *viewJSON) []finding

// probes are the one table of what can be looked at; none of them opens an output.
var probes = map[string]probe{"gpio": probeGPIO, "mqtt": probeMQTT, "time": probeTime, "storage": probeStorage}

func probeCommand() *cobra.Command {
	var at local
	names := config.IDs(probes)
	cmd := &cobra.Command{
		Use:       "probe [PART…]",
		Short:     "Look at one part, or at all: a verdict and the next step",
		Long:      "Look at gpio, mqtt, storage or time without touching an output; see probe i2c for what answers on a bus.\n\nExit code 0: all in order; 1: something is not.",
		Example:   "  lotusgate probe\n  lotusgate probe gpio mqtt\n  lotusgate probe i2c",
		ValidArgs: names,
		Args:      cobra.OnlyValidArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := load(cmd, at.config)
			if err != nil {
				return err
			}
			v, err := at.view(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = names
			}
			l, bad := words(), false
			for _, name := range args {
				done := waiting(cmd.ErrOrStderr(), "probe "+name)
				found := probes[name](cmd.Context(), cfg, v)
				done()
				for _, f := range found {
					word := "ok  "
					if !f.OK {
						word, bad = "FAIL", true
					}
					fmt.Fprintf(cmd.OutOrStdout(), "%s  %-7s  %s\n", word, name, l.T(f.What, f.Args...))
					if f.Next != "" {
						fmt.Fprintf(cmd.OutOrStdout(), "               %s\n", l.T(f.Next, f.Args...))
					}
				}
			}
			if bad {
				return &failure{code: exitFailed}
			}
			return nil
		},
	}
	at.flags(cmd)
	cmd.AddCommand(probeI2CCommand())
	return cmd
}

// view of the running daemon; nil when none runs.
func (l *local) view(ctx context.Context) (*viewJSON, error) {
	client := l.client()
	defer client.Close()
	var v viewJSON
	switch err := client.Read(ctx, "/api/v1/view", &v); {
	case errors.Is(err, control.ErrNotRunning):
		return nil, nil
	case err != nil:
		return nil, explain(err)
	}
	return &v, nil
}

// probeGPIO compares the lines of the configuration with those of the board.
func probeGPIO(_ context.Context, cfg *config.Config, v *viewJSON) []finding {
	if v != nil {
		for _, s := range v.Sources {
			if s.ID == "gpio" && s.OK {
				return []finding{{OK: true, What: "probe.gpio.read"}}
			} else if s.ID == "gpio" {
				return []finding{{What: "probe.gpio.down", Args: []any{s.Error}, Next: "probe.gpio.down.next"}}
			}
		}
	}
	hw, err := hardware(slog.New(slog.DiscardHandler))
	if err != nil {
		return []finding{{What: "probe.gpio.down", Args: []any{err}, Next: "probe.gpio.down.next"}}
	}
	found, err := hw.Lines.Lines()
	if len(found) == 0 {
		if err == nil {
			err = errors.New("/dev/gpiochip*")
		}
		return []finding{{What: "probe.gpio.none", Args: []any{err}, Next: "probe.gpio.none.next"}}
	}
	return compareLines(cfg, found)
}

func compareLines(cfg *config.Config, found []line.Info) []finding {
	var out []finding
	fine := 0
	for _, id := range config.IDs(cfg.Points) {
		name := cfg.Points[id].Line
		if name == "" {
			continue
		}
		i := slices.IndexFunc(found, func(l line.Info) bool { return l.Name == name })
		switch {
		case i < 0:
			out = append(out, finding{What: "probe.gpio.unknown", Args: []any{name, id}, Next: "probe.gpio.unknown.next"})
		case found[i].Used:
			out = append(out, finding{What: "probe.gpio.used", Args: []any{name, found[i].Consumer}, Next: "probe.gpio.used.next"})
		default:
			fine++
		}
	}
	return append(out, finding{OK: true, What: "probe.gpio.free", Args: []any{fine}})
}

// probeMQTT resolves, connects and, with TLS, shakes hands; whether the login is right only the daemon knows.
func probeMQTT(ctx context.Context, cfg *config.Config, v *viewJSON) []finding {
	if cfg.MQTT.Broker == "" {
		return []finding{{What: "probe.mqtt.none", Next: "probe.mqtt.none.next"}}
	}
	var out []finding
	if v != nil && v.Link.Connected {
		return []finding{{OK: true, What: "probe.mqtt.connected", Args: []any{v.Link.Broker}}}
	} else if v != nil {
		out = append(out, finding{What: "probe.mqtt.refused", Args: []any{v.Link.Broker, v.Link.Error}})
	}
	u, err := url.Parse(cfg.MQTT.Broker)
	if err != nil {
		return append(out, finding{What: "probe.mqtt.dial", Args: []any{cfg.MQTT.Broker, err}, Next: "probe.mqtt.dial.next"})
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(ctx, u.Hostname()); err != nil {
		return append(out, finding{What: "probe.mqtt.name", Args: []any{u.Hostname(), err}, Next: "probe.mqtt.name.next"})
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return append(out, finding{What: "probe.mqtt.dial", Args: []any{u.Host, err}, Next: "probe.mqtt.dial.next"})
	}
	defer func() { _ = conn.Close() }()
	if u.Scheme == "mqtts" || u.Scheme == "wss" {
		if err := shakeHands(ctx, conn, u.Hostname(), cfg.MQTT); err != nil {
			return append(out, finding{What: "probe.mqtt.tls", Args: []any{u.Host, err}, Next: "probe.mqtt.tls.next"})
		}
	}
	return append(out, finding{OK: true, What: "probe.mqtt.reached", Args: []any{u.Host}})
}

func shakeHands(ctx context.Context, conn net.Conn, host string, m config.MQTT) error {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if m.CAFile != "" {
		pem, err := os.ReadFile(m.CAFile)
		if err != nil {
			return err
		}
		c.RootCAs = x509.NewCertPool()
		c.RootCAs.AppendCertsFromPEM(pem)
	}
	if m.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(m.CertFile, m.KeyFile)
		if err != nil {
			return err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return tls.Client(conn, c).HandshakeContext(ctx)
}

// firstYear in which a date can be right.
const firstYear = 2026

func probeTime(context.Context, *config.Config, *viewJSON) []finding {
	now := time.Now()
	if now.Year() < firstYear {
		return []finding{{What: "probe.time.wrong", Args: []any{now.Format(time.DateTime)}, Next: "probe.time.next"}}
	}
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil || state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		return []finding{{What: "probe.time.free", Args: []any{now.Format(time.DateTime)}, Next: "probe.time.next"}}
	}
	return []finding{{OK: true, What: "probe.time.synced", Args: []any{now.Format(time.DateTime)}}}
}

// lowSpace below which storage is not in order, beside what the queues may still grow to.
const lowSpace = 64 << 20

func probeStorage(_ context.Context, cfg *config.Config, v *viewJSON) []finding {
	dir := cfg.Storage.Path
	if v != nil && v.Storage.Degraded != "" {
		return []finding{{What: "probe.storage.degraded", Args: []any{dir, v.Storage.Degraded}, Next: "probe.storage.degraded.next"}}
	}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return []finding{{What: "probe.storage.missing", Args: []any{dir, err}, Next: "probe.storage.missing.next"}}
	}
	free := s.Bavail * uint64(s.Bsize) >> 20
	switch {
	case slices.Contains([]uint32{unix.TMPFS_MAGIC, unix.RAMFS_MAGIC, unix.OVERLAYFS_SUPER_MAGIC}, uint32(s.Type)):
		return []finding{{What: "probe.storage.volatile", Args: []any{dir}, Next: "probe.storage.volatile.next"}}
	case s.Flags&unix.ST_RDONLY != 0:
		return []finding{{What: "probe.storage.readonly", Args: []any{dir}, Next: "probe.storage.readonly.next"}}
	case free < lowSpace>>20:
		return []finding{{What: "probe.storage.full", Args: []any{dir, free}, Next: "probe.storage.full.next"}}
	case v != nil:
		return []finding{{OK: true, What: "probe.storage.writes", Args: []any{dir, free, text.EN.T("span.ms", int64(v.Storage.CommitSeconds*1000))}}}
	}
	return []finding{{OK: true, What: "probe.storage.there", Args: []any{dir, free}}}
}
