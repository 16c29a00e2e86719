package rig

import (
	"fmt"

	"lotusgate/firmware-sim/plant"
)

// Controller is the power switch of a barrier's controller.
type Controller struct {
	Lane string
	Off  bool
}

func (a Controller) String() string {
	return fmt.Sprintf("the controller of the barrier of %s is switched %s", a.Lane, [...]string{"on", "off"}[bit(a.Off)])
}

func (a Controller) apply(b *Board) error {
	l, err := b.laneNow(a.Lane)
	if err == nil {
		l.Barrier.Power(b.at, !a.Off)
	}
	return err
}

// Fob is a resident's: its receiver closes a contact at the barrier's controller, and one more, a switch, for who wants to
// know.
type Fob struct {
	Lane, Switch string
	Released     bool
}

func (a Fob) String() string {
	return fmt.Sprintf("the fob receiver of %s %s", a.Lane, [...]string{"hears a fob", "is at rest"}[bit(a.Released)])
}

func (a Fob) apply(b *Board) error {
	l, err := b.laneNow(a.Lane)
	if err != nil {
		return err
	}
	s, err := find("switch", b.switches, a.Switch)
	if err != nil {
		return err
	}
	s.Set(b.at, !a.Released)
	l.Barrier.Set(b.at, plant.FobInput, !a.Released)
	return nil
}
