package intake

import (
	"fmt"
	"testing"

	"lotusgate/gateway"
)

// words of all replies that are there.
func words(replies <-chan gateway.Reply) (list []string, ended bool) {
	for {
		select {
		case r, ok := <-replies:
			if !ok {
				return list, true
			}
			list = append(list, string(r.Stage)+" "+string(r.Reason))
		default:
			return list, false
		}
	}
}

func atTheGateway(device string, a gateway.Action, args gateway.Args) gateway.Command {
	return gateway.Command{Issuer: "local/alice", Peer: &gateway.Peer{UID: 1000, PID: 4711}, Device: device, Action: a, Args: args}
}

func TestLocalCommand(t *testing.T) {
	d := newDesk(t, nil)
	replies := d.in.Local(atTheGateway("entry-gate", gateway.HoldOpen, gateway.Args{Seconds: 60}))
	if len(d.given) != 1 {
		t.Fatal("not handed over")
	}
	c := d.given[0]
	if !c.Local || c.Issuer != "local/alice" || c.Peer == nil || c.Peer.UID != 1000 || c.Args.Seconds != 60 || c.Expires != d.now.Add(localLife) || len(c.JTI) < 20 {
		t.Errorf("got %+v", c)
	}
	for _, stage := range []gateway.Stage{gateway.Accepted, gateway.Executing, gateway.Done} {
		d.in.Answer(gateway.Reply{JTI: c.JTI, Issuer: c.Issuer, Device: c.Device, Action: c.Action, Stage: stage})
	}
	if got, ended := words(replies); fmt.Sprint(got) != "[accepted  executing  done ]" || !ended {
		t.Errorf("%v, ended %v", got, ended)
	}
	if len(d.in.Replies()) != 0 {
		t.Error("the broker was told, too")
	}
	if len(d.in.callers) != 0 {
		t.Error("a caller stays")
	}
}

// Everything but the proof of the sender is held as for a command from the broker, and audited with the peer.
func TestLocalCommandIsHeldToTheSameRules(t *testing.T) {
	for name, c := range map[string]struct {
		command gateway.Command
		want    gateway.Reason
	}{
		"not allowed": {atTheGateway("entry-gate", gateway.Close, gateway.Args{}), gateway.NotAllowed},
		"no device":   {atTheGateway("nothing", gateway.Open, gateway.Args{}), gateway.UnknownDevice},
		"no action":   {atTheGateway("entry-a", gateway.Open, gateway.Args{}), gateway.UnknownAction},
		"bad args":    {atTheGateway("entry-gate", gateway.Open, gateway.Args{Seconds: 1}), gateway.BadArgs},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, func(o *Options) { o.Local.Actions = []string{"open", "stop"} })
			got, ended := words(d.in.Local(c.command))
			if fmt.Sprint(got) != fmt.Sprintf("[rejected %s]", c.want) || !ended || len(d.given) != 0 {
				t.Errorf("%v, ended %v, %d commands", got, ended, len(d.given))
			}
			e := <-d.in.audits
			if data := e.Data.(gateway.CommandData); data.Reason != c.want || data.Issuer != "local/alice" || data.Peer == nil || data.Peer.PID != 4711 {
				t.Errorf("audit %+v", data)
			}
		})
	}
}

func TestLocalCommandsAreBounded(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.PerMinute = 12 })
	want := []string{"[]", "[]", "[rejected rate_limited]"}
	for n, w := range want {
		if got, _ := words(d.in.Local(atTheGateway("entry-gate", gateway.Open, gateway.Args{}))); fmt.Sprint(got) != w {
			t.Errorf("%d: %v", n, got)
		}
	}
	for range 100 { // he who waits is told, however often; the audit is not flooded
		if got, ended := words(d.in.Local(atTheGateway("nothing", gateway.Open, gateway.Args{}))); len(got) != 1 || !ended {
			t.Fatalf("%v, ended %v", got, ended)
		}
	}
	if n := len(d.in.audits); n > burst {
		t.Errorf("%d audit events", n)
	}
	for range 100 {
		d.in.Local(atTheGateway("entry-gate", gateway.Stop, gateway.Args{}))
	}
	if n := len(d.in.callers); n != 102 { // two opens, and every stop: the core bounds those, and this one takes all

		t.Errorf("%d callers", n)
	}
	for range 2 * callersMost {
		d.now = d.now.Add(10 * refusalGap)
		d.in.Local(atTheGateway("exit-gate", gateway.Open, gateway.Args{}))
	}
	if n := len(d.in.callers); n != 102 {
		t.Errorf("%d callers", n)
	}
	d.full = true
	if got, _ := words(d.in.Local(atTheGateway("entry-gate", gateway.Stop, gateway.Args{}))); fmt.Sprint(got) != "[rejected rate_limited]" {
		t.Errorf("a full core: %v", got)
	}
	if n := d.in.Results()[gateway.CommandResult{Stage: gateway.Rejected, Reason: gateway.RateLimited}]; n < 2 {
		t.Errorf("%d counted", n)
	}
}
