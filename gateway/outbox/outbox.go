package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"
)

// Errors of Open that a caller tells apart.
var (
	// ErrLocked: another process has the directory open.
	ErrLocked = errors.New("another process uses this outbox; stop it first, or give this one its own directory")
	// ErrNewer: the directory was written by a program whose format this one does not know.
	ErrNewer = errors.New("written by a newer version of the program; install that version again, or move the directory away to begin a new outbox")
	// ErrForeign: the directory holds something else.
	ErrForeign = errors.New("holds files that are no outbox; name an empty directory of its own")
)

func newer(version uint32) error {
	return fmt.Errorf("format %d, this program knows %d: %w", version, formatVersion, ErrNewer)
}

// ID names one event for ever.
type ID struct {
	Epoch  string // 6 of [a-z0-9], random, made with the outbox
	Run    uint32 // starts of the daemon in this epoch, from 1
	Number uint64 // contiguous from 1 within the run
}

// Record is an event that is not confirmed yet.
type Record struct {
	ID      ID
	Queue   Queue
	Payload []byte // belongs to the outbox; valid as long as somebody keeps it, never changed
	Resent  bool   // handed out before, or issued by an earlier run, which may have handed it out
}

// Options of Open.
type Options struct {
	Dir         string
	AlarmBytes  int64 // disk space of the alarm queue, at least MinQueueBytes
	NormalBytes int64 // disk space of the normal queue, at least MinQueueBytes
	Board       string
	FS          FS                   // nil = Disk
	Now         func() time.Duration // monotonic, never zero; nil = since Open
	CommitWait  time.Duration        // how long a normal event may wait for others to share its commit; 0 = 20 ms
	Notify      func(Notice)         // nil = nobody listens; called from the committer, must not block

	Stepped bool                  // there is no committer: the owner calls Step
	Chance  func(n uint32) uint32 // below n, for the names of epochs; nil = math/rand

	Segment int64 // bytes of a segment, the same as long as the directory lives; 0 = 1 MiB. Another one is for tests and simulations

	memory int // bytes of payload per queue that may wait for a commit, for tests; 0 = 4 MiB
}

// MinQueueBytes is the smallest size of a queue: four segments.
const MinQueueBytes = 4 * segmentBytes

const (
	defaultCommitWait = 20 * time.Millisecond
	defaultMemory     = 4 << 20
	keptBytes         = 1 << 20   // of durable, unconfirmed records per queue that stay in memory
	maxInFlight       = 1 << 16   // records handed out and not confirmed
	maxPayload        = 128 << 10 // an Append of more is dropped as oversize
	entryCost         = 64        // what a record costs in memory beside its payload
)

func (opt *Options) check() error {
	if opt.Dir == "" {
		return errors.New("open outbox: no directory given")
	}
	if opt.Segment == 0 {
		opt.Segment = segmentBytes
		for _, q := range []struct {
			name string
			size int64
		}{{"alarm", opt.AlarmBytes}, {"normal", opt.NormalBytes}} {
			if q.size < MinQueueBytes {
				return fmt.Errorf("open outbox: %s queue of %d bytes is too small: give it at least %d (4 MiB)", q.name, q.size, MinQueueBytes)
			}
		}
	}
	if opt.FS == nil {
		opt.FS = Disk{}
	}
	if opt.Now == nil {
		start := time.Now()
		opt.Now = func() time.Duration { return time.Since(start) + 1 }
	}
	if opt.Chance == nil {
		opt.Chance = rand.Uint32N
	}
	if opt.CommitWait <= 0 {
		opt.CommitWait = defaultCommitWait
	}
	if opt.memory == 0 {
		opt.memory = defaultMemory
	}
	return nil
}

// Outbox is an open directory. See the package documentation for what it promises.
type Outbox struct {
	opt   Options
	fs    FS
	lock  io.Closer
	ready chan struct{} // buffered 1
	kick  chan struct{} // buffered 1: something for the committer to do
	stop  chan struct{}
	done  chan struct{}

	committer // state of that goroutine

	damaged []string // files that the start could not read; not changed after Open
	useless []*segment

	// taking serializes Take; it is acquired before mu and held while reading the disk.
	taking  sync.Mutex
	readers [2]reader

	// mu guards everything below and is never held during I/O.
	mu        sync.Mutex
	runKey                      // this run
	number    uint64            // last issued in it
	renewal   string            // why a new epoch shall begin; "" = it need not
	before    runKey            // the run that wrote last before this process; zero = none
	stale     runKey            // what nobody has confirmed of this run is being renumbered; zero = nothing
	names     map[uint32]string // text of epochs
	runError  error             // why the run is not durable; nil = it is
	noStorage bool              // the directory could not be read: memory only for the life of this process
	queues    [2]queue
	inFlight  map[key]place
	gaps      gaps
	gapsDirty bool
	moved     bool // the cursor on disk is behind
	flush     bool // somebody waits for a commit
	closed    bool
	degraded  error
	notices   []Notice
	committed chan struct{} // closed at the next commit; nil = nobody waits
	arena     []byte        // room for payloads
	stats     Stats
}

