package outbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// FS is what the outbox needs of a file system. Errors keep their errno for errors.Is.
type FS interface {
	MkdirAll(dir string) error
	Lock(dir string) (io.Closer, error) // exclusive, ends with the process; ErrLocked if somebody else has it
	List(dir string) ([]string, error)  // names, any order
	Open(path string) (File, error)     // an existing file, for reading and, where that is allowed, writing
	Create(path string) (File, error)   // a new, empty file; an old one of that name is emptied
	Rename(from, to string) error
	Remove(path string) error
	SyncDir(dir string) error // makes created, renamed and removed names durable
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error // fdatasync
	Size() (int64, error)
}

// prefetch tells a file that can make use of it that its first n bytes will be read soon.
func prefetch(f File, n int64) {
	if f, ok := f.(interface{ Prefetch(n int64) }); ok {
		f.Prefetch(n)
	}
}

// Disk is the real file system.
type Disk struct{}

// MkdirAll makes dir, readable by its owner only: payloads say who passed when. What it made is durable.
func (d Disk) MkdirAll(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := d.MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return d.SyncDir(parent)
}

// Lock takes a flock on the directory itself, which also works on a read-only file system.
func (Disk) Lock(dir string) (io.Closer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}

// List returns the names in dir.
func (Disk) List(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

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

// Create makes an empty file.
func (Disk) Create(path string) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// Rename replaces to.
func (Disk) Rename(from, to string) error { return os.Rename(from, to) }

// Remove unlinks path.
func (Disk) Remove(path string) error { return os.Remove(path) }

// SyncDir syncs the directory.
func (Disk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Volatile tells whether dir, or the directory it would be made in, lies in memory: such an outbox survives no power cut.
func (Disk) Volatile(dir string) bool {
	var st unix.Statfs_t
	for ; ; dir = filepath.Dir(dir) {
		err := unix.Statfs(dir, &st)
		if err == nil {
			return uint32(st.Type) == unix.TMPFS_MAGIC || uint32(st.Type) == unix.RAMFS_MAGIC
		}
		if !errors.Is(err, unix.ENOENT) || dir == filepath.Dir(dir) {
			return false
		}
	}
}

type diskFile struct{ *os.File }

// Sync makes data durable, and of the metadata only what is needed to read it back.
func (f diskFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR { //nolint:errorlint // a bare errno
			return err
		}
	}
}

// Prefetch asks the kernel to read the first n bytes without waiting for them.
func (f diskFile) Prefetch(n int64) {
	_ = unix.Fadvise(int(f.Fd()), 0, n, unix.FADV_WILLNEED) // advice: ReadAt says what is wrong
}

func (f diskFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
