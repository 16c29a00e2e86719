package sim

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"lotusgate/firmware-sim/disk"
	"lotusgate/gateway/checkpoint"
	"lotusgate/gateway/outbox"
)

// onDisk is a simulated disk behind the port of the outbox.
type onDisk struct{ *disk.Disk }

// Lock implements outbox.FS.
func (d onDisk) Lock(dir string) (io.Closer, error) {
	c, err := d.Disk.Lock(dir)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, outbox.ErrLocked
	}
	return c, err
}

// Open implements outbox.FS.
func (d onDisk) Open(path string) (outbox.File, error) {
	f, err := d.Disk.Open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Create implements outbox.FS.
func (d onDisk) Create(path string) (outbox.File, error) {
	f, err := d.Disk.Create(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// beside is the same disk behind the port of the checkpoint.
type beside struct{ *disk.Disk }

// Open implements checkpoint.FS.
func (d beside) Open(path string) (checkpoint.File, error) {
	f, err := d.Disk.Open(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Create implements checkpoint.FS.
func (d beside) Create(path string) (checkpoint.File, error) {
	f, err := d.Disk.Create(path)
	if err != nil {
		return nil, err
	}
	return f, nil
}
