package outbox

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"lotusgate/firmware-sim/disk"
)

// model is what must be true of an outbox whatever happens to it.
type model struct {
	t    *rapid.T
	fs   *faultFS
	o    *Outbox
	opt  Options
	runs map[string]*modelRun
	this *modelRun

	out      map[ID]bool // handed out since the last Rewind
	named    map[string]spans
	hurt     bool       // storage failed in this run: Sync proves nothing then
	mu       sync.Mutex // what notify shares with the test: a timer wakes the committer, too
	restored int
	telling  bool // the owner publishes what was dropped, as the daemon does
	toTell   []Dropped
	told     map[ID]Dropped // the record that names it; it counts once that was delivered
	rng      *rand.Rand
}

type modelRun struct {
	epoch     string
	run       uint32
	issued    uint64
	payload   map[uint64][]byte
	queue     map[uint64]Queue
	delivered spans // seen at the far side, confirmed or not
	confirmed spans
	firm      map[uint64]bool // nobody is to hear of them before they are durable
	synced    uint64
	lasting   uint64 // as the ledger of a later run says
}

func (r *modelRun) name() string { return fmt.Sprintf("%s-%d", r.epoch, r.run) }

func (m *model) notify(n Notice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch n.Kind {
	case RecordsDropped:
		if m.telling {
			m.toTell = append(m.toTell, n.Dropped)
		} else {
			m.count(n.Dropped)
		}
	case OutboxRestored:
		m.restored++
	}
}

func (m *model) count(d Dropped) {
	run := fmt.Sprintf("%s-%d", d.Epoch, d.Run)
	s := m.named[run]
	for _, r := range d.Ranges {
		s.add(r.From, r.To+1)
	}
	m.named[run] = s
}

// tell publishes what was dropped, and tells whether there was anything.
func (m *model) tell() bool {
	synctest.Wait()
	m.mu.Lock()
	drops := m.toTell
	m.toTell = nil
	m.mu.Unlock()
	for _, d := range drops {
		id := m.append(Alarm, 20)
		m.told[id] = d
		m.o.Named(d, id)
	}
	return len(drops) > 0
}

func (m *model) open() {
	m.mu.Lock()
	m.toTell = nil // a process that ends takes this with it
	m.mu.Unlock()
	m.opt.FS = m.fs
	m.opt.Notify = m.notify
	o, err := Open(m.opt)
	if err != nil {
		m.t.Fatalf("open: %v", err)
	}
	m.o = o
	m.out = map[ID]bool{}
	l := o.Ledger()
	for _, u := range l.Unconfirmed {
		r := m.runs[fmt.Sprintf("%s-%d", u.Epoch, u.Run)]
		if r == nil {
			m.t.Fatalf("the ledger lists a run nobody started: %+v", u)
		}
		if u.DurableTo > r.issued {
			m.t.Fatalf("run %s is durable to %d, but only %d were issued", r.name(), u.DurableTo, r.issued)
		}
		r.lasting = max(r.lasting, u.DurableTo)
	}
	r := &modelRun{epoch: l.Epoch, run: l.Run, payload: map[uint64][]byte{}, queue: map[uint64]Queue{}, firm: map[uint64]bool{}}
	if m.runs[r.name()] != nil {
		m.t.Fatalf("run %s is used twice", r.name())
	}
	m.runs[r.name()], m.this, m.hurt = r, r, false
}

func (m *model) append(q Queue, size int) ID {
	payload := make([]byte, size)
	for i := range payload {
		payload[i] = byte(m.rng.Uint32())
	}
	r := m.this
	r.issued++
	var id ID
	if r.firm[r.issued] = q == Alarm && m.rng.IntN(2) == 0; r.firm[r.issued] {
		id = m.o.AppendFirm(q, payload)
	} else {
		id = m.o.Append(q, payload)
	}
	if id != (ID{r.epoch, r.run, r.issued}) {
		m.t.Fatalf("issued %v after %d of run %s", id, r.issued-1, r.name())
	}
	r.payload[id.Number], r.queue[id.Number] = payload, q
	return id
}

