package rig

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2creg"

	"lotusgate/firmware-sim/chip"
)

// hangTime is how long the kernel waits for a transfer before it gives up (i2c-bcm2835: one second).
const hangTime = time.Second

// Bus is an I²C bus of the board. Every handle that is opened is the same bus; closing one leaves the bus alone, as on
// Linux, where a handle is a file descriptor.
type Bus struct {
	*chip.Bus
	name   string
	number int
	pass   func(time.Duration) bool // lets the time of a transfer pass; nil = the clock of this process does
	read   func(string, uint16)     // is told of a part that was read; nil = nobody is
	fresh  map[uint16]func()        // brings what changes with time to the chip at an address

	mu    sync.Mutex
	hung  chan struct{} // closed when the bus is let go; nil = it is free
	clear func()        // ends an injected fault; nil = there is none
	slow  chip.Fault    // its Delay is waited out here, with no lock held
}

var _ i2c.BusCloser = (*Bus)(nil)

// newBus makes the bus that Linux calls name: /dev/i2c-1.
func newBus(name string) (*Bus, error) {
	digits, ok := strings.CutPrefix(name, "/dev/i2c-")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || number < 0 {
		return nil, fmt.Errorf("bus %q: write it as Linux does: /dev/i2c-1", name)
	}
	alias := "I2C" + digits
	b := &Bus{Bus: chip.NewBus(alias), name: name, number: number, fresh: map[uint16]func(){}}
	return b, nil
}

func (b *Bus) register() error {
	return i2creg.Register(b.name, []string{b.String()}, b.number, func() (i2c.BusCloser, error) { return b, nil })
}

// Close closes a handle: nothing happens.
func (b *Bus) Close() error { return nil }

// Tx implements i2c.Bus. On a hung bus it takes the kernel's patience and fails.
func (b *Bus) Tx(addr uint16, w, r []byte) error {
	hung, stretched := b.state()
	if b.pass != nil {
		return b.timed(addr, w, r, hung != nil, stretched)
	}
	if hung == nil {
		time.Sleep(stretched) // a stretched clock holds up who waits for it
		return b.Bus.Tx(addr, w, r)
	}
	t := time.NewTimer(hangTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-hung: // let go in the middle of a transfer, which is lost all the same
	}
	return errTimedOut
}

// What the kernel says of transfers, as periph passes it on.
var (
	errTimedOut = errors.New("sysfs-i2c: " + syscall.ETIMEDOUT.Error())
	errGivenUp  = errors.New("sysfs-i2c: " + syscall.EINTR.Error())
)

// timed is a transfer that takes its time.
func (b *Bus) timed(addr uint16, w, r []byte, hung bool, stretched time.Duration) error {
	if hung {
		b.pass(hangTime)
		return errTimedOut
	}
	bits := 1 + 10*min(len(w), 1) + 9*len(w) + 10*min(len(r), 1) + 9*len(r) // stop; start, address, bytes
	half := time.Duration(bits) * b.Speed().Period() / 2
	if !b.pass(half + stretched) {
		return errGivenUp
	}
	if len(b.fresh) > 0 {
		if f := b.fresh[addr]; f != nil {
			f()
		}
	}
	err := b.Bus.Tx(addr, w, r)
	if err == nil && len(r) > 0 && b.read != nil {
		b.read(b.name, addr)
	}
	if !b.pass(half) {
		return errGivenUp
	}
	return err
}

// hang holds a wire of the bus low, or lets it go.
func (b *Bus) hang(held bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case held && b.hung == nil:
		b.hung = make(chan struct{})
	case !held && b.hung != nil:
		close(b.hung)
		b.hung = nil
	}
}

// state is what holds the next transfer up: a wire that is held, or a part that stretches the clock for so long.
func (b *Bus) state() (hung chan struct{}, stretched time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hung != nil || b.slow.Times == 0 {
		return b.hung, 0
	}
	if b.slow.Times > 0 {
		b.slow.Times--
	}
	return nil, b.slow.Delay
}

// disturb makes transfers go wrong until it is called with a fault that does nothing.
func (b *Bus) disturb(f chip.Fault) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.clear != nil {
		b.clear()
		b.clear = nil
	}
	b.slow, f.Delay = f, 0
	if f.Errno != 0 || f.Flip != 0 {
		b.clear = b.Inject(f)
	}
}
