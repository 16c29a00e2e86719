// Package outbox is the durable store-and-forward log: events wait here until somebody has confirmed them.
//
// An event is (epoch, run, number). Append issues the number and returns at once; one goroutine, the committer, writes
// what was appended and makes it durable behind the caller's back. Take hands records out beside that commit, Confirm
// takes them back as delivered, Rewind makes everything unconfirmed available again after a lost connection. The files
// are described byte by byte in docs/disk.md.
//
// Promises:
//
//   - Numbers are contiguous from 1 within a run. A run is durable before its first number can be issued; where that
//     is impossible the outbox works in memory under an epoch nobody has seen.
//   - A record leaves the outbox when it is durable and confirmed, or when it is dropped; whatever is dropped is told
//     to Options.Notify by number, and told again at the next start until the telling itself was confirmed (Named).
//   - Records of one queue are written, and handed out from the backlog, in the order in which they were appended.
//   - A commit is one write and one fdatasync for each file touched. Append, Confirm and Rewind never wait for the
//     disk; Take reads from it only for records that are no longer in memory.
//   - Start reads one segment of each queue and the first page of the others.
//   - After a power cut everything that Sync reported is there, on a disk that keeps what it said it had written.
//     A few records may be handed out once more: the cursor is written at most once a second and not synced.
//
// Concurrency: every method of Outbox may be called from any goroutine. Calls of Take are served one after the other.
// Notify is called from the committer, one notice at a time, and must not call back into Close. An outbox opened as Stepped
// has no committer: Step is one, on the goroutine and the clock of its owner.
//
// It does not know what is in a payload, it does not order or expire anything by time, and it does not retry delivery:
// who takes records decides about windows, rates and poison.
package outbox
