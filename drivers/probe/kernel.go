package probe

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"lotusgate/drivers"

	"periph.io/x/conn/v3/i2c"
)

// slaveAddress selects the address of the next write, and refuses one that a kernel driver holds (I2C_SLAVE of
// linux/i2c-dev.h).
const slaveAddress = 0x0703

// Kernel is a bus of the kernel: transfers go through periph, questions through a descriptor of its own.
type Kernel struct {
	i2c.Bus
	fd int
}

// Open adds to bus what a probe needs; path is its device node. Close the result before the bus.
func Open(bus i2c.Bus, path string) (*Kernel, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &Kernel{bus, fd}, nil
}

// Close releases the descriptor, not the bus.
func (k *Kernel) Close() error { return unix.Close(k.fd) }

// Present implements Bus: a write of no bytes is an address, an acknowledge and a stop.
func (k *Kernel) Present(addr uint16) error {
	if err := unix.IoctlSetInt(k.fd, slaveAddress, int(addr)); err != nil {
		return err
	}
	_, err := unix.Write(k.fd, nil)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return &drivers.Error{
			Fault: drivers.FaultIO, Op: "ask without a data byte",
			Err: fmt.Errorf("%w: this controller cannot; nothing can be found out here without risk to relays and latches", err),
		}
	}
	return err
}
