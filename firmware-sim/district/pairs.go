package district

import (
	"cmp"
	"slices"
	"time"

	"lotusgate/gateway"
)

// Pair is one thing that happened and the event that told it, or one of both without the other.
type Pair struct {
	ID       string
	Type     gateway.Type
	Cause    string
	At       time.Duration // when it happened; when the event says so, where nothing did
	Happened bool
	Event    int // in Events; -1 = nobody told it
}

// early is how long before it happened an event may say that something happened: a lane counts a vehicle when it has left
// the first loop, and the truth when it has left the second.
const early = 3 * time.Second

// Pairs holds each thing that happened against the event that told it, in the order in which they happened. latest is how
// long after it each may have happened according to its event.
func (g *Gateway) Pairs(latest func(k gateway.Type, cause string) time.Duration) (all []Pair) {
	happened, reported := map[name][]time.Duration{}, map[name][]int{}
	for _, truth := range g.Truths {
		for _, n := range g.expects(truth) {
			if !g.blind(n, truth.At) {
				happened[n] = append(happened[n], truth.At)
			}
		}
	}
	for _, f := range g.Faults {
		for _, n := range f.wants {
			if g.wanted(f, n, latest(n.kind, n.cause)) {
				happened[n] = append(happened[n], f.At)
			}
		}
	}
	for i, e := range g.Events {
		n := nameOf(e.Event)
		switch passed := (name{n.id, gateway.VehiclePassed, ""}); {
		case told[n.kind] || g.blind(n, e.At):
		case n.kind != gateway.PassRetracted:
			reported[n] = append(reported[n], i)
		case len(reported[passed]) > 0: // the last one came back
			reported[passed] = reported[passed][:len(reported[passed])-1]
		}
	}
	for n, times := range happened {
		all = append(all, g.pair(n, times, reported[n], latest(n.kind, n.cause))...)
		delete(reported, n)
	}
	for n, events := range reported {
		all = append(all, g.pair(n, nil, events, 0)...)
	}
	slices.SortFunc(all, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Cause, b.Cause))
	})
	return all
}

// pair matches what happened and what was told of one name, both in the order of their times.
func (g *Gateway) pair(n name, happened []time.Duration, events []int, latest time.Duration) (all []Pair) {
	slices.Sort(happened)
	slices.SortStableFunc(events, func(a, b int) int { return cmp.Compare(g.Events[a].At, g.Events[b].At) })
	// later tells whether the next event fits the second of what happened, and the one after it no more.
	later := func() bool {
		return len(happened) > 1 && happened[1]-early <= g.Events[events[0]].At &&
			(len(events) == 1 || g.Events[events[1]].At > happened[1]+latest)
	}
	for len(happened) > 0 || len(events) > 0 {
		p := Pair{ID: n.id, Type: n.kind, Cause: n.cause, Event: -1}
		switch {
		case len(events) == 0 || later() || len(happened) > 0 && happened[0]+latest < g.Events[events[0]].At:
			p.At, p.Happened, happened = happened[0], true, happened[1:]
		case len(happened) == 0 || g.Events[events[0]].At < happened[0]-early:
			p.At, p.Event, events = g.Events[events[0]].At, events[0], events[1:]
		default:
			p.At, p.Happened, p.Event = happened[0], true, events[0]
			happened, events = happened[1:], events[1:]
		}
		all = append(all, p)
	}
	return all
}
