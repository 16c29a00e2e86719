package outbox

import (
	"encoding/binary"
	"math"
	"sort"
	"time"
)

// Queue of the outbox.
type Queue uint8

// Queues. Unknown stands in a Dropped where the loss itself hid which one it was.
const (
	Normal Queue = iota
	Alarm
	Unknown
)

func (q Queue) String() string {
	switch q {
	case Normal:
		return "normal"
	case Alarm:
		return "alarm"
	}
	return ""
}

// runKey names a run.
type runKey struct{ epoch, run uint32 }

// entry is a record in memory.
type entry struct {
	run     runKey
	number  uint64
	at      time.Duration // when it was appended
	payload []byte
}

// queue is the state of one queue. Guarded by Outbox.mu.
type queue struct {
	kind    Queue
	limit   int    // segments
	next    uint64 // position of the next record; positions begin at 1
	written uint64 // positions below it need no writing: durable, or released without
	settled spans  // positions confirmed, named as dropped, or gone with their segment
	taken   spans  // positions handed out since the last Rewind
	sent    spans  // positions handed out before that, by this process

	live     []entry // the newest records, in order of position; the last one has position next-1
	head     int     // live[head] is the first in use
	liveFrom uint64  // positions from here on go before the backlog
	pending  int     // bytes of live records not yet written
	kept     int     // bytes of live records in all

	last     uint64     // number of the record at position written-1, written by this process; 0 = none
	lastRun  runKey     // its run
	begun    uint64     // position at which this run began
	marked   uint64     // the low mark that the records on disk tell of
	held     span       // positions that wait to be renumbered: nothing of them is handed out
	unfirm   spans      // positions that nobody gets before they are durable
	segments []*segment // oldest first; the last one is appended to
	opened   time.Duration

	stuck   error // why the last commit of this queue failed
	retryAt time.Duration
	backoff time.Duration
}

// liveStart is the position of the first record in memory.
func (q *queue) liveStart() uint64 { return q.next - uint64(len(q.live)-q.head) }

func (q *queue) entry(position uint64) *entry {
	return &q.live[q.head+int(position-q.liveStart())]
}

func (q *queue) push(e entry) uint64 {
	if q.head > 0 && len(q.live) == cap(q.live) && q.head >= len(q.live)/2 {
		n := copy(q.live, q.live[q.head:])
		clear(q.live[n:])
		q.live, q.head = q.live[:n], 0
	}
	q.live = append(q.live, e)
	q.pending += len(e.payload)
	q.kept += len(e.payload)
	q.next++
	return q.next - 1
}

// trim forgets records at the front of the memory: settled ones, and durable ones beyond keep bytes. With release,
// settled ones need not be durable.
func (q *queue) trim(keep int, release bool) {
	for q.head < len(q.live) {
		p, e := q.liveStart(), &q.live[q.head]
		settled := q.settled.has(p)
		if p >= q.written {
			if !settled || !release {
				return
			}
			q.advance(p + 1)
		}
		if !settled && q.kept <= keep {
			return
		}
		q.kept -= len(e.payload)
		*e = entry{}
		q.head++
	}
}

// advance moves written to position, whose records before it are in memory.
func (q *queue) advance(position uint64) {
	for ; q.written < position; q.written++ {
		e := q.entry(q.written)
		q.pending -= len(e.payload)
		q.last, q.lastRun = e.number, e.run
	}
	q.unfirm.skip(q.written)
}

// memory is what the records that wait for a commit take, with one more of n bytes.
func (q *queue) memory(n int) int { return q.pending + int(q.next-q.written)*entryCost + n }

// firstPending is the number of the first record of a run that is not yet written; MaxUint64 = none.
func (q *queue) firstPending(run runKey) uint64 {
	for p := q.written; p < q.next; p++ {
		if e := q.entry(p); e.run == run {
			return e.number
		}
	}
	return math.MaxUint64
}

// depth counts records that are not settled.
func (q *queue) depth() uint64 {
	return q.next - q.settled.size(0, q.next)
}

// position of a number of this run, if it is in memory.
func (q *queue) position(number uint64) (uint64, bool) {
	live := q.live[q.head+int(max(q.begun, q.liveStart())-q.liveStart()):]
	i := sort.Search(len(live), func(i int) bool { return live[i].number >= number })
	if i == len(live) || live[i].number != number {
		return 0, false
	}
	return q.next - uint64(len(live)-i), true
}

// segmentOf returns the segment that holds position, or the first one behind it; nil = none.
func (q *queue) segmentOf(position uint64) *segment {
	i := sort.Search(len(q.segments), func(i int) bool { return q.segments[i].end > position })
	if i == len(q.segments) {
		return nil
	}
	return q.segments[i]
}

func (q *queue) active() *segment {
	if len(q.segments) == 0 {
		return nil
	}
	return q.segments[len(q.segments)-1]
}

// maxRanges of settled positions above the low mark go into the cursor. When a queue has that many, nothing overtakes
// its backlog until some have merged.
const maxRanges = 64

const cursorSlot = 4096

// encodeCursor writes, for each queue, the settled ranges below what is durable: a cursor must never speak of
// positions that a power cut could give to other records.
func encodeCursor(queues *[2]queue) []byte {
	var b []byte
	for i := range queues {
		q := &queues[i]
		ranges := append(spans(nil), q.settled[:min(len(q.settled), 1+maxRanges)]...)
		ranges.clip(q.durable())
		b = binary.LittleEndian.AppendUint32(b, uint32(len(ranges)))
		for _, r := range ranges {
			b = binary.LittleEndian.AppendUint64(b, r.from)
			b = binary.LittleEndian.AppendUint64(b, r.to)
		}
	}
	return b
}

// durable is the position behind the last record on disk; with nothing on disk, the first one that has to go there.
func (q *queue) durable() uint64 {
	if s := q.active(); s != nil {
		return s.end
	}
	return q.written
}

func decodeCursor(b []byte) (settled [2]spans) {
	for i := range settled {
		if len(b) < 4 {
			return settled
		}
		n := int(binary.LittleEndian.Uint32(b))
		b = b[4:]
		for ; n > 0 && len(b) >= 16; n-- {
			settled[i].add(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]))
			b = b[16:]
		}
	}
	return settled
}
