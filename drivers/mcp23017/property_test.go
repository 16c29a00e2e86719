package mcp23017

import (
	"testing"

	"lotusgate/drivers"

	"pgregory.net/rapid"
)

// ledger compares what the pins did with what the driver reported.
type ledger struct {
	t        *rapid.T
	b        *bench
	level    [16]bool // as driven
	changes  [16]int  // made since the start
	reported [16]int  // edges handed up, lost ones included
	last     [16]bool // level of the last edge
}

func (l *ledger) flip(pin int) {
	l.level[pin] = !l.level[pin]
	l.changes[pin]++
	l.b.chip.Drive(pin, l.level[pin])
}

// service reads until INT is high, as the owner of the chip does, and checks every edge.
func (l *ledger) service() (edges []drivers.Edge) {
	for range 8 {
		l.b.now += ms
		l.b.s.Reset()
		if err := l.b.dev.Service(&l.b.s, l.b.intA); err != nil {
			l.t.Fatal(err)
		}
		l.b.intA = 0
		for i, e := range l.b.s.Edges {
			n := e.Channel
			if i > 0 && e.At < l.b.s.Edges[i-1].At {
				l.t.Fatalf("edges out of order: %+v", l.b.s.Edges)
			}
			if (e.Level != l.last[n]) != (e.Lost == 0) {
				l.t.Fatalf("channel %d: edge to %v, lost %d, after %v", n, e.Level, e.Lost, l.last[n])
			}
			l.last[n] = e.Level
			l.reported[n] += 1 + int(e.Lost)
			if l.reported[n] > l.changes[n] {
				l.t.Fatalf("channel %d: %d edges reported, %d made", n, l.reported[n], l.changes[n])
			}
		}
		edges = append(edges, l.b.s.Edges...)
		if l.b.chip.Interrupt(0) {
			return edges
		}
	}
	l.t.Fatal("INT stays low")
	return nil
}

func (l *ledger) levelsRight() {
	for n, want := range l.level {
		if loops>>n&1 != 0 && (l.b.s.Levels>>n&1 != 0) != want {
			l.t.Fatalf("channel %d reads %v, is %v", n, !want, want)
		}
	}
}

func pins() *rapid.Generator[int] {
	return rapid.SampledFrom([]int{0, 1, 2, 3, 8, 9, 10, 11})
}

// Serviced after each change: every change is reported, once, with the kernel's time.
func TestPropertyPromptService(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := &ledger{t: rt, b: newBench(t)}
		for _, pin := range rapid.SliceOfN(pins(), 1, 60).Draw(rt, "pins") {
			l.b.now += ms
			l.flip(pin)
			at := l.b.now
			edges := l.service()
			if len(edges) != 1 || edges[0] != kernel(pin, l.level[pin], at) {
				rt.Fatalf("pin %d to %v at %v: %+v", pin, l.level[pin], at, edges)
			}
			l.levelsRight()
		}
	})
}

// Serviced late: the first change of each port and every change that lasted are reported, and nothing that was not.
func TestPropertyLateService(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := &ledger{t: rt, b: newBench(t)}
		for range rapid.IntRange(1, 20).Draw(rt, "rounds") {
			before := l.level
			first := map[int]int{} // port to pin
			for _, pin := range rapid.SliceOfN(pins(), 0, 8).Draw(rt, "pins") {
				l.b.now += ms
				l.flip(pin)
				if _, ok := first[pin/8]; !ok {
					first[pin/8] = pin
				}
			}
			edges := l.service()
			l.levelsRight()
			var seen [16]int
			for _, e := range edges {
				seen[e.Channel]++
			}
			for n := range before {
				if before[n] != l.level[n] && seen[n]%2 == 0 {
					rt.Fatalf("channel %d changed and stayed; edges %+v", n, edges)
				}
			}
			for _, pin := range first {
				if seen[pin] == 0 {
					rt.Fatalf("channel %d was first on its port and is not reported; edges %+v", pin, edges)
				}
			}
		}
	})
}

// Changes in the middle of transfers: nothing is made up, and one quiet look later every level is right.
func TestPropertyChangesInBurst(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := &ledger{t: rt, b: newBench(t)}
		type change struct{ at, pin int }
		changes := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) change {
			return change{rapid.IntRange(0, 60).Draw(rt, "byte"), pins().Draw(rt, "pin")}
		}), 0, 12)
		for range rapid.IntRange(1, 10).Draw(rt, "rounds") {
			due := changes.Draw(rt, "changes")
			count := 0
			l.b.bus.During(func(uint16, bool, int) {
				for _, c := range due {
					if c.at == count {
						l.flip(c.pin)
					}
				}
				count++
			})
			if rapid.Bool().Draw(rt, "edge first") {
				l.flip(pins().Draw(rt, "first"))
			}
			l.service()
			l.b.bus.During(nil)
			l.service()
			l.levelsRight()
			if l.level != l.last {
				rt.Fatalf("levels after the last edges %v, pins %v", l.last, l.level)
			}
		}
	})
}
