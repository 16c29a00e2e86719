package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
)

// formatVersion of every file of the directory. A program refuses what says more.
const formatVersion = 1

// slots is a small file that is replaced as a whole: two slots written in turn, the newest valid one counts
// (docs/disk.md, "Slots"). Only the committer, and Open before it, may use it.
type slots struct {
	fs         FS
	dir, name  string
	magic      string // 8 bytes
	size       int    // of one slot
	generation uint64
	file       File
}

const slotHead = 32

// loaded is what load found.
type loaded struct {
	payload []byte // nil = no valid slot
	damaged int    // slots that are neither valid nor untouched
	absent  bool   // there is no such file
}

// lost tells whether there was something and all of it is gone; a single slot is torn by any power cut.
func (l loaded) lost() bool { return l.damaged == 2 }

// load reads the newest valid slot. It fails only for a file of a newer format, and one that somebody else owns.
func (s *slots) load() (loaded, error) {
	var l loaded
	path := filepath.Join(s.dir, s.name)
	f, err := s.fs.Open(path)
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			l.absent = true
		case errors.Is(err, fs.ErrPermission):
			return l, refusal(err)
		default:
			l.damaged = 2
		}
		return l, nil
	}
	s.file = f
	buf := make([]byte, 2*s.size)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		l.damaged = 2
		return l, nil
	}
	for i := range 2 {
		from := min(i*s.size, n)
		b := buf[from:min(from+s.size, n)]
		generation, payload, err := s.parse(b)
		switch {
		case errors.Is(err, ErrNewer):
			return l, fmt.Errorf("%s: %w", path, err)
		case err != nil || len(b) < s.size:
			l.damaged++
		case payload != nil && (l.payload == nil || generation > s.generation):
			l.payload, s.generation = payload, generation
		}
	}
	return l, nil
}

var errDamaged = errors.New("damaged")

// parse returns a nil payload for a slot that was never written.
func (s *slots) parse(b []byte) (generation uint64, payload []byte, err error) {
	if zero(b) {
		return 0, nil, nil
	}
	if len(b) < slotHead || string(b[:8]) != s.magic {
		return 0, nil, errDamaged
	}
	le := binary.LittleEndian
	n := int64(le.Uint32(b[24:]))
	if slotHead+n > int64(len(b)) || checksumSkipping(b[:slotHead+n], 12) != le.Uint32(b[12:]) {
		return 0, nil, errDamaged
	}
	if v := le.Uint32(b[8:]); v > formatVersion {
		return 0, nil, newer(v)
	}
	return le.Uint64(b[16:]), b[slotHead : slotHead+n], nil
}

// store writes payload into the older slot; with durable it is on disk when store returns.
func (s *slots) store(payload []byte, durable bool) error {
	if slotHead+len(payload) > s.size {
		return fmt.Errorf("%s: %d bytes do not fit", s.name, len(payload))
	}
	if s.file == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	b := make([]byte, slotHead, slotHead+len(payload))
	le := binary.LittleEndian
	copy(b, s.magic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint64(b[16:], s.generation+1)
	le.PutUint32(b[24:], uint32(len(payload)))
	b = append(b, payload...)
	le.PutUint32(b[12:], checksumSkipping(b, 12))
	if _, err := s.file.WriteAt(b, int64((s.generation+1)%2)*int64(s.size)); err != nil {
		return fmt.Errorf("write %s: %w", s.name, err)
	}
	if durable {
		if err := s.file.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", s.name, err) // the next try goes to the same slot: the other one is on disk
		}
	}
	s.generation++
	return nil
}

// create makes the file with both slots empty, so that later writes allocate nothing.
func (s *slots) create() error {
	path := filepath.Join(s.dir, s.name)
	f, err := s.fs.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("create %s: %w", s.name, err)
	}
	if _, err = f.WriteAt(make([]byte, 2*s.size), 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = s.fs.Rename(path+".tmp", path)
	}
	if err == nil {
		err = s.fs.SyncDir(s.dir)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("create %s: %w", s.name, err)
	}
	s.file = f
	return nil
}

func (s *slots) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// checksumSkipping is the CRC32C of b without the four bytes at off, where the sum itself stands.
func checksumSkipping(b []byte, off int) uint32 {
	tab := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(b[:off], tab), tab, b[off+4:])
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
