package field

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
)

const (
	reconcileEvery = time.Second           // how often every native line's level is compared with its edges
	suspectFor     = 50 * time.Millisecond // an edge that explains a difference may still be on its way this long
	retryFirst     = time.Second
	retryMost      = 30 * time.Second
)

// errNoLines is reported when the set of lines ended without saying why.
var errNoLines = errors.New("gpio lines are gone: check that the board's gpiochip is still there (lotusgate probe gpio)")

// acquireLines owns the native lines: it opens them, passes edges on in order, and compares levels once a second.
type acquireLines struct {
	cfg   LinesConfig
	now   func() gateway.Mono
	core  chan<- Input
	toINT map[int]chan<- drivers.Edge // channel → the bus that owns the interrupt

	all     []int         // every channel
	raw     Levels        // what the edges so far, or the last level read, say
	suspect map[int]bool  // channels that differed at the last comparison
	level   chan levelAsk // levels wanted by the buses
	held    *heldLines    // what the reader before left open; nil = nothing
	watched *atomic.Int64 // gateway.Mono of the last move
}

// heldLines are open lines between two configurations. Edges wait in them.
type heldLines struct {
	lines Lines
	wires string
	raw   Levels
}

func (h *heldLines) close() {
	if h != nil {
		h.lines.Close() // nobody reads them any more
	}
}

// levelAsk is a question for the level of an interrupt line.
type levelAsk struct {
	channel int
	answer  chan<- levelAnswer
}

type levelAnswer struct {
	level bool
	err   error
}

// run keeps the lines open until ctx ends, and returns them open if all of them work.
func (a *acquireLines) run(ctx context.Context) *heldLines {
	for n := range a.cfg.Count {
		a.all = append(a.all, n)
	}
	if h := a.held; h != nil && h.wires == a.cfg.Wires {
		a.raw = h.raw
		if a.serve(ctx, h.lines, make([]error, a.cfg.Count), true) {
			return &heldLines{h.lines, a.cfg.Wires, a.raw}
		}
	}
	a.held.close()
	wait := retryFirst
	for ctx.Err() == nil {
		lines, errs := a.cfg.Open(a.all)
		if lines == nil {
			if !push(ctx, a.core, Input{Kind: DownInput, Source: a.cfg.Source, Channel: All, Err: errors.Join(errs...)}) {
				return nil
			}
		} else {
			opened := a.now()
			if a.serve(ctx, lines, errs, false) && errors.Join(errs...) == nil {
				return &heldLines{lines, a.cfg.Wires, a.raw}
			}
			lines.Close() // the lines are gone or we are leaving; nothing is left to do with them
			if a.now().Sub(opened) > retryMost {
				wait = retryFirst
			}
		}
		a.pause(ctx, wait)
		wait = min(2*wait, retryMost)
	}
	return nil
}

// pause waits, and meanwhile answers that no level can be read.
func (a *acquireLines) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	tick := time.NewTicker(reconcileEvery)
	defer tick.Stop()
	for {
		a.move()
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			return
		case <-tick.C:
		case q := <-a.level:
			q.answer <- levelAnswer{err: errNoLines}
		}
	}
}

// move notes that the reader lives.
func (a *acquireLines) move() { a.watched.Store(int64(a.now())) }

