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

// slowest is the part of those that must move which has not done so for the longest: the core, the storage, and the reader
// of native lines. A disk that is full or broken is no reason to restart: events wait in memory then, and a restart would
// lose them.
func (d *daemon) slowest() (name string, silent time.Duration) {
	name, last := "core", gateway.Mono(d.beat.Load())
	if looked := gateway.Mono(d.looked.Load()); looked < last {
		name, last = "storage", looked
	}
	if read, ok := d.field.Watched(); ok && read < last {
		name, last = "reader of the lines", read
	}
	return name, d.clock.Now().Sub(last)
}

// margin is how much longer the slowest part may rest before the watchdog is no longer fed.
func (d *daemon) margin() time.Duration {
	_, silent := d.slowest()
	return partDead - silent
}

// alive tells whether every part makes progress.
func (d *daemon) alive() error {
	if name, silent := d.slowest(); silent > partDead {
		return fmt.Errorf("the %s has made no step for %v", name, silent.Round(time.Second))
	}
	return nil
}
