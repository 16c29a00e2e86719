package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
)

// Layout of the file (docs/disk.md, "Checkpoint").
const (
	magic         = "lg-chkp\n"
	formatVersion = 1
	slotBytes     = 32 << 10
	slotHead      = 32
	maxPayload    = slotBytes - slotHead
)

// slots is the file: two slots written in turn, the newest valid one counts. It belongs to one goroutine at a time.
type slots struct {
	fs         FS
	path       string
	file       File   // nil = to be opened again
	generation uint64 // of the newest slot that is known to be valid
	loaded     []byte // that slot as it was read, until it is known to be on disk
}

// load reads the newest valid payload; nil = there is none. damaged tells that there should be one. It fails only for
// a newer format.
func (s *slots) load() (payload []byte, damaged bool, err error) {
	s.file, err = s.fs.Open(s.path)
	if err != nil {
		return nil, !errors.Is(err, fs.ErrNotExist), nil
	}
	image := make([]byte, 2*slotBytes)
	n, err := s.file.ReadAt(image, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		damaged = true
	}
	for i := range 2 {
		slot := image[:n][min(i*slotBytes, n):min((i+1)*slotBytes, n)]
		generation, p, err := parse(slot)
		switch {
		case errors.Is(err, ErrNewer):
			s.close()
			return nil, false, err
		case err != nil:
			damaged = true
		case p != nil && generation > s.generation:
			payload, s.generation, s.loaded = p, generation, slot[:slotHead+len(p)]
		}
	}
	return payload, damaged, nil
}

var errDamaged = errors.New("damaged")

// parse returns a nil payload for a slot that was never written.
func parse(b []byte) (generation uint64, payload []byte, err error) {
	if len(b) < slotHead {
		return 0, nil, errDamaged
	}
	le := binary.LittleEndian
	n := int64(le.Uint32(b[24:]))
	switch {
	case untouched(b):
		return 0, nil, nil
	case string(b[:8]) != magic || slotHead+n > int64(len(b)) || checksum(b[:slotHead+n]) != le.Uint32(b[12:]):
		return 0, nil, errDamaged
	}
	if v := le.Uint32(b[8:]); v > formatVersion {
		return 0, nil, fmt.Errorf("format %d, this program knows %d: %w", v, formatVersion, ErrNewer)
	}
	return le.Uint64(b[16:]), b[slotHead : slotHead+n], nil
}

func untouched(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// checksum is the CRC32C of a slot without the four bytes of the sum itself.
func checksum(b []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(b[:12], table), table, b[16:])
}

func encode(generation uint64, payload []byte) []byte {
	b := make([]byte, slotHead, slotHead+len(payload))
	le := binary.LittleEndian
	copy(b, magic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint64(b[16:], generation)
	le.PutUint32(b[24:], uint32(len(payload)))
	b = append(b, payload...)
	le.PutUint32(b[12:], checksum(b))
	return b
}

// store writes payload over the older slot, durably. After a failure the newer slot is as it was, and the next store
// begins with opening the file anew: it may be writable again.
func (s *slots) store(payload []byte) error {
	err := s.ready()
	if err == nil {
		err = s.write(encode(s.generation+1, payload), s.generation+1)
	}
	if err != nil {
		s.close()
		return err
	}
	s.generation++
	return nil
}

// ready opens or makes the file. What an earlier process wrote may be in memory only, if it was killed or its sync had
// failed: it is written once more before the slot beside it is overwritten.
func (s *slots) ready() (err error) {
	if s.file == nil {
		s.file, err = s.fs.Open(s.path)
		if errors.Is(err, fs.ErrNotExist) {
			err = s.create()
		}
		if err != nil {
			return err
		}
	}
	if s.loaded != nil {
		if err := s.write(s.loaded, s.generation); err != nil {
			return err
		}
		s.loaded = nil
	}
	return nil
}

func (s *slots) write(slot []byte, generation uint64) error {
	if _, err := s.file.WriteAt(slot, int64(generation%2)*slotBytes); err != nil {
		return err
	}
	return s.file.Sync()
}

// create makes the file with both slots untouched, so that later writes need no space.
func (s *slots) create() error {
	f, err := s.fs.Create(s.path + ".tmp")
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(make([]byte, 2*slotBytes), 0); err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = s.fs.Rename(s.path+".tmp", s.path)
	}
	if err == nil {
		err = s.fs.SyncDir(filepath.Dir(s.path))
	}
	if err != nil {
		_ = f.Close() // the first error is the one that counts
		return err
	}
	s.file = f
	return nil
}

func (s *slots) close() {
	if s.file != nil {
		_ = s.file.Close() // everything that counts was synced
		s.file = nil
	}
}
