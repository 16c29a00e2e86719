package daemon

import (
	"errors"
	"time"

	"lotusgate/drivers"
	"lotusgate/drivers/ads1115"
	"lotusgate/drivers/ina219"
	"lotusgate/drivers/ina226"
	"lotusgate/gateway/config"
	"lotusgate/gateway/field"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
)

// quietMost is how long an analogue chip may go without a new result.
const quietMost = time.Second

var (
	errNoResult    = errors.New("no new result for a second: the part has stopped converting")
	errNoReference = errors.New("the reference reads no voltage: look for the supply of the pull-ups")
)

// monitor is a supply monitor: µA on channel 0, µV on channel 1.
type monitor struct {
	init func() error
	read func() (supplyReading, error)
	now  func() time.Duration
	last time.Duration // when there was something new
}

// supplyReading is what both monitors give.
type supplyReading struct {
	current        physic.ElectricCurrent
	voltage        physic.ElectricPotential
	fresh, clipped bool
}

func newINA219(bus i2c.Bus, c chip) (field.Chip, error) {
	s := c.cfg.Supply
	d, err := ina219.New(bus, c.cfg.Address, ina219.Opts{Shunt: ohms(s.Shunt), Max: amps(s.Max), Supply: volts(s.Nominal)})
	if err != nil {
		return nil, err
	}
	return &monitor{init: d.Init, now: c.now, read: func() (supplyReading, error) {
		r, err := d.Read()
		return supplyReading{r.Current, r.Voltage, r.Fresh, r.Clipped}, err
	}}, nil
}

func newINA226(bus i2c.Bus, c chip) (field.Chip, error) {
	s := c.cfg.Supply
	d, err := ina226.New(bus, c.cfg.Address, ina226.Opts{Shunt: ohms(s.Shunt), Max: amps(s.Max), Supply: volts(s.Nominal)})
	if err != nil {
		return nil, err
	}
	return &monitor{init: d.Init, now: c.now, read: func() (supplyReading, error) {
		r, err := d.Read()
		return supplyReading{r.Current, r.Voltage, r.Fresh, r.Clipped}, err
	}}, nil
}

func ohms(o config.Ohms) physic.ElectricResistance {
	return physic.ElectricResistance(o) * physic.MicroOhm
}

func amps(a config.Amps) physic.ElectricCurrent {
	return physic.ElectricCurrent(a) * physic.MicroAmpere
}

func volts(v config.Volts) physic.ElectricPotential {
	return physic.ElectricPotential(v) * physic.MicroVolt
}

// Init implements field.Chip.
func (m *monitor) Init() error {
	m.last = m.now()
	return m.init()
}

// Service implements field.Chip.
func (m *monitor) Service(s *drivers.Sample, _ time.Duration) error {
	r, err := m.read()
	if err != nil {
		return err
	}
	s.At = m.now()
	switch {
	case r.fresh:
		m.last = s.At
		s.Readings = append(
			s.Readings,
			drivers.Reading{Channel: 0, Value: int64(r.current / physic.MicroAmpere), Clipped: r.clipped, At: s.At},
			drivers.Reading{Channel: 1, Value: int64(r.voltage / physic.MicroVolt), At: s.At},
		)
	case s.At-m.last > quietMost:
		return &drivers.Error{Fault: drivers.FaultIO, Op: "read supply monitor", Err: errNoResult}
	}
	return nil
}

// converter takes turns over the channels in use of an ADS1115, the reference first: each Service fetches a conversion
// and starts the next, so it never waits. At 250 conversions a second and a look every 10 ms four channels are measured
// 25 times a second each; three equal samples are within the 400 ms of EN 50131.
type converter struct {
	dev       *ads1115.Dev
	now       func() time.Duration
	channels  []int
	reference int // channel, or -1: values are µV instead of ‰

	turn  int           // index into channels of the conversion under way
	runs  bool          // there is one: the chip took the order
	ready time.Duration // when it is finished
	full  physic.ElectricPotential
	fresh time.Duration // when full was measured
}

// fullScale holds pull-ups at 3.3 V and at 5 V.
const fullScale = 6143 * physic.MilliVolt

func newConverter(bus i2c.Bus, c chip) (field.Chip, error) {
	d, err := ads1115.New(bus, c.cfg.Address, ads1115.Opts{Max: fullScale, Rate: 250})
	if err != nil {
		return nil, err
	}
	v := &converter{dev: d, now: c.now, reference: -1}
	if c.cfg.Reference != "" {
		if v.reference, err = config.ChannelOf(c.cfg.Kind, c.cfg.Reference); err != nil {
			return nil, err
		}
		v.channels = append(v.channels, v.reference)
	}
	for n := range 4 {
		if c.inputs>>n&1 != 0 && n != v.reference {
			v.channels = append(v.channels, n)
		}
	}
	return v, nil
}

// Init implements field.Chip.
func (v *converter) Init() error {
	v.turn, v.fresh = 0, 0
	return v.start()
}

func (v *converter) start() error {
	takes, err := v.dev.Start(v.channels[v.turn])
	v.runs, v.ready = err == nil, v.now()+takes
	return err
}

// Service implements field.Chip.
func (v *converter) Service(s *drivers.Sample, _ time.Duration) error {
	now := v.now()
	s.At = now
	switch {
	case !v.runs:
		return v.start()
	case now < v.ready:
		return nil
	}
	r, err := v.dev.Read()
	switch {
	case errors.Is(err, ads1115.ErrBusy) && now-v.ready < quietMost:
		return nil
	case err != nil:
		return err
	}
	switch {
	case v.reference < 0 || r.Channel == v.reference:
		v.full, v.fresh = r.Voltage, now
		s.Readings = append(s.Readings, drivers.Reading{
			Channel: r.Channel, Value: int64(r.Voltage / physic.MicroVolt), Clipped: r.Clipped, At: now,
		})
		if v.reference >= 0 && r.Voltage < physic.Volt {
			return &drivers.Error{Fault: drivers.FaultIO, Op: "measure reference", Err: errNoReference}
		}
	case now-v.fresh <= quietMost:
		if ratio, ok := ads1115.PerMille(r.Voltage, v.full); ok {
			s.Readings = append(s.Readings, drivers.Reading{Channel: r.Channel, Value: int64(ratio), Clipped: r.Clipped, At: now})
		}
	}
	v.turn = (v.turn + 1) % len(v.channels)
	return v.start()
}
