package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"
	"lotusgate/gateway/record"
)

// RecordDir is where the flight recorder keeps its files.
func RecordDir(storage string) string { return filepath.Join(storage, "record") }

// openFlight makes the flight recorder. A directory that cannot be made keeps nothing from starting.
func (d *daemon) openFlight() field.Tape {
	r, err := record.New(record.Options{
		Dir: RecordDir(d.cfg.Storage.Path), Limit: int64(d.cfg.Storage.Record), Version: d.o.Version, Boot: d.clock.boot, Log: d.log,
		Date: func(m gateway.Mono) time.Time { return d.hub.View().Clock.Wall(m) },
	})
	if err != nil {
		d.log.Error("nothing is recorded by the flight recorder; look after the storage", "error", err)
		return nil
	}
	d.flight = r
	return r
}

// runFlight writes the recording until the function that it returns is called.
func (d *daemon) runFlight() (end func()) {
	if d.flight == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { d.flight.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

// recording copies the flight recorder's files, the oldest first: one after another they are a recording.
func (d *daemon) recording(ctx context.Context, w io.Writer) error {
	if d.flight == nil {
		return errors.New("there is no flight recorder: its directory could not be made, the log says why")
	}
	if err := d.flight.Flush(ctx); err != nil {
		return err
	}
	return CopyRecording(w, d.cfg.Storage.Path)
}

// CopyRecording copies what the flight recorder of a storage directory has written.
func CopyRecording(w io.Writer, storage string) error {
	files, err := record.Files(RecordDir(storage))
	if err != nil {
		return err
	}
	for _, name := range files {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // the ring has just forgotten it
		}
		if err != nil {
			return fmt.Errorf("read the recording: %w", err)
		}
		_, err = io.Copy(w, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("copy the recording: %w", err)
		}
	}
	return nil
}

// recordable is what of a configuration makes devices, for a recording. How the center is reached, and who may command,
// is not in it.
func recordable(cfg *config.Config) []byte {
	c := *cfg
	c.MQTT, c.Status, c.Control, c.Commands, c.Warnings = config.MQTT{}, config.Status{}, config.Control{}, config.Commands{}, nil
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers, texts and maps of them
	}
	return b
}

// Recorded makes what a recorded configuration describes, for the playback.
func Recorded(data json.RawMessage) (field.Config, error) {
	var cfg config.Config
	if err := json.Unmarshal(data, &cfg); err != nil {
		return field.Config{}, err
	}
	return Machines(&cfg), nil
}

// Machines are what a configuration describes, without any hardware, for the playback.
func Machines(cfg *config.Config) field.Config {
	return attachConfig(cfg, Hardware{}, nil, &relays{}).out
}
