package drivers

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Fault
	}{
		{nil, FaultNone},
		{syscall.ENXIO, FaultNoAck},
		{fmt.Errorf("mcp23017: read: %w", syscall.EREMOTEIO), FaultRemoteIO},
		{&os.PathError{Op: "open", Path: "/dev/i2c-9", Err: syscall.ENOENT}, FaultMissing},
		// periph's sysfs-i2c formats with %v and loses the errno.
		{errors.New("sysfs-i2c: no such device or address"), FaultNoAck},
		{errors.New("sysfs-i2c: connection timed out"), FaultTimeout},
		{errors.New("sysfs-i2c: resource temporarily unavailable"), FaultArbitration},
		{&Error{Fault: FaultMismatch, Op: "identify"}, FaultMismatch},
		{fmt.Errorf("chip x1: %w", &Error{Fault: FaultMismatch, Op: "identify"}), FaultMismatch},
		{errors.New("something else"), FaultIO},
	} {
		if got := Classify(c.err); got != c.want {
			t.Errorf("Classify(%v) = %v, want %v", c.err, got, c.want)
		}
	}
}
