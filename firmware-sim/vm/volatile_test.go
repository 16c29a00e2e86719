//go:build linux

package vm

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// newVolatile skips where this process may not mount.
func newVolatile(t *testing.T, image string) *Volatile {
	t.Helper()
	d, err := NewVolatile(image)
	if err != nil {
		if os.Getuid() == 0 && os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// What was flushed is kept; of what was not, each outcome is possible, and the guest sees all of it until the cut.
func TestVolatileForgets(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	const sectors = 64
	if err := os.WriteFile(image, make([]byte, sectors*diskSector), 0o600); err != nil {
		t.Fatal(err)
	}
	d := newVolatile(t, image)
	f, err := os.OpenFile(d.Path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fill := func(b byte, from, to int64) {
		t.Helper()
		if _, err := f.WriteAt(bytes.Repeat([]byte{b}, int((to-from)*diskSector)), from*diskSector); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (got [sectors]byte) {
		t.Helper()
		b := make([]byte, sectors*diskSector)
		if _, err := f.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i] = b[i*diskSector]
		}
		return got
	}
	lost := 0
	for round := range byte(20) {
		fill(round+1, 0, sectors/2)
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		before := read()
		fill(round+101, sectors/2, sectors)
		if got := read(); got[0] != round+1 || got[sectors-1] != round+101 {
			t.Fatalf("round %d: the guest does not see what it wrote: %v", round, got)
		}
		n, flushes, err := d.Off()
		if err != nil || flushes != 1 {
			t.Fatalf("%d flushes, error %v", flushes, err)
		}
		if _, err := f.ReadAt(make([]byte, diskSector), 0); err == nil {
			t.Fatal("the disk answers without power")
		}
		if _, err := f.WriteAt(make([]byte, diskSector), 0); err == nil {
			t.Fatal("the disk takes data without power")
		}
		d.On()
		lost += n
		for i, b := range read() {
			if flushed := i < sectors/2; flushed && b != round+1 || !flushed && b != round+101 && b != before[i] {
				t.Fatalf("round %d, sector %d: %d", round, i, b)
			}
		}
	}
	if all := 20 * sectors / 2; lost == 0 || lost == all {
		t.Errorf("%d of %d sectors were lost", lost, all)
	}
}
