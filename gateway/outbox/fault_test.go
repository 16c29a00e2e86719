package outbox

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"lotusgate/firmware-sim/disk"
)

// bench is an outbox on a faulty disk in virtual time.
type bench struct {
	*testing.T
	fs      *faultFS
	o       *Outbox
	opt     Options
	notices []Notice
}

// onFaultyDisk runs f in a bubble.
func onFaultyDisk(t *testing.T, f func(*bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{T: t, fs: newFaultFS(), opt: small("/outbox")}
		b.opt.Notify = func(n Notice) { b.notices = append(b.notices, n) }
		b.open()
		f(b)
	})
}

func (b *bench) open() {
	b.Helper()
	b.opt.FS = b.fs
	b.o = mustOpen(b.T, b.opt)
	b.settle(0)
}

// settle lets d pass and the committer come to rest.
func (b *bench) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) reopen() {
	b.Helper()
	mustClose(b.T, b.o)
	b.open()
}

// fill appends n records of 500 bytes.
func (b *bench) fill(q Queue, n int) {
	for range n {
		b.o.Append(q, make([]byte, 500))
	}
}

// perSegment is how many records of fill a segment holds.
const perSegment = (smallSegment - segmentHead) / 544

func (b *bench) refuse(f func(op, name string) error) {
	b.fs.Fail(func(faults *disk.Faults) { faults.Refuse = f })
}

func (b *bench) quota(n int64) {
	b.fs.Fail(func(faults *disk.Faults) { faults.Quota = n })
}

func (b *bench) kinds() string {
	s := ""
	for _, n := range b.notices {
		s += [...]string{"", "dropped ", "degraded ", "recovered ", "restored "}[n.Kind]
	}
	return s
}

// dropped sums up what was told, one line for each run, queue and cause.
func (b *bench) dropped() string {
	m := map[string]spans{}
	for _, n := range b.notices {
		if n.Kind == RecordsDropped {
			k := fmt.Sprintf("run %d %s %s", n.Dropped.Run, n.Dropped.Queue, n.Dropped.Cause)
			s := m[k]
			for _, r := range n.Dropped.Ranges {
				s.add(r.From, r.To+1)
			}
			m[k] = s
		}
	}
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		lines = append(lines, fmt.Sprint(k, m[k]))
	}
	return strings.Join(lines, "; ")
}

func (b *bench) drain() (rs []Record) {
	for {
		part := b.o.Take(nil, 100)
		if len(part) == 0 {
			return rs
		}
		b.o.Confirm(ids(part)...)
		rs = append(rs, part...)
	}
}

func (b *bench) want(what string, got, want any) {
	b.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		b.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestFullDisk(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 1)
		b.fill(Alarm, 1)
		mustSync(b.T, b.o)
		b.settle(time.Minute) // the spares are there
		b.quota(b.fs.Used())

		b.fill(Normal, 5*perSegment)
		b.settle(time.Second)
		b.fill(Alarm, perSegment+1)
		b.settle(time.Second)
		l := b.o.Ledger()
		b.want("last number", l.Number, 6*perSegment+3)
		if s := b.o.Stats(); s.Degraded == "" {
			b.Error("the disk is full and nothing says so")
		}
		// alarms are on disk although normal records before them are not
		cut := b.fs.cut(rand.New(rand.NewPCG(1, 1)))
		alarms := 0
		if _, err := Scan("/outbox", cut, func(f Found) error {
			if f.Queue == Alarm && f.Err == nil {
				alarms++
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		b.want("alarms on disk", alarms, perSegment+2)
		b.o.Close()
	})
}

func TestFullDiskRecovers(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 1)
		b.fill(Alarm, 1)
		mustSync(b.T, b.o)
		b.settle(time.Minute)
		b.quota(b.fs.Used())
		b.fill(Normal, 3*perSegment)
		b.settle(time.Second)
		b.quota(0)
		b.settle(retryMost)
		mustSync(b.T, b.o)
		b.want("notices", b.kinds(), "degraded recovered ")
		b.want("durable to", b.o.Ledger().Unconfirmed[0].DurableTo, 3*perSegment+2)
		b.want("records", len(b.drain()), 3*perSegment+2)
	})
}

