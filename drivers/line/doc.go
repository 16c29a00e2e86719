// Package line reads GPIO inputs and drives relay outputs by name.
//
// A Provider finds lines. Kernel finds them on the GPIO character devices (Linux 5.10 and later), with periph's registry
// for board names and for pins the kernel has no line for; Registry finds them in periph's registry alone and never
// touches the kernel. Chips are looked up anew by each call, so one that was pulled out can be opened again.
//
// # Promises
//
//   - Each input line has its own error: one that is missing, busy or refused takes no other down.
//   - Edges of the kernel carry the time of the interrupt. The edges of one line arrive in order, and one that is
//     missing shows in Lost of the next. A line's last edge is never the one that gets lost: a full buffer drops the
//     oldest. One buffer serves up to 64 lines of a chip, so after a Lost the reader should look at all their levels.
//   - Edges of a periph pin carry the time this process woke up, and what was missed is unknown. The level is read
//     after the wake, so the last edge always ends with the truth.
//   - The goroutine that reads edges does nothing else. A consumer that stalls makes it wait (Stats.Stalls), and the
//     kernel's buffer of 1024 events then holds what comes.
//   - When a chip goes away its lines end: told by Gone, and by an error from Level; its descriptors are released.
//     Kernels before 6.6 do not wake a reader then: there it takes up to a second.
//   - A relay is inactive from the moment its line becomes an output, and again before it is released.
//   - All methods are safe for concurrent use. After Close returns, nothing more is sent.
//
// # What it does not do
//
// It knows no polarity for inputs (levels are electrical), does not settle or count, does not log, and does not reopen a
// line that is gone. It does not make a released output safe: many Raspberry Pi kernels leave it driven.
// With kernel debounce an edge is stamped when the level has settled, one period after the last bounce, and Level is the
// debounced level; a periph pin has no debounce to ask for.
//
// # Why not the libraries' own event loops
//
// periph throws the kernel's time stamp and sequence numbers away, cannot ask for a buffer size, and Out(High) on its
// character-device path drives low first. go-gpiocdev keeps all of that, but it cannot ask for a buffer size either, holds
// an OS thread in epoll_wait for each request (measured: 5 threads become 10 with 8 requests), and after the removal of a
// chip its watcher gets EPOLLHUP for ever, ignores the failing read and spins (measured: 1 s of CPU in 1 s). So requests
// use go-gpiocdev's structures and ioctls (package uapi), and the reader is ours: 48-byte events from a non-blocking
// os.File, parked in Go's poller (measured after a removal: 1 ms of CPU in 1 s).
//
// # Traps of periph, and where they are avoided
//
//   - WaitForEdge(-1) and (0) mean opposite things in periph's own drivers: pinInput waits for pinWait, always.
//   - WaitForEdge returns a bare false at once, for ever, when the device is gone: pinInput.run rests and gives up.
//   - Func, Function and Read turn an output into an input with pull-up: no pin in a Relay is ever asked anything, and
//     Lines asks pins only for their names.
//   - Out(High) may drive low first: native lines never go through periph, see openRelay.
//   - Halt wakes only a current waiter: nothing here relies on it, pinInput.run looks for the end after each wait.
//   - In does not flush: old edges are drained after it, see openPin.
//   - Float sets no bias flag, so a line stays pulled up: kernel lines ask for "bias disabled" by its own flag.
//   - Errors are text without errno: drivers.Classify knows.
//   - A second device node for one chip makes periph close descriptor 0 (never use stdin after host.Init). Here chips
//     are told apart by the kernel's name, so a second node is not a second chip, and 0 is no special descriptor.
//   - Aliases are wrappers: resolve unwraps them by gpio.RealPin.
//   - periph trusts a chip's label to be the SoC's: here a name that two chips have is refused, and chip:offset decides.
package line
