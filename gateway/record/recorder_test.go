package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/plain"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a gateway with one wire and one loop on it.
func site(json.RawMessage) (field.Config, error) {
	return field.Config{
		Sources:  []field.SourceConfig{{ID: "gpio", Kind: "gpio", Bus: "gpio"}},
		Points:   []field.PointConfig{{ID: "in", Settle: 20 * time.Millisecond}},
		Devices:  []field.DeviceConfig{{Meta: gateway.MetaDevice{ID: "loop", Kind: "loop"}, Machine: field.Box(device.NewLoop(device.LoopConfig{})), Parts: []field.Part{{}}}},
		Recorded: []byte("{}"),
	}, nil
}

// nobody takes events.
type nobody struct{ n uint64 }

func (r *nobody) Record(gateway.Event) gateway.EventID {
	r.n++
	return gateway.EventID{Epoch: "1", Run: 1, Number: r.n}
}

// life is a core that a recorder listens to, and whose wire goes up and down.
type life struct {
	core *field.Core
	now  gateway.Mono
	up   bool
	sink nobody
}

func newLife(t testing.TB, r *Recorder) *life {
	t.Helper()
	l := &life{now: gateway.Mono(time.Hour)}
	parts, _ := site(nil)
	if r != nil {
		parts.Tape = r
	}
	l.core = field.NewCore(parts, hub.New(func() gateway.Mono { return l.now }), &l.sink, l.now)
	l.core.Begin(l.now)
	var levels field.Levels
	levels.At = l.now
	levels.Set(0, false)
	l.core.Apply(l.now, field.Input{Kind: field.LevelsInput, Levels: levels})
	return l
}

func (l *life) change() {
	l.now = l.now.Add(1234567 * time.Nanosecond)
	l.up = !l.up
	l.core.Apply(l.now, field.Input{Kind: field.EdgeInput, Edge: drivers.Edge{Level: l.up, At: time.Duration(l.now) - 1000, Clock: drivers.KernelClock}})
	l.now = l.now.Add(30 * time.Millisecond)
	l.core.Tick(l.now)
}

