package plant

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// step takes m from one time to another through every moment it names, looking after each.
func step(m Model, from, to time.Duration, look func(at time.Duration)) {
	for next := m.Step(from); next <= to; {
		at := next
		next = m.Step(at)
		look(at)
	}
	m.Step(to)
	look(to)
}

// edges returns a look that writes down when c changes.
func edges(c *Contact) (look func(time.Duration), at *[]time.Duration) {
	at, was := new([]time.Duration), c.Closed()
	return func(t time.Duration) {
		if is := c.Closed(); is != was {
			*at, was = append(*at, t), is
		}
	}, at
}

func TestContactBouncesWithinItsSpellAndRestsWhereItWasMoved(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := Seed(rapid.Uint64().Draw(t, "seed"))
		b := rapid.SampledFrom([]Bounce{{}, GoldContact(), RelayContact(), LimitSwitch()}).Draw(t, "bounce")
		c := NewContact(b, seed.For("k"))
		now, closed := time.Duration(0), false
		for range 20 {
			now += time.Duration(rapid.Int64Range(0, int64(40*time.Millisecond)).Draw(t, "wait"))
			closed = rapid.Bool().Draw(t, "closed")
			c.Move(now, closed)
			if c.Closed() != closed {
				t.Fatalf("moved to %v and is %v", closed, c.Closed())
			}
		}
		moved := now
		last := moved
		for next := c.Step(now); next != Never; next = c.Step(next) {
			if next <= last {
				t.Fatalf("next change %v is not after %v", next, last)
			}
			last = next
		}
		if spell := last - moved; spell > b.Spell.Max {
			t.Fatalf("bounced for %v, allowed %v", spell, b.Spell.Max)
		}
		if !c.Resting() || c.Closed() != closed {
			t.Fatalf("rests %v, want %v", c.Closed(), closed)
		}
	})
}

func TestContactsDoBounce(t *testing.T) {
	n := 0
	for seed := Seed(0); seed < 50; seed++ {
		c := NewContact(RelayContact(), seed.For("k"))
		look, at := edges(c)
		c.Move(0, true)
		look(0)
		step(c, 0, time.Second, look)
		n += len(*at)
	}
	if n < 100 || n > 50*9 {
		t.Errorf("%d edges of 50 movements, want some more than one each and at most 9", n)
	}
}
