package main

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/i2c/i2creg"
	"periph.io/x/host/v3"
	"periph.io/x/host/v3/sysfs"

	"lotusgate/drivers"
	"lotusgate/drivers/line"
	"lotusgate/gateway/daemon"
)

// hardware is the board we run on. periph's drivers fill the registries with the board's names (P1_11, I2C1); one that
// fails or does not apply is no reason not to start, because lines are found by the kernel's names as well.
func hardware(log *slog.Logger) (daemon.Hardware, error) {
	state, err := host.Init()
	if err != nil {
		return daemon.Hardware{}, fmt.Errorf("look for the board's pins and buses: %w", err)
	}
	for _, f := range state.Failed {
		log.Warn("periph driver failed; names of its pins may be missing", "driver", f.D.String(), "error", f.Err)
	}
	return daemon.Hardware{Lines: line.Kernel(), OpenBus: openBus, LEDs: "/sys/class/leds"}, nil
}

// openBus opens a device node itself, because a bus that appeared after host.Init is in no registry; other names are
// periph's.
func openBus(name string) (i2c.BusCloser, error) {
	if digits, ok := strings.CutPrefix(name, "/dev/i2c-"); ok {
		if n, err := strconv.Atoi(digits); err == nil {
			return sysfs.NewI2C(n)
		}
	}
	bus, err := i2creg.Open(name)
	if err != nil {
		return nil, &drivers.Error{Fault: drivers.FaultMissing, Op: "open " + name, Err: err}
	}
	return bus, nil
}
