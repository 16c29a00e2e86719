package checkpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// ErrNewer: the file was written by a program whose format this one does not know.
var ErrNewer = errors.New("written by a newer version of the program; install that version again, or move the file away to forget counts and the last known time")

// ErrFull: the sections do not fit into the file any more.
var ErrFull = errors.New("the checkpoint is full")

// Options of Open.
type Options struct {
	Path   string
	FS     FS            // nil = Disk
	Every  time.Duration // at least this long between two writes of Run; 0 = one minute
	Notify func(error)   // told when Run begins to fail, and with nil when it works again; nil = nobody listens
}

const defaultEvery = time.Minute

// Checkpoint is an open file. See the package documentation for what it promises.
type Checkpoint struct {
	every   time.Duration
	notify  func(error)
	changed chan struct{} // buffered 1: something for Run to write
	damaged bool

	// writing serializes writers; it is acquired before mu.
	writing sync.Mutex
	slots   slots

	// mu guards everything below and is never held during I/O.
	mu       sync.Mutex
	sections map[string]json.RawMessage
	size     int    // of the sections as they are stored
	version  uint64 // grows with every change
	written  uint64 // version that is on disk
}

// Open reads the file, or begins an empty one. It fails only for a file of a newer format. A disk that cannot be read or
// written gives a working checkpoint in memory; Flush and Options.Notify say so.
func Open(o Options) (*Checkpoint, error) {
	if o.FS == nil {
		o.FS = Disk{}
	}
	if o.Every == 0 {
		o.Every = defaultEvery
	}
	if o.Notify == nil {
		o.Notify = func(error) {}
	}
	c := &Checkpoint{
		every: o.Every, notify: o.Notify, changed: make(chan struct{}, 1),
		slots: slots{fs: o.FS, path: o.Path}, sections: map[string]json.RawMessage{},
	}
	payload, damaged, err := c.slots.load()
	if err != nil {
		return nil, fmt.Errorf("open checkpoint %s: %w", o.Path, err)
	}
	c.damaged = damaged && payload == nil
	if payload != nil && json.Unmarshal(payload, &c.sections) != nil {
		c.damaged, c.sections = true, map[string]json.RawMessage{}
	}
	c.size = encodedSize(c.sections)
	if payload != nil {
		c.version = 1 // an earlier process may have died before its write was on disk: the first Flush writes it again
	}
	return c, nil
}

// Peek reads one section of a file that another process may be writing. It changes nothing.
func Peek(path, key string, v any) (bool, error) {
	c, err := Open(Options{Path: path})
	if err != nil {
		return false, err
	}
	c.slots.close()
	return c.Get(key, v)
}

// Damaged tells of a file that another process may be writing whether all it kept is lost. It changes nothing.
func Damaged(path string) (bool, error) {
	c, err := Open(Options{Path: path})
	if err != nil {
		return false, err
	}
	c.slots.close()
	return c.Damaged(), nil
}

// Damaged tells whether there was a file that could not be read: everything it kept is lost.
func (c *Checkpoint) Damaged() bool { return c.damaged }

// Get reads a section into v, a pointer. It returns false, and leaves v alone, where there is no such section.
func (c *Checkpoint) Get(key string, v any) (bool, error) {
	c.mu.Lock()
	raw, ok := c.sections[key]
	c.mu.Unlock()
	if !ok {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("checkpoint section %s: %w", key, err)
	}
	return true, nil
}

// Put replaces a section; Run will write it. What equals the section as it is costs nothing. After an error the section
// is as it was.
func (c *Checkpoint) Put(key string, v any) error {
	return c.PutAll([]Section{{key, v}})
}

// Section is a key and its value.
type Section struct {
	Key   string
	Value any
}

// PutAll is Put for several sections, no two of one key, that belong together: a power cut leaves all of them as they are or
// as they were. A section whose value is nil is taken out.
func (c *Checkpoint) PutAll(sections []Section) error {
	raws := make([]json.RawMessage, len(sections))
	for i, s := range sections {
		var err error
		if s.Value == nil {
			continue
		}
		if raws[i], err = json.Marshal(s.Value); err != nil {
			return fmt.Errorf("checkpoint section %s: %w", s.Key, err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	size, same := c.size, true
	for i, s := range sections {
		old, had := c.sections[s.Key]
		if had {
			size -= sectionSize(s.Key, old)
		}
		if raws[i] != nil {
			size += sectionSize(s.Key, raws[i])
		}
		same = same && had == (raws[i] != nil) && bytes.Equal(old, raws[i])
	}
	switch {
	case same:
		return nil
	case size > maxPayload:
		return fmt.Errorf("checkpoint section %s and %d others: %w", sections[0].Key, len(sections)-1, ErrFull)
	}
	for i, s := range sections {
		if raws[i] == nil {
			delete(c.sections, s.Key)
			continue
		}
		c.sections[s.Key] = raws[i]
	}
	c.size = size
	c.version++
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

// sectionSize is what a section takes in the file: "key":value and a comma.
func sectionSize(key string, raw json.RawMessage) int {
	k, _ := json.Marshal(key) // a string cannot fail
	return len(k) + len(raw) + 2
}

func encodedSize(sections map[string]json.RawMessage) int {
	n := len("{}")
	for k, v := range sections {
		n += sectionSize(k, v)
	}
	return n
}

// Flush writes what has changed, now, and returns when it is durable.
func (c *Checkpoint) Flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	version, clean := c.version, c.version == c.written
	sections := maps.Clone(c.sections)
	c.mu.Unlock()
	if clean {
		return nil
	}
	payload, err := json.Marshal(sections)
	if err == nil {
		err = c.slots.store(payload)
	}
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	c.mu.Lock()
	c.written = version
	c.mu.Unlock()
	return nil
}

// Run writes what has changed, at most once in Options.Every, until ctx ends. The last write is Close's.
func (c *Checkpoint) Run(ctx context.Context) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
		err := c.Flush()
		if (err != nil) != failing {
			failing = err != nil
			c.notify(err)
		}
		if failing {
			c.again()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(c.every):
		}
	}
}

// again lets Run try once more.
func (c *Checkpoint) again() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// Close writes what has changed and closes the file. Run must have ended.
func (c *Checkpoint) Close() error {
	err := c.Flush()
	c.writing.Lock()
	defer c.writing.Unlock()
	c.slots.close()
	return err
}
