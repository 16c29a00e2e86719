package sim

import (
	"container/heap"
	"time"
)

// never is a time that does not come.
const never = time.Duration(1<<63 - 1)

// agenda is what will happen, in the order of its times; of two things at one time the one that was noted first.
type agenda struct {
	items []item
	noted uint64
}

type item struct {
	at   time.Duration
	turn uint64
	do   func()
}

// at notes something to happen.
func (a *agenda) at(t time.Duration, do func()) {
	a.noted++
	heap.Push((*items)(&a.items), item{t, a.noted, do})
}

// next is when something happens.
func (a *agenda) next() time.Duration {
	if len(a.items) == 0 {
		return never
	}
	return a.items[0].at
}

// run lets happen what is due, and what that brings about at once.
func (a *agenda) run(now time.Duration) {
	for a.next() <= now {
		heap.Pop((*items)(&a.items)).(item).do()
	}
}

// items is the heap.
type items []item

func (h items) Len() int { return len(h) }

func (h items) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].turn < h[j].turn
}

func (h items) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *items) Push(x any) { *h = append(*h, x.(item)) }

func (h *items) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = item{} // let go of what it holds
	*h = (*h)[:last]
	return x
}
