package rig

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// Note is one thing that happened on the board, in the order of time. What is a plant.Truth, an Action of the scenario,
// or a Change.
type Note struct {
	At   time.Duration // virtual
	What fmt.Stringer
}

func (n Note) String() string { return fmt.Sprintf("%9.3f s  %v", n.At.Seconds(), n.What) }

// Change is a wire that has changed: a contact that drives a pin of the board or of a chip, or a relay's pin.
type Change struct {
	Line  string // GPIO17, x1.GPA0
	Drive Drive  // what the contact does; for a relay always Open
	Relay bool   // it is a relay
	Gauge bool   // it is measured: Board.Gauges says what
	On    bool   // its coil
	Name  string // entry.a, entry.gate open
}

func (c Change) String() string {
	if c.Relay {
		return fmt.Sprintf("%s: relay %s %s", c.Line, c.Name, [...]string{"off", "on"}[bit(c.On)])
	}
	if c.Gauge {
		return fmt.Sprintf("%s: %s changes", c.Line, c.Name)
	}
	return fmt.Sprintf("%s: %s %s", c.Line, c.Name, [...]string{"open", "to ground", "to supply"}[c.Drive])
}

// active tells whether the relay's coil is on when its pin has a level.
func (r Relay) active(l gpio.Level) bool { return bool(l) != r.ActiveLow }
