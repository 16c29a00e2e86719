// Package mcp23017 drives Microchip's MCP23017 16-bit I/O expander on an I²C bus: inputs whose short pulses are not
// lost, outputs that are proved. Datasheet: DS20001952C (2005-2016); its revision D forbids GPA7 and GPB7 as inputs,
// see OutputOnly. Channels 0..7 are GPA0..GPA7, channels 8..15 are GPB0..GPB7.
//
// Four facts of the chip (§3.6.4, §3.6.5) shape the package:
//
//   - The first change of an enabled pin latches its whole port into INTCAP and its cause into INTF.
//   - Until the port is read, no later change of that port is latched or signalled.
//   - Reading INTCAP or GPIO clears the latch, and the state at that moment is what the pins are next compared with.
//   - So a stray read of GPIO eats a pending interrupt: nobody else may talk to the chip.
//
// Hence one burst for everything, and INTCAP compared with GPIO: where they differ, a pulse has already ended.
// The latch works without the INT wire too, so a chip that is only polled still shows one pulse per port and poll.
//
// The burst is 14 bytes, 0Ah to 15h and on through the roll-over (§3.2.2.3) to 01h: IOCON, GPPU, INTF, INTCAP, GPIO,
// OLAT, IODIR. The inputs lie between registers whose contents are known. IOCON is never left at its power-on value,
// so a chip that lost its supply shows before its floating inputs are believed; OLAT and IODIR are never all ones
// together, so a chip that drops out in mid-burst, and reads as ones from there, shows as well. Six bytes would be
// enough for the inputs alone: the price of the proof is 72 clocks, 0.18 ms at 400 kHz.
//
// Promises:
//   - Levels that were read between wrong registers are not handed up; a disturbed burst is read once more.
//   - No edge is made up. An edge carries KernelClock only if the INT edge that is handed in can only mean it.
//   - Outputs are inactive before any pin becomes an output; a failed Set leaves its channel inactive as far as the
//     bus allows, and no later Set of another channel brings it back.
//   - Service allocates nothing once the Sample has room.
//   - It never waits, logs, or starts a goroutine, and retries once at most.
//
// Pulses and edges that can be missed, so that nobody has to guess:
//   - On a port whose latch is set, everything that is undone again before the burst comes: a second pulse, or a
//     pulse of another pin of the same port. 8 pins share a latch; put pulses that may coincide on different ports.
//   - A pulse that begins and ends within the ten clocks between the INTCAP byte and the GPIO byte of its port
//     (25 µs at 400 kHz, 100 µs at 100 kHz).
//   - A change within the eight clocks of the GPIO byte: the read clears the interrupt it raised, so nothing
//     signals it. The next Service finds it: call it now and then without an interrupt.
//   - Pulses whose burst failed or was disturbed after INTCAP was clocked out, those while the chip was without
//     supply, and those while Service looks for a twin. Levels come right with the next burst.
//
// Two chips at one address: of another kind the second shows by its registers. A twin takes every write and answers with the
// same ones; Init looks for it by reading the inputs as they are and inverted, where the wired AND of two different levels
// is low both times, and Service looks again after changes that no interrupt explains. A twin whose inputs all agree cannot
// be told from none by anything on the bus, and its levels are right. The look takes five transfers more at Init.
//
// Unsupported: comparison with DEFVAL (an edge-driven host hears a standing condition only once, and nothing more until
// the pin is back; Init ends it on a chip that another program left so), IPOL (levels are electrical here; Init uses it), BANK = 1 other than to leave it,
// the SPI sibling MCP23S17.
//
// periph.io/x/devices/v3/mcp23xxx is not used: it reads GPIO pin by pin and drops the error (a dead chip reads low),
// has no use for INTCAP, turns a pin into an output before it sets the latch, and writes through a cache that hides
// a chip which lost its supply.
package mcp23017
