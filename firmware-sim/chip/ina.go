package chip

import (
	"time"

	"periph.io/x/conn/v3/physic"
)

// inaMonitor is what TI's current and supply monitors have in common: two voltages, converted in turn as the mode bits of
// the configuration say, and current and power computed from them.
type inaMonitor struct {
	wordPart
	now    func() time.Duration
	part   inaPart
	shunt  physic.ElectricPotential
	supply physic.ElectricPotential

	config      uint16
	shuntResult int16
	busResult   uint16
	power       uint16
	current     int16
	calibration uint16
	ready, over bool
	started     time.Duration // of the conversion under way
	converting  bool
}

// inaPart is where the parts differ.
type inaPart interface {
	period() time.Duration // of one result, as configured
	convert()
}

// Registers that both parts have, and the bits of the configuration that mean the same in both.
const (
	inaConfig = iota
	inaShunt
	inaBus
	inaPower
	inaCurrent
	inaCalibration

	inaReset      = 0x8000
	inaShuntMode  = 1
	inaBusMode    = 2
	inaContinuous = 4
)

// Drive sets what is at the pins: IN+ against IN-, and the supply against ground (IN- of an INA219, VBUS of an INA226).
func (m *inaMonitor) Drive(shunt, supply physic.ElectricPotential) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.catchUp() // what has been converted until now saw the old voltages
	m.shunt, m.supply = shunt, supply
}

// Follow is Drive for pins whose voltages change all the time: the last conversion that has ended saw what they had at its
// end, and they are left at what they have now. pins tells what they had so long ago.
func (m *inaMonitor) Follow(pins func(ago time.Duration) (shunt, supply physic.ElectricPotential)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.converting {
		if passed, period := m.now()-m.started, m.part.period(); passed >= period {
			m.shunt, m.supply = pins(m.sinceEnd(passed, period))
			m.catchUp()
		}
	}
	m.shunt, m.supply = pins(0)
}

// sinceEnd is how long ago the last conversion ended; a triggered one is not repeated.
func (m *inaMonitor) sinceEnd(passed, period time.Duration) time.Duration {
	if m.config&inaContinuous == 0 {
		return passed - period
	}
	return passed % period
}

func (m *inaMonitor) restart(config uint16) {
	m.shuntResult, m.busResult, m.power, m.current, m.calibration = 0, 0, 0, 0, 0
	m.ready, m.over = false, false
	m.configure(config)
}

// configure starts converting as the mode bits say.
func (m *inaMonitor) configure(config uint16) {
	m.config = config
	m.started = m.now()
	m.converting = config&(inaShuntMode|inaBusMode) != 0
}

// times adds up what the channels that are on take.
func (m *inaMonitor) times(shunt, bus time.Duration) time.Duration {
	var sum time.Duration
	if m.config&inaShuntMode != 0 {
		sum += shunt
	}
	if m.config&inaBusMode != 0 {
		sum += bus
	}
	return sum
}

// catchUp finishes the conversions whose time has come.
func (m *inaMonitor) catchUp() {
	if !m.converting {
		return
	}
	period := m.part.period()
	n := (m.now() - m.started) / period
	if n < 1 {
		return
	}
	m.started += n * period
	m.converting = m.config&inaContinuous != 0
	m.part.convert()
	m.ready = true
}

// compute gives current and power of codes; the power of a negative current is that of its magnitude.
func (m *inaMonitor) compute(currentDivisor, powerDivisor int64) {
	current := int64(m.shuntResult) * int64(m.calibration) / currentDivisor
	power := max(current, -current) * int64(m.busResult) / powerDivisor
	m.over = current != int64(int16(current)) || power != int64(uint16(power))
	m.current, m.power = int16(current), uint16(power)
}

func clamp(v, low, high int64) int64 { return min(max(v, low), high) }