// serve passes on what the open lines say until they are gone, ctx ends, or a line that could not be opened has become
// available: then all are opened anew, in one set. It is true when the lines still worked at the end of ctx. Lines that are
// taken over have edges waiting: points that are new on them begin with the level before those.
func (a *acquireLines) serve(ctx context.Context, lines Lines, errs []error, takenOver bool) bool {
	a.suspect = map[int]bool{}
	missing := a.announce(ctx, errs)
	retry := time.NewTicker(retryMost)
	defer retry.Stop()
	if len(missing) == 0 {
		retry.Stop()
	}
	if takenOver {
		a.raw.At = a.now()
		push(ctx, a.core, Input{Kind: LevelsInput, Source: a.cfg.Source, Levels: a.raw})
	} else {
		a.raw = Levels{}
		if err := a.compare(ctx, lines, errs, true); err != nil {
			a.gone(ctx, err)
			return false
		}
	}
	tick := time.NewTicker(reconcileEvery)
	defer tick.Stop()
	recheck := time.NewTimer(suspectFor)
	defer recheck.Stop()
	for {
		a.move()
		var err error
		select {
		case <-ctx.Done():
			return true
		case <-retry.C:
			if a.available(missing) {
				return false
			}
		case q := <-a.level:
			level, lerr := lines.Level(q.channel)
			q.answer <- levelAnswer{level, lerr}
		case e, ok := <-lines.Edges():
			if !ok {
				a.gone(ctx, errNoLines)
				return false
			}
			a.edge(ctx, e)
			if e.Lost > 0 { // the level after lost edges is the truth
				recheck.Reset(suspectFor)
			}
		case <-tick.C:
			err = a.compare(ctx, lines, errs, false)
			if len(a.suspect) > 0 {
				recheck.Reset(suspectFor)
			}
		case <-recheck.C:
			err = a.compare(ctx, lines, errs, false)
		}
		if err != nil {
			a.gone(ctx, err)
			return false
		}
	}
}

// announce tells the core which lines can be read, and returns those that cannot.
func (a *acquireLines) announce(ctx context.Context, errs []error) (missing []int) {
	push(ctx, a.core, Input{Kind: UpInput, Source: a.cfg.Source, Channel: All})
	for n, err := range errs {
		kind := UpInput
		if err != nil {
			kind = DownInput
			missing = append(missing, n)
		}
		push(ctx, a.core, Input{Kind: kind, Source: a.cfg.Source, Channel: n, Err: err})
	}
	return missing
}

// available tells whether one of the missing lines can be opened now. It does not touch the lines that work.
func (a *acquireLines) available(missing []int) bool {
	lines, _ := a.cfg.Open(missing)
	if lines == nil {
		return false
	}
	lines.Close() // only tried
	return true
}

func (a *acquireLines) gone(ctx context.Context, err error) {
	push(ctx, a.core, Input{Kind: DownInput, Source: a.cfg.Source, Channel: All, Err: err})
}

// edge notes an edge and passes it to the core, or to the bus whose interrupt it is.
func (a *acquireLines) edge(ctx context.Context, e drivers.Edge) {
	delete(a.suspect, e.Channel)
	if e.Lost > 0 {
		a.suspect[e.Channel] = true
	}
	bus, ok := a.toINT[e.Channel]
	if !ok {
		if push(ctx, a.core, Input{Kind: EdgeInput, Source: a.cfg.Source, Edge: e}) {
			a.raw.Set(e.Channel, e.Level)
		}
		return
	}
	a.raw.Set(e.Channel, e.Level)
	select {
	case bus <- e: // full: the bus has been asked already and looks at the level before it rests
	default:
	}
}

// compare reads every level and reports those that no edge explains. A difference counts when it is still there at the
// second look, because the edge may be on its way. The first comparison after opening reports all levels.
func (a *acquireLines) compare(ctx context.Context, lines Lines, errs []error, first bool) error {
	found := Levels{}
	suspect := map[int]bool{}
	for n := range a.cfg.Count {
		if _, isINT := a.toINT[n]; isINT || errs[n] != nil {
			continue
		}
		level, err := lines.Level(n)
		if err != nil {
			return err
		}
		was, ok := a.raw.Get(n)
		switch {
		case first || !ok:
			found.Set(n, level)
		case was == level:
		case a.suspect[n]:
			found.Set(n, level)
		default:
			suspect[n] = true
		}
	}
	a.suspect = suspect
	found.At = a.now()
	if !push(ctx, a.core, Input{Kind: LevelsInput, Source: a.cfg.Source, Levels: found}) {
		return nil
	}
	for n := range a.cfg.Count {
		if level, ok := found.Get(n); ok {
			a.raw.Set(n, level)
		}
	}
	return nil
}
