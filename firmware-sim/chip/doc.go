// Package chip holds register-true models of the I²C parts in a gate cabinet, and the bus that carries them.
//
// A model is written from the part's datasheet, never from a driver, so that a driver tested against it is tested
// against something it did not shape. Where a datasheet is silent the model takes the choice that is worst for the
// host, and the comment says so.
//
// Promises:
//   - Bus has the method set of periph's i2c.BusCloser, moves byte by byte and can be used from many goroutines.
//   - Every bit that would go over the wire is counted.
//   - Faults are injected into the bus, so a model never knows that it is being tested.
//   - Models have no clock and start no goroutine: the same calls give the same result.
//
// Not modelled: electrical levels and rise times, more than one master, SMBus quick and block transfers, ten-bit
// addresses. What happens to an INT wire between chip and gateway (cut, stuck low) belongs to the rig, which owns
// the wire.
package chip

// Device is one part on a bus, seen from the wire. Bus calls it with one transfer at a time; a model needs a lock
// of its own only against the goroutines that move its pins.
type Device interface {
	// Start reports whether the part acknowledges its address. read is the direction bit. It is called again
	// for a repeated start.
	Start(read bool) (ack bool)
	// Write hands over one byte from the host and reports whether the part acknowledges it.
	Write(b byte) (ack bool)
	// Read gives the byte that the part shifts out, sampled at its first bit.
	Read() byte
	// Sent says that the least significant bit of the last Read has been clocked out. Between Read and Sent
	// lie eight clocks, in which the world goes on.
	Sent()
	// Stop ends the transfer. It is not called for a repeated start.
	Stop()
}

// Listener is a Device that cares about traffic which is not for it.
type Listener interface {
	// Heard tells that another part has acknowledged its address.
	Heard(read bool)
}
