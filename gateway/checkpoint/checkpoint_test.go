package checkpoint

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"lotusgate/firmware-sim/disk"
)

const path = "/var/lib/lotusgate/checkpoint"

type counts struct {
	In  uint64 `json:"in"`
	Out uint64 `json:"out"`
}

func open(t testing.TB, fsys FS) *Checkpoint {
	t.Helper()
	c, err := Open(Options{Path: path, FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func put(t testing.TB, c *Checkpoint, key string, v any) {
	t.Helper()
	if err := c.Put(key, v); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, c *Checkpoint) {
	t.Helper()
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}

func get[T any](t testing.TB, c *Checkpoint, key string) (v T) {
	t.Helper()
	ok, err := c.Get(key, &v)
	if err != nil || !ok {
		t.Fatalf("section %s: found %v, error %v", key, ok, err)
	}
	return v
}

func get0(t testing.TB, c *Checkpoint) (v counts) {
	t.Helper()
	if _, err := c.Get("entry", &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestKeeps(t *testing.T) {
	name := filepath.Join(t.TempDir(), "checkpoint")
	for i := range uint64(5) {
		c, err := Open(Options{Path: name})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if ok, err := c.Get("entry", &counts{}); ok || err != nil || c.Damaged() {
				t.Errorf("empty checkpoint: found %v, error %v, damaged %v", ok, err, c.Damaged())
			}
		} else if got := get[counts](t, c, "entry"); got != (counts{i - 1, 7}) {
			t.Errorf("opened %d times: %+v", i, got)
		}
		before, _ := os.Stat(name)
		var peeked counts
		if ok, err := Peek(name, "entry", &peeked); err != nil || ok != (i > 0) || peeked != get0(t, c) {
			t.Errorf("peeked %+v, found %v, error %v", peeked, ok, err)
		}
		if after, _ := os.Stat(name); i > 0 && after.ModTime() != before.ModTime() {
			t.Error("Peek has written")
		}
		put(t, c, "entry", counts{i, 7})
		put(t, c, "other", i)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSectionOfAnotherShapeIsAnError(t *testing.T) {
	c := open(t, newFaultFS())
	put(t, c, "entry", "text")
	if ok, err := c.Get("entry", &counts{}); ok || err == nil {
		t.Errorf("found %v, error %v", ok, err)
	}
	if err := c.Put("entry", func() {}); err == nil {
		t.Error("a function was stored")
	}
	if got := get[string](t, c, "entry"); got != "text" {
		t.Errorf("section became %q", got)
	}
}

func TestFullIsRefused(t *testing.T) {
	fsys := newFaultFS()
	c := open(t, fsys)
	put(t, c, "small", 1)
	if err := c.Put("big", strings.Repeat("x", slotBytes)); !errors.Is(err, ErrFull) {
		t.Errorf("error %v", err)
	}
	fits := maxPayload - encodedSize(c.sections) - len(`"big":"",`)
	put(t, c, "big", strings.Repeat("x", fits))
	if err := c.Put("one", 1); !errors.Is(err, ErrFull) {
		t.Errorf("error %v", err)
	}
	flush(t, c)
	if got := get[string](t, open(t, fsys), "big"); len(got) != fits {
		t.Errorf("%d bytes came back of %d", len(got), fits)
	}
}

// A newer program's file is left alone, in either slot; damage is not mistaken for one.
// What is taken out is gone after a restart, and makes room.
func TestTakenOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "checkpoint")
	open := func() *Checkpoint {
		c, err := Open(Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	text := strings.Repeat("x", maxPayload/2)
	for _, all := range [][]Section{{{"a", text}, {"b", 1}}, {{"a", nil}, {"b", 2}}, {{"c", text}}, {{"d", text[:maxPayload/4]}, {"c", nil}}} {
		if err := c.PutAll(all); err != nil {
			t.Fatal(err)
		}
	}
	if c.size != encodedSize(c.sections) {
		t.Errorf("size %d, it takes %d", c.size, encodedSize(c.sections))
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open()
	for key, want := range map[string]bool{"a": false, "b": true, "c": false, "d": true} {
		var v any
		if ok, err := c.Get(key, &v); ok != want || err != nil {
			t.Errorf("%s is there: %v, %v", key, ok, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	for slot := range 2 {
		fsys := newFaultFS()
		c := open(t, fsys)
		put(t, c, "a", 1)
		flush(t, c)
		put(t, c, "a", 2)
		flush(t, c)
		b := fsys.file().Now[slot*slotBytes:]
		b[8] = 2
		if c := open(t, fsys); c.Damaged() {
			t.Errorf("slot %d: one damaged slot costs everything", slot)
		}
		binary.LittleEndian.PutUint32(b[12:], checksum(b[:slotHead+int(b[24])]))
		before := string(fsys.file().Now)
		if _, err := Open(Options{Path: path, FS: fsys}); !errors.Is(err, ErrNewer) {
			t.Errorf("slot %d of format 2: error %v", slot, err)
		}
		if string(fsys.file().Now) != before {
			t.Errorf("slot %d of format 2 was changed", slot)
		}
	}
}

func TestUnknownSectionsStay(t *testing.T) {
	fsys := newFaultFS()
	c := open(t, fsys)
	put(t, c, "of a newer program", counts{1, 2})
	flush(t, c)
	c = open(t, fsys)
	put(t, c, "mine", 1)
	flush(t, c)
	if got := get[counts](t, open(t, fsys), "of a newer program"); got != (counts{1, 2}) {
		t.Errorf("%+v", got)
	}
}

func TestDamageIsTold(t *testing.T) {
	fsys := newFaultFS()
	c := open(t, fsys)
	put(t, c, "a", 1)
	flush(t, c)
	for _, spoil := range []func(){
		func() { fsys.file().Now[slotBytes+34] ^= 1 },
		func() { fsys.file().Now = fsys.file().Now[:100] },
		func() { fsys.file().Now = nil },
	} {
		spoil()
		c := open(t, fsys)
		if !c.Damaged() {
			t.Error("damage was not noticed")
		}
		put(t, c, "a", 2)
	}
	c = open(t, fsys)
	put(t, c, "a", 3)
	flush(t, c)
	if got := get[int](t, open(t, fsys), "a"); got != 3 {
		t.Errorf("after repair: %d", got)
	}
}

func TestEveryFlippedByteCostsAtMostOneWrite(t *testing.T) {
	for at := range 2 * slotBytes {
		if at%slotBytes > 64 && at%509 != 0 { // all of the heads and payloads, some of the zeros behind them
			continue
		}
		fsys := newFaultFS()
		c := open(t, fsys)
		put(t, c, "n", 1)
		flush(t, c)
		put(t, c, "n", 2)
		flush(t, c)
		fsys.file().Now[at] ^= 0x10
		c = open(t, fsys)
		if n := get[int](t, c, "n"); n != 1 && n != 2 || c.Damaged() {
			t.Errorf("byte %d: read %d, damaged %v", at, n, c.Damaged())
		}
	}
}

// TestWritesAreBounded runs on virtual time.
func TestWritesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultFS()
		c := open(t, fsys)
		put(t, c, "n", 0)
		flush(t, c)
		first := fsys.writes()
		ctx, cancel := context.WithCancel(t.Context())
		go c.Run(ctx)
		for i := range 3600 {
			put(t, c, "n", i)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := fsys.writes() - first; n < 55 || n > 61 {
			t.Errorf("%d writes in an hour of changes each second", n)
		}
		if n := get[int](t, open(t, fsys), "n"); n < 3500 {
			t.Errorf("after an hour %d is written", n)
		}
		before := fsys.writes()
		put(t, c, "n", "told a person")
		flush(t, c)
		put(t, c, "n", "told a person")
		flush(t, c)
		if fsys.writes() != before+1 {
			t.Errorf("%d writes for one change", fsys.writes()-before)
		}
		cancel()
		synctest.Wait()
		put(t, c, "n", "last")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if got := get[string](t, open(t, fsys), "n"); got != "last" {
			t.Errorf("after Close: %q", got)
		}
	})
}

// TestTroubleIsToldOnce has a disk that refuses for ten minutes.
func TestTroubleIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultFS()
		fsys.refuse(func(op, _ string) error {
			if op == "create" || op == "write" {
				return unix.ENOSPC
			}
			return nil
		})
		var told []error
		c, err := Open(Options{Path: path, FS: fsys, Notify: func(err error) { told = append(told, err) }})
		if err != nil {
			t.Fatal(err)
		}
		go c.Run(t.Context())
		put(t, c, "n", 1)
		time.Sleep(10 * time.Minute)
		fsys.refuse(nil)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if len(told) != 2 || !errors.Is(told[0], unix.ENOSPC) || told[1] != nil {
			t.Errorf("told %v", told)
		}
		if got := get[int](t, open(t, fsys), "n"); got != 1 {
			t.Errorf("after recovery: %d", got)
		}
	})
}

// TestModel runs random writes, kills, power cuts and disk faults: what was flushed, or something newer, comes back.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		fsys := newFaultFS()
		c := mustOpen(t, fsys)
		var newest, durable uint64
		reopen := func(next *faultFS) {
			fsys = next
			c = mustOpen(t, fsys)
			var got counts
			if _, err := c.Get("n", &got); err != nil {
				t.Fatal(err)
			}
			if got.In < durable || got.In > newest || got.Out != 3*got.In {
				t.Fatalf("read %+v, durable %d, newest %d", got, durable, newest)
			}
			newest, durable = got.In, max(durable, got.In)
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				newest++
				size := rng.IntN(2000)
				if err := errors.Join(c.Put("pad", strings.Repeat("x", size)), c.Put("n", counts{newest, 3 * newest})); err != nil {
					t.Fatal(err)
				}
			},
			"flush": func(t *rapid.T) {
				switch err := c.Flush(); {
				case err == nil:
					durable = newest
				case !fsys.Faulty():
					t.Fatal(err)
				}
			},
			"kill": func(*rapid.T) {
				sure := durable
				reopen(fsys.kill())
				durable = sure // what the kernel shows to this process need not be on disk
			},
			"power cut": func(*rapid.T) { reopen(fsys.cut(rng)) },
			"fault": func(t *rapid.T) {
				switch rapid.IntRange(0, 3).Draw(t, "kind") {
				case 0:
					fsys.refuse(func(op, _ string) error {
						if op == "sync" && rng.IntN(2) == 0 {
							return unix.EIO
						}
						return nil
					})
				case 1:
					fsys.refuse(func(op, _ string) error {
						if op != "open" && op != "read" {
							return unix.EROFS
						}
						return nil
					})
				case 2:
					fsys.Fail(func(f *disk.Faults) { f.Short = func(_ string, n int) int { return rng.IntN(n + 1) } })
				case 3:
					fsys.refuse(func(op, _ string) error {
						if op == "rename" || op == "syncdir" || op == "create" {
							return fs.ErrPermission
						}
						return nil
					})
				}
			},
			"heal": func(*rapid.T) { fsys.Fail(func(f *disk.Faults) { *f = disk.Faults{} }) },
		})
	})
}

