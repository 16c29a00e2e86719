package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"lotusgate/gateway/field"
	"lotusgate/gateway/record"
)

// tape is the flight recorder of one run of the daemon. It writes to a real disk: what fails in the world does not keep us
// from seeing it.
type tape struct {
	*record.Recorder
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// insert begins a recording, if one is wanted.
func (w *world) insert() (field.Tape, error) {
	if w.o.Record == "" {
		return nil, nil
	}
	r, err := record.New(record.Options{
		Dir: w.o.Record, Limit: 1 << 30, Version: "simulated", Boot: fmt.Sprintf("00000000-0000-4000-8000-%012d", w.boots),
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.tape = &tape{Recorder: r, cancel: cancel}
	w.tape.done.Go(func() { r.Run(ctx) })
	return r, nil
}

// eject ends it: everything is written.
func (w *world) eject() {
	if w.tape != nil {
		w.tape.cancel()
		w.tape.done.Wait()
		w.tape = nil
	}
}

// Record lives a world with the flight recorder running and writes the recording into a file, which lotusgate replay plays.
func Record(o Options, path string) (err error) {
	dir, err := os.MkdirTemp("", "sim-record-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	o.Record = dir
	if _, err := Run(o); err != nil {
		return err
	}
	files, err := record.Files(dir)
	if err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for _, name := range files {
		if err := appendFile(out, name); err != nil {
			return fmt.Errorf("write the recording: %w", err)
		}
	}
	return nil
}

func appendFile(out io.Writer, name string) error {
	in, err := os.Open(filepath.Clean(name))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, in.Close())
}
