// Package ads1115 measures voltages with TI's ADS1115 (SBAS444E, 2024) on an I²C bus: the four single-ended inputs,
// for supervised contacts whose end-of-line resistors tell idle, active, open and short.
//
// A conversion is started, and fetched when it is due: Start says how long it takes at most, Read gives the result.
// In between the bus is free. The oscillator may be 10 % off (§5.5), so the wait is longer than the data rate says, and
// OS is looked at in any case: the result of the conversion before is never taken for this one.
//
// Promises:
//   - A result belongs to the channel of the last Start: the configuration is read before and after it. A chip that
//     lost its supply shows, and its zero is not taken for a short circuit.
//   - Clipped says that the input is at the end of the range.
//   - Start and Read allocate nothing. Neither waits, logs, or starts a goroutine.
//
// A contact is judged by the ratio of its voltage to that of its own pull-up, measured on a spare input within the
// same second: PerMille. Bands, guards and repetition belong to the device that uses it.
//
// Unsupported: differential inputs, continuous conversion, comparator and ALERT/RDY.
// periph.io/x/devices/v3/ads1x15 is not used: it sleeps for the nominal time within the call, does not look at OS, so
// that a slow oscillator gives the result of another channel, and cannot tell a reset chip from 0 V.
package ads1115