// A disk that refuses new segments, but not for want of space, costs nothing that is stored already: it is as likely to be
// well again in a moment.
func TestSickDiskEvictsNothing(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 2*perSegment)
		b.fill(Alarm, 1)
		mustSync(b.T, b.o)
		b.settle(time.Minute)
		b.refuse(func(op, name string) error {
			if op == "create" || op == "rename" || op == "open" && strings.HasPrefix(name, "spare") {
				return unix.EIO
			}
			return nil
		})
		b.fill(Normal, 3*perSegment)
		b.fill(Alarm, 3*perSegment)
		b.settle(time.Minute)
		b.refuse(nil)
		b.settle(2 * retryMost)
		mustSync(b.T, b.o)
		b.want("notices", b.kinds(), "degraded recovered ")
		b.want("dropped", b.dropped(), "")
		b.want("records", len(b.drain()), 8*perSegment+1)
	})
}

func TestReadOnlyAtStart(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 3)
		old := b.o.Ledger()
		mustClose(b.T, b.o)
		b.refuse(func(op, _ string) error {
			switch op {
			case "write", "create", "rename", "remove", "mkdir":
				return unix.EROFS
			}
			return nil
		})
		b.open()
		b.want("notices", b.kinds(), "degraded ")
		l := b.o.Ledger()
		if l.Epoch == old.Epoch || l.Run != 1 {
			b.Errorf("a run that is not durable is called %s-%d, as another may be", l.Epoch, l.Run)
		}
		id := b.o.Append(Alarm, []byte("alarm"))
		b.settle(time.Second)
		b.want("unconfirmed", b.o.Ledger().Unconfirmed, []Run{{old.Epoch, 1, 3}, {l.Epoch, 1, 0}})
		b.want("records", numbers(b.drain()), "1.1 1.1 1.2 1.3 ")
		b.want("unconfirmed", b.o.Ledger().Unconfirmed, []Run(nil))
		b.want("in memory", len(b.o.queues[Alarm].live)-b.o.queues[Alarm].head, 0)

		b.refuse(nil)
		b.settle(2 * retryMost)
		b.want("notices", b.kinds(), "degraded recovered ")
		next := b.o.Append(Alarm, []byte("alarm"))
		b.want("next id", next, ID{id.Epoch, 1, 2})
		b.reopen()
		b.want("run", b.o.Ledger().Run, 2)
		b.want("epoch", b.o.Ledger().Epoch, l.Epoch)
		b.want("records", numbers(b.drain()), "1.2 ")
		b.want("dropped", b.dropped(), "")
	})
}

func TestDeadDisk(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		mustClose(b.T, b.o)
		b.refuse(func(string, string) error { return unix.EIO })
		b.opt.memory = 100 * (500 + entryCost)
		b.open()
		b.fill(Normal, 130)
		b.fill(Alarm, 1)
		rs := b.o.Take(nil, 10)
		b.want("taken", numbers(rs), "1.131 1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 1.9 ")
		b.o.Confirm(ids(rs)...)
		b.settle(5 * time.Second)
		b.want("dropped", b.dropped(), "run 1 normal storage[{101 131}]")
		b.want("records", len(b.drain()), 91)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		b.fill(Normal, 1)
		if err := b.o.Sync(ctx); err == nil {
			b.Error("a dead disk is said to have synced")
		}
		if err := b.o.Close(); err == nil {
			b.Error("a dead disk closes without an error")
		}
		b.refuse(nil)
	})
}

// TestFailedSync: the pages of a failed sync are never trusted again, and the records survive a power cut.
func TestFailedSync(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 3)
		mustSync(b.T, b.o)
		failed := false
		b.refuse(func(op, name string) error {
			if op == "sync" && strings.HasPrefix(name, "normal-") && !failed {
				failed = true
				return unix.EIO
			}
			return nil
		})
		b.fill(Normal, 3)
		mustSync(b.T, b.o)
		b.want("segments", len(b.fs.segments(Normal)), 2)
		b.want("notices", b.kinds(), "")
		old := b.o
		b.fs = b.fs.cut(rand.New(rand.NewPCG(1, 1)))
		old.Close()
		b.open()
		b.want("records", numbers(b.drain()), "1.1 1.2 1.3 1.4 1.5 1.6 ")
		b.settle(2 * tellEvery)
		b.want("dropped", b.dropped(), "")
	})
}

