// Package soak runs the demo's gateway for hours on the wall clock, with a real broker that is killed and stopped, a link
// that breaks, a system clock that jumps and browsers at the page, and looks from outside at what it needs: memory,
// goroutines, files, disk, and the time from an edge to the subscriber. At the end it says of each whether it stays flat,
// by a rule that is stated, and what became of every event.
//
// Everything is another process, as it is at a site: the gateway, mosquitto and its subscriber. The clock steps are those
// of the demo's --clock-steps: what the daemon takes for the system clock jumps, and the machine's own does not.
package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"lotusgate/gateway/audit"
	"lotusgate/gateway/intake"
)

// Options of Run.
type Options struct {
	Program string        // firmware-sim, built
	For     time.Duration // real time
	Every   time.Duration // between two samples
	Dir     string        // for the report and all that it is made of
	Log     io.Writer
}

// Times of what goes wrong.
const (
	killEvery  = time.Minute
	pauseEvery = 3 * time.Minute
	flapEvery  = 20 * time.Second
	stepEvery  = 45 * time.Second
	endTime    = 2 * time.Minute // for what waits at the end
)

// Run soaks, and writes report.md, soak.svg and samples.csv. Its error says what the report says at its top.
func Run(ctx context.Context, o Options) error {
	dir, err := filepath.Abs(o.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return fmt.Errorf("soak: %w", err)
	}
	o.Dir = dir
	s, err := newSite(o)
	if err != nil {
		return fmt.Errorf("soak: %w", err)
	}
	defer s.close()
	r := &report{began: time.Now(), every: o.Every}
	err = s.soak(ctx, o, r)
	if err == nil {
		r.verdict, err = s.verify()
	}
	if err != nil {
		return fmt.Errorf("soak: %w", err)
	}
	if err := r.write(o.Dir); err != nil {
		return fmt.Errorf("soak: %w", err)
	}
	fmt.Fprintln(o.Log, r)
	return r.failed()
}

// soak lets things happen, and looks, until the time is over; then it waits until nothing waits any more.
func (s *site) soak(ctx context.Context, o Options, r *report) error {
	ctx, end := context.WithTimeout(ctx, o.For)
	defer end()
	browsers := s.browse(ctx)
	sample, kill, pause, flap := time.NewTicker(o.Every), time.NewTicker(killEvery), time.NewTicker(pauseEvery), time.NewTicker(flapEvery)
	confirm := time.NewTicker(time.Second)
	for _, t := range []*time.Ticker{sample, kill, pause, flap, confirm} {
		defer t.Stop()
	}
	for ctx.Err() == nil {
		var err error
		select {
		case <-ctx.Done():
		case err = <-s.ended:
			err = errors.Join(errors.New("the gateway ended by itself"), err)
		case <-sample.C:
			var now moment
			if now, err = s.look(ctx); err == nil {
				now.at = time.Since(r.began)
				r.samples = append(r.samples, now)
			}
		case <-confirm.C:
			err = s.confirm()
		case <-kill.C:
			r.happened(&r.kills, "broker killed")
			s.broker.kill()
			time.Sleep(rand.N(5 * time.Second))
			err = s.startBroker()
		case <-pause.C:
			r.happened(&r.pauses, "broker stopped")
			err = s.broker.pause(ctx, 8*time.Second)
		case <-flap.C:
			r.happened(&r.flaps, "link cut")
			s.link.cut()
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	r.took, r.clients = time.Since(r.began), browsers()
	r.steps = int(r.took / stepEvery)
	return nil
}

// verify ends the gateway once the center has what there was, and reckons up every number.
func (s *site) verify() (audit.Report, error) {
	for deadline := time.Now().Add(endTime); ; time.Sleep(time.Second) {
		if err := s.confirm(); err != nil {
			return audit.Report{}, err
		}
		now := audit.New()
		if err := now.Outbox(s.state(), nil); err != nil {
			return audit.Report{}, err
		}
		if r := now.Report(false); r.Waiting < 5 || time.Now().After(deadline) { // the site goes on meanwhile
			break
		}
	}
	if err := s.stop(); err != nil {
		return audit.Report{}, err
	}
	book := audit.New()
	if err := book.Outbox(s.state(), nil); err != nil {
		return audit.Report{}, err
	}
	f, err := os.Open(s.heard)
	if err != nil {
		return audit.Report{}, err
	}
	defer f.Close()
	if err := book.Subscriber(f, nil); err != nil {
		return audit.Report{}, err
	}
	return book.Report(true), nil
}

// newSite starts broker, subscriber and gateway.
func newSite(o Options) (s *site, err error) {
	s = &site{dir: o.Dir, ended: make(chan error, 1), book: audit.New()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.heard = filepath.Join(o.Dir, "subscriber.log")
	for _, old := range []string{s.state(), s.heard, filepath.Join(o.Dir, "mosquitto.db"), s.key("pub"), s.key("key")} {
		if err := os.RemoveAll(old); err != nil {
			return s, err
		}
	}
	public, err := intake.NewKey(o.Dir, "center", "EdDSA")
	if err != nil {
		return s, err
	}
	if s.signer, err = intake.NewSigner(s.key("key"), "center"); err != nil {
		return s, err
	}
	if err := s.broker.configure(o.Dir); err != nil {
		return s, err
	}
	if err := s.startBroker(); err != nil {
		return s, err
	}
	if err := s.subscribe(); err != nil {
		return s, err
	}
	if s.link, err = newLink(s.broker.addr); err != nil {
		return s, err
	}
	return s, s.startGateway(o, public)
}
