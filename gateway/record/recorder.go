package record

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
	"lotusgate/gateway/field"
	"lotusgate/gateway/plain"
)

// Options of a Recorder.
type Options struct {
	Dir     string
	Limit   int64 // bytes of all files together
	Version string
	Boot    string                       // of the kernel: times are on its monotonic clock
	Log     *slog.Logger                 // nil = nobody reads it
	Date    func(gateway.Mono) time.Time // of a moment; zero while it is not known. nil = never known
}

// Recorder records. It is the field.Tape of a core, whose goroutine calls it; the other methods are for any goroutine.
type Recorder struct {
	o    Options
	file *file // the writer's

	mu      sync.Mutex
	now     gateway.Mono // of the last frame
	mark    int          // where the frame of what is being applied begins; -1 = nothing is
	buf     []byte       // frames that the writer has not taken
	begins  []int        // where in buf a stretch begins
	broken  bool         // frames were lost: nothing is kept before the next stretch
	fresh   bool         // the next stretch is wanted
	written int64        // of the stretch, as it is on disk
	stats   Stats
	begun   chan struct{} // closed by the first stretch
	urgent  chan struct{}
	flushed chan chan error
}

// Stats of a Recorder.
type Stats struct {
	Frames  uint64 // inputs, ticks and decisions kept
	Skipped uint64 // inputs and ticks without an effect
	Written uint64 // bytes on disk since the start
	Gaps    uint64 // stretches that ended because the disk did not follow
}

const (
	flushEvery = time.Minute
	flushAt    = 64 << 10 // bytes of frames: larger blocks compress no better
	bufferMost = 4 << 20  // the disk is that far behind: give up the stretch
	leastParts = 8        // files in the ring
	alarmPause = time.Second
)

// Kinds of frames.
const (
	frameBegins  = 'b' // header, state
	frameGiven   = 'i' // time, input
	frameTicked  = 't' // time
	frameDecided = 'e' // number, event
	frameDrove   = 'd' // device, pulses
	frameAsked   = 'q' // device, number
)

// Header is how a stretch begins.
type Header struct {
	Version string          `json:"version"`
	Layout  string          `json:"layout,omitempty"` // of the state
	Boot    string          `json:"boot"`
	Now     gateway.Mono    `json:"now"`
	Date    time.Time       `json:"date,omitzero"`
	Config  json.RawMessage `json:"config"`
}

// New makes a recorder; Run writes.
func New(o Options) (*Recorder, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the flight recorder: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Date == nil {
		o.Date = func(gateway.Mono) time.Time { return time.Time{} }
	}
	return &Recorder{
		o: o, mark: -1, broken: true, begun: make(chan struct{}), urgent: make(chan struct{}, 1), flushed: make(chan chan error),
	}, nil
}

// Stats returns the counts.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

// Begins implements field.Tape.
func (r *Recorder) Begins(now gateway.Mono, state []byte, layout string, config []byte) {
	header, err := json.Marshal(Header{
		Version: r.o.Version, Layout: layout, Boot: r.o.Boot, Now: now, Date: r.o.Date(now), Config: config,
	})
	if err != nil {
		panic(err) // the configuration is JSON
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.begun:
	default:
		close(r.begun)
	}
	r.begins = append(r.begins, len(r.buf))
	r.broken, r.fresh, r.written, r.now = false, false, 0, now
	r.buf = append(r.buf, frameBegins)
	r.buf = plain.AppendText(plain.AppendText(r.buf, string(header)), string(state))
	r.mark = -1
}

// Ends implements field.Tape.
func (r *Recorder) Ends() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = true
}

// Wants implements field.Tape.
func (r *Recorder) Wants() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fresh
}

// Given implements field.Tape.
func (r *Recorder) Given(now gateway.Mono, in *field.Input) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.time(frameGiven, now) {
		r.buf = field.AppendInput(r.buf, relative(in, now, -1))
	}
}

// Ticked implements field.Tape.
func (r *Recorder) Ticked(now gateway.Mono) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.time(frameTicked, now)
}

// time begins the frame of something that may turn out to have no effect.
func (r *Recorder) time(kind byte, now gateway.Mono) bool {
	if r.broken {
		return false
	}
	r.mark = len(r.buf)
	r.buf = binary.AppendUvarint(append(r.buf, kind), uint64(now-r.now))
	return true
}

// Applied implements field.Tape.
func (r *Recorder) Applied(now gateway.Mono, moved bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.mark < 0:
	case moved:
		r.stats.Frames++
		r.now = now
	default:
		r.stats.Skipped++
		r.buf = r.buf[:r.mark]
	}
	r.mark = -1
	r.room()
}

// room looks whether the writer ought to do something, or has fallen too far behind.
func (r *Recorder) room() {
	switch {
	case len(r.buf) > bufferMost:
		r.stats.Gaps++
		r.buf, r.begins, r.broken, r.fresh = r.buf[:0], r.begins[:0], true, true
	case len(r.buf) > flushAt:
		r.hurry()
	}
}

func (r *Recorder) hurry() {
	select {
	case r.urgent <- struct{}{}:
	default:
	}
}

// Decided implements field.Tape.
func (r *Recorder) Decided(id gateway.EventID, e gateway.Event) {
	stored, err := gateway.Store(e, "")
	if err != nil {
		return // whoever records the event tells
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return
	}
	r.stats.Frames++
	r.buf = plain.AppendText(append(r.buf, frameDecided), id.Epoch)
	r.buf = binary.AppendUvarint(binary.AppendUvarint(r.buf, uint64(id.Run)), id.Number)
	r.buf = plain.AppendText(r.buf, string(stored))
	if gateway.QueueOf(e) == gateway.AlarmQueue {
		r.hurry()
	}
}

