package outbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// filled returns a file system with an outbox of one clean run: normal and alarm records, none confirmed.
func filled(t testing.TB, records int) *faultFS {
	t.Helper()
	fs := newFaultFS()
	opt := small("/outbox")
	opt.FS = fs
	o := mustOpen(t, opt)
	for i := range records {
		q := Normal
		if i%5 == 4 {
			q = Alarm
		}
		o.Append(q, fmt.Appendf(nil, "payload %d %s", i+1, strings.Repeat("x", i%100)))
		if i%7 == 0 {
			mustSync(t, o)
		}
	}
	mustClose(t, o)
	return fs
}

// survey opens what is left and returns which numbers of run 1 come back or are named as dropped.
func survey(t testing.TB, fs *faultFS) (delivered, named spans, restored bool) {
	t.Helper()
	opt := small("/outbox")
	opt.FS = fs
	opt.Notify = func(n Notice) {
		switch n.Kind {
		case OutboxRestored:
			restored = true
		case RecordsDropped:
			for _, r := range n.Dropped.Ranges {
				if n.Dropped.Run == 1 {
					named.add(r.From, r.To+1)
				}
			}
		}
	}
	o := mustOpen(t, opt)
	for rs := o.Take(nil, 64); len(rs) > 0; rs = o.Take(nil, 64) {
		for _, r := range rs {
			want := fmt.Sprintf("payload %d %s", r.ID.Number, strings.Repeat("x", int(r.ID.Number-1)%100))
			if string(r.Payload) != want || r.ID.Run != 1 {
				t.Fatalf("%v came back as %q", r.ID, r.Payload)
			}
			delivered.add(r.ID.Number, r.ID.Number+1)
		}
		o.Confirm(ids(rs)...)
	}
	time.Sleep(3 * time.Second)
	synctest.Wait()
	if l := o.Ledger(); len(l.Unconfirmed) > 0 {
		t.Fatalf("all is taken and confirmed, the ledger lists %v", l.Unconfirmed)
	}
	mustClose(t, o)
	return delivered, named, restored
}

// again returns an independent disk with the same files.
func again(fs *faultFS) *faultFS {
	out := newFaultFS()
	for name, node := range fs.Files {
		out.Put(name, slices.Clone(node.Now))
	}
	return out
}

// TestEveryPrefix cuts each file at every length up to its last byte that is not zero: no payload may come back wrong, and
// what is missing of what came back must be named.
func TestEveryPrefix(t *testing.T) {
	const records = 30
	whole := filled(t, records)
	var cuts atomic.Int64
	t.Run("files", func(t *testing.T) {
		for name, node := range whole.Files {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				used := int(lastByte(node.Now))
				for n := 0; n <= used+8 && n <= len(node.Now); n += underRace {
					synctest.Test(t, func(t *testing.T) {
						cuts.Add(1)
						prefix(t, whole, name, n, used, records)
					})
				}
			})
		}
	})
	t.Logf("%d prefixes of %d files: nothing came back wrong, no hole was left unnamed", cuts.Load(), len(whole.Files))
}

// prefix opens an outbox with one file cut at n.
func prefix(t *testing.T, whole *faultFS, name string, n, used, records int) {
	fs := again(whole)
	node := fs.Files[name]
	node.Now, node.Kept = node.Now[:n], node.Kept[:n]
	delivered, named, _ := survey(t, fs)
	all := uint64(records + 1)
	_, _, isSegment := parseSegmentName(name)
	if (n >= used || !isSegment) && delivered.size(1, all) != uint64(records) {
		t.Errorf("%s cut at %d of %d: only %v came back", name, n, used, delivered)
	}
	missing := delivered.missing(1, delivered[len(delivered)-1].to)
	if n > segmentHead && !named.covers0(missing) {
		t.Errorf("%s cut at %d: of %v only %v are named", name, n, missing, named)
	}
}

func lastByte(b []byte) int64 {
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0 {
			return int64(i) + 1
		}
	}
	return 0
}

// TestByteFlips damages one byte at a time, anywhere in any file, ten thousand times. The record that held it may be lost;
// then it is named. Nothing else may be.
func TestByteFlips(t *testing.T) {
	const records, flips, parts = 300, 10_000 / underRace, 4
	whole := filled(t, records)
	names := slices.Sorted(mapKeys(whole.Files))
	var lost atomic.Int64
	t.Run("parts", func(t *testing.T) {
		for part := range parts {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(1, uint64(part)))
				for range flips / parts {
					synctest.Test(t, func(t *testing.T) {
						name := names[rng.IntN(len(names))]
						at := rng.IntN(int(max(1, lastByte(whole.Files[name].Now))))
						lost.Add(int64(flip(t, whole, name, at, byte(1+rng.IntN(255)), records)))
					})
				}
			})
		}
	})
	t.Logf("%d random byte flips in %d files: %d records were lost, at most one each, and named but for the newest", flips, len(names), lost.Load())
}

// flip returns how many records it cost to change one byte.
func flip(t *testing.T, whole *faultFS, name string, at int, by byte, records uint64) uint64 {
	fs := again(whole)
	fs.Files[name].Now[at] ^= by
	fs.Files[name].Kept[at] ^= by
	delivered, named, restored := survey(t, fs)
	lost := delivered.missing(1, records+1)
	if n := lost.size(0, records+1); n > 1 {
		t.Errorf("%s byte %d: one flipped byte cost %v", name, at, lost)
	} else if !named.covers0(lost) && !newestRecord(lost, records) {
		t.Errorf("%s byte %d: %v is lost and not named, named are %v", name, at, lost, named)
	}
	if restored {
		t.Errorf("%s byte %d: one flipped byte costs the epoch", name, at)
	}
	return lost.size(0, records+1)
}

// newestRecord tells whether only the last record of a queue is lost, which nothing behind it can prove.
func newestRecord(lost spans, records uint64) bool {
	return len(lost) == 1 && lost[0].from+5 > records
}

func (s spans) covers0(t spans) bool {
	for _, x := range t {
		if !s.covers(x.from, x.to) {
			return false
		}
	}
	return true
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	for _, name := range []string{"runs", "cursor", "gaps", "normal-0000000000000001.seg"} {
		fs := filled(t, 10)
		b := fs.Files[name]
		if zero(b.Now) { // never written: nothing was dropped
			continue
		}
		for _, slot := range []int{0, len(b.Now) / 2} {
			if zero(b.Now[slot : slot+8]) {
				continue
			}
			b.Now[slot+8] = 2
			end := sectorBytes
			if name == "runs" || name == "cursor" || name == "gaps" {
				end = slotHead + int(b.Now[slot+24]) + int(b.Now[slot+25])<<8
			} else if slot > 0 {
				continue
			}
			sum := checksumSkipping(b.Now[slot:slot+end], 12)
			b.Now[slot+12], b.Now[slot+13], b.Now[slot+14], b.Now[slot+15] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
		}
		opt := small("/outbox")
		opt.FS = fs
		o, err := Open(opt)
		if err == nil {
			o.Close()
			t.Errorf("%s of format 2 was accepted", name)
			continue
		}
		t.Log(err)
	}
}

func TestForeignDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/thesis.txt", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := Open(small(dir))
	if err == nil {
		o.Close()
		t.Fatal("opened a directory with somebody's thesis")
	}
	t.Log(err)
}
