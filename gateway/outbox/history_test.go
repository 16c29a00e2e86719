package outbox

import (
	"fmt"
	"strings"
	"testing"
)

// heard is the history between two numbers "run.number", as numbers does.
func (b *bench) heard(fromRun uint32, from uint64, toRun uint32, to uint64) string {
	b.Helper()
	epoch := b.o.Ledger().Epoch
	h := b.o.History(ID{epoch, fromRun, from}, ID{epoch, toRun, to})
	var all []Record
	for {
		part, err := h.Next(nil, 3)
		if err != nil {
			b.Fatal(err)
		}
		if len(part) == 0 {
			return numbers(all)
		}
		all = append(all, part...)
	}
}

func upTo(run int, from, to uint64) string {
	var s strings.Builder
	for n := from; n <= to; n++ {
		fmt.Fprintf(&s, "%d.%d ", run, n)
	}
	return s.String()
}

// What was confirmed is served again in the order of the numbers, out of both queues, of several runs, from segments and
// from memory.
func TestHistory(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		for range perSegment {
			b.fill(Normal, 2)
			b.fill(Alarm, 1)
		}
		const n = 3 * perSegment
		mustSync(t, b.o)
		b.drain()
		b.reopen()
		b.fill(Alarm, 2)
		b.fill(Normal, 3) // not written yet
		b.want("all", b.heard(1, 1, 2, 100), upTo(1, 1, n)+upTo(2, 1, 5))
		b.want("of the first run", b.heard(1, 5, 1, 40), upTo(1, 5, 40))
		b.want("across the start", b.heard(1, n-3, 2, 4), upTo(1, n-3, n)+upTo(2, 1, 4))
		b.want("of a run that is not yet", b.heard(3, 1, 4, 1), "")
		other, err := b.o.History(ID{"zzzzzz", 1, 1}, ID{"zzzzzz", 9, 9}).Next(nil, 10)
		b.want("of another epoch", fmt.Sprint(len(other), err), "0 <nil>")
		b.want("sent all the same", numbers(b.drain()), upTo(2, 1, 5))
	})
}

// What has made room is left out, also while it is being read.
func TestHistoryOfWhatMadeRoom(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 3*perSegment)
		mustSync(t, b.o)
		b.drain()
		epoch := b.o.Ledger().Epoch
		h := b.o.History(ID{epoch, 1, 1}, ID{epoch, 1, 1 << 30})
		first, err := h.Next(nil, 2)
		b.want("first", numbers(first)+fmt.Sprint(err), "1.1 1.2 <nil>")
		for range 6 {
			b.fill(Normal, perSegment)
			mustSync(t, b.o)
			b.drain()
		}
		last := uint64(2)
		for {
			part, err := h.Next(nil, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(part) == 0 {
				break
			}
			for _, r := range part {
				if r.ID.Number <= last {
					t.Fatalf("%d comes after %d", r.ID.Number, last)
				}
				last = r.ID.Number
			}
		}
		if last > 3*perSegment {
			t.Errorf("reads on into %d, which was issued later", last)
		}
	})
}
