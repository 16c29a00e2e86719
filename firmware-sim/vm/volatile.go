//go:build linux

package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const diskSector = 512

// The superblock of ext4 is two sectors under one checksum, outside the journal's reach: if it is torn, the kernel mounts
// nothing. Cards write pages of 4 KiB and more as a whole, so that theirs is not.
const superFrom, superTo = 2, 3

// Volatile is a disk with a write cache of its own, as flash cards have: it says that a write is done before it is kept,
// and what was not flushed when the power goes may be kept or not, sector by sector but for the superblock. The kernel of the guest sees it as
// the image of a Disk; this process serves it through /dev/fuse, which needs root.
type Volatile struct {
	Path      string        // for Disk.Image
	FlushTime time.Duration // a card takes its time; set it before the first guest

	fuse  int
	ended chan struct{}
	err   error // why serve ended before the disk was unmounted; read it once ended is closed

	mu      sync.Mutex
	image   *os.File
	pending map[int64][]byte // by number of the sector
	flushes int
	off     bool
}

// NewVolatile puts a write cache before an image made by NewDisk. Close takes it away.
func NewVolatile(image string) (*Volatile, error) {
	f, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("volatile disk: %w", err)
	}
	d := &Volatile{Path: image + ".volatile", ended: make(chan struct{}), image: f, pending: map[int64][]byte{}}
	if err := d.mount(); err != nil {
		f.Close()
		return nil, fmt.Errorf("volatile disk at %s (needs root and /dev/fuse): %w", d.Path, err)
	}
	go func() {
		defer close(d.ended)
		d.err = d.serve()
		unix.Close(d.fuse) // if somebody still waits for an answer, it is an error
	}()
	return d, nil
}

// mount makes a file that is a file system of one file.
func (d *Volatile) mount() (err error) {
	if err := os.WriteFile(d.Path, nil, 0o600); err != nil {
		return err
	}
	if d.fuse, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	options := fmt.Sprintf("fd=%d,rootmode=%o,user_id=%d,group_id=%d", d.fuse, unix.S_IFREG|0o600, os.Getuid(), os.Getgid())
	if err := unix.Mount("lotusgate", d.Path, "fuse", unix.MS_NODEV|unix.MS_NOSUID, options); err != nil {
		unix.Close(d.fuse)
		return err
	}
	return nil
}

// Off takes the power: of what was not flushed a random part is kept, and nothing is answered any more. Kill the guest
// then, and call On before the next one. It returns how many sectors were lost, and how often the guest had flushed
// since On.
func (d *Volatile) Off() (lost, flushes int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	share := rand.Float64()
	superblock := rand.Float64() >= share
	for sector, data := range d.pending {
		forget := rand.Float64() >= share
		if sector == superFrom || sector == superTo {
			forget = superblock
		}
		if forget {
			lost++
			continue
		}
		if _, err := d.image.WriteAt(data, sector*diskSector); err != nil {
			return lost, d.flushes, fmt.Errorf("volatile disk: %w", err)
		}
	}
	clear(d.pending)
	flushes, d.flushes = d.flushes, 0
	select {
	case <-d.ended:
		return lost, flushes, fmt.Errorf("volatile disk does not answer any more: %w", d.err)
	default:
		return lost, flushes, nil
	}
}

// On brings the power back, once the guest is dead.
func (d *Volatile) On() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = false
}

// Close keeps what is in the cache and takes the disk away.
func (d *Volatile) Close() error {
	d.On()
	err := unix.Unmount(d.Path, unix.MNT_DETACH)
	if err == nil {
		<-d.ended // the last user has gone
		err = d.err
	}
	return errors.Join(err, d.flush(0), d.image.Close(), os.Remove(d.Path))
}

// flush keeps what is in the cache, unless the power goes meanwhile.
func (d *Volatile) flush(takes time.Duration) error {
	time.Sleep(takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return unix.EIO
	}
	for sector, data := range d.pending {
		if _, err := d.image.WriteAt(data, sector*diskSector); err != nil {
			return err
		}
		delete(d.pending, sector)
	}
	d.flushes++
	return nil
}

// read fills b with what the guest sees.
func (d *Volatile) read(b []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return 0, unix.EIO
	}
	n, err := d.image.ReadAt(b, off)
	if n == 0 && err != nil {
		return 0, nil // behind the end
	}
	b = b[:n]
	for at := off / diskSector; at*diskSector < off+int64(n); at++ {
		if data := d.pending[at]; data != nil {
			if from := at*diskSector - off; from >= 0 {
				copy(b[from:], data)
			} else {
				copy(b, data[-from:])
			}
		}
	}
	return n, nil
}

// write puts whole sectors into the cache; a guest writes nothing else.
func (d *Volatile) write(b []byte, off int64) error {
	if off%diskSector != 0 || len(b)%diskSector != 0 {
		return unix.EINVAL
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return unix.EIO
	}
	for ; len(b) > 0; b, off = b[diskSector:], off+diskSector {
		d.pending[off/diskSector] = append([]byte(nil), b[:diskSector]...)
	}
	return nil
}

