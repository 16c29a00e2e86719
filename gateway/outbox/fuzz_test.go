package outbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// FuzzRecover replaces one file of a good directory by anything. The outbox must open or say that the format is newer,
// must never hand out a record that was not written, nor one twice, and must work afterwards. Which lines are covered
// depends on the scheduler, so that minimizing only costs time: run it with -fuzzminimizetime 2x.
func FuzzRecover(f *testing.F) {
	const records = 120
	good := filled(f, records)
	names := slices.Sorted(maps.Keys(good.Files))
	for i, name := range names {
		f.Add(uint8(i), good.Files[name].Now)
		f.Add(uint8(i), good.Files[name].Now[:len(good.Files[name].Now)/2])
		f.Add(uint8(i), []byte{})
	}
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		fs := newFaultFS()
		for name, node := range good.Files {
			b := slices.Clone(node.Now)
			if name == names[int(which)%len(names)] {
				b = slices.Clone(content)
			}
			fs.Put(name, b)
		}
		opt := small("/outbox")
		opt.FS = fs
		o, err := Open(opt)
		if errors.Is(err, ErrNewer) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		fresh := o.Append(Alarm, []byte("fresh"))
		seen := map[ID]bool{}
		for rs := o.Take(nil, 64); len(rs) > 0; rs = o.Take(nil, 64) {
			for _, r := range rs {
				if seen[r.ID] {
					t.Fatalf("%v came twice", r.ID)
				}
				seen[r.ID] = true
				var n uint64
				if _, err := fmt.Sscanf(string(r.Payload), "payload %d", &n); r.ID != fresh && (err != nil || n != r.ID.Number) {
					t.Fatalf("%v came back as %q", r.ID, r.Payload)
				}
			}
			o.Confirm(ids(rs)...)
		}
		if !seen[fresh] {
			t.Fatal("a new record did not come out")
		}
		mustSync(t, o)
		mustClose(t, o)
		o = mustOpen(t, opt)
		if l := o.Ledger(); len(l.Unconfirmed) > 0 {
			t.Fatalf("all was confirmed before the second start, the ledger lists %v", l.Unconfirmed)
		}
		if _, err := Scan("/outbox", fs, func(Found) error { return nil }); err != nil {
			t.Fatal(err)
		}
	})
}
