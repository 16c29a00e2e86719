package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/access"
	"lotusgate/gateway/control"
	"lotusgate/gateway/field"
	"lotusgate/gateway/status"
	"lotusgate/gateway/support"
)

// AccessDir is where the operator's password and the self-made certificate are kept.
func AccessDir(storage string) string { return filepath.Join(storage, "access") }

// keeper of the operator's password; nil where nobody can operate.
func (d *daemon) keeper() status.Keeper {
	if d.cfg.Status.HTTPS.Listen == "" {
		return nil
	}
	return access.New(AccessDir(d.cfg.Storage.Path), func() time.Duration { return time.Duration(d.clock.Now()) })
}

// byPage is how the record names an operator of the page.
const byPage = "page"

// actOnAlarm does what an operator wants done about an alarm.
func (d *daemon) actOnAlarm(ctx context.Context, a gateway.Alarm, act status.AlarmAct, howLong time.Duration) {
	acts := map[status.AlarmAct]field.AlarmActKind{
		status.Acknowledge: field.Acknowledge, status.Shelve: field.Shelve, status.Unshelve: field.Unshelve,
	}
	d.field.ActOnAlarm(ctx, field.AlarmAct{ID: a.ID, Alarm: a.Name, Act: acts[act], For: howLong, By: byPage})
}

// startPage serves the page, over HTTP, HTTPS and the local socket, as far as they are configured.
func (d *daemon) startPage(ctx context.Context, wg *sync.WaitGroup) error {
	c := d.cfg.Status
	page, err := status.New(status.Options{
		Listen: c.Listen, HTTPS: c.HTTPS.Listen, Now: d.clock.Now, Alive: d.alive, Margin: d.margin, Latency: d.field.Latency, Log: d.log,
		Trace: d.inForce.parts.Trace, Day: &d.day, Terminals: terminals(d.cfg, d.inForce.parts), Facts: d.o.facts, Recording: d.recording,
		Keeper: d.keeper(), ActOnAlarm: d.actOnAlarm, Correct: d.corrector(),
		Command: d.intake.Local, CommandResults: d.intake.Results,
	}, d.hub)
	if err != nil {
		return err
	}
	d.page = page
	var plain, secure net.Listener
	var pair tls.Certificate
	if c.HTTPS.Listen != "" {
		if pair, err = access.Certificate(AccessDir(d.cfg.Storage.Path), c.HTTPS.CertFile, c.HTTPS.KeyFile, d.cfg.Gateway.ID); err != nil {
			return fmt.Errorf("https page: %w", err)
		}
		if secure, err = net.Listen("tcp", c.HTTPS.Listen); err != nil {
			return fmt.Errorf("https page: %w: choose another status.https.listen, or end the program that uses it", err)
		}
	}
	if c.Listen != "" {
		if plain, err = net.Listen("tcp", c.Listen); err != nil {
			if secure != nil {
				err = errors.Join(err, secure.Close())
			}
			return fmt.Errorf("status page: %w: choose another status.listen, or end the program that uses it", err)
		}
	}
	serve := func(what string, run func() error) {
		wg.Go(func() {
			if err := run(); err != nil {
				d.log.Error(what+" ended", "error", err)
			}
		})
	}
	if plain != nil {
		serve("status page", func() error { return page.Run(ctx, plain) })
		d.log.Info("status page", "address", plain.Addr().String())
		if d.o.Page != nil {
			d.o.Page(plain.Addr())
		}
	}
	if secure != nil {
		serve("https page", func() error { return page.RunTLS(ctx, secure, pair) })
		d.log.Info("https page", "address", secure.Addr().String(), "sha256", access.Fingerprint(pair))
	}
	// Without the local socket the command line cannot reach us; the gateway works all the same.
	local, err := control.Listen(d.cfg.Control.Socket, d.cfg.Control.Group)
	if err != nil {
		d.log.Warn("local socket", "error", err)
	}
	if local != nil {
		serve("local socket", func() error { return page.Run(ctx, local) })
	}
	return nil
}

// facts of a support bundle that the page does not know.
func (o Options) facts() []support.File {
	var files []support.File
	if o.ConfigPath != "" {
		files = support.Config(o.ConfigPath)
	}
	return append(files, support.Board(o.Config.Storage.Path))
}
