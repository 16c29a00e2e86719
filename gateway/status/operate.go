package status

import (
	"cmp"
	"context"
	"encoding/json"
	"html/template"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/hub"
	"lotusgate/gateway/text"
)

// orderTime is how long an order is waited for before the page answers: less than writeTime.
const orderTime = 12 * time.Second

// controls are the devices that take commands, with their buttons. What changes is a part of its own, so that nothing
// takes a button away from under the finger that holds it.
type controls struct {
	Presence template.HTML
	Cards    []panel
	Said     *outcome // what became of an order, for browsers that run no script
}

type panel struct {
	ID, Name string
	State    template.HTML // the live part; empty for the gateway itself
	Buttons  []button
	Counts   bool // takes set_count
}

// button gives one order.
type button struct {
	Action gateway.Action
	Word   string
	Hold   string // word of the button that moves only while it is held; empty = there is none
}

// outcome of an order in a sentence.
type outcome struct {
	Said string `json:"said"`
	Tone string `json:"tone"`
	Icon string `json:"-"`
	Over bool   `json:"over"`
}

func (sc *screen) operate() []group {
	var parts []block
	for _, d := range sc.commanded() {
		parts = append(parts, device{
			ID: "o-" + d.ID, Name: d.ID, Label: firstOf(d.Label, d.ID), Icon: "device", State: sc.state(d), Figures: sc.figures(d),
		})
	}
	if len(parts) == 0 {
		return nil
	}
	return []group{{"operate", "", append([]block{sc.presence()}, parts...)}}
}

// presence says whether barriers can be moved now: somebody must be at the machine, and nobody inside it.
type presence struct {
	ID string
	mark
}

func (p presence) part() (id, template string) { return p.ID, "presence" }

func (sc *screen) presence() presence {
	p := presence{"o-presence", mark{Tone: warn, Icon: "warn", Word: sc.l.T("operate.unwired")}}
	if slices.ContainsFunc(sc.s.inputs(), func(t Terminal) bool {
		return slices.ContainsFunc(t.Uses, func(u Use) bool { return u.Role == "window" })
	}) {
		p.mark = mark{Tone: idle, Icon: "info", Word: sc.l.T("operate.shut")}
	}
	for _, a := range sc.v.Alarms {
		switch a.Key() {
		case gateway.GatewayID + "/lockout_on":
			p.mark = mark{Tone: bad, Icon: "bad", Word: sc.l.T("operate.locked"), Since: at(a.Since)}
			return p
		case gateway.GatewayID + "/maintenance_opened":
			p.mark = mark{Tone: good, Icon: "ok", Word: sc.l.T("operate.open"), Since: at(a.Since)}
		}
	}
	return p
}

// commanded devices are those that take a command, barriers first.
func (sc *screen) commanded() []hub.Device {
	list := slices.DeleteFunc(slices.Clone(sc.v.Devices), func(d hub.Device) bool { return len(d.Commands) == 0 })
	rank := func(d hub.Device) int {
		if d.Kind == "gate" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(list, func(a, b hub.Device) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}

// controls around the parts of the frame, which are those of operate.
func (sc *screen) controls(sections []section) (c controls) {
	if sc.s.o.Command == nil {
		return c
	}
	var parts []part
	if len(sections) > 0 {
		c.Presence, parts = sections[0].Parts[0].HTML, sections[0].Parts[1:]
	}
	for i, d := range sc.commanded() {
		k := panel{ID: d.ID, Name: firstOf(d.Label, d.ID), State: parts[i].HTML}
		for _, name := range d.Commands {
			a := gateway.Action(name)
			if a == gateway.SetCount {
				k.Counts = true
				continue
			}
			word := text.Word("action", name)
			b := button{Action: a, Word: sc.l.Of(word)}
			if d.Kind == "gate" && (a == gateway.Open || a == gateway.Close) {
				b.Hold = sc.l.T("operate.hold", word)
			}
			k.Buttons = append(k.Buttons, b)
		}
		c.Cards = append(c.Cards, k)
	}
	identify := text.Word("action", string(gateway.Identify))
	c.Cards = append(c.Cards, panel{
		ID: gateway.GatewayID, Name: sc.l.T("section.system"), Buttons: []button{{Action: gateway.Identify, Word: sc.l.Of(identify)}},
	})
	return c
}

// order is what an operator's form asks for.
func (s *Server) order(r *http.Request) (c gateway.Command, ok bool) {
	c = gateway.Command{Issuer: "page/" + address(r), Device: r.PostFormValue("device"), Action: gateway.Action(r.PostFormValue("action"))}
	if c.Device == gateway.GatewayID {
		return c, s.o.Command != nil && c.Action == gateway.Identify
	}
	d, known := s.hub.View().Device(c.Device)
	if !known || s.o.Command == nil || !slices.Contains(d.Commands, string(c.Action)) {
		return c, false
	}
	if c.Action == gateway.SetCount {
		n, err := strconv.ParseInt(r.PostFormValue("value"), 10, 32)
		if err != nil || n < 0 {
			return c, false
		}
		c.Args.Value = &n
	}
	return c, true
}

// address of who asks, without the port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// takeOrder gives an order and answers with what became of it.
func (s *Server) takeOrder(w http.ResponseWriter, r *http.Request) {
	c, ok := s.order(r)
	if !ok {
		s.serveMissing(w, r)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), orderTime)
	defer cancel()
	last := gateway.Reply{Action: c.Action}
	for replies := s.o.Command(c); ; {
		reply, more := receive(ctx, replies)
		if !more {
			break
		}
		last = reply
	}
	s.tell(w, r, s.outcomeOf(s.language(r), last))
}

// receive waits for a reply; false when there is none any more, or ctx has ended.
func receive(ctx context.Context, replies <-chan gateway.Reply) (gateway.Reply, bool) {
	select {
	case reply, ok := <-replies:
		return reply, ok
	case <-ctx.Done():
		return gateway.Reply{}, false
	}
}

// outcomeOf a reply in a sentence; one without a stage is none yet.
func (s *Server) outcomeOf(l text.Lang, r gateway.Reply) outcome {
	action, why := text.Word("action", string(r.Action)), text.Word("reason", string(r.Reason))
	switch r.Stage {
	case gateway.Done:
		return outcome{Said: l.T("operate.done", action), Tone: good, Icon: "ok", Over: true}
	case gateway.Rejected:
		return outcome{Said: l.T("operate.rejected", action, why), Tone: bad, Icon: "bad", Over: true}
	case gateway.Failed:
		return outcome{Said: l.T("operate.failed", action, why), Tone: bad, Icon: "bad", Over: true}
	}
	return outcome{Said: l.T("operate.running", action), Tone: active, Icon: "info"}
}

// tell answers with JSON where a script asked, and else with the whole page.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, o outcome) {
	if !strings.Contains(r.Header.Get("Accept"), "application/json") {
		s.sendPage(w, r, s.renderer(operating, s.language(r), nil), http.StatusOK, &o)
		return
	}
	b, _ := json.Marshal(o) // plain strings cannot fail
	w.Header().Set("Content-Type", "application/json")
	send(w, r, append(b, '\n'))
}
