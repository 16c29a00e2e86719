// Package plant is the field as it behaves when nobody looks at the wires: vehicles on a lane, loop detectors, a
// barrier with its own controller, elevators, cameras. It is what the simulated pins are wired to, and what an oracle
// asks afterwards what really happened.
//
// Promises:
//
//   - Time is an argument. A model never reads a clock, starts no goroutine, and takes its chance from a Seed only, so
//     one seed and one list of inputs always give the same result, on every machine: lengths and speeds are integers.
//   - Step(now) brings a model to now and returns when it will next change by itself. Who steps to each returned time
//     sees every change, each bounce of a contact too, at its exact moment; who steps further sees the same end.
//   - A Journal holds what happened, with exact times, whatever the steps were.
//
// An input (a vehicle, a command, a failure) is given to a model that has been stepped to now, and Step(now) is called
// once more after it to learn when the next change is due.
//
// It does not know pins, levels, chips or buses; a Contact is open or closed and no more. Speeds change at once: there
// is no acceleration, and drivers have no reaction time.
package plant
