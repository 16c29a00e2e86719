// Package ina226 measures supply current and voltage with TI's INA226 (SBOS547, 2011) on an I²C bus: is the camera on
// this 12 V or 24 V supply alive, hung, or shorted?
//
// It is the INA219's successor with finer steps (2.5 µV, 1.25 mV), one range of 81.9 mV, 36 V at its pins and, unlike
// its predecessor, two registers that say what it is. As there, the current is calculated from the shunt voltage and not
// taken from the chip, whose calibration register is 0 after a loss of supply: the current then reads 0 as well, which
// looks like a dead camera. Both channels take 588 µs and are averaged over 16 samples, one result every 19 ms. That
// makes the configuration differ from its power-on value, and it is read with every measurement: a chip that was reset
// is not believed.
//
// Promises:
//   - Fresh says whether a conversion was finished since the last Read (CVRF, cleared by reading mask/enable, p. 22). It
//     is read before the values, so a value is never older than Fresh says.
//   - Clipped says that the shunt voltage is at the end of its range: the current is at least that.
//   - Read allocates nothing, and takes four transfers of 48 clocks: 0.5 ms at 400 kHz.
//   - It never waits, logs, or starts a goroutine.
//
// Limits: 36 V at the bus pins (p. 2). Never put it on 48 V PoE. Current shows that power is drawn, not that there is a
// picture.
//
// Unsupported: the chip's own current, power and calibration registers, the alert pin and its limits, triggered
// conversions, power-down. periph.io/x/devices/v3 has no driver for this part.
package ina226
