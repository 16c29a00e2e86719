package daemon

import (
	"context"
	"path/filepath"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/checkpoint"
)

const (
	truthsFile      = "checkpoint"
	truthsEvery     = 10 * time.Second // how much of the counts a power cut may cost
	calendarSection = "calendar"
	calendarEvery   = 10 * time.Minute // how old the last known time may be after a power cut
)

// openTruths opens the checkpoint beside the outbox, and makes the clock out of what it kept.
func (d *daemon) openTruths(on ground) (err error) {
	d.truths, err = checkpoint.Open(checkpoint.Options{
		Path:  filepath.Join(d.cfg.Storage.Path, truthsFile),
		FS:    on.truths,
		Every: truthsEvery,
		Notify: func(err error) {
			if err != nil {
				d.log.Error("last known time and counts are not kept: look after the storage", "error", err)
				return
			}
			d.log.Info("last known time and counts are kept again")
		},
	})
	if err != nil {
		return err
	}
	if d.truths.Damaged() {
		d.log.Error("the checkpoint can't be read: last known time and counts begin anew; replace the card if this comes again")
	}
	var dates calendar
	if _, err := d.truths.Get(calendarSection, &dates); err != nil {
		d.log.Warn("the last known time cannot be read and is forgotten", "error", err)
		dates = calendar{}
	}
	d.clock = newClock(on.boot, on.clock, d.o.Built, dates)
	return nil
}

// TruthsDamaged tells of a storage directory whether the small truths in it are lost. It changes nothing.
func TruthsDamaged(dir string) (bool, error) {
	return checkpoint.Damaged(filepath.Join(dir, truthsFile))
}

// Dates reads from a storage directory what its daemon knew about the dates of events, for who reads its outbox. It
// only reads.
func Dates(dir string) (func(boot string, at gateway.Mono) gateway.Stamp, error) {
	var dates calendar
	_, err := checkpoint.Peek(filepath.Join(dir, truthsFile), calendarSection, &dates)
	return func(boot string, at gateway.Mono) (s gateway.Stamp) {
		if i := dates.find(boot); i >= 0 && !dates.Boots[i].Offset.IsZero() {
			s.Time, s.Clock = dates.Boots[i].Offset.Add(time.Duration(at)), dates.Boots[i].Clock
			return s
		}
		s.NotBefore, s.NotAfter = dates.bounds(boot, at)
		return s
	}, err
}

// closeTruths keeps what is newest.
func (d *daemon) closeTruths() error {
	d.keepCalendar()
	d.settleCommands()
	return d.truths.Close()
}

func (d *daemon) keepCalendar() {
	if err := d.clock.keep(func(c calendar) error { return d.truths.Put(calendarSection, c) }); err != nil {
		d.log.Error("last known time is not kept", "error", err)
	}
}

// watchClock follows the system clock, tells the center when the date becomes known or jumps, and keeps the last known
// time.
func (d *daemon) watchClock(ctx context.Context, last glance) {
	tick := time.NewTicker(clockLook)
	defer tick.Stop()
	kept := d.clock.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := d.clock.look()
		changed := now.Clock != last.Clock
		if last = now; changed {
			d.hub.SetClock(now.Clock)
		}
		d.tellClock(ctx, now)
		if at := d.clock.Now(); changed || at.Sub(kept) >= calendarEvery {
			kept = at
			d.keepCalendar()
		}
	}
}

// tellClock publishes what a look has shown.
func (d *daemon) tellClock(ctx context.Context, g glance) {
	if g.step != 0 {
		d.log.Warn("the system clock was stepped", "by", g.step, "followed", g.followed)
		d.post(ctx, gateway.GatewayClockStepped, gateway.ClockSteppedData{ByMS: g.step.Milliseconds(), Followed: g.followed})
	}
	if g.synced {
		at := d.clock.Now()
		d.post(ctx, gateway.GatewayClockSynced, gateway.ClockSyncedData{
			KernelBoot: d.clock.boot, Uptime: at.Seconds(), UTC: *gateway.WireTime(g.Wall(at)),
		})
	}
}
