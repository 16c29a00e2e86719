package outbox

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// label fills both queues with records that can be told apart.
func (b *bench) label(from, to int) {
	for i := from; i < to; i++ {
		q := Normal
		if i%5 == 0 {
			q = Alarm
		}
		b.o.Append(q, fmt.Appendf(nil, "event %05d %s", i, strings.Repeat(".", 300)))
	}
}

// What nobody has confirmed gets new names, in order, from disk and from memory; the old names are told. What was
// confirmed is left alone.
func TestRenew(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.label(0, 5)
		mustSync(t, b.o)
		b.reopen() // of an earlier run: it keeps its names
		old := b.o.Ledger()
		b.label(5, 30)
		first := b.o.Take(nil, 10)
		for _, r := range first {
			if r.ID.Run == 2 && r.ID.Number <= 2 {
				b.o.Confirm(r.ID)
			}
		}
		mustSync(t, b.o)
		b.label(30, 40) // not written yet
		b.o.Renew("a test")
		b.want("handed out meanwhile", len(b.o.Take(nil, 100)), 0)
		b.settle(time.Minute)
		l := b.o.Ledger()
		b.want("a new epoch, run and number", fmt.Sprint(l.Epoch != old.Epoch, l.Run, l.Number), "true 1 33")
		b.want("told", b.kinds(), "restored dropped dropped ")
		b.want("old names", b.dropped(), "run 2 alarm renumbered[{6 7} {11 12} {16 17} {21 22} {26 27} {31 32}]; "+
			"run 2 normal renumbered[{3 6} {7 11} {12 16} {17 21} {22 26} {27 31} {32 36}]")
		b.o.Rewind()
		b.label(40, 42)
		seen := map[string]ID{}
		for _, r := range b.drain() {
			text := string(r.Payload[:11])
			if was, twice := seen[text]; twice {
				t.Errorf("%s is %v and %v", text, was, r.ID)
			}
			seen[text] = r.ID
		}
		for i := range 42 {
			id, there := seen[fmt.Sprintf("event %05d", i)]
			switch {
			case i < 5:
				b.want("of the run before", id, ID{old.Epoch, 1, uint64(i + 1)})
			case there && id.Epoch != l.Epoch:
				t.Errorf("event %d was handed out under its old name %v", i, id)
			case !there && i != 5 && i != 6:
				t.Errorf("event %d is gone", i)
			}
		}
		b.reopen()
		b.want("after all that", numbers(b.drain()), "")
		b.want("goes on in the new epoch", fmt.Sprint(b.o.Ledger().Epoch == l.Epoch, b.o.Ledger().Run), "true 2")
	})
}

// TestRenewDies lets the disk die at each operation of a renewal, and the power go: whatever was durable is sent in the
// end, under no old name once the new epoch is on disk, and never under two new ones.
func TestRenewDies(t *testing.T) {
	const events = 1200              // more than one batch
	for at := 0; ; at += 1 + at/15 { // all of them near the beginning, where the epoch changes
		done := false
		onFaultyDisk(t, func(b *bench) {
			b.opt = Options{Dir: "/outbox", AlarmBytes: 64 * smallSegment, NormalBytes: 64 * smallSegment, Segment: smallSegment}
			b.opt.Notify = func(n Notice) { b.notices = append(b.notices, n) }
			b.reopen()
			old := b.o.Ledger()
			b.label(0, events)
			mustSync(t, b.o)
			ops := 0
			b.refuse(func(op, _ string) error {
				if ops++; ops > at {
					return unix.EIO
				}
				return nil
			})
			b.o.Renew("a test")
			b.settle(100 * time.Millisecond)
			done = ops <= at
			b.refuse(nil)
			left := b.fs.cut(rand.New(rand.NewPCG(uint64(at), 1)))
			b.o.Close()
			b.fs = left
			b.open()
			b.settle(time.Minute)
			renewed := b.o.Ledger().Epoch != old.Epoch
			seen := map[string]ID{}
			for _, r := range b.drain() {
				text := string(r.Payload[:11])
				if renewed && r.ID.Epoch == old.Epoch {
					t.Fatalf("dead after %d operations: %v is handed out under its old name", at, r.ID)
				}
				if was, twice := seen[text]; twice {
					t.Fatalf("dead after %d operations: %s is both %v and %v", at, text, was, r.ID)
				}
				seen[text] = r.ID
			}
			for i := range events {
				if _, there := seen[fmt.Sprintf("event %05d", i)]; !there {
					t.Fatalf("dead after %d operations: event %d is gone (new epoch %v)", at, i, renewed)
				}
			}
		})
		if done || t.Failed() {
			t.Logf("%d operations", at)
			return
		}
	}
}