func (m *model) take(n int) []Record {
	rs := m.o.Take(nil, n)
	if len(rs) > n {
		m.t.Fatalf("asked for %d records, got %d", n, len(rs))
	}
	for _, rec := range rs {
		r := m.runs[fmt.Sprintf("%s-%d", rec.ID.Epoch, rec.ID.Run)]
		if r == nil || rec.ID.Number > r.issued {
			m.t.Fatalf("took %v, which nobody issued", rec.ID)
		}
		if !bytes.Equal(rec.Payload, r.payload[rec.ID.Number]) || rec.Queue != r.queue[rec.ID.Number] {
			m.t.Fatalf("%v came back as something else", rec.ID)
		}
		if m.out[rec.ID] {
			m.t.Fatalf("%v was handed out twice without a Rewind", rec.ID)
		}
		if r == m.this && r.confirmed.has(rec.ID.Number) {
			m.t.Fatalf("%v was handed out after it was confirmed", rec.ID)
		}
		if !rec.Resent && (r != m.this || r.delivered.has(rec.ID.Number)) {
			m.t.Fatalf("%v does not say that it may have been sent before", rec.ID)
		}
		if r == m.this && r.firm[rec.ID.Number] && !m.o.Firm(rec.ID) {
			m.t.Fatalf("%v was handed out before it was durable", rec.ID)
		}
		m.out[rec.ID] = true
		if d, ok := m.told[rec.ID]; ok {
			m.mu.Lock()
			m.count(d)
			m.mu.Unlock()
		}
		r.delivered.add(rec.ID.Number, rec.ID.Number+1)
	}
	return rs
}

func (m *model) confirm(share float64) {
	for _, id := range slices.SortedFunc(maps.Keys(m.out), compareIDs) {
		if m.rng.Float64() < share {
			m.o.Confirm(id)
			delete(m.out, id)
			m.runs[fmt.Sprintf("%s-%d", id.Epoch, id.Run)].confirmed.add(id.Number, id.Number+1)
		}
	}
}

func (m *model) sync() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := m.o.Sync(ctx); err != nil {
		if !m.hurt {
			m.t.Fatalf("sync on a healthy disk: %v", err)
		}
		return
	}
	if m.o.Stats().Degraded == "" {
		m.this.synced = m.this.issued
	}
}

func compareIDs(a, b ID) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Run, b.Run), cmp.Compare(a.Number, b.Number))
}

// die opens what a process finds after this one ended without a word. What was confirmed may come again.
func (m *model) die(left *faultFS) {
	m.fs = left
	m.o.Close()
	for _, r := range m.runs {
		r.confirmed = nil
	}
	was, hurt := m.this, m.hurt
	m.open()
	for number := range was.firm {
		if before := m.o.Ledger().Before; was.firm[number] && was.delivered.has(number) && !hurt && before.DurableTo < number {
			m.t.Fatalf("%d of run %s was handed out, and is durable to %+v only", number, was.name(), before)
		}
	}
}

// heal takes all faults away and waits until the outbox has noticed.
func (m *model) heal() {
	m.fs.Fail(func(f *disk.Faults) { *f = disk.Faults{} })
	time.Sleep(2 * retryMost)
	synctest.Wait()
	m.sync()
	if s := m.o.Stats().Degraded; s != "" {
		m.t.Fatalf("the disk works again, storage is still degraded: %s", s)
	}
}

// check demands that every number that was durable is delivered or named.
func (m *model) check() {
	for _, r := range m.runs {
		var accounted spans
		for _, s := range r.delivered {
			accounted.add(s.from, s.to)
		}
		for _, s := range m.named[r.name()] {
			accounted.add(s.from, s.to)
			if s.to > r.issued+1 {
				m.t.Fatalf("run %s: %v named as dropped, only %d issued", r.name(), s, r.issued)
			}
		}
		upTo := max(r.synced, r.lasting)
		if missing := accounted.missing(1, upTo+1); len(missing) > 0 {
			m.t.Fatalf("run %s, durable to %d (synced %d): %v neither delivered nor named", r.name(), r.lasting, r.synced, missing)
		}
	}
}

