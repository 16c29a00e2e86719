package daemon

import (
	"context"
	"sync"
	"time"

	"lotusgate/gateway"
)

// center is what is known of whoever is behind the broker.
type center struct {
	mu   sync.Mutex
	last time.Time    // what its newest heartbeat said
	at   gateway.Mono // when that arrived; zero = none did
	bad  string       // why the last one did not count, so that it is logged once
}

// heartbeat takes the heartbeats of the site, which come from the uplink's goroutine; nil where none are configured.
func (d *daemon) heartbeat() func(payload []byte) {
	if d.cfg.MQTT.Heartbeat == 0 {
		return nil
	}
	return func(payload []byte) {
		at, signed, err := d.intake.Heartbeat(payload, d.cfg.Gateway.Site)
		c := &d.center
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case err != nil:
			if c.bad != err.Error() {
				c.bad = err.Error()
				d.log.Warn("a heartbeat of the center does not count", "error", err)
			}
			return
		case !at.After(c.last):
			return // an old one, once more
		}
		c.last, c.at, c.bad = at, d.clock.Now(), ""
		if signed { // what nobody signed could make certificates expire
			d.clock.passed(at)
		}
	}
}

// alive tells whether there was a heartbeat lately.
func (c *center) alive(now gateway.Mono, within time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.at.IsZero() && now.Sub(c.at) < within
}

// watchCenter tells the lanes whether the center is in reach: there is a session with the broker, and a heartbeat where
// one is configured.
func (d *daemon) watchCenter(ctx context.Context) {
	within := d.cfg.MQTT.Heartbeat
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	there := false
	for {
		changed := d.hub.Changed()
		now := d.hub.View().Link.Connected && (within == 0 || d.center.alive(d.clock.Now(), within))
		if now != there {
			there = now
			d.core.Signal(ctx, kindCenter, there)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-tick.C:
		}
	}
}
