package chip

import (
	"sync"
	"time"
)

// DS3231 models Maxim's real-time clock (19-5170 Rev 10, 2015; "p." below is a page of it). Its time comes from
// outside. It is safe for concurrent use.
//
// Not modelled: the alarms (their registers only store), the square wave and 32 kHz outputs, the 64 s between
// temperature conversions (SetTemperature acts at once), the aging offset, 29 February 2100. Illogical times, whose
// effect the datasheet leaves undefined (p. 12), are normalized as time.Date does.
type DS3231 struct {
	now   func() time.Duration
	drift int64

	mu      sync.Mutex
	vcc     bool
	battery bool

	base    time.Time // what the clock said
	since   time.Duration
	running bool
	day     int // day of week at base, 1..7
	mode12  bool

	regs [0x13]byte // 07h and up; the time is made on demand
	user [7]byte    // the secondary registers 00h..06h
	set  [7]bool    // those written in this transfer

	pointer   byte
	addressed bool
	pointed   bool
}

// Bits of the DS3231's registers, pp. 11 to 14.
const (
	dsEOSC    = 0x80 // control 0Eh: oscillator off on battery
	dsConv    = 0x20 // control 0Eh: start a conversion, clears itself
	dsOSF     = 0x80 // status 0Fh
	dsEN32    = 0x08
	dsBusy    = 0x04
	dsAlarms  = 0x03
	ds12Hours = 0x40 // hours 02h
	dsPM      = 0x20
	dsCentury = 0x80 // month 05h
)

// NewDS3231 makes a clock that gets its first power now. now is the time that passes, since any moment; the clock is
// fast by drift parts in 10⁹.
func NewDS3231(now func() time.Duration, drift int64) *DS3231 {
	c := &DS3231{now: now, drift: drift, vcc: true, battery: true}
	c.firstPower()
	return c
}

// firstPower sets the state after the first application of power: p. 11 for the time, pp. 13 and 14 for the rest.
func (c *DS3231) firstPower() {
	c.base, c.since, c.running = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), c.now(), true
	c.day, c.mode12 = 1, false
	c.regs = [0x13]byte{0x0e: 0x1c, 0x0f: dsOSF | dsEN32}
	c.pointer, c.addressed = 0, false
}

// Supply switches VCC and the battery. Without both, everything is lost; on the battery alone the bus does not
// answer here, and the oscillator runs unless EOSC is set (p. 13).
func (c *DS3231) Supply(vcc, battery bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.vcc || c.battery
	c.vcc, c.battery = vcc, battery
	if !vcc {
		c.addressed = false
	}
	switch {
	case !was && (vcc || battery):
		c.firstPower()
	case !vcc && (!battery || c.regs[0x0e]&dsEOSC != 0):
		c.stop()
	case !c.running:
		c.since, c.running = c.now(), true
	}
}

// StopOscillator is a disturbance of the crystal (p. 14): the clock stands still for a moment and OSF tells.
func (c *DS3231) StopOscillator() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop()
	c.since, c.running = c.now(), true
}

func (c *DS3231) stop() {
	if c.running {
		c.base, c.day = c.time()
		c.running = false
	}
	c.regs[0x0f] |= dsOSF
}

// SetTemperature sets the result of the last conversion in quarters of a degree Celsius, Table 3.
func (c *DS3231) SetTemperature(quarters int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.regs[0x11], c.regs[0x12] = byte(quarters>>2), byte(quarters&3)<<6
}

// Time is what the clock says.
func (c *DS3231) Time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, _ := c.time()
	return t
}

func (c *DS3231) time() (time.Time, int) {
	if !c.running {
		return c.base, c.day
	}
	d := c.now() - c.since
	t := c.base.Add(d + time.Duration(int64(d/time.Second)*c.drift))
	days := int(t.Truncate(24*time.Hour).Sub(c.base.Truncate(24*time.Hour)) / (24 * time.Hour))
	return t, (c.day-1+days)%7 + 1
}

// load copies the time into the secondary registers: on a START, and when the pointer comes to 00h (p. 11).
func (c *DS3231) load() {
	t, day := c.time()
	c.user[0], c.user[1] = bcd(t.Second()), bcd(t.Minute())
	c.user[2] = bcd(t.Hour())
	if c.mode12 {
		h := t.Hour()
		c.user[2] = ds12Hours | bcd((h+11)%12+1)
		if h >= 12 {
			c.user[2] |= dsPM
		}
	}
	c.user[3], c.user[4] = byte(day), bcd(t.Day())
	c.user[5], c.user[6] = bcd(int(t.Month())), bcd(t.Year()%100)
	if t.Year() >= 2100 {
		c.user[5] |= dsCentury
	}
}

// commit makes the written secondary registers the time. Writing the seconds resets the countdown chain (p. 12).
func (c *DS3231) commit() {
	if c.set == [7]bool{} {
		return
	}
	old, _ := c.time()
	u := &c.user
	hour := unbcd(u[2] & 0x3f)
	c.mode12 = u[2]&ds12Hours != 0
	if c.mode12 {
		hour = unbcd(u[2]&0x1f) % 12
		if u[2]&dsPM != 0 {
			hour += 12
		}
	}
	fraction := old.Nanosecond()
	if c.set[0] {
		fraction = 0
	}
	year := 2000 + unbcd(u[6])
	if u[5]&dsCentury != 0 {
		year += 100
	}
	c.base = time.Date(year, time.Month(unbcd(u[5]&0x1f)), unbcd(u[4]&0x3f), hour, unbcd(u[1]&0x7f), unbcd(u[0]&0x7f), fraction, time.UTC)
	c.day, c.since = int(u[3]&7), c.now()
	c.set = [7]bool{}
}

// Start implements Device.
func (c *DS3231) Start(read bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commit()
	c.addressed, c.pointed = c.vcc, read
	if c.addressed {
		c.load()
	}
	return c.addressed
}

// Write implements Device.
func (c *DS3231) Write(b byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.addressed {
		return false
	}
	if !c.pointed {
		c.pointer, c.pointed = b%0x13, true
		return true
	}
	switch r := &c.regs[c.pointer]; c.pointer {
	case 0, 1, 2, 3, 4, 5, 6:
		c.user[c.pointer], c.set[c.pointer] = b, true
	case 0x0e:
		*r = b &^ dsConv
	case 0x0f: // OSF and the alarm flags can only be written to 0, BSY not at all (p. 14)
		*r = *r&(b|dsBusy)&(dsOSF|dsBusy|dsAlarms) | b&dsEN32
	case 0x11, 0x12: // read-only
	default:
		*r = b
	}
	c.advance()
	return true
}

// Read implements Device.
func (c *DS3231) Read() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.addressed {
		return 0xff
	}
	b := c.regs[c.pointer]
	if int(c.pointer) < len(c.user) {
		b = c.user[c.pointer]
	}
	return b
}

// advance wraps from 12h to 00h, where the time is taken again (p. 11).
func (c *DS3231) advance() {
	c.pointer++
	if int(c.pointer) == len(c.regs) {
		c.commit()
		c.pointer = 0
		c.load()
	}
}

// Sent implements Device.
func (c *DS3231) Sent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.addressed {
		c.advance()
	}
}

// Stop implements Device.
func (c *DS3231) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commit()
	c.addressed = false
}

func bcd(v int) byte   { return byte(v/10<<4 | v%10) }
func unbcd(b byte) int { return int(b>>4)*10 + int(b&15) }
