package checkpoint

import (
	"math/rand/v2"

	"lotusgate/firmware-sim/disk"
)

// faultFS is a simulated disk behind the port of the checkpoint.
type faultFS struct{ *disk.Disk }

func newFaultFS() *faultFS { return &faultFS{disk.New()} }

func (f *faultFS) cut(rng *rand.Rand) *faultFS { return &faultFS{f.Cut(rng)} }

func (f *faultFS) kill() *faultFS { return &faultFS{f.Crash()} }

func (f *faultFS) Open(path string) (File, error) { return opened(f.Disk.Open(path)) }

func (f *faultFS) Create(path string) (File, error) { return opened(f.Disk.Create(path)) }

func opened(file *disk.File, err error) (File, error) {
	if err != nil {
		return nil, err // not a File that holds nil
	}
	return file, nil
}

// refuse makes operations fail; nil = none.
func (f *faultFS) refuse(why func(op, name string) error) {
	f.Fail(func(faults *disk.Faults) { faults.Refuse = why })
}

// writes is how many writes ended with a sync.
func (f *faultFS) writes() int { return f.Counts()["sync"] }

// bytes of the checkpoint's file, as a process reads them.
func (f *faultFS) file() *disk.Node { return f.Files["checkpoint"] }
