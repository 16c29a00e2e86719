package ds3231

import (
	"errors"
	"fmt"
	"time"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// Addr is the only address of the part.
const Addr uint16 = 0x68

// Registers, Figure 1 (p. 11).
const (
	regSeconds  = 0x00
	regHours    = 0x02
	regMonth    = 0x05
	regYear     = 0x06
	regControl  = 0x0e
	regStatus   = 0x0f
	regTempHigh = 0x11
	regTempLow  = 0x12
	regCount    = 0x13
)

const (
	hours12 = 0x40 // hours: 12-hour mode
	hoursPM = 0x20
	century = 0x80 // month
	eosc    = 0x80 // control: oscillator stops on battery
	osf     = 0x80 // status: oscillator has stopped
)

// zeros are the bits of each register that always read 0, Figure 1. The alarms, 07h to 0Dh, are left out.
var zeros = [regCount]byte{
	0x00: 0x80, 0x01: 0x80, 0x02: 0x80, 0x03: 0xf8, 0x04: 0xc0, 0x05: 0x60, 0x0f: 0x70, 0x12: 0x3f,
}

// Reading is what the clock said.
type Reading struct {
	Time        time.Time          // UTC, whole seconds
	Trusted     bool               // the oscillator has run without a break since the clock was set
	Temperature physic.Temperature // of the chip, in quarters of a degree, at most 64 s old
}

// Dev is one clock. It is not safe for concurrent use: the owner of the bus calls it.
type Dev struct {
	bus i2c.Bus
	w   [8]byte
	r   [regCount]byte
}

// New does not talk to the chip.
func New(bus i2c.Bus) (*Dev, error) {
	if bus == nil {
		return nil, errors.New("ds3231: no bus given")
	}
	return &Dev{bus: bus}, nil
}

// Read reads time, trust and temperature in one transfer.
func (d *Dev) Read() (Reading, error) {
	r := d.r[:]
	if err := d.tx("read", r, regSeconds); err != nil {
		return Reading{}, err
	}
	for n, b := range r {
		if b&zeros[n] != 0 {
			return Reading{}, d.mismatch(fmt.Errorf("register %02xh reads %#02x: no DS3231 has that", n, b))
		}
	}
	t, ok := decode(r)
	if !ok {
		return Reading{}, d.mismatch(fmt.Errorf("registers % x are no time", r[:regYear+1]))
	}
	quarters := int64(int8(r[regTempHigh]))<<2 | int64(r[regTempLow]>>6)
	return Reading{
		Time:        t,
		Trusted:     r[regStatus]&osf == 0,
		Temperature: physic.ZeroCelsius + physic.Temperature(quarters)*250*physic.MilliKelvin,
	}, nil
}

// Set puts the clock to t, rounded to a second, makes it run on the battery too, reads it back and then clears OSF.
// Writing the seconds starts a second (p. 12): call it when a second begins, or the clock is off by up to a half.
func (d *Dev) Set(t time.Time) error {
	t = t.UTC().Round(time.Second)
	if t.Year() < 2000 || t.Year() > 2099 {
		return &drivers.Error{Fault: drivers.FaultMismatch, Op: "ds3231: set", Err: fmt.Errorf("year %d is not in 2000 to 2099", t.Year())}
	}
	if _, err := d.Read(); err != nil && drivers.Classify(err) != drivers.FaultMismatch {
		return err
	}
	control := d.r[regControl]
	for n, b := range d.r { // a wrong part is not written to; a DS3231 with nonsense in its time is
		if n > regYear && b&zeros[n] != 0 {
			return d.mismatch(fmt.Errorf("register %02xh reads %#02x: no DS3231 has that", n, b))
		}
	}
	if control&eosc != 0 {
		if err := d.tx("write control", nil, regControl, control&^eosc); err != nil {
			return err
		}
	}
	if err := d.tx("write time", nil, regSeconds, bcd(t.Second()), bcd(t.Minute()), bcd(t.Hour()),
		byte(t.Weekday())+1, bcd(t.Day()), bcd(int(t.Month())), bcd(t.Year()-2000)); err != nil {
		return err
	}
	got, err := d.Read()
	if err != nil {
		return err
	}
	if late := got.Time.Sub(t); late < 0 || late > time.Second {
		return d.mismatch(fmt.Errorf("reads %s after %s was written", got.Time.Format(time.DateTime), t.Format(time.DateTime)))
	}
	if d.r[regControl]&eosc != 0 {
		return d.mismatch(errors.New("the oscillator cannot be enabled"))
	}
	// Ones leave the alarm flags as they are (p. 14).
	if err := d.tx("clear OSF", nil, regStatus, d.r[regStatus]&^osf); err != nil {
		return err
	}
	if got, err = d.Read(); err == nil && !got.Trusted {
		err = d.mismatch(errors.New("OSF cannot be cleared: the oscillator does not run"))
	}
	return err
}

// decode makes a time of registers 00h to 06h.
func decode(r []byte) (time.Time, bool) {
	ok := true
	digits := func(b byte) int {
		ok = ok && b&15 <= 9 && b>>4 <= 9
		return int(b>>4)*10 + int(b&15)
	}
	sec, mins := digits(r[0]), digits(r[1])
	hour := digits(r[regHours] & 0x3f)
	if r[regHours]&hours12 != 0 {
		hour = digits(r[regHours] & 0x1f)
		ok = ok && hour >= 1 && hour <= 12
		hour %= 12
		if r[regHours]&hoursPM != 0 {
			hour += 12
		}
	}
	day, month, year := digits(r[4]), digits(r[regMonth]&0x1f), 2000+digits(r[regYear])
	if r[regMonth]&century != 0 {
		ok = false // beyond 2099, or set by something that counts otherwise
	}
	t := time.Date(year, time.Month(month), day, hour, mins, sec, 0, time.UTC)
	ok = ok && sec < 60 && mins < 60 && hour < 24 && t.Month() == time.Month(month) && r[3] != 0
	return t, ok
}

func bcd(v int) byte { return byte(v/10<<4 | v%10) }

func (d *Dev) tx(op string, r []byte, w ...byte) error {
	n := copy(d.w[:], w)
	if err := d.bus.Tx(Addr, d.w[:n], r); err != nil {
		return &drivers.Error{Fault: drivers.Classify(err), Op: "ds3231: " + op, Err: err}
	}
	return nil
}

func (d *Dev) mismatch(err error) error {
	return &drivers.Error{Fault: drivers.FaultMismatch, Op: "ds3231", Err: err}
}
