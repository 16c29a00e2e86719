package status

import (
	"maps"
	"slices"
	"sync"
)

// findings keeps what came of the steps that are over: a walk takes longer than the trace reaches back.
type findings struct {
	mu    sync.Mutex
	found map[step]result
	order []step
}

// findingsMost is enough for several large walks at a time.
const findingsMost = 4 * walkMost

func (f *findings) of(s step) (result, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.found[s]
	return r, ok
}

// passed are the inputs that a walk has found in order.
func (f *findings) passed(w walk) map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]bool{}
	for _, s := range w.Steps {
		if f.found[s].Verdict == walkOK {
			all[s.Point] = true
		}
	}
	return all
}

// forget what came of asking for an input: it is wired otherwise now.
func (f *findings) forget(point string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.order = slices.DeleteFunc(f.order, func(s step) bool { return s.Point == point })
	maps.DeleteFunc(f.found, func(s step, _ result) bool { return s.Point == point })
}

func (f *findings) keep(s step, r result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.found[s]; ok {
		return
	}
	if f.found == nil {
		f.found = map[step]result{}
	}
	if len(f.order) == findingsMost {
		delete(f.found, f.order[0])
		f.order = f.order[1:]
	}
	f.found[s] = r
	f.order = append(f.order, s)
}