// TestModel runs random operations, crashes, power cuts and disk faults against the rules of the ledger.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, func() { runModel(rt) })
	})
}

// renew begins a new epoch: what waited has new names, and is the same in the same order.
func (m *model) renew() {
	old := m.this
	m.o.Renew("the model says so")
	time.Sleep(10 * time.Second)
	synctest.Wait()
	l := m.o.Ledger()
	r := &modelRun{epoch: l.Epoch, run: l.Run, issued: l.Number, firm: map[uint64]bool{}, payload: map[uint64][]byte{}, queue: map[uint64]Queue{}}
	if m.runs[r.name()] != nil {
		m.t.Fatalf("run %s is used twice", r.name())
	}
	m.runs[r.name()], m.this = r, r
	maps.DeleteFunc(m.out, func(id ID, _ bool) bool { return id.Epoch == old.epoch && id.Run == old.run })
	last := uint64(0)
	h := m.o.History(ID{l.Epoch, 1, 1}, ID{l.Epoch, 1, l.Number})
	for {
		rs, err := h.Next(nil, 10)
		if err != nil {
			m.t.Fatal(err)
		}
		if len(rs) == 0 {
			return
		}
		for _, rec := range rs {
			was := last + 1
			for was <= old.issued && (old.confirmed.has(was) || !bytes.Equal(rec.Payload, old.payload[was])) {
				was++
			}
			if was > old.issued || rec.Queue != old.queue[was] {
				m.t.Fatalf("%v is no copy of anything behind %d that waited", rec.ID, last)
			}
			last = was
			r.payload[rec.ID.Number], r.queue[rec.ID.Number] = rec.Payload, rec.Queue
			for id, d := range m.told {
				if id == (ID{old.epoch, old.run, was}) {
					m.told[rec.ID] = d
				}
			}
		}
	}
}

// history demands that what is read again is what was issued, in order.
func (m *model) history() {
	h := m.o.History(ID{m.this.epoch, 1, 1}, ID{m.this.epoch, m.this.run, m.this.issued})
	var last ID
	for {
		rs, err := h.Next(nil, 10)
		if err != nil {
			m.t.Fatal(err)
		}
		if len(rs) == 0 {
			return
		}
		for _, rec := range rs {
			r := m.runs[fmt.Sprintf("%s-%d", rec.ID.Epoch, rec.ID.Run)]
			if r == nil || !bytes.Equal(rec.Payload, r.payload[rec.ID.Number]) || rec.Queue != r.queue[rec.ID.Number] {
				m.t.Fatalf("%v came back as something else", rec.ID)
			}
			if compareIDs(last, rec.ID) >= 0 {
				m.t.Fatalf("%v comes after %v", rec.ID, last)
			}
			last = rec.ID
		}
	}
}

// inBubble runs f with virtual time, and lets its panics out: rapid ends a case with one.
func inBubble(t *testing.T, f func()) {
	var caught any
	synctest.Test(t, func(*testing.T) {
		defer func() { caught = recover() }()
		f()
	})
	if caught != nil {
		panic(caught)
	}
}

