package device

import (
	"testing"
	"time"

	"lotusgate/gateway"
)

// contactsAfter is a lift that is given all its contacts at a time, and what it says then.
func contactsAfter(e Elevator, at gateway.Mono, on ...ElevatorContact) (Elevator, []gateway.Type) {
	var said []gateway.Type
	step := func(now gateway.Mono, in Input) {
		next, fx, _ := e.Step(now, in)
		e = next
		for _, ev := range fx.Events {
			said = append(said, ev.Type)
		}
	}
	for c := range elevatorContacts {
		s := Signal{Quality: gateway.Good, Since: at}
		for _, o := range on {
			s.On = s.On || o == c
		}
		step(at, Changed(RoleLift, uint8(c), s))
	}
	step(at.Add(10*time.Second), Input{Kind: Acknowledged})
	return e, said
}

// A lift that is inspected over a restart is not told to be inspected again, and its end is told once.
func TestServiceModeOverARestart(t *testing.T) {
	cfg := testElevator()
	for c := range elevatorContacts {
		cfg.Wired = cfg.Wired.With(c)
	}
	at := gateway.Mono(time.Minute)
	inspected, said := contactsAfter(NewElevator(cfg), at, MainSupply, Inspection)
	if len(said) != 1 || said[0] != gateway.ElevatorServiceModeChanged || inspected.mode != ModeInspection {
		t.Fatalf("before: %v, mode %v", said, inspected.mode)
	}
	kept := inspected.Snapshot()
	if _, said := contactsAfter(NewElevator(cfg).Restore(kept, 0), at, MainSupply, Inspection); len(said) != 0 {
		t.Errorf("still inspected after the restart: %v", said)
	}
	is, said := contactsAfter(NewElevator(cfg).Restore(kept, 0), at, MainSupply)
	if len(said) != 1 || said[0] != gateway.ElevatorServiceModeChanged || is.mode != ModeNormal {
		t.Errorf("in service again after the restart: %v, mode %v", said, is.mode)
	}
	cfg.Wired &^= ElevatorWires(0).With(Inspection)
	if is := NewElevator(cfg).Restore(kept, 0); is.mode != ModeNormal {
		t.Error("a switch that is not wired any more holds its mode for ever")
	}
}

// A camera that starts again and again does so after a restart of the gateway, too, until it has not for as long as ever.
func TestRebootLoopOverARestart(t *testing.T) {
	c := NewSupplyCamera(0).Restore(SupplySnapshot{CameraSnapshot: CameraSnapshot{uint8(cameraRebootLoop)}, MilliAmp: 180, Samples: supplyLearn}, 0)
	now := gateway.Mono(time.Minute)
	begin := now
	var said []gateway.Type
	for ; now <= begin.Add(supplySpan+time.Minute); now = now.Add(5 * time.Second) {
		next, fx, _ := c.Step(now, Input{Kind: Measured, Role: RoleSupply, Signal: Signal{Quality: gateway.Good, Since: begin}, Value: 180_000})
		c = next
		for _, ev := range fx.Events {
			said = append(said, ev.Type)
			if now.Sub(begin) < supplySpan {
				t.Errorf("%s after %v", ev.Type, now.Sub(begin))
			}
		}
	}
	if len(said) != 1 || said[0] != gateway.CameraOnline {
		t.Errorf("after %v: %v", supplySpan, said)
	}
}

// Of a group nothing is known before something is known of one of its cameras.
func TestCameraGroupThatIsNotKnown(t *testing.T) {
	g := NewCameraGroup(2, time.Minute)
	now := gateway.Mono(time.Second)
	g, _, _ = g.Step(now, Changed(RoleChild, 0, Signal{}))
	if s := g.State(); s.Quality == gateway.Good {
		t.Errorf("%+v, and no camera has been heard of", s)
	}
	g, _, _ = g.Step(now, Changed(RoleChild, 0, Signal{On: true, Quality: gateway.Good}))
	if s := g.State(); s.Quality != gateway.Good || s.Value != "online" {
		t.Errorf("%+v", s)
	}
}

// A barrier that is forced open is told once, whatever tells it: the force contact, and then the limit that it leaves.
func TestForcedOnce(t *testing.T) {
	g := NewGate(GateConfig{Travel: 3 * time.Second, Exclusive: true, Has: [Outputs]bool{true}})
	now := gateway.Mono(time.Minute)
	forced := 0
	for _, s := range []struct {
		role Role
		on   bool
	}{{RoleOpenLimit, false}, {RoleClosedLimit, true}, {RoleForce, true}, {RoleClosedLimit, false}} {
		now = now.Add(time.Second)
		next, fx, _ := g.Step(now, Changed(s.role, 0, Signal{On: s.on, Quality: gateway.Good, Since: now}))
		g = next
		for _, e := range fx.Events {
			if e.Type == gateway.GateForced {
				forced++
			}
		}
	}
	if forced != 1 {
		t.Errorf("told %d times that it was forced", forced)
	}
}
