package line

import (
	"errors"
	"fmt"
	"math"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"

	"lotusgate/drivers"
)

// Bias is the resistor of the chip itself at an input. A chip that has none ignores it, as the kernel does.
type Bias uint8

const (
	AsIs     Bias = iota // whatever the boot loader or the last user left
	PullUp               // high when the wire is open
	PullDown             // low when the wire is open
	Float                // resistors off: there is one on the board
)

// Input asks for one input line.
type Input struct {
	Name     string // kernel line name, chip:offset (gpiochip0:17, pinctrl-bcm2835:17), or a periph name or alias (GPIO17, 17, P1_11)
	Bias     Bias
	Debounce time.Duration // by the kernel, in its own unit of 1 µs; 0 = none
}

// Output asks for one output line.
type Output struct {
	Name      string
	ActiveLow bool // low switches the relay on
}

// Info describes a line that exists, without having requested it.
type Info struct {
	Chip     string // gpiochip0; empty for a pin that only periph knows
	Label    string // of the chip: pinctrl-bcm2835
	Offset   int    // on the chip
	Name     string // may be empty
	Used     bool   // held by a program or by the kernel itself
	Consumer string // who holds it, in its own words
	Output   bool   // direction now
}

// String is the line's place: "gpiochip0 line 17 (GPIO17)".
func (i Info) String() string {
	switch {
	case i.Chip == "":
		return "pin " + i.Name
	case i.Name == "":
		return fmt.Sprintf("%s line %d", i.Chip, i.Offset)
	}
	return fmt.Sprintf("%s line %d (%s)", i.Chip, i.Offset, i.Name)
}

// Provider opens lines by name. Make one with Kernel or Registry; it holds nothing open itself.
type Provider struct {
	kernel kernel // nil: pins of periph only
	find   func(name string) gpio.PinIO
	now    func() time.Duration
	kept   uint32 // events the kernel keeps for one request
	queue  int    // edges on their way to the consumer
}

const (
	kernelEvents = 1024 // the most the kernel gives (GPIO_V2_LINES_MAX * 16); its default is 16 for each line
	queuedEdges  = 4096
)

// Kernel is the Provider of a real board.
func Kernel() Provider {
	return Provider{kernel: cdev{dir: "/dev"}, find: gpioreg.ByName, now: Now, kept: kernelEvents, queue: queuedEdges}
}

// Registry is the Provider of what is registered with periph and nothing else: a simulated board. Edges are stamped
// with now, a time since boot; nil means Now.
func Registry(now func() time.Duration) Provider { return Pins(gpioreg.ByName, now) }

// Pins is the Provider of the pins that find returns and nothing else: one of several simulated boards in a process. find
// returns nil where there is none; edges are stamped as with Registry.
func Pins(find func(name string) gpio.PinIO, now func() time.Duration) Provider {
	if now == nil {
		now = Now
	}
	return Provider{find: find, now: now, queue: queuedEdges}
}

// Now is the time since the kernel booted, on the clock that stamps its edges (CLOCK_MONOTONIC).
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(err) // a clock every Linux has
	}
	return time.Duration(ts.Nano())
}

// Lines lists what can be opened, requesting nothing and reading no level. The error names chips that could not be
// read; the list holds the others nevertheless.
func (p Provider) Lines() ([]Info, error) {
	if p.kernel != nil {
		return p.kernel.lines()
	}
	var all []Info
	for _, pin := range gpioreg.All() {
		all = append(all, Info{Name: pin.Name()})
	}
	return all, nil
}

// Inputs opens all lines it can. The errors have one slot for each line, nil for those that are being read; an Inputs
// without any line is valid, and ended. Lines of one chip share a request, and with it a descriptor and a goroutine.
func (p Provider) Inputs(in []Input) (*Inputs, []error) {
	errs := make([]error, len(in))
	places := make([]place, len(in))
	names := p.directory()
	taken := map[string]string{}
	for n, want := range in {
		if want.Debounce < 0 || want.Debounce/time.Microsecond > math.MaxUint32 {
			errs[n] = refuse(want.Name, "debounce of %v is out of range; allowed are 0 to 1h11m", want.Debounce)
			continue
		}
		places[n], errs[n] = names.resolve(want.Name)
		if errs[n] != nil {
			continue
		}
		if first, ok := taken[places[n].key()]; ok {
			errs[n] = &drivers.Error{
				Fault: drivers.FaultBusy, Op: "open line " + want.Name,
				Err: fmt.Errorf("it is the same line as %s, requested before it: remove one of the two", first),
			}
			continue
		}
		taken[places[n].key()] = want.Name
	}

	i := newInputs(in, places, p.queue)
	for _, chip := range byChip(in, places, errs) {
		for _, lines := range plan(chip) {
			p.openChip(i, lines, errs)
		}
	}
	for n := range in {
		if errs[n] == nil && places[n].pin != nil {
			var pin *pinInput
			if pin, errs[n] = openPin(places[n].pin, in[n], p.now); errs[n] == nil {
				i.add(pin, drivers.UserClock, []int{n})
			}
		}
	}
	i.start(errs)
	return i, errs
}

// openChip requests lines of one chip together. The kernel's refusal does not say which line it means, so then each
// line is tried alone and the refused ones are left out.
func (p Provider) openChip(i *Inputs, lines []kernelLine, errs []error) {
	for len(lines) > 0 {
		r := inputRequest(lines, p.kept)
		h, err := p.kernel.request(lines[0].info.Chip, &r)
		if err == nil {
			i.add(newChipInput(h, lines), drivers.KernelClock, channels(lines))
			return
		}
		var good []kernelLine
		for _, l := range lines {
			if errs[l.channel] = p.try(l); errs[l.channel] == nil {
				good = append(good, l)
			}
		}
		if len(good) == len(lines) { // each alone but not together: busy for a moment, or a limit of the chip
			for _, l := range lines {
				errs[l.channel] = openError(l.info, l.want.Name, err)
			}
			return
		}
		lines = good
	}
}

// try requests a line alone and releases it.
func (p Provider) try(l kernelLine) error {
	r := inputRequest([]kernelLine{l}, p.kept)
	h, err := p.kernel.request(l.info.Chip, &r)
	if err != nil {
		return openError(l.info, l.want.Name, err)
	}
	return h.close()
}

// openError says what a refusal means at the machine.
func openError(l Info, name string, err error) error {
	e := &drivers.Error{Fault: drivers.Classify(err), Op: fmt.Sprintf("open line %s: %s", name, l), Err: err}
	switch {
	case e.Fault == drivers.FaultBusy:
		holder := "another program"
		if l.Consumer != "" {
			holder = fmt.Sprintf("%q", l.Consumer)
		}
		e.Err = fmt.Errorf("%w: held by %s; stop it or choose another line", err, holder)
	case errors.Is(err, unix.ENXIO): // of I²C this would be "no acknowledge"
		e.Fault = drivers.FaultMismatch
		e.Err = fmt.Errorf("%w: the line has no interrupt and cannot report edges; choose another line", err)
	case e.Fault == drivers.FaultDenied:
		e.Err = fmt.Errorf("%w: add the user of this program to the group that owns /dev/%s", err, l.Chip)
	case e.Fault == drivers.FaultMissing:
		e.Err = fmt.Errorf("%w: the chip was removed", err)
	}
	return e
}

func refuse(name, format string, args ...any) error {
	return &drivers.Error{Fault: drivers.FaultMismatch, Op: "open line " + name, Err: fmt.Errorf(format, args...)}
}
