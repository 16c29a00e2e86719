package line

import (
	"testing"
	"time"

	"lotusgate/drivers"
)

// fullHandle always has 64 events.
type fullHandle struct {
	fakeHandle
	events []byte
}

func (h *fullHandle) read(buf []byte) (int, error) { return copy(buf, h.events), nil }

// BenchmarkEdge is one edge from the bytes the kernel gave to the consumer, one hand-over between goroutines included.
func BenchmarkEdge(b *testing.B) {
	h := &fullHandle{}
	for n := range uint32(64) {
		h.events = append(h.events, event(0, n+1, n%2 == 0, time.Duration(n))...)
	}
	i := newInputs([]Input{{Name: "A"}}, make([]place, 1), queuedEdges)
	c := newChipInput(h, []kernelLine{{}})
	b.ReportAllocs()
	told := 0
	go func() {
		c.run(func(slot int, e drivers.Edge) bool {
			told++
			return i.push(e) && told < b.N
		})
		i.end()
	}()
	for range i.Edges() {
	}
}