func TestEvictionNamesWhatWasNotConfirmed(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		for range 8 {
			b.fill(Normal, perSegment)
			mustSync(b.T, b.o)
		}
		b.settle(2 * tellEvery)
		b.want("segments", len(b.fs.segments(Normal)), 6)
		b.want("dropped", b.dropped(), fmt.Sprintf("run 1 normal evicted[{1 %d}]", 2*perSegment+1))
		b.want("depth", b.o.Stats().Queues[Normal].Depth, 6*perSegment)

		// what is not confirmed to have been told is told again, by the next process too
		b.notices = nil
		b.reopen()
		b.settle(2 * tellEvery)
		b.want("dropped", b.dropped(), fmt.Sprintf("run 1 normal evicted[{1 %d}]", 2*perSegment+1))
		b.o.Named(b.notices[0].Dropped, b.o.Append(Alarm, []byte("events_dropped")))
		b.notices = nil
		b.reopen()
		b.settle(2 * tellEvery)
		b.want("dropped again", b.dropped(), "")
		b.drain()
		b.reopen()
		b.want("gaps", len(b.o.gaps), 0)
	})
}

// TestLostTellingIsRepeated: the record that names a drop is dropped itself.
func TestLostTellingIsRepeated(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		id := b.o.Append(Normal, nil)
		b.o.Take(nil, 1)
		b.o.Drop(Poison, id)
		b.settle(2 * tellEvery)
		b.want("dropped", b.dropped(), "run 1 normal poison[{1 2}]")
		teller := b.o.Append(Alarm, []byte("events_dropped"))
		b.o.Named(b.notices[0].Dropped, teller)
		b.notices = nil
		b.o.Take(nil, 1)
		b.o.Drop(Poison, teller)
		b.settle(2 * tellEvery)
		b.want("dropped", b.dropped(), "run 1 alarm poison[{2 3}]; run 1 normal poison[{1 2}]")
	})
}

func TestEvictionOrder(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Alarm, 3*perSegment)
		b.fill(Normal, 3*perSegment)
		mustSync(b.T, b.o)
		rs := b.o.Take(nil, 6*perSegment)
		b.o.Confirm(ids(rs[perSegment : 2*perSegment])...) // the second alarm segment
		b.settle(time.Minute)
		alarm := &b.o.queues[Alarm]
		for _, want := range []string{
			segmentName(Alarm, 2), segmentName(Normal, 1), segmentName(Normal, 2), segmentName(Alarm, 1), "none",
		} {
			q, seg := b.o.victim(alarm, true)
			if seg == nil {
				b.want("victim", "none", want)
				break
			}
			b.want("victim", segmentName(seg.queue, seg.index), want)
			if _, _, err := b.o.evict(q, seg); err != nil {
				b.Fatal(err)
			}
		}
		b.o.signal(b.o.kick)
		b.settle(2 * tellEvery)
		b.want("dropped", b.dropped(), fmt.Sprint("run 1 alarm evicted", spans{{1, perSegment + 1}},
			"; run 1 normal evicted", spans{{3*perSegment + 1, 5*perSegment + 1}}))
	})
}

// TestNormalRecordsWaitBeforeTheyEvict: a full disk may have room again soon, so that normal records use half of the
// memory before older ones are given up for them.
func TestNormalRecordsWaitBeforeTheyEvict(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		mustClose(b.T, b.o)
		b.opt.memory = 8 * perSegment * (500 + entryCost)
		b.open()
		b.fill(Normal, 2*perSegment)
		mustSync(b.T, b.o)
		b.settle(time.Minute)
		b.quota(b.fs.Used())
		b.fill(Normal, 4*perSegment)
		b.settle(2 * retryMost)
		b.want("dropped", b.dropped(), "")
		b.fill(Normal, 2*perSegment)
		b.settle(2 * retryMost)
		if b.dropped() == "" {
			b.Error("nothing is given up, memory fills until new records are dropped")
		}
		if q := &b.o.queues[Normal]; q.memory(0) > b.opt.memory/2 {
			b.Errorf("%d of %d bytes of memory are still in use", q.memory(0), b.opt.memory)
		}
	})
}

