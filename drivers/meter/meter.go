// Package meter counts what goes over an I²C bus, as a whole and for each address: transfers, failures, and bits on the
// wire by arithmetic. It stands between a driver and the bus, and changes nothing that passes.
//
// Promises: counting costs a lock and no allocation; a Meter keeps its counts over a bus that goes away and is opened
// again.
//
// It does not measure time: how long a controller pauses between bytes, or a chip stretches the clock, is not in Bits.
package meter

import (
	"sync"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
)

// Meter holds the counts of one bus. The zero value is ready; it is safe for concurrent use.
type Meter struct {
	mu  sync.Mutex
	all drivers.Traffic
	by  [128]drivers.Traffic
}

// Bus returns the counts of the whole bus.
func (m *Meter) Bus() drivers.Traffic {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all
}

// Chip returns the counts of one address.
func (m *Meter) Chip(addr uint16) drivers.Traffic {
	m.mu.Lock()
	defer m.mu.Unlock()
	if int(addr) >= len(m.by) {
		return drivers.Traffic{}
	}
	return m.by[addr]
}

// Wrap returns bus with its transfers counted.
func (m *Meter) Wrap(bus i2c.Bus) i2c.Bus { return &counted{bus, m} }

type counted struct {
	i2c.Bus
	m *Meter
}

// Tx implements i2c.Bus.
func (c *counted) Tx(addr uint16, w, r []byte) error {
	err := c.Bus.Tx(addr, w, r)
	t := drivers.Traffic{Transfers: 1, Bits: drivers.Bits(len(w), len(r))}
	if err != nil {
		t.Failed, t.Bits = 1, drivers.Bits(0, 0)
	}
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.m.all = c.m.all.Add(t)
	if int(addr) < len(c.m.by) {
		c.m.by[addr] = c.m.by[addr].Add(t)
	}
	return err
}
