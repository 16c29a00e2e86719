package line

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"lotusgate/drivers"
)

// Inputs is a list of lines that are being read. Lines are known by their index in the list that was asked for.
type Inputs struct {
	lines   []inputLine
	sources []source
	edges   chan drivers.Edge
	gone    chan Gone
	closing chan struct{}
	ended   chan struct{} // after edges and gone were closed
	once    sync.Once
	reading atomic.Int32 // goroutines that still read; the last one out closes the channels
}

// Gone tells that a line has ended, and why.
type Gone struct {
	Channel int
	Err     error
}

// Stats is what happened on one line since it was opened.
type Stats struct {
	Name   string        // as it was asked for
	Place  string        // "gpiochip0 line 17 (GPIO17), kernel time"
	Clock  drivers.Clock // of its edges
	Edges  uint64        // handed over
	Lost   uint64        // missing by the kernel's sequence numbers
	Merged uint64        // edges to the level that was told last: one of the other kind was too short to be seen
	Stalls uint64        // edges that had to wait because the consumer had left its queue full
	Err    error         // why the line is not being read; nil while it is
}

// inputLine is one line. Until start it belongs to Provider.Inputs, then last belongs to the goroutine of its source.
type inputLine struct {
	name   string
	place  string
	clock  drivers.Clock
	source source // nil if it was never opened
	slot   int    // its index in source
	last   level

	edges, lost, merged, stalls atomic.Uint64
	err                         atomic.Pointer[error]
}

type level uint8 // the last one told

const (
	unknown level = iota
	low
	high
)

func levelOf(b bool) level {
	if b {
		return high
	}
	return low
}

// source is a device that lines are read from: a request of the kernel, or a pin of periph.
type source interface {
	// run tells edges until the device ends (an error), or tell or close says so.
	run(tell func(slot int, e drivers.Edge) bool) error
	level(slot int) (bool, error)
	// close ends run, soon if not at once; a second close does nothing.
	close() error
}

func newInputs(in []Input, places []place, queue int) *Inputs {
	i := &Inputs{
		lines:   make([]inputLine, len(in)),
		edges:   make(chan drivers.Edge, queue),
		gone:    make(chan Gone, len(in)),
		closing: make(chan struct{}),
		ended:   make(chan struct{}),
	}
	for n := range i.lines {
		i.lines[n].name, i.lines[n].place = in[n].Name, in[n].Name
		if places[n].key() != (place{}).key() {
			i.lines[n].place = places[n].String()
		}
	}
	return i
}

// add gives the lines at channels, in that order, to a source.
func (i *Inputs) add(s source, clock drivers.Clock, channels []int) {
	i.sources = append(i.sources, s)
	for slot, n := range channels {
		l := &i.lines[n]
		l.source, l.slot, l.clock = s, slot, clock
	}
}

// start begins to read; errs says which lines could not be opened.
func (i *Inputs) start(errs []error) {
	for n, err := range errs {
		if err != nil {
			i.lines[n].err.Store(&err)
		}
	}
	i.reading.Store(int32(len(i.sources)))
	if len(i.sources) == 0 {
		i.end()
	}
	for _, s := range i.sources {
		var channels []int
		for n := range i.lines {
			if i.lines[n].source == s {
				channels = append(channels, n)
			}
		}
		go i.read(s, channels)
	}
}

// read is the goroutine of one source; channels are the indices of its lines, in the order of its slots.
func (i *Inputs) read(s source, channels []int) {
	err := s.run(func(slot int, e drivers.Edge) bool {
		e.Channel = channels[slot]
		return i.push(e)
	})
	if err != nil && !i.isClosing() {
		for _, n := range channels {
			err := i.lines[n].failed("read edges", err)
			i.lines[n].err.Store(&err)
			i.gone <- Gone{Channel: n, Err: err} // has room for every line
		}
	}
	_ = s.close() // releases the descriptors of a device that is gone; what it says adds nothing to err
	if i.reading.Add(-1) == 0 {
		i.end()
	}
}

func (i *Inputs) end() {
	close(i.edges)
	close(i.gone)
	close(i.ended)
}

// push hands an edge over, waiting for room if it must: what comes meanwhile is kept, and counted, by the kernel.
func (i *Inputs) push(e drivers.Edge) bool {
	l := &i.lines[e.Channel]
	l.lost.Add(uint64(e.Lost))
	if now := levelOf(e.Level); e.Lost == 0 && l.last == now {
		l.merged.Add(1)
	} else {
		l.last = now
	}
	select {
	case i.edges <- e:
	default:
		l.stalls.Add(1)
		select {
		case i.edges <- e:
		case <-i.closing:
			return false
		}
	}
	l.edges.Add(1)
	return true
}

// Edges is where the edges of all lines arrive. It is closed when every line is gone, and by Close.
func (i *Inputs) Edges() <-chan drivers.Edge { return i.edges }

// Gone tells each line that ends by itself, once. Nobody needs to listen. It is closed together with Edges; edges that
// came before the end may still wait there.
func (i *Inputs) Gone() <-chan Gone { return i.gone }

// Level is the electrical level of line n now; of a line that is not being read, the reason.
func (i *Inputs) Level(n int) (bool, error) {
	if n < 0 || n >= len(i.lines) {
		return false, fmt.Errorf("read level: no line %d among %d", n, len(i.lines))
	}
	l := &i.lines[n]
	if err := l.err.Load(); err != nil {
		return false, *err
	}
	if i.isClosing() {
		return false, l.failed("read level", errClosed)
	}
	v, err := l.source.level(l.slot)
	if err != nil {
		return false, l.failed("read level", err)
	}
	return v, nil
}

// Stats is one entry for each line.
func (i *Inputs) Stats() []Stats {
	all := make([]Stats, len(i.lines))
	for n := range i.lines {
		l := &i.lines[n]
		all[n] = Stats{
			Name: l.name, Place: l.place, Clock: l.clock,
			Edges: l.edges.Load(), Lost: l.lost.Load(), Merged: l.merged.Load(), Stalls: l.stalls.Load(),
		}
		if l.source != nil {
			all[n].Place += ", " + l.clock.String() + " time"
		}
		if err := l.err.Load(); err != nil {
			all[n].Err = *err
		}
	}
	return all
}

var errClosed = errors.New("closed")

// Close releases all lines and returns when no goroutine is left.
func (i *Inputs) Close() error {
	var err error
	i.once.Do(func() {
		close(i.closing)
		for _, s := range i.sources {
			err = errors.Join(err, s.close())
		}
	})
	<-i.ended
	return err
}

func (i *Inputs) isClosing() bool {
	select {
	case <-i.closing:
		return true
	default:
		return false
	}
}

func (l *inputLine) failed(op string, err error) error {
	return &drivers.Error{Fault: drivers.Classify(err), Op: fmt.Sprintf("%s of line %s: %s", op, l.name, l.place), Err: err}
}