func TestDamageInTheMiddle(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 3*perSegment)
		mustSync(b.T, b.o)
		mustClose(b.T, b.o)
		middle := b.fs.Files[b.fs.segments(Normal)[1]].Now
		middle[segmentHead+3*544+100]++           // one record
		clear(middle[segmentHead+10*544:][:1024]) // two sectors: two records
		b.open()
		b.want("records", len(b.drain()), 3*perSegment-3)
		b.settle(2 * tellEvery)
		first := uint64(perSegment + 1)
		b.want("dropped", b.dropped(), fmt.Sprint("run 1 normal damaged", spans{{first + 3, first + 4}, {first + 10, first + 12}}))
		b.want("unconfirmed", b.o.Ledger().Unconfirmed, []Run(nil))
		b.notices = nil
		b.reopen()
		b.want("records of the second start", len(b.drain()), 0)
	})
}

// Damage in a segment that nobody reads for sending is found all the same, and nothing else is called damaged. What
// arrives meanwhile is stored.
func TestDamageIsFoundInTheBackground(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 4*perSegment)
		b.fill(Alarm, 2*perSegment)
		mustSync(b.T, b.o)
		mustClose(b.T, b.o)
		b.fs.Files[b.fs.segments(Normal)[2]].Now[segmentHead+3*544+100]++
		clear(b.fs.Files[b.fs.segments(Alarm)[0]].Now[segmentHead+(perSegment-1)*544:]) // the last record of a segment
		b.open()
		b.fill(Normal, 1)
		b.settle(time.Minute)
		normal, alarm := uint64(2*perSegment+4), uint64(5*perSegment)
		b.want("dropped", b.dropped(), fmt.Sprintf("run 1 alarm damaged%v; run 1 normal damaged%v",
			spans{{alarm, alarm + 1}}, spans{{normal, normal + 1}}))
		b.want("depth", b.o.Stats().Queues[Normal].Depth, 4*perSegment)
		b.notices = nil
		b.want("records", len(b.drain()), 6*perSegment-2+1)
		b.settle(time.Minute)
		b.want("told again", b.dropped(), "")
	})
}

func TestMissingSegment(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 3*perSegment)
		mustSync(b.T, b.o)
		mustClose(b.T, b.o)
		delete(b.fs.Files, b.fs.segments(Normal)[1])
		b.open()
		b.want("records", len(b.drain()), 2*perSegment)
		b.settle(2 * tellEvery)
		b.want("dropped", b.dropped(), fmt.Sprint("run 1 normal damaged", spans{{perSegment + 1, 2*perSegment + 1}}))
	})
}

func TestNewEpoch(t *testing.T) {
	for _, c := range []struct {
		name     string
		spoil    func(*bench)
		epoch    bool // a new one
		run      uint32
		restored string
	}{
		{"nothing", func(*bench) {}, false, 3, ""},
		{"board", func(b *bench) { b.opt.Board = "board-2" }, true, 1, "the outbox was made on another board"},
		{"both slots", func(b *bench) { b.fs.Files["runs"].Now[20]++; b.fs.Files["runs"].Now[4096+20]++ }, true, 1, "the file runs can't be read"},
		{"newest slot", func(b *bench) { b.fs.Files["runs"].Now[4096+20]++ }, false, 3, ""},
		{"older slot", func(b *bench) { b.fs.Files["runs"].Now[20]++ }, false, 4, ""},
		{"no file", func(b *bench) { delete(b.fs.Files, "runs") }, true, 1, "the file runs can't be read"},
		{"empty file", func(b *bench) { b.fs.Files["runs"].Now = nil }, true, 1, "the file runs can't be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onFaultyDisk(t, func(b *bench) {
				epoch := b.o.Ledger().Epoch
				b.fill(Normal, 2)
				b.reopen()
				mustClose(b.T, b.o)
				c.spoil(b)
				b.open()
				l := b.o.Ledger()
				b.want("new epoch", l.Epoch != epoch, c.epoch)
				b.want("run", l.Run, c.run)
				reason := ""
				for _, n := range b.notices {
					reason += n.Reason
				}
				b.want("reason", reason, c.restored)
				if c.restored != "" {
					b.want("old epoch", b.notices[0].OldEpoch, epoch)
				}
				b.want("records", numbers(b.drain()), "1.1 1.2 ")
			})
		})
	}
}

