package main

import (
	"errors"

	"lotusgate/gateway/config"
	"lotusgate/gateway/outbox"
)

// lookAtStorage tells what would keep the daemon from using its storage directory. It changes nothing there.
func lookAtStorage(cfg *config.Config) []config.Remark {
	dir := cfg.Storage.Path
	say := func(code config.Code, detail string, warning bool) config.Remark {
		return config.Remark{Path: "storage.path", Code: code, Text: dir, Detail: detail, Warning: warning}
	}
	err := outbox.Check(outbox.Options{Dir: dir, AlarmBytes: int64(cfg.Storage.Alarm), NormalBytes: int64(cfg.Storage.Normal)})
	switch {
	case errors.Is(err, outbox.ErrForeign):
		return []config.Remark{say(config.StorageForeign, "", false)}
	case errors.Is(err, outbox.ErrNewer):
		return []config.Remark{say(config.StorageNewer, "", false)}
	case err != nil:
		return []config.Remark{say(config.StorageRefused, err.Error(), false)}
	case (outbox.Disk{}).Volatile(dir):
		return []config.Remark{say(config.StorageVolatile, "", true)}
	}
	return nil
}
