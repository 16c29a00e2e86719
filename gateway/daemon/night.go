package daemon

import (
	"context"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// nightLook is how often the calendar is asked whether it is night.
const nightLook = time.Minute

// watchNight tells loops when no traffic is expected. It holds a diagnostic, nothing else.
func (d *daemon) watchNight(ctx context.Context) {
	from, to, err := config.ParseNight(d.cfg.Gateway.Night)
	if err != nil {
		return // there is none
	}
	was := true
	tick := time.NewTicker(nightLook)
	defer tick.Stop()
	for {
		now, quality := d.clock.Stamp(d.clock.boot, d.clock.Now())
		if is := quality == gateway.ClockUnset || within(now.Local(), from, to); is != was {
			was = is
			d.field.Signal(ctx, kindNight, is)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// within tells whether the time of day lies in hours that may go over midnight.
func within(now time.Time, from, to time.Duration) bool {
	at := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute
	if from < to {
		return from <= at && at < to
	}
	return from <= at || at < to
}
