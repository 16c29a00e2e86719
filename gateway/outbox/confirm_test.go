package outbox

import (
	"testing"
	"time"
)

// A confirmation moves the cursor, which is written now and then and never synced: a card lives by its flushes.
func TestConfirmSyncsNothing(t *testing.T) {
	count := &pageCount{FS: Disk{}}
	now := time.Second
	opt := big(t.TempDir())
	opt.FS, opt.Stepped, opt.Now = count, true, func() time.Duration { return now }
	o := mustOpen(t, opt)
	rest := func() {
		for range 10 { // whatever is due, spare segments among it
			now += cursorEvery
			o.Step()
		}
	}
	for range 100 {
		o.Append(Normal, make([]byte, eventBytes))
		o.Append(Alarm, make([]byte, eventBytes))
	}
	rest()
	cursor := o.cursor.generation
	syncs := count.syncs
	if syncs == 0 || o.queues[Normal].written != o.queues[Normal].next {
		t.Fatalf("nothing was committed: %d syncs", syncs)
	}
	for range 200 {
		for _, r := range o.Take(nil, 1) {
			o.Confirm(r.ID)
		}
		now += cursorEvery
		o.Step()
	}
	rest()
	if o.queues[Normal].depth()+o.queues[Alarm].depth() != 0 || o.cursor.generation < cursor+100 {
		t.Fatalf("not confirmed, or the cursor was not written: %d times", o.cursor.generation-cursor)
	}
	if n := count.syncs - syncs; n != 0 {
		t.Errorf("200 confirmations cost %d syncs", n)
	}
}
