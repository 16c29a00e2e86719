// Package rig is a board in a gate cabinet, simulated: GPIO pins and I²C buses as periph offers them, with the field of
// package plant wired to them and a scenario that makes things happen. Drivers open it by name and cannot tell.
//
// Promises:
//
//   - Pins keep conn's contract for gpio.PinIO, the one that hosts don't all keep: a negative wait has no end, a zero
//     one does not wait, In and Halt end a wait. Edges that nobody takes queue up to 16, as in the kernel; what comes
//     after is lost and counted.
//   - All of it runs on one virtual time: on the wall clock through Run, at any speed, or step by step through Advance.
//     Same seed, same scenario, same calls at the same virtual times: same result, to the nanosecond.
//   - What happened is told in order: the plant's truth, the scenario's acts, every change of a wire.
//   - Close unregisters everything, so one process can make one board after another, or several that are not registered.
//
// It does not import periph's host and never touches hardware. It does not know the gateway either: relays are pins that
// somebody drives.
package rig
