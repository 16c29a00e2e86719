package line

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"

	"lotusgate/drivers"
)

// kernel is what this package needs of the GPIO character devices: cdev, or a fake in tests.
type kernel interface {
	// lines lists the lines of all chips; with an error, those of the chips that could be read.
	lines() ([]Info, error)
	request(chip string, r *uapi.LineRequest) (handle, error)
}

// handle is a request that was granted. It is safe for concurrent use.
type handle interface {
	// read waits for events and returns the bytes of whole ones.
	read(buf []byte) (int, error)
	level(bit int) (bool, error)
	set(active bool) error // of the first line
	// close ends a read that waits.
	close() error
}

// eventSize is that of struct gpio_v2_line_event, on every architecture:
// 0 time u64, 8 id u32, 12 offset u32, 16 seqno u32, 20 line_seqno u32, 24 padding.
const eventSize = 48

// chipInput reads the lines of one request.
type chipInput struct {
	handle  handle
	slots   map[uint32]int // by offset on the chip
	numbers []uint32       // last sequence number of each slot; the goroutine in run owns it
	once    sync.Once
}

func newChipInput(h handle, lines []kernelLine) *chipInput {
	c := &chipInput{handle: h, slots: map[uint32]int{}, numbers: make([]uint32, len(lines))}
	for slot, l := range lines {
		c.slots[uint32(l.info.Offset)] = slot
	}
	return c
}

func (c *chipInput) run(tell func(slot int, e drivers.Edge) bool) error {
	buf := make([]byte, 64*eventSize)
	for {
		n, err := c.handle.read(buf)
		if err != nil {
			return err
		}
		for event := buf[:n]; len(event) >= eventSize; event = event[eventSize:] {
			slot, e, err := c.decode(event)
			if err != nil {
				return err
			}
			if !tell(slot, e) {
				return nil
			}
		}
	}
}

// decode reads one event. The kernel numbers the events of each line from 1 and keeps counting those it drops.
func (c *chipInput) decode(event []byte) (int, drivers.Edge, error) {
	order := binary.NativeEndian
	offset := order.Uint32(event[12:])
	slot, ok := c.slots[offset]
	if !ok {
		return 0, drivers.Edge{}, fmt.Errorf("kernel event of line %d, which was not requested", offset)
	}
	number := order.Uint32(event[20:])
	lost := number - c.numbers[slot] - 1 // right across the wrap
	c.numbers[slot] = number
	return slot, drivers.Edge{
		Level: uapi.LineEventID(order.Uint32(event[8:])) == uapi.LineEventRisingEdge,
		At:    time.Duration(order.Uint64(event[0:])),
		Clock: drivers.KernelClock,
		Lost:  lost,
	}, nil
}

func (c *chipInput) level(slot int) (bool, error) { return c.handle.level(slot) }

func (c *chipInput) close() (err error) {
	c.once.Do(func() { err = c.handle.close() })
	return err
}
