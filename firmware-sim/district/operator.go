package district

import (
	"fmt"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/field"
)

// Order gives a command as a center would, now.
func (g *Gateway) Order(device string, action gateway.Action, args gateway.Args) {
	if g.lock == nil {
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
		if g.lock == nil {
			return
		}
		g.lock.Act(field.AlarmAct{ID: e.ID, Alarm: spec.Raises, Act: do, By: "operator"})
	}
	g.At(g.now()+90*time.Second, func() { act(field.Acknowledge) })
	var end func()
	end = func() {
		if g.Board.Trapped(e.ID) {
			g.At(g.now()+time.Minute, end)
			return
		}
		act(field.End)
	}
	g.At(g.now()+5*time.Minute, end)
}
