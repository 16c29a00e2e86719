package daemon

import (
	"context"
	"fmt"
	"time"

	"lotusgate/gateway"
)

// Supervisor is who started the daemon and ends it when it hangs: systemd.
type Supervisor interface {
	Ready()                  // relays are held, the page answers, the core has made its first step
	Alive()                  // everything that alive() asks for has moved since the last time
	Stopping()               // an orderly end began
	Interval() time.Duration // between two calls of Alive; 0 = nobody wants to know
}

// supervise reports to the supervisor until ctx ends. A part that hangs is told once, and then silence does the rest.
func (d *daemon) supervise(ctx context.Context) {
	s := d.o.Supervisor
	select {
	case <-ctx.Done():
		return
	case <-d.moved:
		s.Ready()
	}
	if s.Interval() <= 0 {
		return
	}
	feed := time.NewTicker(s.Interval())
	defer feed.Stop()
	told := false
	for {
		switch err := d.alive(); {
		case err == nil:
			s.Alive()
			told = false
		case !told:
			d.log.Error("not alive: the watchdog is not fed", "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
			return
		case <-feed.C:
		}
	}
}

// silence is how long the slower of core and storage has not moved; at partDead the watchdog is no longer fed.
func (d *daemon) silence() time.Duration {
	return d.clock.Now().Sub(gateway.Mono(min(d.beat.Load(), d.looked.Load())))
}

// alive tells whether core and storage make progress. A disk that is full or broken is no reason to restart: events wait
// in memory then, and a restart would lose them.
func (d *daemon) alive() error {
	now := d.clock.Now()
	for _, part := range []struct {
		name string
		last int64
	}{{"core", d.beat.Load()}, {"storage", d.looked.Load()}} {
		if silent := now.Sub(gateway.Mono(part.last)); silent > partDead {
			return fmt.Errorf("the %s has made no step for %v", part.name, silent.Round(time.Second))
		}
	}
	return nil
}
