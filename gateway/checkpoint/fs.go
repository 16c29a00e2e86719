package checkpoint

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// FS is what the checkpoint needs of a file system. Errors keep their errno for errors.Is.
type FS interface {
	Open(path string) (File, error)   // an existing file, for reading and, where that is allowed, writing
	Create(path string) (File, error) // a new, empty file; an old one of that name is emptied
	Rename(from, to string) error
	SyncDir(dir string) error // makes created and renamed names durable
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error // fdatasync
}

// Disk is the real file system.
type Disk struct{}

// Open opens for writing too, unless the file or its file system is read-only.
func (Disk) Open(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) {
		f, err = os.Open(path)
	}
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// Create makes an empty file that only its owner can read.
func (Disk) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// Rename replaces to.
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// SyncDir syncs the directory.
func (Disk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

type diskFile struct{ *os.File }

// Sync makes data durable. The file never changes its size, so no journal commit is needed.
func (f diskFile) Sync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR { //nolint:errorlint // a bare errno
			return err
		}
	}
}