func runModel(t *rapid.T) {
	seed := rapid.Uint64().Draw(t, "seed")
	m := &model{
		t: t, fs: newFaultFS(), runs: map[string]*modelRun{}, named: map[string]spans{},
		rng: rand.New(rand.NewPCG(seed, 1)), opt: small("/outbox"),
		telling: rapid.Bool().Draw(t, "telling"), told: map[ID]Dropped{},
	}
	m.open()
	defer func() { m.o.Close() }()
	faults := false
	t.Repeat(map[string]func(*rapid.T){
		"burst": func(t *rapid.T) {
			for range 120 {
				m.append(Normal, 200+m.rng.IntN(800))
			}
		},
		"normal": func(t *rapid.T) {
			for range rapid.IntRange(1, 40).Draw(t, "n") {
				m.append(Normal, m.rng.IntN(600))
			}
		},
		"alarm":   func(*rapid.T) { m.append(Alarm, m.rng.IntN(300)) },
		"take":    func(t *rapid.T) { m.take(rapid.IntRange(1, 64).Draw(t, "n")) },
		"confirm": func(t *rapid.T) { m.confirm(rapid.Float64Range(0, 1).Draw(t, "share")) },
		"rewind":  func(*rapid.T) { m.o.Rewind(); clear(m.out) },
		"sync":    func(*rapid.T) { m.sync() },
		"tell":    func(*rapid.T) { m.tell() },
		"renew": func(t *rapid.T) {
			if faults {
				m.heal()
				faults = false
			}
			m.renew()
		},
		"history": func(*rapid.T) { m.history() },
		"wait":    func(*rapid.T) { time.Sleep(3 * time.Second); synctest.Wait() },
		"reopen": func(t *rapid.T) {
			if faults {
				m.heal()
				faults = false
			}
			if err := m.o.Close(); err != nil {
				t.Fatal(err)
			}
			m.this.synced = m.this.issued
			m.open()
			m.fresh()
		},
		"kill": func(*rapid.T) {
			m.die(m.fs.crash())
			faults = false
		},
		"power cut": func(*rapid.T) {
			m.die(m.fs.cut(m.rng))
			faults = false
		},
		"fault": func(t *rapid.T) {
			m.inject(rapid.SampledFrom([]string{"full", "sync", "write", "short"}).Draw(t, "fault"))
			faults = true
		},
		"heal": func(*rapid.T) { m.heal(); faults = false },
	})
	m.heal()
	m.o.Rewind()
	clear(m.out)
	for more := true; more; {
		time.Sleep(2 * tellEvery)
		more = m.tell()
		for rs := m.take(50); len(rs) > 0; rs = m.take(50) {
			m.confirm(1)
			more = true
		}
	}
	if l := m.o.Ledger(); len(l.Unconfirmed) != 0 {
		t.Fatalf("everything is confirmed, the ledger lists %+v", l.Unconfirmed)
	}
	m.check()
}

// fresh demands that nothing confirmed comes again after a clean close, and that the backlog is in order.
func (m *model) fresh() {
	before := map[string]spans{}
	for name, r := range m.runs {
		before[name] = append(spans(nil), r.confirmed...)
	}
	last := map[string]uint64{}
	for {
		rs := m.take(64)
		for _, rec := range rs {
			name := fmt.Sprintf("%s-%d", rec.ID.Epoch, rec.ID.Run)
			if before[name].has(rec.ID.Number) {
				m.t.Fatalf("%v was confirmed before a clean close and comes again", rec.ID)
			}
			order := name + rec.Queue.String()
			if rec.ID.Number <= last[order] {
				m.t.Fatalf("%v comes after %d", rec.ID, last[order])
			}
			last[order] = rec.ID.Number
		}
		if len(rs) == 0 {
			break
		}
	}
	m.o.Rewind()
	clear(m.out)
}

func (m *model) inject(fault string) {
	m.hurt = true
	rng := rand.New(rand.NewPCG(m.rng.Uint64(), 2)) // used under the lock of the file system
	full := max(1, m.fs.Used())
	m.fs.Fail(func(f *disk.Faults) {
		switch fault {
		case "full":
			f.Quota = full
		case "sync":
			f.Refuse = func(op, _ string) error {
				if op == "sync" && rng.IntN(3) == 0 {
					return unix.EIO
				}
				return nil
			}
		case "write":
			f.Refuse = func(op, _ string) error {
				if op == "write" || op == "create" || op == "rename" {
					return unix.EROFS
				}
				return nil
			}
		case "short":
			f.Short = func(_ string, n int) int { return n - rng.IntN(n+1)*rng.IntN(2) }
		}
	})
}
