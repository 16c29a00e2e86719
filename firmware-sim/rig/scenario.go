package rig

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Cue is one line of a scenario: at that time, do this.
type Cue struct {
	At time.Duration
	Do Action
}

func (c Cue) String() string { return fmt.Sprintf("%v %v", c.At, c.Do) }

// Action is something that a scenario makes happen. Its String says it in plain words.
type Action interface {
	fmt.Stringer
	// apply lets it happen at b.at, with the board locked.
	apply(b *Board) error
}

// Scenario gives cues in the order of their times, one with each call, until ok is false. It may go on for ever.
type Scenario func() (c Cue, ok bool)

// Script is the scenario of these cues, whatever order they stand in.
func Script(cues ...Cue) Scenario {
	rest := slices.Clone(cues)
	slices.SortStableFunc(rest, func(a, b Cue) int { return cmp.Compare(a.At, b.At) })
	return func() (c Cue, ok bool) {
		if len(rest) == 0 {
			return Cue{}, false
		}
		c, rest = rest[0], rest[1:]
		return c, true
	}
}
