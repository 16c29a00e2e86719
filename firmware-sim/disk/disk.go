// Package disk is a file system in memory that dies as a real one does: it loses what was not synced at a power cut,
// sector by sector, fills up, and fails where it is told to.
//
// Promises:
//
//   - What a successful Sync of a file, and SyncDir for its name, reported is there after Cut. Of the rest each sector of
//     512 bytes is old or new, by chance.
//   - A Sync that fails drops what it should have written, as Linux does: the bytes read back as if all were well until
//     the power goes.
//   - Names become durable in the order of the operations, as in a journalling file system.
//   - Chance is the caller's: the same operations and the same source give the same disk.
//
// It knows one directory: of a path only the last part counts. Methods may be called from any goroutine; who touches Files
// must be alone.
package disk

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Sector is what a disk writes whole or not at all.
const Sector = 512

// Faults are what is wrong with a disk. The zero value is a disk in order.
type Faults struct {
	Refuse func(op, name string) error  // asked before every operation; nil = none is refused
	Short  func(name string, n int) int // how much of a write of n bytes gets through before ENOSPC; nil = all
	Quota  int64                        // bytes of all files; 0 = no limit
}

// Disk is one file system. Make it with New.
type Disk struct {
	Files map[string]*Node // as a process sees them

	mu     sync.Mutex
	stable map[string]*Node // as they would be after a power cut right after the last SyncDir
	order  []func(map[string]*Node)
	locked bool
	dead   bool // after the power cut: every operation fails
	power  int  // changes until the power goes; 0 = it stays
	faults Faults
	counts map[string]int
}

// Node is the contents of one file.
type Node struct {
	Now  []byte // as a process reads it
	Kept []byte // what a power cut leaves of it

	dirty map[int]bool // sectors of Now that a power cut may or may not have written
}

// New makes an empty disk.
func New() *Disk { return disk(map[string]*Node{}, map[string]*Node{}) }

func disk(files, stable map[string]*Node) *Disk {
	return &Disk{Files: files, stable: stable, counts: map[string]int{}}
}

// Put makes a file that is durable at once, or replaces one.
func (d *Disk) Put(name string, b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := &Node{Now: b, Kept: slices.Clone(b), dirty: map[int]bool{}}
	d.Files[name], d.stable[name] = n, n
}

// Fail changes what is wrong.
func (d *Disk) Fail(change func(*Faults)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.faults)
}

// CutBefore lets the power go before the n-th change from now, of bytes, of a name or by a sync: from then on every operation
// fails. What Cut returns later is the disk of that moment. Zero takes it back.
func (d *Disk) CutBefore(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.power = n
}

// Dead tells whether the power is gone.
func (d *Disk) Dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// Faulty tells whether anything is wrong.
func (d *Disk) Faulty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.faults.Refuse != nil || d.faults.Short != nil || d.faults.Quota != 0
}

// Counts is how often each operation was asked for: mkdir, lock, list, open, create, rename, remove, syncdir, size, read,
// write, sync.
func (d *Disk) Counts() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.counts)
}

// Used is the space that all files take.
func (d *Disk) Used() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used()
}

func (d *Disk) used() int64 {
	var n int64
	for _, node := range d.Files {
		n += int64(len(node.Now))
	}
	return n
}

// Cut returns the disk as it is after a power cut, in order again; the old one is dead.
func (d *Disk) Cut(rng *rand.Rand) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	names := maps.Clone(d.stable)
	for _, op := range d.order[:rng.IntN(len(d.order)+1)] {
		op(names)
	}
	after := New()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		after.Put(name, names[name].cut(rng))
	}
	return after
}

// cut is what a power cut leaves: what was synced, and of the rest some sectors.
func (n *Node) cut(rng *rand.Rand) []byte {
	kept := slices.Clone(n.Kept)
	if grown := len(n.Now) - len(kept); grown > 0 && rng.IntN(2) == 0 {
		kept = append(kept, make([]byte, grown)...)
	}
	keep := rng.Float64()
	for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
		if at := s * Sector; at < len(kept) && rng.Float64() < keep && at < len(n.Now) {
			copy(kept[at:min(at+Sector, len(kept))], n.Now[at:])
		}
	}
	return kept
}

// Crash returns the disk as the next process sees it when this one was killed, in order again; the old one is dead.
func (d *Disk) Crash() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	after := disk(d.Files, d.stable)
	after.order = d.order
	return after
}

func (d *Disk) ask(op, name string) error {
	if d.power > 0 && slices.Contains([]string{"create", "rename", "remove", "syncdir", "write", "sync"}, op) {
		d.power--
		d.dead = d.dead || d.power == 0
	}
	if d.dead {
		return unix.EIO
	}
	d.counts[op]++
	if d.faults.Refuse != nil {
		return d.faults.Refuse(op, name)
	}
	return nil
}

// change applies an operation on names and remembers it for the journal.
func (d *Disk) change(op func(map[string]*Node)) {
	op(d.Files)
	d.order = append(d.order, op)
}

// MkdirAll makes the one directory.
func (d *Disk) MkdirAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ask("mkdir", filepath.Base(dir))
}

// Lock is exclusive until it is closed; EWOULDBLOCK means that somebody has it.
func (d *Disk) Lock(dir string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("lock", filepath.Base(dir)); err != nil {
		return nil, err
	}
	if d.locked {
		return nil, unix.EWOULDBLOCK
	}
	d.locked = true
	return lock{d}, nil
}

type lock struct{ d *Disk }

// Close gives the lock back.
func (l lock) Close() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	l.d.locked = false
	return nil
}

// List returns the names of all files, sorted.
func (d *Disk) List(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("list", filepath.Base(dir)); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(d.Files)), nil
}

// Open opens a file that exists.
func (d *Disk) Open(path string) (*File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	if err := d.ask("open", name); err != nil {
		return nil, err
	}
	n, ok := d.Files[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	return &File{d, n}, nil
}

// Create makes an empty file.
func (d *Disk) Create(path string) (*File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	if err := d.ask("create", name); err != nil {
		return nil, err
	}
	n := &Node{dirty: map[int]bool{}}
	d.change(func(m map[string]*Node) { m[name] = n })
	return &File{d, n}, nil
}

// Rename replaces to.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	from, to = filepath.Base(from), filepath.Base(to)
	if err := d.ask("rename", from); err != nil {
		return err
	}
	if d.Files[from] == nil {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.change(func(m map[string]*Node) { m[to] = m[from]; delete(m, from) })
	return nil
}

// Remove takes a file away. Who has it open keeps it.
func (d *Disk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := filepath.Base(path)
	if err := d.ask("remove", name); err != nil {
		return err
	}
	if d.Files[name] == nil {
		return &fs.PathError{Op: "remove", Path: path, Err: fs.ErrNotExist}
	}
	d.change(func(m map[string]*Node) { delete(m, name) })
	return nil
}

// SyncDir makes the names durable as they are.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.ask("syncdir", filepath.Base(dir)); err != nil {
		return err
	}
	for _, op := range d.order {
		op(d.stable)
	}
	d.order = nil
	return nil
}