func read(t testing.TB, dir string) []byte {
	t.Helper()
	names, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func played(t *testing.T, b []byte) Result {
	t.Helper()
	got, err := Play(t.Context(), bytes.NewReader(b), PlayOptions{Parts: site})
	if err != nil || got.Different != nil {
		t.Fatalf("%+v, %v", got, err)
	}
	return got
}

// The ring stays within its limit, forgets the oldest, and what is left can be played from its beginning.
func TestRing(t *testing.T) {
	const limit = 256 << 10
	dir := t.TempDir()
	r, err := New(Options{Dir: dir, Limit: limit, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(t, r)
	var first string
	for n := range 50 {
		for range 500 {
			l.change()
		}
		if err := r.write(false); err != nil {
			t.Fatal(err)
		}
		names, err := Files(dir)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			first = names[0]
		}
		if size := len(read(t, dir)); size > limit {
			t.Fatalf("%d bytes", size)
		}
	}
	if _, err := os.Stat(first); !errors.Is(err, os.ErrNotExist) {
		t.Error("the oldest part is still there:", err)
	}
	got := played(t, read(t, dir))
	if got.Stretches < 3 || got.Cut {
		t.Errorf("%+v", got)
	}
}

// A disk that fails costs a gap: the core never notices, and the next stretch is whole.
func TestDiskFails(t *testing.T) {
	dir := t.TempDir()
	r, err := New(Options{Dir: dir, Limit: 4 << 20, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(t, r)
	l.change()
	if err := r.write(false); err != nil {
		t.Fatal(err)
	}
	before := played(t, read(t, dir))
	if err := r.file.f.Close(); err != nil { // every write fails from now on
		t.Fatal(err)
	}
	l.change()
	if err := r.write(false); err == nil {
		t.Fatal("the disk does not fail")
	}
	l.change() // begins anew
	l.change()
	r.file = nil
	if err := r.write(false); err != nil {
		t.Fatal(err)
	}
	got := played(t, read(t, dir))
	if got.Stretches != 2 || got.Inputs <= before.Inputs || r.Stats().Gaps != 1 {
		t.Errorf("%+v, before %+v, %+v", got, before, r.Stats())
	}
}

// What fills the memory because nobody writes is given up, and a stretch begins when somebody does.
func TestNobodyWrites(t *testing.T) {
	dir := t.TempDir()
	r, err := New(Options{Dir: dir, Limit: 64 << 20, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	l := newLife(t, r)
	for r.Stats().Gaps == 0 {
		l.change()
		if len(r.buf) > 2*bufferMost {
			t.Fatal("no end")
		}
	}
	l.change()
	if err := r.write(false); err != nil {
		t.Fatal(err)
	}
	if got := played(t, read(t, dir)); got.Cut {
		t.Errorf("%+v", got)
	}
}

// Run writes by itself: after an alarm, when asked, and at its end.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	r, err := New(Options{Dir: dir, Limit: 4 << 20, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	l := newLife(t, r)
	l.core.Apply(l.now, field.Input{Kind: field.DownInput, Channel: field.All, Err: errors.New("gone")}) // an alarm
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if names, _ := filepath.Glob(filepath.Join(dir, "*"+Suffix)); len(names) > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the alarm was not written")
		}
	}
	l.change()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := played(t, read(t, dir)); got.Cut || got.Inputs < 3 {
		t.Errorf("%+v", got)
	}
	l.change()
	cancel()
	<-done
	if got := played(t, read(t, dir)); got.Cut || got.Inputs < 5 {
		t.Errorf("%+v", got)
	}
}

// Who asks for the recording before the core has begun gets how it began, and no empty file.
func TestFlushWaitsForTheCore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		r, err := New(Options{Dir: dir, Limit: 4 << 20, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.Run(ctx)
		flushed := make(chan error, 1)
		go func() { flushed <- r.Flush(ctx) }()
		impatient, leave := context.WithCancel(ctx)
		leave()
		if err := r.Flush(impatient); !errors.Is(err, context.Canceled) {
			t.Errorf("who does not wait is told %v", err)
		}
		synctest.Wait()
		select {
		case err := <-flushed:
			t.Fatalf("flushed before there is anything: %v", err)
		default:
		}
		newLife(t, r)
		if err := <-flushed; err != nil {
			t.Fatal(err)
		}
		if got := played(t, read(t, dir)); got.Cut {
			t.Errorf("%+v", got)
		}
	})
}

// FuzzRead: no bytes bring the reader down, neither those of a file nor those of an input.
func FuzzRead(f *testing.F) {
	dir := f.TempDir()
	r, err := New(Options{Dir: dir, Limit: 4 << 20, Version: "test"})
	if err != nil {
		f.Fatal(err)
	}
	l := newLife(f, r)
	l.change()
	if err := r.write(false); err != nil {
		f.Fatal(err)
	}
	f.Add(read(f, dir))
	f.Add(field.AppendInput(nil, &field.Input{Kind: field.DownInput, Err: errors.New("gone"), Event: gateway.Event{Type: gateway.BusFault}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = blocks(bytes.NewReader(b), func(bool, []byte) error { return nil })
		in := &plain.Reader{Rest: b}
		field.ReadInput(in)
		if _, err := Play(t.Context(), bytes.NewReader(append([]byte(magic), b...)), PlayOptions{Parts: site}); err == nil && len(b) == 0 {
			t.Log("an empty recording")
		}
	})
}

// BenchmarkRecord is a change of a wire with the recorder, beside the same without: what the core pays.
func BenchmarkRecord(b *testing.B) {
	for name, on := range map[string]bool{"without": false, "with": true} {
		b.Run(name, func(b *testing.B) {
			var r *Recorder
			if on {
				var err error
				if r, err = New(Options{Dir: b.TempDir(), Limit: 64 << 20}); err != nil {
					b.Fatal(err)
				}
			}
			l := newLife(b, r)
			for b.Loop() {
				l.change()
				if on && len(r.buf) > flushAt {
					r.take()
				}
			}
		})
	}
}