func TestLostCursorCostsDuplicatesOnly(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 3*perSegment)
		mustSync(b.T, b.o)
		b.drain()
		b.fill(Normal, perSegment)
		mustSync(b.T, b.o)
		mustClose(b.T, b.o)
		delete(b.fs.Files, "cursor")
		b.open()
		b.want("duplicates", len(b.drain()), perSegment)
	})
}

func TestOversize(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.o.Append(Normal, make([]byte, b.o.maxPayload()))
		b.o.Append(Normal, make([]byte, b.o.maxPayload()+1))
		mustSync(b.T, b.o)
		b.settle(2 * tellEvery)
		b.want("dropped", b.dropped(), "run 1 normal oversize[{2 3}]")
		b.reopen()
		b.want("records", numbers(b.drain()), "1.1 ")
	})
}

// TestCommitTouchesEachFileOnce counts what a commit costs.
func TestCommitTouchesEachFileOnce(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 1)
		b.fill(Alarm, 1)
		mustSync(b.T, b.o)
		b.settle(time.Minute)
		before := b.fs.Counts()
		b.fill(Normal, 10)
		b.settle(time.Second)
		b.want("writes, normal only", b.fs.Counts()["write"]-before["write"], 1)
		b.want("syncs, normal only", b.fs.Counts()["sync"]-before["sync"], 1)
		before = b.fs.Counts()
		b.fill(Alarm, 1)
		b.settle(time.Second)
		b.want("syncs, alarm only", b.fs.Counts()["sync"]-before["sync"], 1)
		before = b.fs.Counts()
		b.drain()
		b.settle(time.Minute)
		b.want("syncs for confirming", b.fs.Counts()["sync"]-before["sync"], 0)
	})
}

// TestNormalWaitsAlarmDoesNot: alarms are durable at once, normal records within CommitWait.
func TestNormalWaitsAlarmDoesNot(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 1)
		b.fill(Alarm, 1)
		mustSync(b.T, b.o)
		durable := func() uint64 {
			synctest.Wait()
			return b.o.Ledger().Unconfirmed[0].DurableTo
		}
		b.fill(Normal, 1)
		b.want("at once", durable(), 2)
		time.Sleep(defaultCommitWait - time.Millisecond)
		b.want("before the wait is over", durable(), 2)
		time.Sleep(2 * time.Millisecond)
		b.want("after the wait", durable(), 3)
		b.fill(Alarm, 1)
		b.want("alarm", durable(), 4)
	})
}

func TestLowerLimitGivesSpaceBack(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 6*perSegment)
		mustSync(b.T, b.o)
		mustClose(b.T, b.o)
		b.opt.NormalBytes = 2 * smallSegment
		b.open()
		b.fill(Normal, perSegment)
		mustSync(b.T, b.o)
		b.settle(2 * tellEvery)
		b.want("segments", len(b.fs.segments(Normal)), 2)
		b.want("dropped", b.dropped(), fmt.Sprint("run 1 normal evicted", spans{{1, 5*perSegment + 1}}))
		b.want("records", len(b.drain()), 2*perSegment)
	})
}

// TestNothingOvertakesWhenTheRangesAreFull: the cursor holds 64 ranges; with more, live records wait for the backlog.
func TestNothingOvertakesWhenTheRangesAreFull(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		for range 4 * maxRanges {
			b.o.Append(Normal, nil)
		}
		rs := b.o.Take(nil, 4*maxRanges)
		for i := 1; i < 2*maxRanges; i += 2 {
			b.o.Confirm(rs[i].ID)
		}
		b.o.Rewind()
		live := b.o.Append(Normal, []byte("live"))
		next := b.o.Take(nil, 1)
		b.want("first", next[0].ID, rs[0].ID)
		b.o.Confirm(next[0].ID) // two ranges merge
		b.want("second", b.o.Take(nil, 1)[0].ID, live)
		b.reopen()
		b.want("ranges after a start", len(b.o.queues[Normal].settled), maxRanges)
	})
}

func TestTakeLiveLeavesTheBacklog(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 2)
		b.fill(Alarm, 1)
		b.reopen()
		b.fill(Normal, 1)
		b.want("live", numbers(b.o.TakeLive(nil, 10)), "1.3 2.1 ")
		b.want("rest", numbers(b.o.Take(nil, 10)), "1.1 1.2 ")
	})
}

