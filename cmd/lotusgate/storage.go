package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/outbox"
)

// lookAtStorage tells what would keep the daemon from using its storage directory, and what it would go on without. It
// changes nothing there.
func lookAtStorage(cfg *config.Config) []config.Remark {
	dir := cfg.Storage.Path
	say := func(code config.Code, detail string, warning bool) config.Remark {
		return config.Remark{Path: "storage.path", Code: code, Text: dir, Detail: detail, Warning: warning}
	}
	err := outbox.Check(outbox.Options{Dir: dir, AlarmBytes: int64(cfg.Storage.Alarm), NormalBytes: int64(cfg.Storage.Normal)})
	if err == nil {
		err = writable(dir)
	}
	switch {
	case errors.Is(err, outbox.ErrForeign):
		return []config.Remark{say(config.StorageForeign, "", false)}
	case errors.Is(err, outbox.ErrNewer):
		return []config.Remark{say(config.StorageNewer, "", false)}
	case err != nil:
		return []config.Remark{say(config.StorageRefused, err.Error(), false)}
	}
	remarks := damage(dir, say)
	if (outbox.Disk{}).Volatile(dir) {
		remarks = append(remarks, say(config.StorageVolatile, "", true))
	}
	return remarks
}

// damage of a directory that the daemon would use.
func damage(dir string, say func(config.Code, string, bool) config.Remark) (remarks []config.Remark) {
	d, err := outbox.Survey(dir, nil)
	if err != nil {
		return []config.Remark{say(config.StorageRefused, err.Error(), false)}
	}
	records, err := outbox.Unreadable(dir, nil)
	if err != nil {
		return []config.Remark{say(config.StorageRefused, err.Error(), false)}
	}
	truths, err := daemon.TruthsDamaged(dir)
	switch {
	case err != nil:
		return []config.Remark{say(config.StorageRefused, err.Error(), false)}
	case truths:
		d.Files = append(d.Files, "checkpoint")
	}
	if d.Renews {
		remarks = append(remarks, say(config.StorageRenews, "runs", false))
	}
	if rest := without(d.Files, "runs"); len(rest) > 0 {
		remarks = append(remarks, say(config.StorageCorrupt, strings.Join(rest, ", "), false))
	}
	if records > 0 {
		remarks = append(remarks, say(config.StorageRecords, fmt.Sprint(records), true))
	}
	return remarks
}

func without(list []string, word string) (rest []string) {
	for _, s := range list {
		if s != word {
			rest = append(rest, s)
		}
	}
	return rest
}

// writable tells why this user may not write into a directory that exists. Root may always.
func writable(dir string) error {
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	if errors.Is(err, unix.EACCES) {
		return &fs.PathError{Op: "write into", Path: dir, Err: err}
	}
	return nil // a read-only disk is used, too
}
