// Package ina219 measures supply current and voltage with TI's INA219 (SBOS448F, 2011) on an I²C bus: is the camera
// on this 12 V or 24 V supply alive, hung, or shorted?
//
// The current is calculated here from the shunt voltage, not taken from the chip: its calibration register is 0 after
// a loss of supply, and the current then reads 0 as well, which looks like a dead camera. Both channels are averaged
// over 16 samples, one result every 17 ms. That makes the configuration differ from its power-on value, and it is
// read with every measurement: a chip that was reset is not believed.
//
// Promises:
//   - Fresh says whether a conversion was finished since the last Read (CNVR, cleared by reading the power register,
//     p. 30): a chip that has stopped converting is not taken for a steady current.
//   - Clipped says that the shunt voltage is at the end of its range: the current is at least that.
//   - Read allocates nothing, and takes four transfers of 48 clocks: 0.5 ms at 400 kHz.
//   - It never waits, logs, or starts a goroutine.
//
// Limits: 26 V at the bus pins (p. 2). Never put it on 48 V PoE. Current shows that power is drawn, not that there is a
// picture.
//
// Unsupported: the chip's own current, power and calibration registers, triggered conversions, power-down.
// periph.io/x/devices/v3/ina219 is not used: it relies on the calibration register, does not look at CNVR, puts a text of
// its own in place of the bus's error, and cannot tell a reset chip from one that measures nothing.
package ina219
