package sim

import (
	"slices"
	"strings"
	"time"

	"lotusgate/gateway"
)

// book knows every command that somebody has given, and holds what the gateway says of it against what it may say.
type book struct {
	w      *world
	orders map[string]*order // by issuer and jti
	list   []*order          // in the order in which they were given
	wanted []*attempt        // attacks that have not been refused yet

	refusals map[string][]time.Duration // audit events of refusals within the last minute, by account
}

// order is a command: how it was given, and how it went.
type order struct {
	issuer, jti, device string
	action              gateway.Action
	session             string
	given               time.Duration
	late                time.Duration // by then it is worth nothing, even with all leeway
	topic               string
	message             []byte // as it was published; nil = it was given at the gateway
	attack              bool   // nobody who may has given it
	withheld            bool   // it never went the straight way

	accepted, ended []time.Duration
	begun, over     []int         // the same, as they were issued
	stage           gateway.Stage // of the end
	why             gateway.Reason
	refused         []gateway.Reason
	replies         []gateway.Reply
}

// Leeways of docs/wire.md.
const (
	lifetime  = 10 * time.Second // of an honest command
	dateSlack = 5 * time.Second
	nonceLife = time.Minute
)

func (b *book) enter(o *order) {
	o.given = b.w.now
	o.late = b.w.now + max(lifetime+dateSlack, nonceLife) + lifetime
	b.orders[o.issuer+" "+o.jti] = o
	b.list = append(b.list, o)
}

// audit reads an event of the gateway as it is issued.
func (b *book) audit(e gateway.Event) {
	d, ok := e.Data.(gateway.CommandData)
	if !ok {
		return
	}
	o := b.orders[d.Issuer+" "+d.JTI]
	switch {
	case o != nil:
	case strings.HasPrefix(d.JTI, "order-"): // the day's own operator
		o = &order{issuer: d.Issuer, jti: d.JTI, device: e.ID, action: d.Action, session: b.w.session()}
		b.enter(o)
	}
	switch e.Type {
	case gateway.CommandAccepted:
		b.acceptance(o, e, d)
	case gateway.CommandRejected:
		b.refusal(o, d)
	case gateway.CommandDone, gateway.CommandFailed:
		b.end(o, e, d)
	}
}

func (b *book) acceptance(o *order, e gateway.Event, d gateway.CommandData) {
	w := b.w
	switch {
	case o == nil:
		w.violate("%s %s of %s (%s) is accepted, and nobody gave it", e.ID, d.Action, d.Issuer, d.JTI)
		return
	case o.attack:
		w.violate("%s %s of %s (%s) is accepted, which nobody who may has given", e.ID, d.Action, d.Issuer, d.JTI)
	case o.action != d.Action || o.device != e.ID:
		w.violate("%s was given as %s of %s, and is accepted as %s of %s", d.JTI, o.action, o.device, d.Action, e.ID)
	case len(o.accepted) > 0:
		w.violate("%s %s (%s) is accepted again, %v after the first time", e.ID, d.Action, d.JTI, w.now-o.accepted[0])
	case w.now > o.late:
		w.violate("%s %s (%s) is accepted %v after it was given", e.ID, d.Action, d.JTI, w.now-o.given)
	case o.message != nil && o.session != w.session():
		w.violate("%s %s (%s) is accepted in another session than the one it was given for", e.ID, d.Action, d.JTI)
	}
	o.accepted, o.begun = append(o.accepted, w.now), append(o.begun, len(w.issued))
	w.people.rules.accepted(o)
}

// refusal: what is refused is refused for a reason that there is.
func (b *book) refusal(o *order, d gateway.CommandData) {
	b.bounded(d.Issuer, d.Reason)
	if b.expected(d) || o == nil {
		return
	}
	o.refused = append(o.refused, d.Reason)
	w := b.w
	switch d.Reason {
	case gateway.RateLimited:
		if d.Action == gateway.Stop {
			w.violate("stop of %s is refused: %s", o.device, d.Reason)
		}
	case gateway.Malformed, gateway.UnknownKey, gateway.BadSignature, gateway.WrongAudience, gateway.Duplicate, gateway.NotAllowed,
		gateway.UnknownDevice, gateway.UnknownAction:
		w.violate("%s of %s is refused as %s, and was none of that", d.Action, o.device, d.Reason)
	case gateway.WasRetained:
		if o.message == nil || !w.people.attacker.retained(o) {
			w.violate("%s of %s is refused as %s, and was not", d.Action, o.device, d.Reason)
		}
	default:
		if why := w.people.rules.refuses(o, d.Reason); why != "" {
			w.violate("%s of %s is refused as %s: %s", d.Action, o.device, d.Reason, why)
		}
	}
}

