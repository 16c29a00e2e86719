package outbox

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestGapTable: whatever goes in is claimed for ever, merged, sorted, without overlap, also through the file and when
// the table is full.
func TestGapTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table gaps
		claimed := map[uint32]*spans{1: {}, 2: {}}
		for range rapid.IntRange(1, 60).Draw(t, "gaps") {
			run := rapid.Uint32Range(1, 2).Draw(t, "run")
			from := rapid.Uint64Range(1, 200).Draw(t, "from")
			g := gap{
				epoch: 7, run: run, queue: Queue(rapid.IntRange(0, 2).Draw(t, "queue")), from: from,
				cause: Cause(rapid.IntRange(1, 6).Draw(t, "cause")), to: from + rapid.Uint64Range(0, 20).Draw(t, "length"),
			}
			known := table.numbers(7, run)
			if fresh := table.add(g); fresh != known.missing(g.from, g.to+1).size(0, 1000) {
				t.Fatalf("%d numbers are new in %v", fresh, known)
			}
			claimed[run].add(g.from, g.to+1)
			if rapid.IntRange(0, 9).Draw(t, "squeeze") == 0 && len(table) > 2 {
				table.squeeze()
			}
			table = decodeGaps(table.encode())
		}
		for i := range table {
			if a := table[i]; i > 0 && table[i-1].sameRun(&a) && table[i-1].to >= a.from {
				t.Fatalf("overlap: %+v", table)
			}
		}
		for run, s := range claimed {
			if missing := table.numbers(7, run).missing(0, 1000); missing.size(0, 1000)+table.numbers(7, run).size(0, 1000) != 1000 {
				t.Fatal("sets do not add up")
			}
			for _, x := range *s {
				if !table.numbers(7, run).covers(x.from, x.to) {
					t.Fatalf("run %d: %v was dropped and is no longer claimed: %+v", run, x, table)
				}
			}
		}
	})
}

func TestFullGapTableMergesNeighboursOfOneRun(t *testing.T) {
	var table gaps
	for n := range uint64(maxGaps) {
		table.add(gap{epoch: 1, run: 1, cause: Evicted, from: 100 * n, to: 100*n + 1})
	}
	table.add(gap{epoch: 1, run: 1, cause: Evicted, from: 110, to: 110})
	if len(table) != maxGaps {
		t.Fatalf("%d entries, the file holds %d", len(table), maxGaps)
	}
	if !slices.ContainsFunc(table, func(g gap) bool { return g.from == 100 && g.to == 110 }) {
		t.Error("the two nearest gaps were not the ones to be merged")
	}
	if got := len(table.encode()) + slotHead; got > gapSlot {
		t.Errorf("the full table takes %d bytes of a slot of %d", got, gapSlot)
	}
}
