package rig

import (
	"fmt"
	"slices"
)

// Swap exchanges the far ends of two wires, as an electrician does who comes back from a repair.
type Swap struct{ A, B string } // pins: GPIO17, x1.GPA0

func (a Swap) String() string { return fmt.Sprintf("the wires at %s and %s are swapped", a.A, a.B) }

func (a Swap) apply(b *Board) error {
	one, err := b.wireAt(a.A)
	if err != nil {
		return err
	}
	other, err := b.wireAt(a.B)
	if err != nil {
		return err
	}
	one.To, other.To = other.To, one.To
	one.end, other.end = other.end, one.end
	for _, w := range []*wire{one, other} {
		w.end.set(w.last)
		b.show(w.To, w.From)
	}
	return nil
}

// Turn replaces a contact by one that works the other way round: it opens when it has something to say, or closes then.
type Turn struct{ Line string }

func (a Turn) String() string {
	return fmt.Sprintf("the contact at %s works the other way round", a.Line)
}

func (a Turn) apply(b *Board) error {
	w, err := b.wireAt(a.Line)
	if err == nil {
		w.NormallyClosed = !w.NormallyClosed
	}
	return err
}

func (b *Board) wireAt(line string) (*wire, error) {
	i := slices.IndexFunc(b.wires, func(w *wire) bool { return w.To == line })
	if i < 0 {
		return nil, fmt.Errorf("no wire leads to %q", line)
	}
	return b.wires[i], nil
}
