// Package checkpoint keeps the few small truths that must survive a power cut beside the event log: counts, the last
// known time, what was acknowledged. It is one file of two slots, written in turn (docs/disk.md, "Checkpoint").
//
// A truth is a section: a key and a value that is stored as JSON. Put takes note of it, Run writes what has changed at a
// bounded rate, Flush writes at once, where a person was told that something is kept.
//
// Promises:
//
//   - What Flush reported as written is there after a kill or a power cut, or something newer is.
//   - A write that fails, or that is torn by a power cut, leaves what was written before it.
//   - The space is taken when the file is made: a disk that fills up later keeps nothing from being written.
//   - Sections that this program does not know stay as they are.
//
// Concurrency: every method may be called from any goroutine; Get and Put never wait for the disk.
//
// It does not lock the file (whoever owns the directory does) and it is no place for what grows: all sections together
// have 32 KiB.
package checkpoint
