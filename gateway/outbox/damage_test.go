package outbox

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
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
			var n int
			if _, err := fmt.Sscanf(string(r.Payload), "payload %d", &n); err != nil || uint64(n) != r.ID.Number || r.ID.Run != 1 {
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

// TestEveryPrefix cuts the newest segment of each queue at every length: no payload may come back wrong, and what comes
// back must be a beginning of what was written.
func TestEveryPrefix(t *testing.T) {
	const records = 60
	for _, kind := range []Queue{Alarm, Normal} {
		whole := filled(t, records)
		name := whole.segments(kind)[0]
		used := int(lastByte(whole.Files[name].Now))
		for n := 0; n <= used+8; n += 3 {
			synctest.Test(t, func(t *testing.T) {
				fs := filled(t, records)
				node := fs.Files[name]
				node.Now, node.Kept = node.Now[:n], node.Kept[:n]
				delivered, named, _ := survey(t, fs)
				if n >= used && delivered.size(1, records+1) != records {
					t.Errorf("%s cut at %d of %d: only %v came back", name, n, used, delivered)
				}
				high := delivered[len(delivered)-1].to
				all := append(spans(nil), delivered...)
				for _, s := range named {
					all.add(s.from, s.to)
				}
				if lost := all.missing(1, high); len(lost) > 0 && n > segmentHead {
					t.Errorf("%s cut at %d: %v neither came back nor are named", name, n, lost)
				}
			})
		}
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

// TestByteFlips damages one byte at a time, anywhere in any file. The record that held it may be lost; then it is
// named. Nothing else may be.
func TestByteFlips(t *testing.T) {
	const records = 300
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		synctest.Test(t, func(t *testing.T) {
			fs := filled(t, records)
			names := slices.Sorted(mapKeys(fs.Files))
			name := names[rng.IntN(len(names))]
			b := fs.Files[name].Now
			at, bit := rng.IntN(int(max(1, lastByte(b)))), byte(1)<<rng.IntN(8)
			b[at] ^= bit
			fs.Files[name].Kept[at] ^= bit
			delivered, named, restored := survey(t, fs)
			if lost := delivered.missing(1, records+1); lost.size(0, records+1) > 1 {
				t.Errorf("%s byte %d: one flipped bit cost %v", name, at, lost)
			} else if !named.covers0(lost) && !newestRecord(lost, records) {
				t.Errorf("%s byte %d: %v is lost and not named, named are %v", name, at, lost, named)
			}
			if restored {
				t.Errorf("%s byte %d: one flipped bit costs the epoch", name, at)
			}
		})
	}
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
