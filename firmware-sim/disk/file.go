package disk

import (
	"io"

	"golang.org/x/sys/unix"
)

// File is an open file of a Disk.
type File struct {
	disk *Disk
	node *Node
}

// name is what the file is called now.
func (f *File) name() string {
	for name, node := range f.disk.Files {
		if node == f.node {
			return name
		}
	}
	return "removed"
}

func (f *File) ask(op string) error { return f.disk.ask(op, f.name()) }

// Close leaves everything as it is.
func (f *File) Close() error { return nil }

// Size is the size in bytes.
func (f *File) Size() (int64, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.node.Now)), f.ask("size")
}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.ask("read"); err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.Now)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.Now[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt. On a full disk it writes what fits and returns ENOSPC.
func (f *File) WriteAt(b []byte, off int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.ask("write"); err != nil {
		return 0, err
	}
	n := f.room(off, len(b))
	if grow := int(off) + n - len(f.node.Now); grow > 0 {
		f.node.Now = append(f.node.Now, make([]byte, grow)...)
	}
	copy(f.node.Now[off:], b[:n])
	for s := int(off) / Sector; s*Sector < int(off)+n; s++ {
		f.node.dirty[s] = true
	}
	if n < len(b) {
		return n, unix.ENOSPC
	}
	return n, nil
}

// room is how much of a write of n bytes gets through.
func (f *File) room(off int64, n int) int {
	if f.disk.faults.Short != nil {
		n = f.disk.faults.Short(f.name(), n)
	}
	quota := f.disk.faults.Quota
	if quota == 0 {
		return n
	}
	used := f.disk.used()
	grow := max(0, off+int64(n)-int64(len(f.node.Now)))
	if over := grow - max(0, quota-used); grow > 0 && over > 0 {
		n = max(0, n-int(over))
	}
	return n
}

// Sync implements fdatasync.
func (f *File) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := f.node
	err := f.ask("sync")
	if f.disk.dead {
		return err
	}
	if err == nil {
		n.Kept = append(n.Kept, make([]byte, max(0, len(n.Now)-len(n.Kept)))...)
		for s := range n.dirty {
			at := s * Sector
			copy(n.Kept[at:], n.Now[at:min(at+Sector, len(n.Now))])
		}
	}
	clear(n.dirty) // also after a failure: the kernel forgets that these pages were dirty
	return err
}
