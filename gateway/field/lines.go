package field

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"lotusgate/drivers"
	"lotusgate/gateway"
	"lotusgate/gateway/device"
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
	core  inlet
	toINT map[int]chan<- drivers.Edge // channel → the bus that owns the interrupt

	all     []int         // every channel
	raw     Levels        // what the edges so far, or the last level read, say
	suspect map[int]bool  // channels that differed at the last comparison
	level   chan levelAsk // levels wanted by the buses
	turn    *coroutine    // nil = a goroutine
	held    *heldLines    // what the reader before left open; nil = nothing
	watched *atomic.Int64 // gateway.Mono of the last move
	lines   Lines         // that are open; nil = there are none
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

// levelOf reads a native line through its owner.
type levelOf func(ctx context.Context, channel int) (bool, error)

// asking is the levelOf of who is another goroutine than the owner.
func asking(asks chan<- levelAsk) levelOf {
	return func(ctx context.Context, channel int) (bool, error) {
		answer := make(chan levelAnswer, 1)
		select {
		case asks <- levelAsk{channel, answer}:
		case <-ctx.Done():
			return false, ctx.Err()
		}
		select {
		case a := <-answer:
			return a.level, a.err
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// read is the levelOf of who takes turns with the owner.
func (a *acquireLines) read(_ context.Context, channel int) (bool, error) {
	if a.lines == nil {
		return false, errNoLines
	}
	return a.lines.Level(channel)
}

// sign is what the owner of the lines is woken by; none of them = time.
type sign struct {
	edge *drivers.Edge
	ask  *levelAsk
	gone bool // there are no more edges
}

// await waits for a sign until a time. Only here does the owner of the lines wait.
func (a *acquireLines) await(ctx context.Context, until gateway.Mono) (s sign) {
	var edges <-chan drivers.Edge
	if a.lines != nil {
		edges = a.lines.Edges()
	}
	if a.turn != nil {
		a.turn.wait(until, func() bool { return len(edges) > 0 })
		if len(edges) > 0 {
			s.edge = new(<-edges)
		}
		return s
	}
	timer := time.NewTimer(max(until.Sub(a.now()), 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case q := <-a.level:
		s.ask = &q
	case e, ok := <-edges:
		s.edge, s.gone = &e, !ok
	case <-timer.C:
	}
	return s
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
			if !a.core.push(ctx, Input{Kind: DownInput, Source: a.cfg.Source, Channel: All, Err: errors.Join(errs...)}) {
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
	for until := a.now().Add(d); ctx.Err() == nil && a.now() < until; {
		a.move()
		if s := a.await(ctx, min(until, a.now().Add(reconcileEvery))); s.ask != nil {
			s.ask.answer <- levelAnswer{err: errNoLines}
		}
	}
}

// move notes that the reader lives.
func (a *acquireLines) move() { a.watched.Store(int64(a.now())) }

// serve passes on what the open lines say until they are gone, ctx ends, or a line that could not be opened has become
// available: then all are opened anew, in one set. It is true when the lines still worked at the end of ctx. Lines that are
// taken over have edges waiting: points that are new on them begin with the level before those.
func (a *acquireLines) serve(ctx context.Context, lines Lines, errs []error, takenOver bool) bool {
	a.suspect, a.lines = map[int]bool{}, lines
	defer func() { a.lines = nil }()
	missing := a.announce(ctx, errs)
	if takenOver {
		a.raw.At = a.now()
		a.core.push(ctx, Input{Kind: LevelsInput, Source: a.cfg.Source, Levels: a.raw})
	} else {
		a.raw = Levels{}
		if err := a.compare(ctx, lines, errs, true); err != nil {
			a.gone(ctx, err)
			return false
		}
	}
	tick, recheck, retry := a.now().Add(reconcileEvery), a.now().Add(suspectFor), device.Forever
	if len(missing) > 0 {
		retry = a.now().Add(retryMost)
	}
	for ctx.Err() == nil {
		a.move()
		s := a.await(ctx, min(tick, recheck, retry))
		now, compare, again := a.now(), false, false
		switch {
		case ctx.Err() != nil:
			return true
		case s.gone:
			a.gone(ctx, errNoLines)
			return false
		case s.ask != nil:
			level, err := lines.Level(s.ask.channel)
			s.ask.answer <- levelAnswer{level, err}
		case s.edge != nil:
			a.edge(ctx, *s.edge)
			if s.edge.Lost > 0 { // the level after lost edges is the truth
				recheck = now.Add(suspectFor)
			}
		case now >= retry:
			retry = now.Add(retryMost)
			if a.available(missing) {
				return false
			}
		case now >= recheck:
			recheck, compare = device.Forever, true
		case now >= tick:
			tick, compare, again = tick.Add(reconcileEvery), true, true
		}
		if !compare {
			continue
		}
		if err := a.compare(ctx, lines, errs, false); err != nil {
			a.gone(ctx, err)
			return false
		}
		if again && len(a.suspect) > 0 {
			recheck = now.Add(suspectFor)
		}
	}
	return true
}

// announce tells the core which lines can be read, and returns those that cannot.
func (a *acquireLines) announce(ctx context.Context, errs []error) (missing []int) {
	a.core.push(ctx, Input{Kind: UpInput, Source: a.cfg.Source, Channel: All})
	for n, err := range errs {
		kind := UpInput
		if err != nil {
			kind = DownInput
			missing = append(missing, n)
		}
		a.core.push(ctx, Input{Kind: kind, Source: a.cfg.Source, Channel: n, Err: err})
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
	a.core.push(ctx, Input{Kind: DownInput, Source: a.cfg.Source, Channel: All, Err: err})
}

// edge notes an edge and passes it to the core, or to the bus whose interrupt it is.
func (a *acquireLines) edge(ctx context.Context, e drivers.Edge) {
	delete(a.suspect, e.Channel)
	if e.Lost > 0 {
		a.suspect[e.Channel] = true
	}
	bus, ok := a.toINT[e.Channel]
	if !ok {
		if a.core.push(ctx, Input{Kind: EdgeInput, Source: a.cfg.Source, Edge: e}) {
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
	if !a.core.push(ctx, Input{Kind: LevelsInput, Source: a.cfg.Source, Levels: found}) {
		return nil
	}
	for n := range a.cfg.Count {
		if level, ok := found.Get(n); ok {
			a.raw.Set(n, level)
		}
	}
	return nil
}