// Open locks the directory, recovers what is in it and makes a new run durable. It fails only where somebody has to
// act: bad options, a second process, a foreign or newer directory, missing permissions. A disk that is full, broken
// or read-only gives a working outbox in memory; Stats and a Notice say so.
func Open(opt Options) (*Outbox, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	o := &Outbox{
		opt: opt, fs: opt.FS,
		ready: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
		inFlight: make(map[key]place), names: make(map[uint32]string),
	}
	o.committer.init(opt)
	for i, size := range [...]int64{Normal: opt.NormalBytes, Alarm: opt.AlarmBytes} {
		o.queues[i] = queue{kind: Queue(i), limit: int(size / opt.Segment), opened: opt.Now()}
	}
	if err := o.recover(); err != nil {
		_ = o.release() // the first error is the one that counts
		return nil, fmt.Errorf("open outbox %s: %w", opt.Dir, err)
	}
	o.degraded = o.runError
	if o.degraded != nil {
		o.notices = append(o.notices, Notice{Kind: StorageDegraded, Err: o.degraded})
	}
	if o.queues[Alarm].depth()+o.queues[Normal].depth() > 0 {
		o.signal(o.ready)
	}
	o.beginSweep()
	o.signal(o.kick)
	if !opt.Stepped {
		go o.commitLoop()
	}
	return o, nil
}

func (o *Outbox) signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Append issues the next number and returns at once; payload is copied. The commit follows behind. Where that is
// impossible (too large, memory full while nothing can be written) the number is told as dropped.
func (o *Outbox) Append(kind Queue, payload []byte) ID { return o.append(kind, payload, false) }

func (o *Outbox) append(kind Queue, payload []byte, firm bool) ID {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.number++
	id := ID{o.epochName(o.epoch), o.run, o.number}
	q := &o.queues[kind]
	switch {
	case len(payload) > o.maxPayload():
		o.drop(q.kind, Oversize, o.number)
	case !o.hasRoom(q, len(payload)):
		o.drop(q.kind, Storage, o.number)
	default:
		first := q.written == q.next
		at := q.push(entry{run: o.runKey, number: o.number, at: o.opt.Now(), payload: o.keep(payload)})
		if firm && o.degraded == nil {
			q.unfirm.add(at, at+1)
		}
		if kind == Alarm || first || o.batchFull(q) {
			o.signal(o.kick)
		}
		o.signal(o.ready)
	}
	return id
}

func (o *Outbox) maxPayload() int {
	return min(maxPayload, int(o.opt.Segment)-segmentHead-2*recordSize(8))
}

// hasRoom tells whether a record of n bytes may wait in memory. At the limit what is confirmed makes room first.
func (o *Outbox) hasRoom(q *queue, n int) bool {
	if q.memory(n) > o.opt.memory {
		q.trim(keptBytes, true)
	}
	return q.memory(n) <= o.opt.memory
}

// keep copies a payload into memory that many records share.
func (o *Outbox) keep(payload []byte) []byte {
	if len(payload) > cap(o.arena)-len(o.arena) {
		o.arena = make([]byte, 0, max(32<<10, len(payload)))
	}
	at := len(o.arena)
	o.arena = append(o.arena, payload...)
	return o.arena[at:len(o.arena):len(o.arena)]
}

// Damaged names the files of which Open could use nothing: it has gone on without them.
func (o *Outbox) Damaged() []string { return o.damaged }

// Ready is signalled when Take may return something. One signal may stand for many records, or for none.
func (o *Outbox) Ready() <-chan struct{} { return o.ready }

// Sync waits until everything appended so far is durable, or the context ends.
func (o *Outbox) Sync(ctx context.Context) error {
	o.mu.Lock()
	target := [2]uint64{o.queues[0].next, o.queues[1].next}
	for {
		if o.queues[0].written >= target[0] && o.queues[1].written >= target[1] {
			o.mu.Unlock()
			return nil
		}
		if o.closed {
			o.mu.Unlock()
			return fmt.Errorf("sync outbox: closed before everything was written")
		}
		if o.committed == nil {
			o.committed = make(chan struct{})
		}
		committed, degraded := o.committed, o.degraded
		o.flush = true
		o.mu.Unlock()
		o.signal(o.kick)
		select {
		case <-committed:
		case <-ctx.Done():
			return fmt.Errorf("sync outbox: %w", errors.Join(ctx.Err(), degraded))
		}
		o.mu.Lock()
	}
}

// Close makes everything appended so far durable, as far as the disk allows, writes the cursor and gives up the lock.
// The outbox must not be used afterwards. The error says what did not reach the disk.
func (o *Outbox) Close() error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return nil
	}
	o.closed = true
	o.mu.Unlock()
	close(o.stop)
	if o.opt.Stepped {
		o.closeError = o.finish()
	} else {
		<-o.done
	}
	err := errors.Join(o.closeError, o.release())
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake()
	if o.degraded != nil {
		return fmt.Errorf("close outbox: %w", o.degraded)
	}
	if err != nil {
		return fmt.Errorf("close outbox: %w", err)
	}
	return nil
}

// release closes every file and the lock.
func (o *Outbox) release() error {
	o.runs.close()
	o.cursor.close()
	o.gapFile.close()
	if o.sweep.file != nil {
		o.sweep.file.Close()
	}
	for i := range o.queues {
		for _, s := range o.queues[i].segments {
			if s.file != nil {
				s.file.Close()
			}
		}
	}
	if o.lock == nil {
		return nil
	}
	return o.lock.Close()
}

func (o *Outbox) path(name string) string { return filepath.Join(o.opt.Dir, name) }
