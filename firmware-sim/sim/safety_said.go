package sim

import (
	"fmt"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// accepted notes an order that the gateway has taken.
func (r *rules) accepted(o *order) {
	g := r.gates[o.device]
	local := strings.Contains(o.issuer, "/")
	switch may, must := r.window(); {
	case moves(o.action) && local && !may:
		r.w.violate("%s of %s by %s is accepted, and nobody has pushed the button", o.action, o.device, o.issuer)
	case moves(o.action) && !local && must:
		r.w.violate("%s of %s by %s is accepted, and somebody is at the machine", o.action, o.device, o.issuer)
	}
	if g == nil {
		return
	}
	g.orders[o.action] = r.w.now
	switch o.action {
	case gateway.HoldOpen:
		g.hold = never
	case gateway.Release, gateway.Stop:
		g.hold = min(g.hold, r.w.now+gap)
	}
	if o.action != gateway.Stop && r.key.lasts(r.w.now, settled) {
		r.w.violate("%s of %s is accepted while the key is turned", o.action, o.device)
	}
}

// proven holds that a limit switch says what the gateway says that one says.
func (r *rules) proven(o *order) {
	g, now := r.gates[o.device], r.w.now
	if g == nil {
		return
	}
	up := r.w.field.Board.Arm(g.lane)
	there, last, name := up >= 98, g.up.since, "up"
	if o.action == gateway.Close {
		there, last, name = up <= 2, g.down.since, "down"
	}
	if !there && now-last > time.Second { // it has not just been there
		r.w.violate("%s of %s (%s) is done and proven, and the arm is not %s", o.action, o.device, o.jti, name)
	}
}

// issued follows what the gateway says of itself.
func (r *rules) issued(e gateway.Event) {
	switch e.Type {
	case gateway.MaintenanceOpened:
		if r.push == 0 || r.w.now-r.push > time.Second {
			r.w.violate("the maintenance window opens, and nobody has pushed the button")
		}
	case gateway.FireReset:
		if f := r.fires[e.ID]; f != nil {
			f.latched = false
			if f.contact.lasts(r.w.now, settled) {
				r.w.violate("fire %s is reset while its contact is closed", e.ID)
			}
		}
	case gateway.AutonomyEntered, gateway.AutonomyLeft:
		for _, g := range r.gates {
			if g.lane == e.ID {
				g.autonomy = e.Type == gateway.AutonomyEntered
			}
		}
	}
}

// refuses says why a reason that depends on the field is none; "" = it is one.
func (r *rules) refuses(o *order, why gateway.Reason) string {
	now := r.w.now
	switch why {
	case gateway.Lockout:
		if !r.key.on && now-r.key.since > settled {
			return "nobody has turned the key"
		}
	case gateway.Fire:
		if !r.burns() {
			return "there is no fire"
		}
	case gateway.Maintenance:
		if may, _ := r.window(); !may || strings.Contains(o.issuer, "/") {
			return "nobody is at the machine"
		}
	case gateway.NoPresence:
		if _, must := r.window(); must || !strings.Contains(o.issuer, "/") {
			return "somebody is at the machine"
		}
	case gateway.WrongSession:
		if o.session == r.w.session() && len(o.accepted) == 0 && o.message != nil {
			return "it was given in this session"
		}
	case gateway.Expired:
		if now-o.given <= lifetime && r.w.stepped == 0 {
			return fmt.Sprintf("it was given %v ago", now-o.given)
		}
	}
	return ""
}

// window tells whether the maintenance window may be open, and whether it must be: a daemon that saw the button pushed.
func (r *rules) window() (may, must bool) {
	length := r.w.cfg.Service.Window
	since := r.w.now - r.push
	return r.push != 0 && since <= length+time.Second+r.w.withoutPower(r.push),
		r.push != 0 && since > settled && since < length && r.w.runs[len(r.w.runs)-1].begin < r.push
}

// died forgets what a process took with it. The autonomy of a lane is not among that: the next one goes on with it until the
// center is there again, and does not say a second time that it begins.
func (r *rules) died() {
	r.death = r.w.now
	for _, g := range r.gates {
		clear(g.orders)
		g.hold, g.closing = 0, 0
	}
	r.w.agenda.at(r.w.now+letGo+1, func() {
		for _, id := range config.IDs(r.w.cfg.Gates) {
			for n, on := range r.gates[id].on {
				if on && r.w.proc == nil {
					r.w.violate("%s: relay %d is active %v after its daemon died", id, n, r.w.now-r.death)
				}
			}
		}
	})
}

// born holds that every output is inactive when a process begins.
func (r *rules) born() {
	for _, id := range config.IDs(r.w.cfg.Gates) {
		for n, on := range r.gates[id].on {
			if on {
				r.w.violate("%s: relay %d is active at the start", id, n)
			}
		}
	}
}
