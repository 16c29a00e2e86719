package outbox

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lotusgate/firmware-sim/disk"
)

// stepped opens an outbox whose commits are the test's.
func stepped(t testing.TB, fs *faultFS) *Outbox {
	t.Helper()
	opt := small("/outbox")
	opt.FS, opt.Stepped = fs, true
	o, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	o.Step()
	return o
}

func listed(records []Record) string {
	list := ""
	for _, r := range records {
		list += fmt.Sprintf("%d ", r.ID.Number)
	}
	return list
}

// A firm record waits for its commit, and nothing waits for it. Nothing of it is in the history before, either.
func TestFirm(t *testing.T) {
	fs := newFaultFS()
	o := stepped(t, fs)
	o.Append(Alarm, []byte("1"))
	firm := o.AppendFirm(Alarm, []byte("2"))
	last := o.Append(Alarm, []byte("3"))
	if got := listed(o.Take(nil, 10)); got != "1 3 " {
		t.Errorf("before the commit: %s", got)
	}
	if h, err := o.History(ID{firm.Epoch, 1, 1}, last).Next(nil, 10); err != nil || listed(h) != "1 " {
		t.Errorf("history before the commit: %s, %v", listed(h), err)
	}
	if o.Firm(firm) || o.DurableTo().Number != 0 {
		t.Errorf("firm before the commit, durable to %d", o.DurableTo().Number)
	}
	for len(o.Ready()) > 0 {
		<-o.Ready()
	}
	o.Step()
	if len(o.Ready()) == 0 {
		t.Error("nobody is told that there is something to take")
	}
	if got := listed(o.Take(nil, 10)); got != "2 " || !o.Firm(firm) || o.DurableTo() != last {
		t.Errorf("after the commit: %s, durable to %v", got, o.DurableTo())
	}
	fs.Fail(func(f *disk.Faults) {
		f.Refuse = func(op, _ string) error {
			if op == "sync" {
				return unix.EIO
			}
			return nil
		}
	})
	firm = o.AppendFirm(Alarm, []byte("4"))
	o.Step()
	o.AppendFirm(Alarm, []byte("5"))
	if got := listed(o.Take(nil, 10)); got != "4 5 " || !o.Firm(firm) {
		t.Errorf("on a disk that refuses: %s", got)
	}
	if err := o.Close(); err == nil {
		t.Error("closed without an error on a disk that refuses")
	}
}

// The newest records are those of the last segment, and of the one before it where these are too few.
func TestNewest(t *testing.T) {
	fs := newFaultFS()
	o := stepped(t, fs)
	if got, err := o.Newest(Alarm, 100); len(got) != 0 || err != nil {
		t.Fatal(got, err)
	}
	payload := make([]byte, 500)
	for len(o.queues[Alarm].segments) < 3 {
		o.Append(Alarm, payload)
		o.Step()
	}
	end := o.number
	last, err := o.Newest(Alarm, 1)
	if err != nil || len(last) != 1 || last[0].ID.Number != end {
		t.Fatalf("%d records of the last segment: %v", len(last), err)
	}
	both, err := o.Newest(Alarm, 1<<20)
	first := o.queues[Alarm].segments[1].stretches[0].lowest
	if err != nil || both[0].ID.Number != first || both[len(both)-1].ID.Number != end || len(both) != int(end-first)+1 {
		t.Errorf("%d records from %d on, of %d to %d: %v", len(both), both[0].ID.Number, first, end, err)
	}
	fs.Fail(func(f *disk.Faults) { f.Refuse = func(op, _ string) error { return unix.EIO } })
	if _, err := o.Newest(Alarm, 1); !errors.Is(err, unix.EIO) {
		t.Errorf("on a disk that cannot be read: %v", err)
	}
}

// BenchmarkNewest is what a start reads again of the newest records, none of it in the page cache, beside the open before it:
// where the last segment has enough of them, and where it has none and the one before is read, too.
func BenchmarkNewest(b *testing.B) {
	for _, last := range []int{1000, 1} { // records in the last segment
		b.Run(fmt.Sprintf("last=%d", last), func(b *testing.B) {
			opt := big(b.TempDir())
			o := mustOpen(b, opt)
			payload := make([]byte, eventBytes)
			for segments, n := 0, 0; segments < 5 || n < last; n++ {
				o.Append(Alarm, payload)
				mustSync(b, o)
				if s := len(o.queues[Alarm].segments); s != segments {
					segments, n = s, 0
				}
			}
			mustClose(b, o)
			var opening, reading []time.Duration
			for b.Loop() {
				forgetPages(b, opt.Dir)
				started := time.Now()
				o, err := Open(opt)
				if err != nil {
					b.Fatal(err)
				}
				opened := time.Now()
				records, err := o.Newest(Alarm, 128<<10)
				reading = append(reading, time.Since(opened))
				opening = append(opening, opened.Sub(started))
				if err != nil || len(records) < 300 {
					b.Fatal(len(records), err)
				}
				mustClose(b, o)
			}
			b.ReportMetric(median(opening).Seconds()*1e3, "ms/open")
			b.ReportMetric(median(reading).Seconds()*1e3, "ms/newest")
		})
	}
}