func TestCheck(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.fill(Normal, 2)
		mustSync(b.T, b.o)
		synctest.Wait() // the committer makes spare segments behind the commit
		before := b.fs.Counts()
		if err := Check(b.opt); err != nil {
			b.Error(err)
		}
		for _, op := range []string{"write", "create", "rename", "remove", "lock", "mkdir"} {
			b.want(op, b.fs.Counts()[op], before[op])
		}
		b.refuse(func(op, _ string) error {
			if op == "list" {
				return unix.EACCES
			}
			return nil
		})
		if err := Check(b.opt); err == nil || !strings.Contains(err.Error(), "give the directory to the user") {
			b.Errorf("no permission: %v", err)
		}
		b.refuse(nil)
		if err := Check(Options{Dir: "/outbox", AlarmBytes: MinQueueBytes, NormalBytes: MinQueueBytes - 1}); err == nil {
			b.Error("a queue of less than four segments passes")
		}
		b.fs.Put("thesis.txt", nil)
		if err := Check(b.opt); err != nil {
			b.Errorf("one more file in an outbox: %v", err)
		}
	})
	if (Disk{}).Volatile("/proc") {
		t.Error("/proc is taken for a tmpfs")
	}
	if !(Disk{}).Volatile("/dev/shm/not/yet/made") {
		t.Error("/dev/shm is taken for a disk")
	}
}

// A start knows how far the run before it was saved, also when all of that is confirmed.
func TestLedgerKnowsTheRunBefore(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		b.want("of a new outbox", b.o.Ledger().Before, Run{})
		b.fill(Normal, 3)
		mustSync(t, b.o)
		b.drain()
		epoch := b.o.Ledger().Epoch
		b.fill(Normal, 2) // issued, sent perhaps, and not on disk
		left := b.fs.cut(rand.New(rand.NewPCG(1, 1)))
		b.o.Close()
		b.fs = left
		b.open()
		b.want("after a power cut", b.o.Ledger().Before, Run{epoch, 1, 3})
		mustClose(t, b.o)
		b.open()
		b.want("of a run without an event", b.o.Ledger().Before, Run{epoch, 2, 0})
	})
}

// After a power cut, which takes a cursor that is not synced, what was confirmed long before comes not again.
func TestMarksOutliveTheCursor(t *testing.T) {
	for seed := range uint64(20) {
		onFaultyDisk(t, func(b *bench) {
			b.fill(Normal, 3*perSegment/2)
			b.fill(Alarm, 3*perSegment/2)
			mustSync(t, b.o)
			b.drain()
			b.fill(Normal, 1)
			b.fill(Alarm, 1)
			mustSync(t, b.o)
			left := b.fs.cut(rand.New(rand.NewPCG(seed, 1)))
			b.o.Close()
			b.fs = left
			b.open()
			b.want("sent again", len(b.drain()), 2)
		})
	}
}

// What a center has stored of earlier runs is not sent again, but for the segment that the mark cuts in two.
func TestConfirmTo(t *testing.T) {
	onFaultyDisk(t, func(b *bench) {
		epoch := b.o.Ledger().Epoch
		b.fill(Normal, 3*perSegment)
		b.reopen()
		b.fill(Normal, perSegment)
		b.fill(Alarm, 1)
		b.reopen()
		b.fill(Normal, 1)
		mustSync(t, b.o)
		depth := func() uint64 { s := b.o.Stats(); return s.Queues[Alarm].Depth + s.Queues[Normal].Depth }
		all := depth()
		b.o.ConfirmTo(ID{"zzzzzz", 9, 9})
		b.o.ConfirmTo(ID{epoch, 1, perSegment - 1})
		b.want("of another epoch, and of half a segment", depth(), all)
		b.o.ConfirmTo(ID{epoch, 1, 2*perSegment + 1})
		b.want("of two segments", depth(), all-2*perSegment)
		b.o.ConfirmTo(ID{epoch, 3, 1})
		b.want("of this run nothing", depth(), 1)
		b.reopen()
		b.want("what is left", numbers(b.drain()), "3.1 ")
	})
}
