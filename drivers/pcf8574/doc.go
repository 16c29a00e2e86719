// Package pcf8574 drives the 8-bit I/O expanders PCF8574 and PCF8574A (NXP, Rev. 5, 2013; TI SCPS068K, 2024) on an
// I²C bus of at most 100 kHz. Channels 0..7 are P0..P7.
//
// Four facts of the chip shape the package:
//
//   - It has no registers: one byte is written to eight latches, one byte is read from eight pins. Nothing
//     identifies it, and it takes whatever is written to its address for output data.
//   - A latch of 1 is only a current source of 100 µA: an output that can be proved is one that pulls down. After
//     power-on all latches are 1. So outputs are active low here, and there is no choice.
//   - INT says that a pin differs now from what was last read or written; when the pin returns it lets go by itself.
//     A pulse that ended before the read has never been.
//   - A write clears INT as well. A change that comes just before Set is found by the next Service, but INT no
//     longer tells of it: call Service after Set.
//
// So this is a part for slow contacts. A pulse is seen if the chip is read while it lasts, and missed otherwise; if
// INT was given, Missed counts it, but not even the channel is known. Loops, limit switches and pulse counters
// belong on native lines or an MCP23017.
//
// A chip that lost its supply shows only by an output that is let go: with all outputs inactive its power-on state
// is the one that is wanted, and nothing has to be done.
//
// Two chips at one address cannot be told from one: there is nothing to read but the pins, and what the wire carries is
// their AND. A contact that is moved and does not show is the only sign; walk the wires after a change.
//
// A disturbed byte cannot be told from a change of the inputs: whoever uses the levels lets them settle. Outputs that
// read wrong are looked at twice.
//
// Promises: outputs are inactive after Init and, as far as the bus allows, after a failed Set; no edge is made up;
// Service allocates nothing once the Sample has room; it never waits, logs, or starts a goroutine.
//
// periph.io/x/devices/v3 has no driver for this part.
package pcf8574
