package outbox

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"lotusgate/firmware-sim/disk"
)

// faultFS is a simulated disk behind the port of the outbox.
type faultFS struct{ *disk.Disk }

func newFaultFS() *faultFS { return &faultFS{disk.New()} }

func (f *faultFS) cut(rng *rand.Rand) *faultFS { return &faultFS{f.Cut(rng)} }

func (f *faultFS) crash() *faultFS { return &faultFS{f.Crash()} }

func (f *faultFS) Lock(dir string) (io.Closer, error) {
	c, err := f.Disk.Lock(dir)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	return c, err
}

func (f *faultFS) Open(path string) (File, error) { return opened(f.Disk.Open(path)) }

func (f *faultFS) Create(path string) (File, error) { return opened(f.Disk.Create(path)) }

func opened(file *disk.File, err error) (File, error) {
	if err != nil {
		return nil, err // not a File that holds nil
	}
	return file, nil
}

// segments returns the names of the segments of a queue, oldest first.
func (f *faultFS) segments(q Queue) []string {
	names, _ := f.List("")
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, q.String()+"-") })
}
