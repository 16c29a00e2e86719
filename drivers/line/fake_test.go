package line

import (
	"encoding/binary"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/warthog618/go-gpiocdev/uapi"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/pin"
)

// fakeKernel has chips that exist in memory.
type fakeKernel struct {
	mu      sync.Mutex
	infos   []Info
	err     error            // of lines
	refuse  map[string]error // by "chip:offset"
	strict  bool             // released lines become inputs
	granted []*fakeHandle    // in order
}

// chip adds lines named so to the kernel.
func (k *fakeKernel) chip(name string, lines ...string) *fakeKernel {
	for offset, line := range lines {
		k.infos = append(k.infos, Info{Chip: name, Label: "pinctrl-" + name, Offset: offset, Name: line})
	}
	return k
}

func (k *fakeKernel) provider() Provider {
	return Provider{kernel: k, find: gpioreg.ByName, now: Now, kept: kernelEvents, queue: queuedEdges}
}

func (k *fakeKernel) lines() ([]Info, error) { return k.infos, k.err }

func (k *fakeKernel) request(chip string, r *uapi.LineRequest) (handle, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, offset := range r.Offsets[:r.Lines] {
		key := place{Info: Info{Chip: chip, Offset: int(offset)}}.key()
		if err := k.refuse[key]; err != nil {
			return nil, err
		}
	}
	for n := range k.infos {
		if i := &k.infos[n]; i.Chip == chip && i.Offset == int(r.Offsets[0]) {
			if r.Config.Flags.IsOutput() {
				i.Output = true
			} else if k.strict {
				i.Output = false // looked at anew
			}
		}
	}
	h := &fakeHandle{asked: *r, events: make(chan []byte, 10000), gone: make(chan struct{}), closed: make(chan struct{})}
	k.granted = append(k.granted, h)
	return h, nil
}

// open returns the handles that are not closed.
func (k *fakeKernel) open() []*fakeHandle {
	k.mu.Lock()
	defer k.mu.Unlock()
	var open []*fakeHandle
	for _, h := range k.granted {
		select {
		case <-h.closed:
		default:
			open = append(open, h)
		}
	}
	return open
}

// fakeHandle is one request.
type fakeHandle struct {
	asked  uapi.LineRequest
	events chan []byte
	gone   chan struct{} // closed by remove
	closed chan struct{}

	mu     sync.Mutex
	reads  int
	levels uint64
	drives []bool
}

func (h *fakeHandle) remove() { close(h.gone) }

// event is what the kernel writes for an edge.
func event(offset, number uint32, rising bool, at time.Duration) []byte {
	b := make([]byte, eventSize)
	id := uapi.LineEventFallingEdge
	if rising {
		id = uapi.LineEventRisingEdge
	}
	order := binary.NativeEndian
	order.PutUint64(b[0:], uint64(at))
	order.PutUint32(b[8:], uint32(id))
	order.PutUint32(b[12:], offset)
	order.PutUint32(b[20:], number)
	return b
}

func (h *fakeHandle) read(buf []byte) (int, error) {
	h.mu.Lock()
	h.reads++
	h.mu.Unlock()
	select {
	case b := <-h.events:
		return copy(buf, b), nil
	default:
	}
	select {
	case b := <-h.events:
		return copy(buf, b), nil
	case <-h.gone:
		return 0, &os.PathError{Op: "read", Path: "fake", Err: syscall.ENODEV}
	case <-h.closed:
		return 0, os.ErrClosed
	}
}

func (h *fakeHandle) level(bit int) (bool, error) {
	select {
	case <-h.gone:
		return false, syscall.ENODEV
	default:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.levels>>bit&1 != 0, nil
}

func (h *fakeHandle) set(active bool) error {
	select {
	case <-h.gone:
		return syscall.ENODEV
	default:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drives = append(h.drives, active)
	h.levels = 0
	if active {
		h.levels = 1
	}
	return nil
}

func (h *fakeHandle) close() error {
	close(h.closed) // panics on a second one
	return nil
}

// register makes pins known to periph for one test.
func register(t testing.TB, pins ...gpio.PinIO) {
	t.Helper()
	for _, p := range pins {
		if err := gpioreg.Register(p); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { gpioreg.Unregister(p.Name()) })
	}
}

func alias(t testing.TB, name, pin string) {
	t.Helper()
	if err := gpioreg.RegisterAlias(name, pin); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gpioreg.Unregister(name) })
}

// hostilePin is a pin that does what the worst of periph's drivers do, and fails the test that falls for it.
type hostilePin struct {
	gpio.PinIO // nil: what is not below may not be called
	t          testing.TB
	name       string
	wait       func(timeout time.Duration) bool
	inErr      error

	mu    sync.Mutex
	level gpio.Level
	pull  gpio.Pull
	input bool
	waits int
	outs  []gpio.Level
}

func (p *hostilePin) Name() string   { return p.name }
func (p *hostilePin) String() string { return p.name }
func (p *hostilePin) Halt() error    { return nil }

func (p *hostilePin) Function() string { p.t.Error("Function called"); return "" }
func (p *hostilePin) Func() pin.Func   { p.t.Error("Func called"); return "" }

func (p *hostilePin) In(pull gpio.Pull, edge gpio.Edge) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pull, p.input = pull, true
	if edge != gpio.BothEdges {
		p.t.Errorf("In with %v", edge)
	}
	return p.inErr
}

func (p *hostilePin) Read() gpio.Level {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.input {
		p.t.Error("Read on a pin that is not an input")
	}
	return p.level
}

func (p *hostilePin) WaitForEdge(timeout time.Duration) bool {
	p.mu.Lock()
	p.waits++
	p.mu.Unlock()
	if timeout <= 0 {
		p.t.Errorf("WaitForEdge(%v): not finite and positive", timeout)
		return false
	}
	return p.wait(timeout)
}

func (p *hostilePin) Out(l gpio.Level) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.outs = append(p.outs, l)
	return nil
}

// together refuses requests of more than one line.
type together struct{ *fakeKernel }

func (k together) request(chip string, r *uapi.LineRequest) (handle, error) {
	if r.Lines > 1 {
		return nil, syscall.EINVAL
	}
	return k.fakeKernel.request(chip, r)
}
