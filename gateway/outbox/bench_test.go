package outbox

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const eventBytes = 400 // as the uplink's events are stored

func big(dir string) Options {
	return Options{Dir: dir, AlarmBytes: 16 << 20, NormalBytes: 64 << 20}
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkCommit compares a durable append with other ways to write the same events, in turns on the same disk:
//
//   - raw: bytes that are ready go to the end of a growing file, then fdatasync: a simple log at its best,
//   - raw-assembled: the same, but the events are put together first, each behind its length, as the prototype did whose
//     figures are the goals,
//   - floor: the bytes that are ready overwrite zeros of a preallocated file, then fdatasync: what a log like ours could
//     reach at the most.
//
// ×raw is how many times faster the median commit of the outbox is.
func BenchmarkCommit(b *testing.B) {
	for _, events := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			o := mustOpen(b, big(b.TempDir()))
			payload := make([]byte, eventBytes)
			ready := make([]byte, events*recordSize(eventBytes))
			appending, writing := &way{}, &way{} // parts of own
			own := &way{run: func() error {
				started := time.Now()
				for range events {
					o.Append(Normal, payload)
				}
				appending.took = append(appending.took, time.Since(started))
				return o.Sync(context.Background())
			}, after: func() {
				writing.took = append(writing.took, o.Stats().CommitTime)
				confirmAll(o)
			}}
			raw := writer(b, 0, func() []byte { return ready })
			assembled := writer(b, 0, func() (chunk []byte) {
				for range events {
					chunk = append(binary.LittleEndian.AppendUint64(chunk, eventBytes), payload...)
				}
				return chunk
			})
			floor := writer(b, 64<<20, func() []byte { return ready })
			ways := []*way{own, raw, assembled, floor}
			own.turn(b) // segments and spares exist
			for n := 0; b.Loop(); n++ {
				for i := range ways { // everybody follows everybody
					ways[(n+i)%len(ways)].turn(b)
				}
			}
			m := own.median()
			b.ReportMetric(raw.median()/m, "×raw")
			b.ReportMetric(assembled.median()/m, "×raw-assembled")
			b.ReportMetric(raw.median()/floor.median(), "floor×raw")
			b.ReportMetric(raw.median()*1e6, "raw-µs")
			b.ReportMetric(floor.median()*1e6, "floor-µs")
			b.ReportMetric(m*1e6, "µs/commit")
			b.ReportMetric(appending.median()*1e6, "of-it-append-µs")
			b.ReportMetric(writing.median()*1e6, "of-it-write+flush-µs")
			b.ReportMetric(float64(events)/m, "events/s")
			b.ReportMetric(0, "ns/op") // all of them together: means nothing
		})
	}
}

// way is one way to make events durable.
type way struct {
	run   func() error
	after func() // not measured
	took  []time.Duration
}

func (w *way) turn(b *testing.B) {
	started := time.Now()
	if err := w.run(); err != nil {
		b.Fatal(err)
	}
	w.took = append(w.took, time.Since(started))
	if w.after != nil {
		w.after()
	}
}

func (w *way) median() float64 { return median(w.took).Seconds() }

// writer appends chunks to a file and syncs it. The file grows, or is overwritten from its begin where size is given.
func writer(b *testing.B, size int64, chunk func() []byte) *way {
	f, err := newSegmentFile(Disk{}, filepath.Join(b.TempDir(), "raw"), size)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	var at int64
	return &way{run: func() error {
		c := chunk()
		if size > 0 && at+int64(len(c)) > size {
			at = 0
		}
		if _, err := f.WriteAt(c, at); err != nil {
			return err
		}
		at += int64(len(c))
		return f.Sync()
	}}
}

func confirmAll(o *Outbox) {
	for rs := o.Take(nil, 256); len(rs) > 0; rs = o.Take(nil, 256) {
		o.Confirm(ids(rs)...)
	}
}

