// Package record is the flight recorder: everything that the core was given and everything it decided, in a bounded ring
// of files, and its playback.
//
// A file is one stretch: the configuration and all that the core had become at its beginning, then what it was given and
// what followed, in order. So each file can be played by itself, and the ring forgets whole files. What had no effect on
// any machine is not kept: a level that says what is known, a reading that changes nothing.
//
// Promises:
//   - The core never waits for the disk. What is recorded lies in memory for a minute at most (Flush) and is written by
//     another goroutine, at once after an alarm. A power cut costs that minute, and nothing of what was written.
//   - The ring is never larger than its limit. A disk that fails costs a gap in the recording and nothing else; a stretch
//     that begins after it is whole.
//   - Play decides again what was decided, with the same machines, and names the first difference: another version of this
//     program decides otherwise. A file of which the end is missing is played up to there.
//
// Not recorded: how the page, the uplink and the outbox came to what they told the core. No secrets are in it: of the
// configuration it has what makes devices.
package record