// Drove implements field.Tape.
func (r *Recorder) Drove(id string, d device.Drive) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return
	}
	r.stats.Frames++
	r.buf = plain.AppendText(append(r.buf, frameDrove), id)
	for _, p := range d {
		r.buf = binary.AppendVarint(binary.AppendVarint(r.buf, int64(p.From)), int64(p.Until))
	}
}

// Asked implements field.Tape.
func (r *Recorder) Asked(id string, number uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		return
	}
	r.stats.Frames++
	r.buf = binary.AppendUvarint(plain.AppendText(append(r.buf, frameAsked), id), uint64(number))
}

// relative moves the times in an input by now, forth or back: small numbers are short.
func relative(in *field.Input, now gateway.Mono, sign int64) *field.Input {
	moved := *in
	by := sign * int64(now)
	switch in.Kind {
	case field.EdgeInput:
		moved.Edge.At += time.Duration(by)
	case field.LevelsInput:
		moved.Levels.At += gateway.Mono(by)
	case field.ReadingInput:
		moved.Reading.At += time.Duration(by)
	case field.EventInput:
		moved.Event.At += gateway.Mono(by)
	}
	return &moved
}

// Run writes until ctx ends, and then what is left.
func (r *Recorder) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	var last time.Time
	var soon <-chan time.Time // when an alarm is written: many of them are one write
	for {
		var ask chan error
		select {
		case <-ctx.Done():
			r.report(r.write(true))
			if r.file != nil {
				r.report(r.file.close())
			}
			return
		case <-r.urgent:
			if soon == nil {
				soon = time.After(max(alarmPause-time.Since(last), 0))
			}
			continue
		case <-soon:
		case <-tick.C:
		case ask = <-r.flushed:
		}
		soon, last = nil, time.Now()
		err := r.write(true)
		r.report(err)
		if ask != nil {
			ask <- err
		}
	}
}

// Flush writes what there is, which is at least how the core began: who asks earlier waits. Run must be running.
func (r *Recorder) Flush(ctx context.Context) error {
	select {
	case <-r.begun:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	select {
	case r.flushed <- done:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Recorder) report(err error) {
	if err != nil {
		r.o.Log.Error("flight recorder: a gap; look after the storage", "error", err)
	}
}

// write puts the frames in memory on disk, one block for each stretch.
func (r *Recorder) write(sync bool) error {
	frames, begins := r.take()
	var written int64
	var err error
	for err == nil && len(frames) > 0 {
		end := len(frames)
		if len(begins) > 0 {
			if begins[0] > 0 {
				end = begins[0]
			} else {
				err = r.open()
				written, begins = 0, begins[1:]
				if len(begins) > 0 {
					end = begins[0]
				}
			}
		}
		if err == nil {
			var n int64
			n, err = r.append(frames[:end], sync)
			written += n
		}
		frames = frames[end:]
		for i := range begins {
			begins[i] -= end
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.written += written
	r.stats.Written += uint64(written)
	if err != nil {
		r.stats.Gaps++
		r.broken, r.fresh, r.buf, r.begins, r.mark = true, true, r.buf[:0], r.begins[:0], -1
		return err
	}
	r.fresh = r.fresh || r.written > r.o.Limit/leastParts
	return nil
}

// take takes what is whole out of the buffer; what is being applied stays.
func (r *Recorder) take() (frames []byte, begins []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	end := len(r.buf)
	if r.mark >= 0 {
		end = r.mark
	}
	frames, begins = slices.Clone(r.buf[:end]), slices.Clone(r.begins)
	r.buf = r.buf[:copy(r.buf, r.buf[end:])]
	r.begins = r.begins[:0]
	if r.mark >= 0 {
		r.mark = 0
	}
	return frames, begins
}

func (r *Recorder) append(frames []byte, sync bool) (int64, error) {
	if len(frames) == 0 || r.file == nil {
		return 0, nil
	}
	return r.file.append(frames, sync)
}

// open begins the file of a stretch, and makes room for it.
func (r *Recorder) open() error {
	if r.file != nil {
		if err := r.file.close(); err != nil {
			return err
		}
		r.file = nil
	}
	names, err := Files(r.o.Dir)
	if err != nil {
		return err
	}
	next := 1
	if len(names) > 0 {
		if _, err := fmt.Sscanf(filepath.Base(names[len(names)-1]), "%d", &next); err == nil {
			next++
		}
	}
	if err := r.forget(names); err != nil {
		return err
	}
	r.file, err = create(filepath.Join(r.o.Dir, fmt.Sprintf("%08d%s", next, Suffix)))
	return err
}

// forget removes the oldest files until one more has room.
func (r *Recorder) forget(names []string) error {
	var total int64
	sizes := make([]int64, len(names))
	for i, name := range names {
		if st, err := os.Stat(name); err == nil {
			sizes[i] = st.Size()
			total += sizes[i]
		}
	}
	for i, name := range names {
		if total <= r.o.Limit-r.o.Limit/leastParts-2*flushAt {
			return nil
		}
		if err := os.Remove(name); err != nil {
			return fmt.Errorf("forget the oldest part of the recording: %w", err)
		}
		total -= sizes[i]
	}
	return nil
}

// Suffix of the files of a recording.
const Suffix = ".rec"

// Files of a recording, oldest first.
func Files(dir string) ([]string, error) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the recording: %w", err)
	}
	var names []string
	for _, e := range all {
		if strings.HasSuffix(e.Name(), Suffix) {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}