// zero writes zeros, a piece at a time.
func (d *Volatile) zero(off, n int64) error {
	zeros := make([]byte, fuseMaxWrite)
	for ; n > 0; off, n = off+fuseMaxWrite, n-fuseMaxWrite {
		if err := d.write(zeros[:min(n, fuseMaxWrite)], off); err != nil {
			return err
		}
	}
	return nil
}

// Requests of the kernel, include/uapi/linux/fuse.h.
const (
	fuseGetattr = 3
	fuseZero    = 43 // fallocate, with which a guest discards and writes zeros
	fuseOpen    = 14
	fuseRead    = 15
	fuseWrite   = 16
	fuseRelease = 18
	fuseFsync   = 20
	fuseFlush   = 25
	fuseInit    = 26
	fuseForget  = 2
	fuseBatch   = 42 // forget, many

	fuseHead     = 40     // of a request
	fuseDirect   = 1 << 0 // of an open file: the host caches nothing of it
	fuseBig      = 1 << 5 // of the connection: writes of more than a page
	fuseMaxWrite = 128 << 10
)

// serve answers until the disk is unmounted.
func (d *Volatile) serve() error {
	in := make([]byte, fuseMaxWrite+4096)
	for {
		n, err := unix.Read(d.fuse, in)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EAGAIN):
			continue
		case errors.Is(err, unix.ENODEV):
			return nil // unmounted
		case err != nil:
			return fmt.Errorf("read a request: %w", err)
		case n < fuseHead:
			return fmt.Errorf("a request of %d bytes", n)
		}
		opcode, unique := binary.LittleEndian.Uint32(in[4:]), binary.LittleEndian.Uint64(in[8:])
		if opcode == fuseForget || opcode == fuseBatch {
			continue // no answer
		}
		body, err := d.answer(opcode, in[fuseHead:n])
		if err := d.reply(unique, body, err); err != nil {
			return fmt.Errorf("answer request %d: %w", opcode, err)
		}
	}
}

// reply answers one request. The kernel takes an error only without a body, and leaves the request waiting for ever
// otherwise.
func (d *Volatile) reply(unique uint64, body []byte, failed error) error {
	var errno unix.Errno
	if failed != nil {
		if body = nil; !errors.As(failed, &errno) {
			errno = unix.EIO
		}
	}
	out := binary.LittleEndian.AppendUint32(nil, uint32(16+len(body)))
	out = binary.LittleEndian.AppendUint32(out, uint32(-int32(errno)))
	out = binary.LittleEndian.AppendUint64(out, unique)
	for {
		_, err := unix.Write(d.fuse, append(out, body...))
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case errors.Is(err, unix.ENOENT): // who asked is dead
			return nil
		default:
			return err
		}
	}
}

func (d *Volatile) answer(opcode uint32, in []byte) ([]byte, error) {
	le := binary.LittleEndian
	switch opcode {
	case fuseInit:
		out := make([]byte, 64)
		le.PutUint32(out, 7)
		le.PutUint32(out[4:], min(31, le.Uint32(in[4:])))
		le.PutUint32(out[12:], fuseBig)
		le.PutUint32(out[20:], fuseMaxWrite)
		return out, nil
	case fuseGetattr:
		return d.attributes()
	case fuseOpen:
		out := make([]byte, 16)
		le.PutUint32(out[8:], fuseDirect)
		return out, nil
	case fuseRead:
		b := make([]byte, le.Uint32(in[16:]))
		n, err := d.read(b, int64(le.Uint64(in[8:])))
		return b[:n], err
	case fuseWrite:
		data := in[40:]
		out := make([]byte, 8)
		le.PutUint32(out, uint32(len(data)))
		return out, d.write(data, int64(le.Uint64(in[8:])))
	case fuseZero:
		return nil, d.zero(int64(le.Uint64(in[8:])), int64(le.Uint64(in[16:])))
	case fuseFsync:
		return nil, d.flush(d.FlushTime)
	case fuseFlush, fuseRelease:
		return nil, nil
	}
	return nil, unix.ENOSYS
}

func (d *Volatile) attributes() ([]byte, error) {
	info, err := d.image.Stat()
	if err != nil {
		return nil, err
	}
	le := binary.LittleEndian
	out := make([]byte, 104)
	attr := out[16:]
	le.PutUint64(attr, 1)
	le.PutUint64(attr[8:], uint64(info.Size()))
	le.PutUint64(attr[16:], uint64(info.Size()/diskSector))
	le.PutUint32(attr[60:], unix.S_IFREG|0o600)
	le.PutUint32(attr[64:], 1)
	le.PutUint32(attr[68:], uint32(os.Getuid()))
	le.PutUint32(attr[72:], uint32(os.Getgid()))
	le.PutUint32(attr[80:], 4096)
	return out, nil
}
