// Package pca9555 drives the 16-bit I/O expanders PCA9555, PCA9535 (NXP PCA9555_8, 2009; TI SCPS131J, 2021), TCA9555
// and TCA9535 on an I²C bus. Channels 0..7 are IO0_0..IO0_7, channels 8..15 are IO1_0..IO1_7.
//
// Four facts of the chip (NXP §6.5.3) shape the package:
//
//   - INT says that an input differs now from what was last read. Nothing is latched.
//   - When the input returns, INT lets go by itself: a pulse that ended before the read has never been.
//   - Reading a port lets go of its interrupt and makes what was read the new reference.
//   - On TI's parts INT also lets go if the last command byte was 00h and somebody else on the bus is read (SCPS131J
//     §8.4.1.1). So inputs are read backwards, from command 01h, and no transfer here ends with command 00h.
//
// So this is a part for slow contacts. A pulse is seen if the chip is read while it lasts: every pulse longer than
// the time from INT, or from the poll before, to the read. It is missed otherwise. If INT was given, Missed counts
// it, but not even the channel is known. Of a train of pulses only the level at each read is known. Loops, limit
// switches and pulse counters belong on native lines or an MCP23017.
//
// Two transfers make a service: inputs, then the output latches (the configuration on a chip without inputs comes
// instead of the inputs). Latches of channels that are no outputs are 0 here and 1 after power-on, so the second
// transfer shows a chip that lost its supply before the levels of the first are believed. 96 clocks, 0.24 ms at
// 400 kHz, of which the inputs alone are 48.
//
// Promises:
//   - Outputs are inactive before any pin becomes an output; a failed Set leaves its channel inactive as far as the
//     bus allows, and no later Set of another channel brings it back.
//   - No edge is made up. Service allocates nothing once the Sample has room.
//   - It never waits, logs, or starts a goroutine, and retries once at most.
//
// Two chips at one address: of another kind the second shows by its registers. A twin shows at Init, by reading the inputs
// as they are and inverted, where the wired AND of two different levels is low both times; and again after every eighth
// pulse that left nothing to see. A twin whose inputs all agree cannot be told from none by anything on the bus.
//
// Unsupported: polarity inversion (levels are electrical here; Init uses it). The part has no identification; Init tells it from an
// MCP23017 by the way its addresses wrap, except where all 16 channels are outputs with a low inactive level.
// The pull-ups of the 9555 cannot be switched off; the 9535 needs outside ones.
//
// periph.io/x/devices/v3 has no driver for these parts.
package pca9555
