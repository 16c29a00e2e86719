package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
)

// What is damaged is told before a start, by the start, and no more after it: it goes on with what is left.
func TestSurvey(t *testing.T) {
	garbage := func(names ...string) func(*bench) {
		return func(b *bench) {
			rng := rand.New(rand.NewPCG(1, 2))
			for _, name := range names {
				for i := range b.fs.Files[name].Now {
					b.fs.Files[name].Now[i] = byte(rng.Uint32())
				}
			}
		}
	}
	first, second := segmentName(Normal, 1), segmentName(Normal, 2)
	for _, c := range []struct {
		name       string
		spoil      func(*bench)
		renews     bool
		files      []string
		unreadable uint64
		left       int // of 2*perSegment records
	}{
		{"nothing", func(*bench) {}, false, nil, 0, 2 * perSegment},
		{"runs", garbage("runs"), true, []string{"runs"}, 0, 2 * perSegment},
		{"no runs", func(b *bench) { delete(b.fs.Files, "runs") }, true, nil, 0, 2 * perSegment},
		{"cursor", garbage("cursor"), false, []string{"cursor"}, 0, 2 * perSegment},
		{"gaps", garbage("gaps"), false, []string{"gaps"}, 0, 2 * perSegment},
		{"one slot", func(b *bench) { b.fs.Files["runs"].Now[20]++ }, false, nil, 0, 2 * perSegment},
		{"a segment", garbage(first), false, []string{first}, 0, perSegment},
		{"the newest segment", garbage(second), false, []string{second}, 0, perSegment},
		{"a record", func(b *bench) { b.fs.Files[first].Now[segmentHead+40]++ }, false, nil, 1, 2*perSegment - 1},
		{"everything", garbage("runs", "cursor", "gaps", first, second), true, []string{first, second, "cursor", "gaps", "runs"}, 0, 0},
		{"a segment not begun", func(b *bench) { clear(b.fs.Files[second].Now) }, false, nil, 0, perSegment},
	} {
		t.Run(c.name, func(t *testing.T) {
			onFaultyDisk(t, func(b *bench) {
				b.fill(Normal, 2*perSegment)
				mustSync(b.T, b.o)
				mustClose(b.T, b.o)
				c.spoil(b)
				d, err := Survey(b.opt.Dir, b.fs)
				b.want("error", err, nil)
				b.want("renews", d.Renews, c.renews)
				b.want("files", sorted(d.Files), sorted(c.files))
				n, err := Unreadable(b.opt.Dir, b.fs)
				b.want("error", err, nil)
				b.want("unreadable", n, c.unreadable)
				b.open()
				b.want("named by the start", sorted(b.o.Damaged()), sorted(c.files))
				b.want("left", len(b.drain()), c.left)
				b.settle(2 * tellEvery)
				d, err = Survey(b.opt.Dir, b.fs)
				b.want("error", err, nil)
				b.want("damage after the start", len(d.Files) > 0 || d.Renews, false)
			})
		})
	}
}

func sorted(names []string) string { return fmt.Sprint(slices.Sorted(slices.Values(names))) }

// refused wants check and start to refuse the directory alike.
func (b *bench) refused(want error) {
	b.Helper()
	if err := Check(b.opt); !errors.Is(err, want) {
		b.Errorf("check: %v, want %v", err, want)
	}
	if _, err := Open(b.opt); !errors.Is(err, want) {
		b.Errorf("start: %v, want %v", err, want)
	}
}

// A file of that name does not make an outbox of a directory; what is in it does.
func TestForeignByContent(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		mustClose(b.T, b.o)
		for name := range b.fs.Files {
			if _, _, ok := parseSegmentName(name); ok {
				delete(b.fs.Files, name)
			}
		}
		b.fs.Files["notes"] = b.fs.Files["cursor"]
		b.want("ours", Check(b.opt), nil)
		for _, name := range []string{"runs", "cursor", "gaps"} {
			copy(b.fs.Files[name].Now, "hello")
			clear(b.fs.Files[name].Now[len(b.fs.Files[name].Now)/2:])
		}
		b.refused(ErrForeign)
	})
}

// Files of somebody else are no damage: a start refuses them and says whom to give them to.
func TestFilesOfSomebodyElse(t *testing.T) {
	for _, name := range []string{"runs", "cursor", "gaps"} {
		onFaultyDisk(t, func(b *bench) {
			mustClose(b.T, b.o)
			b.refuse(func(op, of string) error {
				if op == "open" && of == name {
					return fs.ErrPermission
				}
				return nil
			})
			b.refused(fs.ErrPermission)
		})
	}
}
