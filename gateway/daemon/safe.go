package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"lotusgate/gateway/config"
	"lotusgate/gateway/outbox"
)

// MakeSafe makes every movement relay inactive, after a daemon that died without a word: ExecStopPost of the unit. It
// takes the daemon's own lock, so it never touches the relays of a daemon that runs. It returns how many relays there are.
func MakeSafe(cfg *config.Config, hw Hardware, log *slog.Logger) (int, error) {
	lock, err := outbox.Disk{}.Lock(cfg.Storage.Path)
	switch {
	case err == nil:
		defer lock.Close()
	case !errors.Is(err, fs.ErrNotExist): // where no daemon ever was, none runs
		return 0, fmt.Errorf("nothing was switched: %w", err)
	}
	r := &relays{provider: hw.Lines, log: log}
	var errs []error
	for _, id := range config.IDs(cfg.Gates) {
		for name, out := range cfg.Gates[id].Outputs.All() {
			if out.Chip != "" {
				continue // never driven
			}
			h := held(id, name, out)
			r.all = append(r.all, h)
			if err := h.claim(hw.Lines); err != nil { // which makes it inactive
				errs = append(errs, fmt.Errorf("%s: %w", h.id, err))
			}
		}
	}
	r.release()
	return len(r.all), errors.Join(errs...)
}
