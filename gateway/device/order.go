package device

import (
	"math"
	"time"

	"lotusgate/gateway"
)

// Order is a command as a machine sees it. Number is how the shell finds its sender again.
type Order struct {
	Number   uint32
	Action   gateway.Action
	Hold     time.Duration // hold_open: how long; 0 = until release
	Local    bool          // from the page or the local socket
	Passages uint16        // open: so many may pass; 0 = 1
	Expires  gateway.Mono  // 0 = never

	Count    int64 // set_count: so many are inside
	Expected int64 // set_count, if Checked: only if so many are counted now
	Checked  bool
}

// Outcome is what became of an order. Evidence is set where the outcome rested on it.
type Outcome struct {
	Number   uint32
	Stage    gateway.Stage
	Reason   gateway.Reason
	Verified bool // Done: a limit switch said so
	Judged   bool // Evidence was looked at
	Evidence Evidence
	Obstacle string // what else stood in the way: "held_open", "arm_off", "open_output", "position", "guard", "no_safety", "count"
	Found    int64  // "count": what is counted
}

// Evidence is the answer to a question for fresh samples. A sample of quality Bad could not be read, or not in time.
type Evidence struct {
	Number  uint32 // of the question
	Samples [MaxSafety]Sample
}

// Sample is a safety input as it was read for a decision.
type Sample struct {
	On      bool // blocked
	Quality gateway.Quality
	At      gateway.Mono // of the read
	Young   bool         // clear, but not for long enough; the gate says so, not the reader
}

// Forever is the end of a pulse that has none.
const Forever gateway.Mono = math.MaxInt64

// Pulse is when an output is active: from From until just before Until.
type Pulse struct{ From, Until gateway.Mono }

// Active tells whether the output is active at now.
func (p Pulse) Active(now gateway.Mono) bool { return p.From <= now && now < p.Until }

// Ahead tells whether the output is active at now or will be.
func (p Pulse) Ahead(now gateway.Mono) bool { return now < p.Until }

// cut ends a pulse at now; one that has not begun never does.
func (p Pulse) cut(now gateway.Mono) Pulse {
	switch {
	case !p.Ahead(now):
		return p
	case p.From > now:
		return Pulse{}
	}
	return Pulse{p.From, now}
}

// Output of a gate.
type Output uint8

const (
	OpenOutput Output = iota
	CloseOutput
	StopOutput
	Outputs // how many there are
)

var outputWords = [...]string{"open", "close", "stop"}

func (o Output) String() string { return outputWords[o] }

// Drive is when each output of a gate is active. A pulse that has ended stays, until there is another.
type Drive [Outputs]Pulse

// Report says what an output did: it is active, or inactive again after it would not go, or why it could not be switched.
type Report struct {
	Output Output
	Off    bool           // it is known to be inactive again
	Failed gateway.Reason // relay_readback or bus_lost
}
