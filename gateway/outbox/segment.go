package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Segment layout (docs/disk.md, "Segments"): a first page with the identity in its first sector and the seal behind
// it, then records.
const (
	segmentBytes = 1 << 20
	segmentHead  = 4096
	sectorBytes  = 512
	sealHead     = 24
	stretchBytes = 40
	maxStretches = (segmentHead - sectorBytes - sealHead) / stretchBytes
)

const (
	segmentMagic = "lg-segm\n"
	sealMagic    = "lg-seal\n"
)

// stretch is the part of a run that lies in one segment: what the seal keeps of it.
type stretch struct {
	epoch, run   uint32
	first, last  uint64 // positions
	lowest, high uint64 // numbers
}

// segment is one file of a queue. Its fields are guarded by Outbox.mu, but for file, off and failed, which belong to
// the committer.
type segment struct {
	queue     Queue
	index     uint64 // in the file name; rises within the queue
	first     uint64 // position of its first record
	end       uint64 // position behind its last record
	low       uint64 // everything below this position was settled when the segment was made
	stretches []stretch
	sealed    bool
	made      time.Duration // when this process made it; 0 = an earlier one did

	file   File // open while records are appended
	off    int64
	failed bool // a write or sync failed: nothing more may be written
}

func segmentName(q Queue, index uint64) string { return fmt.Sprintf("%s-%016x.seg", q, index) }

func parseSegmentName(name string) (q Queue, index uint64, ok bool) {
	stem, isSegment := strings.CutSuffix(name, ".seg")
	queue, hex, found := strings.Cut(stem, "-")
	if !isSegment || !found || len(hex) != 16 {
		return 0, 0, false
	}
	switch queue {
	case Normal.String():
		q = Normal
	case Alarm.String():
		q = Alarm
	default:
		return 0, 0, false
	}
	index, err := strconv.ParseUint(hex, 16, 64)
	return q, index, err == nil
}

func (s *segment) path(dir string) string { return filepath.Join(dir, segmentName(s.queue, s.index)) }
func (s *segment) seed() uint32           { return seedOf(s.queue, s.index) }

// identity is the first sector.
func (s *segment) identity(size int64) []byte {
	b := make([]byte, sectorBytes)
	le := binary.LittleEndian
	copy(b, segmentMagic)
	le.PutUint32(b[8:], formatVersion)
	b[16] = byte(s.queue)
	le.PutUint64(b[24:], s.index)
	le.PutUint64(b[32:], s.first)
	le.PutUint64(b[40:], s.low)
	le.PutUint64(b[48:], uint64(size))
	le.PutUint32(b[12:], checksumSkipping(b, 12))
	return b
}

// parseIdentity fills first and low. errDamaged: the sector does not say; the records themselves have to.
func (s *segment) parseIdentity(b []byte) error {
	le := binary.LittleEndian
	if len(b) < sectorBytes || string(b[:8]) != segmentMagic || checksumSkipping(b[:sectorBytes], 12) != le.Uint32(b[12:]) {
		return errDamaged
	}
	if v := le.Uint32(b[8:]); v > formatVersion {
		return newer(v)
	}
	if Queue(b[16]) != s.queue || le.Uint64(b[24:]) != s.index {
		return errDamaged // a file under another's name: no record of it would pass its checksum either
	}
	s.first, s.low = le.Uint64(b[32:]), le.Uint64(b[40:])
	s.end = s.first
	return nil
}

// seal is what follows the identity once the segment is full: it tells what is inside without reading it.
func (s *segment) seal() []byte {
	b := make([]byte, sealHead, sealHead+len(s.stretches)*stretchBytes)
	le := binary.LittleEndian
	copy(b, sealMagic)
	le.PutUint32(b[12:], uint32(len(s.stretches)))
	le.PutUint64(b[16:], s.end)
	for _, t := range s.stretches {
		b = le.AppendUint32(b, t.epoch)
		b = le.AppendUint32(b, t.run)
		b = le.AppendUint64(b, t.first)
		b = le.AppendUint64(b, t.last)
		b = le.AppendUint64(b, t.lowest)
		b = le.AppendUint64(b, t.high)
	}
	le.PutUint32(b[8:], s.sealSum(b))
	return b
}

func (s *segment) sealSum(b []byte) uint32 {
	return crc32.Update(s.seed(), crc32.MakeTable(crc32.Castagnoli), b[12:])
}

// parseSeal fills end and stretches; false = not sealed, or not readable.
func (s *segment) parseSeal(b []byte) bool {
	if len(b) < sealHead || string(b[:8]) != sealMagic {
		return false
	}
	le := binary.LittleEndian
	n := int(le.Uint32(b[12:]))
	if n > maxStretches || sealHead+n*stretchBytes > len(b) || s.sealSum(b[:sealHead+n*stretchBytes]) != le.Uint32(b[8:]) {
		return false
	}
	s.end, s.sealed = le.Uint64(b[16:]), true
	s.stretches = make([]stretch, n)
	for i := range s.stretches {
		c := b[sealHead+i*stretchBytes:]
		s.stretches[i] = stretch{
			epoch: le.Uint32(c), run: le.Uint32(c[4:]),
			first: le.Uint64(c[8:]), last: le.Uint64(c[16:]),
			lowest: le.Uint64(c[24:]), high: le.Uint64(c[32:]),
		}
	}
	return true
}

// note extends the stretches by a record.
func (s *segment) note(r *record) {
	last := r.end() - 1
	if n := len(s.stretches); n > 0 {
		if t := &s.stretches[n-1]; t.epoch == r.epoch && t.run == r.run {
			t.last, t.high = last, r.number
			return
		}
	}
	lowest := r.number
	s.stretches = append(s.stretches, stretch{r.epoch, r.run, r.position, last, lowest, r.number})
}

// full tells whether another run no longer fits into the seal.
func (s *segment) full(run runKey) bool {
	n := len(s.stretches)
	return n == maxStretches && (runKey{s.stretches[n-1].epoch, s.stretches[n-1].run} != run)
}

// newSegmentFile makes a zero-filled file of size bytes under a temporary name, durable but for its name.
func newSegmentFile(fsys FS, path string, size int64) (File, error) {
	f, err := fsys.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", filepath.Base(path), err)
	}
	if err := fillZero(f, 0, size); err != nil {
		f.Close()
		_ = fsys.Remove(path) // what is left is removed at the next start
		return nil, fmt.Errorf("allocate %s: %w", filepath.Base(path), err)
	}
	return f, nil
}

// fillZero overwrites [from, to) with zeros, durably.
func fillZero(f File, from, to int64) error {
	zeros := make([]byte, min(to-from, 128<<10))
	for from < to {
		n := min(to-from, int64(len(zeros)))
		if _, err := f.WriteAt(zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return f.Sync()
}

// readImage reads a file up to n bytes; a shorter file gives a shorter image.
func readImage(f File, n int64) ([]byte, error) {
	b := make([]byte, n)
	k, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return b[:k], err
	}
	return b[:k], nil
}

// records returns a walker over an image of the segment.
func (s *segment) records(image []byte) walker {
	return walker{image: image, seed: s.seed(), off: segmentHead, want: s.first}
}
