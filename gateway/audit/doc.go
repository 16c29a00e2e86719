// Package audit proves, number by number, what became of the events of a gateway: delivered, dropped by name, still
// waiting, or missing. A Book is fed with what a subscriber has heard, with what an outbox holds, or with both, in any
// order; the Report is the verdict.
//
// Promises:
//
//   - A number counts as delivered, however often and in whatever order it came; what was both delivered and named as
//     dropped was delivered.
//   - A number is missing when something with a higher number of its run, a status, or a later run's start says that it
//     was issued, and nobody can say where it is. Nothing is guessed in favour of the gateway.
//   - What a run issued beyond the number up to which, as a later run says, it was saved, and what was not sent either, is
//     counted as unsaved: it went with the power, milliseconds after it had happened.
//   - Of an outbox alone, numbers older than the oldest record of a queue cannot be judged, since confirmed records make
//     room: they are counted as past, and not as missing.
//
// It does not: look inside the data of an event beyond what it says about numbers, or change anything it reads.
package audit
