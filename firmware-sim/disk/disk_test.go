package disk

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// written makes a file of two sectors, the first synced, the second not.
func written(t *testing.T, d *Disk) {
	t.Helper()
	f, err := d.Create("/d/a")
	if err != nil {
		t.Fatal(err)
	}
	write := func(fill byte, off int64) {
		if _, err := f.WriteAt(bytes.Repeat([]byte{fill}, Sector), off); err != nil {
			t.Fatal(err)
		}
	}
	write(1, 0)
	if err := errors.Join(f.Sync(), d.SyncDir("/d")); err != nil {
		t.Fatal(err)
	}
	write(2, Sector)
}

func TestCutKeepsWhatWasSynced(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(200) {
		d := New()
		written(t, d)
		after := d.Cut(rand.New(rand.NewPCG(seed, 0)))
		if _, err := d.Open("/d/a"); !errors.Is(err, unix.EIO) {
			t.Fatal("the old disk still answers:", err)
		}
		b := after.Files["a"].Now
		if len(b) < Sector || !bytes.Equal(b[:Sector], bytes.Repeat([]byte{1}, Sector)) {
			t.Fatalf("seed %d: the synced sector is lost: %d bytes", seed, len(b))
		}
		switch rest := b[Sector:]; {
		case len(rest) == 0:
			seen["shorter"]++
		case bytes.Equal(rest, make([]byte, Sector)):
			seen["zero"]++
		case bytes.Equal(rest, bytes.Repeat([]byte{2}, Sector)):
			seen["written"]++
		default:
			t.Fatalf("seed %d: a torn sector", seed)
		}
	}
	if len(seen) != 3 {
		t.Errorf("of what was not synced only %v came about", seen)
	}
}

func TestCutAndNames(t *testing.T) {
	seen := map[bool]int{}
	for seed := range uint64(50) {
		d := New()
		written(t, d)
		if err := d.Rename("/d/a", "/d/b"); err != nil {
			t.Fatal(err)
		}
		after := d.Cut(rand.New(rand.NewPCG(seed, 0)))
		_, errA := after.Open("/d/a")
		_, errB := after.Open("/d/b")
		if errors.Is(errA, fs.ErrNotExist) == errors.Is(errB, fs.ErrNotExist) {
			t.Fatalf("seed %d: the file has two names or none: %v, %v", seed, errA, errB)
		}
		seen[errB == nil]++
	}
	if len(seen) != 2 {
		t.Errorf("a rename that was not synced always ends the same way: %v", seen)
	}
}

func TestSyncThatFailsLosesItsWrites(t *testing.T) {
	d := New()
	written(t, d)
	d.Fail(func(f *Faults) {
		f.Refuse = func(op, name string) error {
			if op == "sync" && name == "a" {
				return unix.EIO
			}
			return nil
		}
	})
	f, err := d.Open("/d/a")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	d.Fail(func(f *Faults) { *f = Faults{} })
	if err := f.Sync(); err != nil { // says that all is well, and has nothing to write any more
		t.Fatal(err)
	}
	b := make([]byte, 2*Sector)
	if _, err := f.ReadAt(b, 0); err != nil || b[Sector] != 2 {
		t.Fatalf("a process reads %d, %v", b[Sector], err)
	}
	for seed := range uint64(20) {
		if after := d.Crash().Cut(rand.New(rand.NewPCG(seed, 0))).Files["a"].Now; len(after) > Sector && after[Sector] == 2 {
			t.Fatal("what a failed sync dropped is there after the cut")
		}
	}
}

func TestFullDisk(t *testing.T) {
	d := New()
	written(t, d)
	d.Fail(func(f *Faults) { f.Quota = 2*Sector + 100 })
	f, err := d.Open("/d/a")
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, Sector)
	if n, err := f.WriteAt(b, 0); n != Sector || err != nil {
		t.Errorf("overwriting takes no space: %d, %v", n, err)
	}
	if n, err := f.WriteAt(b, 2*Sector); n != 100 || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if used := d.Used(); used != 2*Sector+100 {
		t.Errorf("used %d", used)
	}
}

func TestLock(t *testing.T) {
	d := New()
	l, err := d.Lock("/d")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lock("/d"); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Error("locked twice:", err)
	}
	l.Close()
	if _, err := d.Lock("/d"); err != nil {
		t.Error(err)
	}
}
