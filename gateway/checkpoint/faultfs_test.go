package checkpoint

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

const sectorBytes = 512

// faultFS is a file system in memory that loses what was not synced at a power cut, sector by sector, and fails where
// it is told to. A sync that fails drops what it should have written, as Linux does: the bytes read back as if all were
// well until the power goes.
type faultFS struct {
	mu     sync.Mutex
	files  map[string]*node           // as a process sees them
	stable map[string]*node           // names that a power cut cannot take back
	refuse func(op string) error      // asked before every operation; nil = no faults
	short  func(op string, n int) int // how much of a write gets through before ENOSPC; nil = all
	writes int                        // that ended with a sync
}

type node struct {
	now, disk []byte
	dirty     map[int]bool // sectors of now that a power cut may or may not have written
}

func newFaultFS() *faultFS { return &faultFS{files: map[string]*node{}, stable: map[string]*node{}} }

// cut returns the file system as it is after a power cut.
func (f *faultFS) cut(rng *rand.Rand) *faultFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := f.stable
	if rng.IntN(2) == 0 {
		names = f.files
	}
	g := newFaultFS()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		n := names[name]
		disk := slices.Clone(n.disk)
		if grow := len(n.now) - len(disk); grow > 0 && rng.IntN(2) == 0 {
			disk = append(disk, make([]byte, grow)...)
		}
		for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
			if at := s * sectorBytes; at < len(disk) && rng.IntN(2) == 0 {
				copy(disk[at:min(at+sectorBytes, len(disk))], n.now[at:])
			}
		}
		m := &node{now: disk, disk: slices.Clone(disk), dirty: map[int]bool{}}
		g.files[name], g.stable[name] = m, m
	}
	return g
}

// kill returns the file system as the next process sees it when this one was killed.
func (f *faultFS) kill() *faultFS {
	return &faultFS{files: f.files, stable: f.stable}
}

func (f *faultFS) ask(op string) error {
	if f.refuse == nil {
		return nil
	}
	return f.refuse(op)
}

func (f *faultFS) Open(path string) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("open"); err != nil {
		return nil, err
	}
	n, ok := f.files[path]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &handle{f, n}, nil
}

func (f *faultFS) Create(path string) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("create"); err != nil {
		return nil, err
	}
	n := &node{dirty: map[int]bool{}}
	f.files[path] = n
	return &handle{f, n}, nil
}

func (f *faultFS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("rename"); err != nil {
		return err
	}
	f.files[to] = f.files[from]
	delete(f.files, from)
	return nil
}

func (f *faultFS) SyncDir(string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("syncdir"); err != nil {
		return err
	}
	f.stable = maps.Clone(f.files)
	return nil
}

type handle struct {
	fs *faultFS
	*node
}

func (h *handle) Close() error { return nil }

func (h *handle) ReadAt(b []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.fs.ask("read"); err != nil {
		return 0, err
	}
	if off >= int64(len(h.now)) {
		return 0, io.EOF
	}
	n := copy(b, h.now[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.fs.ask("write"); err != nil {
		return 0, err
	}
	n := len(b)
	if h.fs.short != nil {
		n = h.fs.short("write", n)
	}
	if grow := int(off) + n - len(h.now); grow > 0 {
		h.now = append(h.now, make([]byte, grow)...)
	}
	copy(h.now[off:], b[:n])
	for s := int(off) / sectorBytes; s*sectorBytes < int(off)+n; s++ {
		h.dirty[s] = true
	}
	if n < len(b) {
		return n, unix.ENOSPC
	}
	return n, nil
}

func (h *handle) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	err := h.fs.ask("sync")
	if err == nil {
		h.fs.writes++
		h.disk = append(h.disk, make([]byte, max(0, len(h.now)-len(h.disk)))...)
		for s := range h.dirty {
			copy(h.disk[s*sectorBytes:], h.now[s*sectorBytes:min((s+1)*sectorBytes, len(h.now))])
		}
	}
	clear(h.dirty) // also after a failure: the kernel forgets that these pages were dirty
	return err
}
