package outbox

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// faultFS is a file system in memory that loses what was not synced at a power cut, sector by sector, and fails where
// it is told to. It knows one directory.
//
// A sync that fails drops what it should have written, as Linux does: the pages read back as if all were well until
// the power goes. Names become durable in the order of the operations, as in a journalling file system.
type faultFS struct {
	mu     sync.Mutex
	files  map[string]*faultNode // as a process sees them
	stable map[string]*faultNode // as they would be after a power cut right after the last SyncDir
	order  []func(map[string]*faultNode)
	locked bool
	dead   bool // after the power cut: every operation fails

	quota  int64                        // bytes of all files; 0 = no limit
	refuse func(op, name string) error  // asked before every operation; nil = no faults
	short  func(name string, n int) int // how much of a write of n bytes gets through before ENOSPC; nil = all
	counts map[string]int               // operations done
}

type faultNode struct {
	now, disk []byte
	dirty     map[int]bool // sectors of now that a power cut may or may not have written
}

func newFaultFS() *faultFS {
	return &faultFS{files: map[string]*faultNode{}, stable: map[string]*faultNode{}, counts: map[string]int{}}
}

func (f *faultFS) ask(op, path string) error {
	if f.dead {
		return unix.EIO
	}
	f.counts[op]++
	if f.refuse != nil {
		return f.refuse(op, filepath.Base(path))
	}
	return nil
}

// cut returns the file system as it is after a power cut; the old one is dead.
func (f *faultFS) cut(rng *rand.Rand) *faultFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	names := map[string]*faultNode{}
	for name, node := range f.stable {
		names[name] = node
	}
	for _, op := range f.order[:rng.IntN(len(f.order)+1)] {
		op(names)
	}
	g := newFaultFS()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		node := names[name]
		disk := slices.Clone(node.disk)
		if len(node.now) > len(disk) && rng.IntN(2) == 0 {
			disk = append(disk, make([]byte, len(node.now)-len(disk))...)
		}
		keep := rng.Float64()
		for _, s := range slices.Sorted(maps.Keys(node.dirty)) {
			if at := s * sectorBytes; at < len(disk) && rng.Float64() < keep && at < len(node.now) {
				copy(disk[at:min(at+sectorBytes, len(disk))], node.now[at:])
			}
		}
		n := &faultNode{now: disk, disk: slices.Clone(disk), dirty: map[int]bool{}}
		g.files[name], g.stable[name] = n, n
	}
	return g
}

// crash returns the file system as the next process sees it when this one was killed; the old one is dead.
func (f *faultFS) crash() *faultFS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	return &faultFS{files: f.files, stable: f.stable, order: f.order, counts: map[string]int{}}
}

func (f *faultFS) MkdirAll(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ask("mkdir", dir)
}

func (f *faultFS) Lock(dir string) (io.Closer, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("lock", dir); err != nil {
		return nil, err
	}
	if f.locked {
		return nil, ErrLocked
	}
	f.locked = true
	return closer(func() { f.locked = false }), nil
}

type closer func()

func (c closer) Close() error { c(); return nil }

func (f *faultFS) List(dir string) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("list", dir); err != nil {
		return nil, err
	}
	var names []string
	for name := range f.files {
		names = append(names, name)
	}
	return names, nil
}

func (f *faultFS) Open(path string) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("open", path); err != nil {
		return nil, err
	}
	n, ok := f.files[filepath.Base(path)]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &faultFile{f, n}, nil
}

// change applies an operation on names and remembers it for the journal.
func (f *faultFS) change(op func(map[string]*faultNode)) {
	op(f.files)
	f.order = append(f.order, op)
}

func (f *faultFS) Create(path string) (File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("create", path); err != nil {
		return nil, err
	}
	n := &faultNode{dirty: map[int]bool{}}
	name := filepath.Base(path)
	f.change(func(m map[string]*faultNode) { m[name] = n })
	return &faultFile{f, n}, nil
}

func (f *faultFS) Rename(from, to string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("rename", from); err != nil {
		return err
	}
	from, to = filepath.Base(from), filepath.Base(to)
	if f.files[from] == nil {
		return fs.ErrNotExist
	}
	f.change(func(m map[string]*faultNode) { m[to] = m[from]; delete(m, from) })
	return nil
}

func (f *faultFS) Remove(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("remove", path); err != nil {
		return err
	}
	name := filepath.Base(path)
	if f.files[name] == nil {
		return fs.ErrNotExist
	}
	f.change(func(m map[string]*faultNode) { delete(m, name) })
	return nil
}

func (f *faultFS) SyncDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.ask("syncdir", dir); err != nil {
		return err
	}
	for _, op := range f.order {
		op(f.stable)
	}
	f.order = nil
	return nil
}

// used is the space that all files take.
func (f *faultFS) used() int64 {
	var n int64
	for _, node := range f.files {
		n += int64(len(node.now))
	}
	return n
}

// segments returns the names of the segments of a queue, oldest first.
func (f *faultFS) segments(q Queue) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.files {
		if strings.HasPrefix(name, q.String()+"-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

type faultFile struct {
	fs   *faultFS
	node *faultNode
}

// name is what the file is called now.
func (h *faultFile) name() string {
	for name, node := range h.fs.files {
		if node == h.node {
			return name
		}
	}
	return "removed"
}

func (h *faultFile) ask(op string) error { return h.fs.ask(op, h.name()) }

func (h *faultFile) Close() error { return nil }

func (h *faultFile) Size() (int64, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	return int64(len(h.node.now)), h.ask("size")
}

func (h *faultFile) ReadAt(b []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.ask("read"); err != nil {
		return 0, err
	}
	if off >= int64(len(h.node.now)) {
		return 0, io.EOF
	}
	n := copy(b, h.node.now[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *faultFile) WriteAt(b []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.ask("write"); err != nil {
		return 0, err
	}
	n := len(b)
	if h.fs.short != nil {
		n = h.fs.short(h.name(), n)
	}
	if grow := off + int64(n) - int64(len(h.node.now)); grow > 0 {
		if h.fs.quota > 0 && h.fs.used()+grow > h.fs.quota {
			fits := max(0, h.fs.quota-h.fs.used())
			n = max(0, n-int(grow-fits))
			grow = off + int64(n) - int64(len(h.node.now))
		}
		h.node.now = append(h.node.now, make([]byte, max(0, grow))...)
	}
	n = max(0, min(n, len(h.node.now)-int(off)))
	copy(h.node.now[off:], b[:n])
	for s := int(off) / sectorBytes; s*sectorBytes < int(off)+n; s++ {
		h.node.dirty[s] = true
	}
	if n < len(b) {
		return n, unix.ENOSPC
	}
	return n, nil
}

func (h *faultFile) Sync() error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	err := h.ask("sync")
	if err == nil {
		if grow := len(h.node.now) - len(h.node.disk); grow > 0 {
			h.node.disk = append(h.node.disk, make([]byte, grow)...)
		}
		for s := range h.node.dirty {
			at := s * sectorBytes
			copy(h.node.disk[at:], h.node.now[at:min(at+sectorBytes, len(h.node.now))])
		}
	}
	clear(h.node.dirty) // also after a failure: the kernel forgets that these pages were dirty
	return err
}