// bounded holds that no flood fills the ledger: of what the intake refuses an account ten at once, then one in six seconds. What
// it lets through is refused by the machines each time: that may be what a key may order, ten at once and one a second.
func (b *book) bounded(account string, why gateway.Reason) {
	most := 10 + 10 + 1
	account, _, _ = strings.Cut(account, "/")
	if reasons := gateway.Reasons(); slices.Index(reasons, why) >= slices.Index(reasons, gateway.Starting) {
		account, most = account+", of a machine,", 10+60+1
	}
	if b.refusals == nil {
		b.refusals = map[string][]time.Duration{}
	}
	recent := slices.DeleteFunc(b.refusals[account], func(at time.Duration) bool { return b.w.now-at >= time.Minute })
	b.refusals[account] = append(recent, b.w.now)
	if len(b.refusals[account]) > most {
		b.w.violate("%d refusals of %q within a minute are in the ledger", len(b.refusals[account]), account)
	}
}

// quiet tells whether every refusal of the last minute could be told.
func (b *book) quiet() bool {
	for _, at := range b.refusals {
		if len(at) > 5 {
			return false
		}
	}
	return true
}

func (b *book) end(o *order, e gateway.Event, d gateway.CommandData) {
	w := b.w
	switch {
	case o == nil || len(o.accepted) == 0 && d.Reason != gateway.Restarted:
		w.violate("%s %s (%s) has ended, and was never accepted", e.ID, d.Action, d.JTI)
		return
	case len(o.ended) > 0 && w.lifeAt(o.ended[0]) == w.lifeAt(w.now):
		w.violate("%s %s (%s) has ended twice", e.ID, d.Action, d.JTI)
	}
	o.ended, o.over, o.stage, o.why = append(o.ended, w.now), append(o.over, len(w.issued)), gateway.Done, d.Reason
	switch {
	case e.Type == gateway.CommandFailed:
		o.stage = gateway.Failed
	case moves(o.action) && d.Verified != nil && *d.Verified:
		w.people.rules.proven(o)
	}
}

// reply is what the center hears.
func (b *book) reply(r gateway.Reply) {
	for _, issuer := range []string{centerKey, guardKey} {
		o := b.orders[issuer+" "+r.JTI]
		if o != nil && !r.Repeated && (r.Stage != gateway.Rejected || len(o.accepted) == 0) { // else it is of an attack with these bytes
			o.replies = append(o.replies, r)
		}
	}
}

// answered holds, a while after an order, what its sender has heard of it while nothing disturbed the way.
func (b *book) answered(o *order) {
	if !b.w.clear(o.given-time.Second) || o.withheld || o.session != b.w.session() {
		return
	}
	if len(o.replies) == 0 {
		b.w.violate("%s of %s (%s) got no reply within %v", o.action, o.device, o.jti, b.w.now-o.given)
		return
	}
	switch last := o.replies[len(o.replies)-1]; {
	case len(o.ended) > 0 && last.Stage != o.stage:
		b.w.violate("%s of %s (%s) ended as %s, and the last reply is %s", o.action, o.device, o.jti, o.stage, last.Stage)
	case len(o.accepted) == 0 && last.Stage != gateway.Rejected:
		b.w.violate("%s of %s (%s) was not accepted, and the last reply is %s", o.action, o.device, o.jti, last.Stage)
	}
}

// judge holds, at the end, that of each command of which the center knows that it was accepted it knows one end, and of none
// two, wherever the power went. Only a disk that was not in order excuses.
func (b *book) judge() {
	heard := func(events []int) (count int) {
		for _, n := range events {
			if b.w.issued[n].heard {
				count++
			}
		}
		return count
	}
	for _, o := range b.list {
		accepted, ends := heard(o.begun), heard(o.over)
		if (ends > 1 || accepted > ends) && !b.sick(o) {
			b.w.violate("%s of %s (%s) was accepted at %v and ended at %v, and the center knows %d ends of it",
				o.action, o.device, o.jti, o.accepted, o.ended, ends)
		}
	}
}

// sick tells whether the disk was not in order while a command was carried out.
func (b *book) sick(o *order) bool {
	return slices.ContainsFunc(slices.Concat(o.accepted, o.ended), func(at time.Duration) bool { return b.w.lifeAt(at).sick })
}
