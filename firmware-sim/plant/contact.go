package plant

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Bounce is how a contact behaves when it moves: it touches and parts again a few times before it rests.
type Bounce struct {
	Pairs int  // at most so many times away and back; 0 = a clean edge, as from an optocoupler
	Spell Span // from the first edge to the last one
}

// RelayContact is an ordinary relay's bounce (5–15 ms).
func RelayContact() Bounce {
	return Bounce{Pairs: 4, Spell: Span{5 * time.Millisecond, 15 * time.Millisecond}}
}

// GoldContact is a small signal relay's bounce (1–5 ms).
func GoldContact() Bounce {
	return Bounce{Pairs: 3, Spell: Span{time.Millisecond, 5 * time.Millisecond}}
}

// LimitSwitch is a heavy mechanical switch's bounce (10–25 ms).
func LimitSwitch() Bounce {
	return Bounce{Pairs: 6, Spell: Span{10 * time.Millisecond, 25 * time.Millisecond}}
}

// Contact is a dry contact, open or closed.
type Contact struct {
	closed bool
	bounce Bounce
	chance *rand.Rand
	due    []time.Duration // moments at which it changes, ascending
}

// NewContact returns an open contact.
func NewContact(b Bounce, chance *rand.Rand) *Contact { return &Contact{bounce: b, chance: chance} }

// Closed tells whether it conducts now.
func (c *Contact) Closed() bool { return c.closed }

// Resting tells whether it will stay as it is until it is moved.
func (c *Contact) Resting() bool { return len(c.due) == 0 }

// Move moves the armature. The contact changes at once, then bounces; a movement in the middle of a bounce ends it.
func (c *Contact) Move(now time.Duration, closed bool) {
	c.Step(now)
	c.due = c.due[:0]
	if c.closed == closed {
		return
	}
	c.closed = closed
	if c.bounce.Pairs == 0 {
		return
	}
	spell := c.bounce.Spell.Draw(c.chance)
	inner := Span{min(time.Microsecond, spell), spell}
	for range 2 * c.chance.IntN(c.bounce.Pairs+1) {
		c.due = append(c.due, now+inner.Draw(c.chance))
	}
	slices.Sort(c.due)
	// Two changes in one nanosecond are none; drop them, which leaves the end as it is.
	for i := 0; i+1 < len(c.due); {
		if c.due[i] == c.due[i+1] {
			c.due = slices.Delete(c.due, i, i+2)
			i = 0
			continue
		}
		i++
	}
}

// rest puts the contact into a position without a bounce: how it was found at the beginning.
func (c *Contact) rest(closed bool) { c.closed, c.due = closed, nil }

// Step brings the contact to now.
func (c *Contact) Step(now time.Duration) (next time.Duration) {
	for len(c.due) > 0 && c.due[0] <= now {
		c.closed = !c.closed
		c.due = slices.Delete(c.due, 0, 1)
	}
	if len(c.due) == 0 {
		return Never
	}
	return c.due[0]
}
