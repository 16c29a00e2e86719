package daemon

import (
	"errors"
	"fmt"
	"io/fs"

	"lotusgate/gateway/config"
	"lotusgate/gateway/outbox"
)

// MakeSafe makes every movement relay inactive, after a daemon that died without a word: ExecStopPost of the unit. It
// takes the daemon's own lock, so it never touches the relays of a daemon that runs. It returns how many relays there are.
func MakeSafe(cfg *config.Config, hw Hardware) (int, error) {
	lock, err := outbox.Disk{}.Lock(cfg.Storage.Path)
	switch {
	case err == nil:
		defer lock.Close()
	case !errors.Is(err, fs.ErrNotExist): // where no daemon ever was, none runs
		return 0, fmt.Errorf("nothing was switched: %w", err)
	}
	var errs []error
	n := 0
	for _, id := range config.IDs(cfg.Gates) {
		for name, out := range cfg.Gates[id].Outputs.All() {
			n++
			if out.Chip != "" {
				continue
			}
			relay, err := openLine(hw.Lines, lineOf(out)) // which makes it inactive
			if err == nil {
				err = relay.Close()
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s-%s: %w", id, name, err))
			}
		}
	}
	return n, errors.Join(append(errs, restExpanders(cfg, hw))...)
}
