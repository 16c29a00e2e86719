package drivers

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Fault is the kind of failure of a line, a chip or a bus, as far as the kernel tells them apart.
type Fault uint8

const (
	FaultNone        Fault = iota
	FaultMissing           // no such device node, chip or line (ENOENT, ENODEV)
	FaultBusy              // somebody else holds the line (EBUSY)
	FaultDenied            // no permission (EACCES, EPERM)
	FaultNoAck             // nobody acknowledged the address (ENXIO)
	FaultArbitration       // arbitration lost (EAGAIN)
	FaultRemoteIO          // acknowledged, then failed in the middle (EREMOTEIO)
	FaultTimeout           // no end of transfer: clock stretched too long or a line held low (ETIMEDOUT)
	FaultMismatch          // answers, but not like the configured part
	FaultIO                // anything else
	FaultReset             // registers at power-on values: the chip lost its supply; set it up again and report it

	// What only the owner of a bus can tell, who sees all of its chips.

	FaultHung     // every transfer of every chip times out: SDA or SCL is held low
	FaultDeadBus  // not one chip has answered since the start: SDA and SCL swapped, no supply, no pull-ups
	FaultIntDead  // INT does not fire: changes are found by polling only
	FaultIntStuck // INT is low and nothing is pending
	FaultReadBack // an output does not hold what was written to it
)

var faultNames = [...]string{
	"none", "missing", "busy", "denied", "no_ack", "arbitration", "remote_io", "timeout", "mismatch", "io", "reset",
	"hung", "dead_bus", "int_dead", "int_stuck", "read_back",
}

func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return "io"
}

// ParseFault is the inverse of String; what is not known is FaultIO.
func ParseFault(word string) Fault {
	if i := slices.Index(faultNames[:], word); i >= 0 {
		return Fault(i)
	}
	return FaultIO
}

// Error is a Fault with its context; Classify finds it through wrapping.
type Error struct {
	Fault Fault
	Op    string // what was being done: "read INTF..GPIO"
	Err   error  // the cause; may be nil
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return fmt.Sprintf("%s: %s", e.Op, e.Fault)
	case e.Op == "":
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %v", e.Op, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// errnoFaults orders nothing; each errno has one meaning on the GPIO and I²C character devices
// (Documentation/i2c/fault-codes.rst of the kernel).
var errnoFaults = []struct {
	errno syscall.Errno
	fault Fault
}{
	{syscall.ENXIO, FaultNoAck},
	{syscall.EREMOTEIO, FaultRemoteIO},
	{syscall.EAGAIN, FaultArbitration},
	{syscall.ETIMEDOUT, FaultTimeout},
	{syscall.ENOENT, FaultMissing},
	{syscall.ENODEV, FaultMissing},
	{syscall.ESHUTDOWN, FaultMissing},
	{syscall.EBUSY, FaultBusy},
	{syscall.EACCES, FaultDenied},
	{syscall.EPERM, FaultDenied},
}

// Classify names the fault behind err. periph's sysfs drivers flatten errno into text, so when errors.Is finds
// nothing the errno's own text is looked for at the end of the message.
func Classify(err error) Fault {
	if err == nil {
		return FaultNone
	}
	var e *Error
	if errors.As(err, &e) && e.Fault != FaultNone {
		return e.Fault
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return FaultTimeout
	}
	text := err.Error()
	for _, m := range errnoFaults {
		if errors.Is(err, m.errno) || strings.HasSuffix(text, m.errno.Error()) {
			return m.fault
		}
	}
	return FaultIO
}
