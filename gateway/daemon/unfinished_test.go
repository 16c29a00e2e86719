package daemon

import (
	"testing"

	"lotusgate/gateway"
)

func TestUnfinished(t *testing.T) {
	var u unfinished
	command := func(typ gateway.Type, jti string) gateway.Event {
		return gateway.Event{Type: typ, ID: "gate", Data: gateway.CommandData{JTI: jti, Issuer: "center", Action: gateway.Open}}
	}
	for _, e := range []gateway.Event{
		command(gateway.CommandAccepted, "1"), command(gateway.CommandAccepted, "2"), command(gateway.CommandDone, "1"),
		command(gateway.CommandRejected, "2"), // of a replay; the command goes on
	} {
		u.follow(e)
	}
	events := u.abandoned(7)
	if len(events) != 1 || events[0].ID != "gate" || events[0].Data.(gateway.CommandData).JTI != "2" ||
		events[0].Data.(gateway.CommandData).Reason != gateway.Restarted {
		t.Errorf("abandoned %+v", events)
	}
	for _, e := range events { // told once
		u.follow(e)
	}
	if len(u.abandoned(8)) != 0 {
		t.Error("told again")
	}
	for n := range 2 * mostUnfinished {
		u.follow(command(gateway.CommandAccepted, string(rune('a'+n))))
	}
	if len(u.Commands) > mostUnfinished {
		t.Errorf("%d commands are kept", len(u.Commands))
	}
}