func mustOpen(t *rapid.T, fsys FS) *Checkpoint {
	c, err := Open(Options{Path: path, FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(encode(1, []byte(`{"a":1}`)))
	f.Add(append(encode(7, []byte(`{"a":1}`)), make([]byte, slotBytes)...))
	f.Add(encode(1, []byte(`[]`)))
	f.Add(encode(1<<63, []byte(`{"a":`)))
	f.Fuzz(func(t *testing.T, image []byte) {
		fsys := newFaultFS()
		fsys.Put("checkpoint", slices.Clone(image))
		c, err := Open(Options{Path: path, FS: fsys})
		if err != nil {
			if !errors.Is(err, ErrNewer) {
				t.Fatal(err)
			}
			return
		}
		put(t, c, "k", 1)
		flush(t, c)
		if got := get[int](t, open(t, fsys), "k"); got != 1 {
			t.Fatalf("read %d", got)
		}
	})
}

func ExampleCheckpoint() {
	c, err := Open(Options{Path: path, FS: newFaultFS()})
	if err != nil {
		fmt.Println(err)
		return
	}
	var entry counts
	found, _ := c.Get("entry", &entry)
	fmt.Println(found, entry)

	entry.In++
	if err := c.Put("entry", entry); err != nil { // Run writes it within a minute
		fmt.Println(err)
	}
	fmt.Println(c.Flush()) // somebody waits for it
	// Output:
	// false {0 0}
	// <nil>
}
