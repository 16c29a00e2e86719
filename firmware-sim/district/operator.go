package district

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lotusgate/drivers"
	"lotusgate/firmware-sim/rig"
	"lotusgate/gateway/config"
	"lotusgate/gateway/daemon"
	"lotusgate/gateway/hub"

	"lotusgate/gateway"
	"lotusgate/gateway/field"
)

// Order gives a command as a center would, now.
func (g *Gateway) Order(device string, action gateway.Action, args gateway.Args) {
	if g.lock == nil { // nobody answers: once more, later
		g.At(g.now()+time.Minute, func() { g.Order(device, action, args) })
		return
	}
	g.orders++
	g.lock.Command(gateway.Command{JTI: fmt.Sprint("order-", g.orders), Issuer: "center", Device: device, Action: action, Args: args})
}

// attend is the center's operator: an elevator's alarm is acknowledged, and ended once nobody is shut in any more.
func (g *Gateway) attend(e gateway.Event) {
	if e.Type != gateway.ElevatorAlarmButton && e.Type != gateway.EntrapmentConfirmed {
		return
	}
	spec, _ := gateway.SpecOf(e.Type)
	act := func(do field.AlarmActKind) {
		g.lock.Act(field.AlarmAct{ID: e.ID, Alarm: spec.Raises, Act: do, By: "operator"})
	}
	var acknowledge, end func()
	acknowledge = func() {
		if g.lock == nil { // nobody answers: once more, later
			g.At(g.now()+time.Minute, acknowledge)
			return
		}
		act(field.Acknowledge)
	}
	g.At(g.now()+90*time.Second, acknowledge)
	end = func() {
		if g.lock == nil || g.Board.Trapped(e.ID) {
			g.At(g.now()+time.Minute, end)
			return
		}
		act(field.End)
		if g.stands(e.ID, spec.Raises) { // a power cut has taken the acknowledgement
			act(field.Acknowledge)
			g.At(g.now()+time.Minute, end)
		}
	}
	g.At(g.now()+5*time.Minute, end)
}

func (g *Gateway) stands(id, alarm string) bool {
	return slices.ContainsFunc(g.lock.View().Alarms, func(a gateway.Alarm) bool { return a.ID == id && a.Name == alarm })
}

// View is what the gateway knows now.
func (g *Gateway) View() *hub.View { return g.lock.View() }

// Act lets something happen in the field, now, and notes what the gateway has to say of it.
func (g *Gateway) Act(a rig.Action) error {
	err := g.Do(a)
	if err == nil {
		g.expect(a)
	}
	return err
}

// Do lets something happen in the field now that nothing has to be said of.
func (g *Gateway) Do(a rig.Action) error {
	err := g.Board.Do(a)
	g.pass()
	return err
}

// Wire activates the wire of a point, or lets it rest, whatever is at its other end.
func (g *Gateway) Wire(point string, active bool) error {
	p, ok := g.Config.Points[point]
	if !ok {
		return fmt.Errorf("no point is called %q", point)
	}
	life := rig.Grounded
	if active == (p.Active == config.ActiveHigh) {
		life = rig.Powered
	}
	return g.drive(terminal(p), life)
}

// drive puts a level on a wire.
func (g *Gateway) drive(terminal string, life rig.WireLife) error {
	return g.Act(rig.WireAct{Line: terminal, Life: life})
}

// Terminal of a point, or of a supervised input; "" if there is none.
func (g *Gateway) Terminal(id string) string {
	if in, ok := g.Config.Inputs[id]; ok {
		id = in.Point
	}
	p, ok := g.Config.Points[id]
	if !ok {
		return ""
	}
	return terminal(p)
}

// LaneOf is the lane of a gate.
func (g *Gateway) LaneOf(gate string) string {
	for lane, id := range g.gateOf {
		if id == gate {
			return lane
		}
	}
	return ""
}

// DetectorOf is the detector of a loop in a lane.
func (g *Gateway) DetectorOf(loop string) string {
	for id, l := range g.Config.Lanes {
		switch loop {
		case l.A:
			return id + ".a"
		case l.B:
			return id + ".b"
		}
	}
	return ""
}

// Kind of a device; "" = there is none.
func (g *Gateway) Kind(id string) string { return g.kinds[id] }

// Chip loses its place on the bus, is found again, or had lost its registers.
func (g *Gateway) Chip(id, verb string) error {
	kind, cause := map[string]gateway.Type{"lost": gateway.BusFault, "found": gateway.BusRecovered, "reset": gateway.BusChipReset}[verb], "fault-"+id
	if verb == "reset" {
		cause = ""
	}
	g.Faults = append(g.Faults, Injected{At: g.now(), What: id + " " + verb, wants: []name{{g.Config.Chips[id].Bus, kind, cause}}})
	lock, ok := g.lock.(*daemon.Lockstep)
	if !ok {
		return errors.New("chips are the process's own business")
	}
	switch verb {
	case "lost":
		return lock.Lose(id, &drivers.Error{Fault: drivers.FaultNoAck, Op: "read " + id})
	case "found":
		return lock.Find(id)
	}
	return lock.Reset(id)
}

// Acknowledge takes an alarm, EndAlarm ends one from afar, Shelve puts it aside for ten minutes, Unshelve takes it back. An
// alarm is named by device and alarm: car-1/alarm_button.
func (g *Gateway) Acknowledge(alarm string) error { return g.alarm(alarm, field.Acknowledge) }

// EndAlarm ends an alarm from afar.
func (g *Gateway) EndAlarm(alarm string) error { return g.alarm(alarm, field.End) }

// Shelve puts an alarm aside for ten minutes.
func (g *Gateway) Shelve(alarm string) error { return g.alarm(alarm, field.Shelve) }

// Unshelve takes it back.
func (g *Gateway) Unshelve(alarm string) error { return g.alarm(alarm, field.Unshelve) }

func (g *Gateway) alarm(key string, act field.AlarmActKind) error {
	id, name, _ := strings.Cut(key, "/")
	g.lock.Act(field.AlarmAct{ID: id, Alarm: name, Act: act, For: 10 * time.Minute, By: "operator"})
	return nil
}