// BenchmarkAppend is the caller's side: what the core goroutine pays for an event, and what its whole way through the
// outbox allocates (append, commit, take, confirm).
func BenchmarkAppend(b *testing.B) {
	o := mustOpen(b, big(b.TempDir()))
	payload := make([]byte, eventBytes)
	rs := make([]Record, 0, 256)
	out := make([]ID, 256)
	var appending time.Duration
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		started := time.Now()
		o.Append(Normal, payload)
		appending += time.Since(started)
		if n++; n%256 != 0 {
			continue
		}
		mustSync(b, o)
		rs = o.Take(rs[:0], 256)
		for i, r := range rs {
			out[i] = r.ID
		}
		o.Confirm(out[:len(rs)]...)
	}
	b.ReportMetric(float64(appending.Nanoseconds())/float64(n), "ns/append")
}

// pageCount counts the 4 KiB pages that syncs write back, and the syncs.
type pageCount struct {
	FS
	mu    sync.Mutex
	pages int
	syncs int
}

type pageFile struct {
	File
	count *pageCount
	dirty map[int64]bool
}

func (c *pageCount) Open(path string) (File, error) {
	f, err := c.FS.Open(path)
	return &pageFile{f, c, map[int64]bool{}}, err
}

func (c *pageCount) Create(path string) (File, error) {
	f, err := c.FS.Create(path)
	return &pageFile{f, c, map[int64]bool{}}, err
}

func (f *pageFile) WriteAt(b []byte, off int64) (int, error) {
	f.count.mu.Lock()
	defer f.count.mu.Unlock()
	for p := off / 4096; p*4096 < off+int64(len(b)); p++ {
		f.dirty[p] = true
	}
	return f.File.WriteAt(b, off)
}

func (f *pageFile) Sync() error {
	f.count.mu.Lock()
	f.count.pages += len(f.dirty)
	f.count.syncs++
	clear(f.dirty)
	f.count.mu.Unlock()
	return f.File.Sync()
}

// BenchmarkTrickle is a day of single events: bytes that reach the disk and flushes per event, the zeros of new
// segments included. ×overwrite relates the bytes to records written one by one over a preallocated file, whose zeros
// have to be written once, too.
func BenchmarkTrickle(b *testing.B) {
	count := &pageCount{FS: Disk{}}
	opt := big(b.TempDir())
	opt.FS = count
	o := mustOpen(b, opt)
	payload := make([]byte, eventBytes)
	var raw, at int64
	n := 0
	for b.Loop() {
		o.Append(Normal, payload)
		mustSync(b, o)
		confirmAll(o)
		size := int64(recordSize(eventBytes))
		raw += (at+size-1)/4096 - at/4096 + 1
		raw += (at+size)/4096 - at/4096 // preallocated
		at += size
		n++
	}
	count.mu.Lock()
	defer count.mu.Unlock()
	b.ReportMetric(float64(count.pages)*4096/float64(n), "B/event")
	b.ReportMetric(float64(count.pages)/float64(raw), "×overwrite")
	b.ReportMetric(float64(count.syncs)/float64(n), "syncs/event")
}

// BenchmarkColdOpen opens an outbox with a million records that nobody has confirmed, none of it in the page cache.
func BenchmarkColdOpen(b *testing.B) {
	dir := b.TempDir()
	opt := big(dir)
	opt.NormalBytes = 600 << 20
	o, err := Open(opt)
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, eventBytes)
	for i := range 1_000_000 {
		o.Append(Normal, payload)
		if i%2048 == 0 {
			mustSync(b, o)
		}
	}
	mustClose(b, o)
	var heap uint64
	var opening []time.Duration
	for b.Loop() {
		b.StopTimer()
		forgetPages(b, dir)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		started := time.Now()
		o, err := Open(opt)
		if err != nil {
			b.Fatal(err)
		}
		opening = append(opening, time.Since(started))
		b.StopTimer()
		runtime.ReadMemStats(&after)
		heap = max(heap, after.TotalAlloc-before.TotalAlloc)
		if rs := o.Take(nil, 64); len(rs) != 64 {
			b.Fatalf("took %d records", len(rs))
		}
		mustClose(b, o)
		b.StartTimer()
	}
	b.ReportMetric(float64(median(opening).Microseconds())/1000, "ms/open")
	b.ReportMetric(float64(heap)/(1<<20), "MB-allocated")
}

// forgetPages asks the kernel to drop what it has cached of a directory.
func forgetPages(b *testing.B, dir string) {
	names, err := Disk{}.List(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			b.Fatal(err)
		}
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			b.Fatal(err)
		}
		f.Close()
	}
}
