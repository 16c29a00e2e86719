package ads1115

import (
	"errors"
	"fmt"
	"time"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// ErrBusy: the conversion is not finished. Read again later.
var ErrBusy = errors.New("the conversion is not finished")

// Registers, and bits of the configuration, §8.1.
const (
	regConversion = 0
	regConfig     = 1

	configOS      = 0x8000
	configMuxAIN0 = 0x4000 // against ground; AIN1 to AIN3 follow in steps of 0x1000
	configSingle  = 0x0100
	configNoAlert = 0x0003
	configPowerOn = 0x8583
)

// ranges are the full scales by PGA code, rates the data rates by DR code, §8.1.3.
var (
	ranges = [...]physic.ElectricPotential{
		6144 * physic.MilliVolt, 4096 * physic.MilliVolt, 2048 * physic.MilliVolt,
		1024 * physic.MilliVolt, 512 * physic.MilliVolt, 256 * physic.MilliVolt,
	}
	rates = [...]int{8, 16, 32, 64, 128, 250, 475, 860}
)

// Opts says how the inputs are measured.
type Opts struct {
	Max  physic.ElectricPotential // the largest voltage that must be told exactly; sets the range
	Rate int                      // conversions a second: 8, 16, 32, 64, 128, 250, 475 or 860; the slower the quieter
}

// Reading is the result of one conversion.
type Reading struct {
	Channel int
	Voltage physic.ElectricPotential // against ground; may be slightly negative at 0 V
	Clipped bool                     // at the end of the range: the voltage may be larger
}

// Dev is one chip. It is not safe for concurrent use: the owner of the bus calls it.
type Dev struct {
	bus    i2c.Bus
	addr   uint16
	config uint16 // without channel and OS
	scale  physic.ElectricPotential
	takes  time.Duration

	channel int // of the conversion that was started; -1 = none
	w       [3]byte
	r       [2]byte
}

// New checks the options. It does not talk to the chip.
func New(bus i2c.Bus, addr uint16, o Opts) (*Dev, error) {
	fail := func(format string, args ...any) (*Dev, error) {
		return nil, fmt.Errorf("ads1115 at %#02x: %s", addr, fmt.Sprintf(format, args...))
	}
	d := &Dev{bus: bus, addr: addr, channel: -1}
	for code, rate := range rates {
		if rate == o.Rate {
			d.config = configSingle | configNoAlert | uint16(code)<<5
			// 10 % slower than nominal, and 25 µs to wake up.
			d.takes = time.Second*1000/900/time.Duration(rate) + 50*time.Microsecond
		}
	}
	for code, scale := range ranges {
		if o.Max > 0 && scale > o.Max {
			d.scale = scale
			d.config = d.config&^(7<<9) | uint16(code)<<9
		}
	}
	switch {
	case bus == nil:
		return fail("no bus given")
	case addr < 0x48 || addr > 0x4b:
		return fail("the address must be 0x48 to 0x4b, as set by its pin ADDR")
	case d.takes == 0:
		return fail("rate %d: allowed are %v", o.Rate, rates)
	case d.scale == 0:
		return fail("a largest voltage of %s: give more than 0 and less than %s", o.Max, ranges[0])
	}
	return d, nil
}

// Start begins a conversion of AIN0 to AIN3 and says after what time it is finished for certain. Whatever was
// started before must have been finished: a conversion under way is not interrupted (§8.1.3).
func (d *Dev) Start(channel int) (takes time.Duration, err error) {
	if channel < 0 || channel > 3 {
		return 0, d.error(drivers.FaultMismatch, "start", fmt.Errorf("there is no channel %d", channel))
	}
	d.channel = -1
	w, v := d.w[:], d.started(channel)|configOS
	w[0], w[1], w[2] = regConfig, byte(v>>8), byte(v)
	if err := d.bus.Tx(d.addr, w, nil); err != nil {
		return 0, d.error(drivers.Classify(err), "start", err)
	}
	d.channel = channel
	return d.takes, nil
}

// Read fetches the result of the conversion that Start began. errors.Is(err, ErrBusy) if it is not finished. A
// configuration at its power-on value gives drivers.FaultReset, another one drivers.FaultMismatch: Start again, and
// report it.
func (d *Dev) Read() (Reading, error) {
	if d.channel < 0 {
		return Reading{}, d.error(drivers.FaultMismatch, "read", errors.New("no conversion was started"))
	}
	if err := d.vouch(); err != nil {
		return Reading{}, err
	}
	result, err := d.read("read result", regConversion)
	if err != nil {
		return Reading{}, err
	}
	if err := d.vouch(); err != nil {
		return Reading{}, err
	}
	code := int16(result)
	return Reading{
		Channel: d.channel,
		Voltage: physic.ElectricPotential(int64(code) * int64(d.scale) / 32768),
		Clipped: code == 32767 || code == -32768,
	}, nil
}

// PerMille is the ratio of a contact's voltage to that of its pull-up. ok is false if the reference is not above 0.
func PerMille(v, reference physic.ElectricPotential) (ratio int, ok bool) {
	if reference <= 0 {
		return 0, false
	}
	return int(int64(v) * 1000 / int64(reference)), true
}

func (d *Dev) started(channel int) uint16 {
	return d.config | configMuxAIN0 | uint16(channel)<<12
}

// vouch makes sure that the chip has finished the conversion that was started, and no other.
func (d *Dev) vouch() error {
	got, err := d.read("read configuration", regConfig)
	switch want := d.started(d.channel); {
	case err != nil:
		return err
	case got == configPowerOn: // never one of ours: AIN0 against AIN1
		return d.error(drivers.FaultReset, "read configuration", errors.New(
			"it is at its power-on value: look for a loose supply"))
	case got&^configOS != want:
		return d.error(drivers.FaultMismatch, "read configuration", fmt.Errorf(
			"%04x after %04x was written: another part (INA219), or two chips at one address", got, want|configOS))
	case got&configOS == 0:
		return d.error(drivers.FaultIO, "read result", ErrBusy)
	}
	return nil
}

func (d *Dev) read(op string, reg byte) (uint16, error) {
	w, r := d.w[:1], d.r[:]
	w[0] = reg
	if err := d.bus.Tx(d.addr, w, r); err != nil {
		return 0, d.error(drivers.Classify(err), op, err)
	}
	return uint16(r[0])<<8 | uint16(r[1]), nil
}

func (d *Dev) error(f drivers.Fault, op string, err error) error {
	return &drivers.Error{Fault: f, Op: fmt.Sprintf("ads1115 at %#02x: %s", d.addr, op), Err: err}
}
