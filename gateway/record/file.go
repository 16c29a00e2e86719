package record

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// magic begins a file. A recording that was exported is one file after another.
const magic = "lotusgate recording 1\n"

// A block is its length, the checksum of its bytes, and compressed frames.
const blockHead, blockMost = 8, 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// file is a file being written.
type file struct {
	f *os.File
	z *flate.Writer
	b bytes.Buffer
}

func create(name string) (*file, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin a part of the recording: %w", err)
	}
	z, err := flate.NewWriter(io.Discard, flate.DefaultCompression)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.WriteString(magic); err != nil {
		return nil, errors.Join(fmt.Errorf("begin a part of the recording: %w", err), f.Close())
	}
	return &file{f: f, z: z}, nil
}

// append writes a block, in one piece.
func (f *file) append(frames []byte, sync bool) (int64, error) {
	f.b.Reset()
	f.b.Write(make([]byte, blockHead))
	f.z.Reset(&f.b)
	if _, err := f.z.Write(frames); err != nil {
		return 0, err
	}
	if err := f.z.Close(); err != nil {
		return 0, err
	}
	b := f.b.Bytes()
	binary.LittleEndian.PutUint32(b, uint32(len(b)-blockHead))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[blockHead:], castagnoli))
	n, err := f.f.Write(b)
	if err == nil && sync {
		err = f.f.Sync()
	}
	if err != nil {
		return int64(n), fmt.Errorf("write the recording: %w", err)
	}
	return int64(n), nil
}

func (f *file) close() error { return f.f.Close() }

// ErrCut says that a recording ends in the middle: power was cut while it was written, or a copy is not whole.
var ErrCut = errors.New("the recording ends in the middle of a block")

// ErrNoRecording says that a file is none.
var ErrNoRecording = errors.New("this is no recording of a gateway")

// blocks reads the frames of a recording, block by block. first is true for the first block of a part. The error of a
// recording that is cut is ErrCut; what came before it was whole.
func blocks(in io.Reader, each func(first bool, frames []byte) error) error {
	r := bufio.NewReader(in)
	first := false
	for n := 0; ; n++ {
		switch head, err := r.Peek(len(magic)); {
		case string(head) == magic:
			_, _ = r.Discard(len(magic)) // it was there
			first = true
			continue
		case n == 0:
			return ErrNoRecording
		case len(head) == 0 && errors.Is(err, io.EOF):
			return nil
		}
		var head [blockHead]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return ErrCut
		}
		size := binary.LittleEndian.Uint32(head[:])
		if size > blockMost {
			return ErrCut
		}
		var packed bytes.Buffer
		if _, err := io.CopyN(&packed, r, int64(size)); err != nil {
			return ErrCut
		}
		if crc32.Checksum(packed.Bytes(), castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return ErrCut
		}
		frames, err := io.ReadAll(io.LimitReader(flate.NewReader(&packed), blockMost))
		if err != nil {
			return ErrCut
		}
		if err := each(first, frames); err != nil {
			return err
		}
		first = false
	}
}
