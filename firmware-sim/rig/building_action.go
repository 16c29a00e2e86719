package rig

import (
	"fmt"
	"time"

	"lotusgate/firmware-sim/plant"
)

// Fault raises an elevator's fault, or clears it.
type Fault struct {
	Elevator string
	Cleared  bool
}

func (a Fault) String() string {
	return fmt.Sprintf("elevator %s %s", a.Elevator, [...]string{"fails", "works again"}[bit(a.Cleared)])
}

func (a Fault) apply(b *Board) error {
	e, err := find("elevator", b.elevators, a.Elevator)
	if err == nil {
		e.Fail(b.at, !a.Cleared)
	}
	return err
}

// Chatter moves an elevator's contact for a while without a reason.
type Chatter struct {
	Elevator string
	For      time.Duration
}

func (a Chatter) String() string {
	return fmt.Sprintf("the fault contact of elevator %s is loose for %v", a.Elevator, a.For)
}

func (a Chatter) apply(b *Board) error {
	e, err := find("elevator", b.elevators, a.Elevator)
	if err == nil {
		e.Chatter(b.at, a.For)
	}
	return err
}

// Move raises a switch of the building, or puts it to rest.
type Move struct {
	Switch string
	Rest   bool
}

func (a Move) String() string {
	return fmt.Sprintf("switch %s is %s", a.Switch, [...]string{"raised", "at rest"}[bit(a.Rest)])
}

func (a Move) apply(b *Board) error {
	s, err := find("switch", b.switches, a.Switch)
	if err == nil {
		s.Set(b.at, !a.Rest)
	}
	return err
}

// Loosen makes a switch's wire touch and part for a while.
type Loosen struct {
	Switch string
	For    time.Duration
	Pauses plant.Span
}

func (a Loosen) String() string {
	return fmt.Sprintf("the wire of switch %s is loose for %v", a.Switch, a.For)
}

func (a Loosen) apply(b *Board) error {
	s, err := find("switch", b.switches, a.Switch)
	if err == nil {
		s.Loosen(b.at, a.For, a.Pauses)
	}
	return err
}

// LiftLife is what can happen to a lift.
type LiftLife uint8

const (
	Traps    LiftLife = iota // stops between floors with somebody in the car
	Frees                    // who was trapped gets out
	Inspects                 // somebody works on it
	Serves                   // is back in service
	Rings                    // somebody leans on the button
	Fails                    // a fault that traps nobody
	Works                    // that fault is over
	Darkens                  // loses its main supply
	Lights                   // has it again
)

// LiftAct does one of these to a lift.
type LiftAct struct {
	Lift string
	Life LiftLife
}

func (a LiftAct) String() string {
	return fmt.Sprintf("lift %s %s", a.Lift, [...]string{
		"will stop between floors", "is freed", "is inspected", "is back in service", "rings for nothing",
		"fails", "works again", "loses its supply", "has its supply again",
	}[a.Life])
}

func (a LiftAct) apply(b *Board) error {
	l, err := find("lift", b.lifts, a.Lift)
	if err != nil {
		return err
	}
	switch a.Life {
	case Traps:
		l.Trap(b.at)
	case Frees:
		l.Free(b.at)
	case Inspects, Serves:
		l.Inspect(b.at, a.Life == Inspects)
	case Rings:
		l.Press(b.at, 2*time.Second)
	case Fails, Works:
		l.Fail(b.at, a.Life == Fails)
	case Darkens, Lights:
		l.Power(b.at, a.Life == Lights)
	}
	return nil
}

// CameraLife is what can happen to a camera.
type CameraLife uint8

const (
	Dies        CameraLife = iota // loses its power
	Hangs                         // its output stays open
	HangsClosed                   // its output stays closed
	Starts
	Sickens // draws too much
	Loops   // starts again and again, for five minutes
)

// CameraAct does one of these to a camera.
type CameraAct struct {
	Camera string
	Life   CameraLife
}

func (a CameraAct) String() string {
	return fmt.Sprintf("camera %s %s", a.Camera, [...]string{"loses power", "hangs", "hangs with its output closed", "starts", "draws too much", "starts again and again"}[a.Life])
}

func (a CameraAct) apply(b *Board) error {
	c, err := find("camera", b.cameras, a.Camera)
	if err != nil {
		return err
	}
	switch a.Life {
	case Dies:
		c.Die(b.at)
	case Hangs, HangsClosed:
		c.Hang(b.at, a.Life == HangsClosed)
	case Starts:
		c.Start(b.at)
	case Sickens:
		c.Sicken(b.at)
	case Loops:
		c.Loop(b.at, 5*time.Minute)
	}
	return nil
}
