package main

import (
	"log/slog"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
)

// supervisor is systemd, if it is there: Type=notify, and WatchdogSec fed while the daemon proves that it lives.
type supervisor struct {
	log      *slog.Logger
	interval time.Duration
}

// newSupervisor reads what systemd left in the environment.
func newSupervisor(log *slog.Logger) supervisor {
	limit, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog's time cannot be read, so it is not fed", "error", err)
	}
	return supervisor{log, limit / 3} // one proof may come late, and the next one still in time
}

func (s supervisor) Ready()                  { s.notify(systemd.SdNotifyReady) }
func (s supervisor) Stopping()               { s.notify(systemd.SdNotifyStopping) }
func (s supervisor) Alive()                  { s.notify(systemd.SdNotifyWatchdog) }
func (s supervisor) Interval() time.Duration { return s.interval }

func (s supervisor) notify(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		s.log.Warn("systemd does not listen", "state", state, "error", err)
	}
}
