package outbox

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// small makes segments of 16 KiB and queues of four and six, so that rolling and eviction happen within a short test.
func small(dir string) Options {
	return Options{Dir: dir, AlarmBytes: 4 * smallSegment, NormalBytes: 6 * smallSegment, Board: "board-1", Segment: smallSegment}
}

const smallSegment = 16 << 10

func mustOpen(t testing.TB, opt Options) *Outbox {
	t.Helper()
	o, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o
}

func mustSync(t testing.TB, o *Outbox) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := o.Sync(ctx); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t testing.TB, o *Outbox) {
	t.Helper()
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

func ids(rs []Record) []ID {
	out := make([]ID, len(rs))
	for i, r := range rs {
		out[i] = r.ID
	}
	return out
}

func numbers(rs []Record) string {
	s := ""
	for _, r := range rs {
		s += fmt.Sprintf("%d.%d ", r.ID.Run, r.ID.Number)
	}
	return s
}

func TestWhatWasAppendedIsTakenOnce(t *testing.T) {
	o := mustOpen(t, small(t.TempDir()))
	for i := range 5 {
		o.Append(Normal, fmt.Appendf(nil, "n%d", i))
	}
	o.Append(Alarm, []byte("a"))
	rs := o.Take(nil, 3)
	rs = o.Take(rs, 100)
	if got, want := numbers(rs), "1.6 1.1 1.2 1.3 1.4 1.5 "; got != want {
		t.Errorf("took %s, want %s (the alarm first)", got, want)
	}
	if more := o.Take(nil, 100); len(more) != 0 {
		t.Errorf("took %s again", numbers(more))
	}
	o.Confirm(rs[0].ID, rs[2].ID, ID{"zzzzzz", 1, 1}, ID{"", 0, 0})
	o.Rewind()
	again := o.Take(nil, 100)
	if got, want := numbers(again), "1.1 1.3 1.4 1.5 "; got != want {
		t.Errorf("after Rewind took %s, want %s", got, want)
	}
	for _, r := range again {
		if !r.Resent {
			t.Errorf("%v is handed out a second time and does not say so", r.ID)
		}
	}
}

func TestReopenContinuesWithTheNextRun(t *testing.T) {
	dir := t.TempDir()
	o := mustOpen(t, small(dir))
	epoch := o.Ledger().Epoch
	for range 3 {
		o.Append(Normal, []byte("x"))
	}
	rs := o.Take(nil, 2)
	o.Confirm(ids(rs)...)
	mustClose(t, o)

	o = mustOpen(t, small(dir))
	l := o.Ledger()
	if l.Epoch != epoch || l.Run != 2 || l.Number != 0 {
		t.Errorf("ledger %+v, want epoch %s, run 2, nothing issued", l, epoch)
	}
	if got, want := fmt.Sprint(l.Unconfirmed), fmt.Sprintf("[{%s 1 3}]", epoch); got != want {
		t.Errorf("unconfirmed %s, want %s", got, want)
	}
	id := o.Append(Normal, []byte("y"))
	if id.Run != 2 || id.Number != 1 {
		t.Errorf("issued %v, want run 2, number 1", id)
	}
	rs = o.Take(nil, 10)
	if got, want := numbers(rs), "2.1 1.3 "; got != want {
		t.Errorf("took %s, want %s (live before backlog)", got, want)
	}
	if string(rs[1].Payload) != "x" || !rs[1].Resent || rs[0].Resent {
		t.Errorf("took %+v", rs)
	}
	mustSync(t, o)
	o.Confirm(ids(rs)...)
	if l := o.Ledger(); len(l.Unconfirmed) != 0 {
		t.Errorf("all is confirmed, ledger lists %v", l.Unconfirmed)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, small(dir))
	if o, err := Open(small(dir)); err == nil {
		o.Close()
		t.Fatal("opened twice")
	} else {
		t.Log(err)
	}
}

// A stepped outbox has no goroutine: nothing is written until its owner says so, and then what is due at his time.
func TestStepped(t *testing.T) {
	fs, now := newFaultFS(), time.Second
	opt := small("/outbox")
	opt.FS, opt.Stepped = fs, true
	opt.Now = func() time.Duration { return now }
	opt.Chance = func(uint32) uint32 { return 36 }
	o, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	syncs := func() int { return fs.Counts()["sync"] }
	rest := func() {
		for wait := o.Step(); wait < time.Hour; wait = o.Step() {
			now += wait
		}
	}
	if id := o.Append(Normal, []byte("first, for segments to be there")); id != (ID{"000010", 1, 1}) {
		t.Errorf("named %v", id)
	}
	o.Append(Alarm, []byte("the same"))
	rest()
	before := syncs()
	o.Append(Normal, []byte("a"))
	if wait := o.Step(); wait != defaultCommitWait || syncs() != before {
		t.Errorf("wants to be left alone for %v, %d syncs", wait, syncs()-before)
	}
	now += defaultCommitWait
	if o.Step(); syncs() != before+1 {
		t.Errorf("%d syncs when the commit was due", syncs()-before)
	}
	rest()
	before = syncs()
	o.Append(Alarm, []byte("b"))
	if o.Step(); syncs() != before+1 {
		t.Errorf("%d syncs for an alarm", syncs()-before)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}
