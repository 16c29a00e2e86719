package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lotusgate/firmware-sim/plant"
	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// attacker hears all that the honest center says, may publish whatever it likes wherever it likes, and holds messages back.
// It has a key of its own, and one that the gateway allows very little.
type attacker struct {
	*people
	sent int
	at   []time.Duration   // of the last attacks
	kept map[string]*order // retained at a command's topic
}

// attempt is an attack that must be refused, and the reasons that are right.
type attempt struct {
	jti     string
	reasons []gateway.Reason
	what    string
	told    bool
	crowded bool // several come at once, just after a connection was made: it is enough that it is not accepted
}

// attacks are all that it does, one after another by chance.
var attacks = []struct {
	name string
	do   func(*attacker, *rand.Rand) *attempt
}{
	{"the same bytes again", (*attacker).replay},
	{"retained", (*attacker).retain},
	{"held back", (*attacker).withhold},
	{"for another gateway", (*attacker).elsewhere},
	{"another field", (*attacker).flip},
	{"damaged signature", (*attacker).damage},
	{"another key", (*attacker).forge},
	{"unknown key", (*attacker).stranger},
	{"alg none", (*attacker).unsigned},
	{"alg HS256 with the public key", (*attacker).confuse},
	{"another topic", (*attacker).misdirect},
	{"garbage", (*attacker).garbage},
	{"more than the key may", (*attacker).exceed},
	{"the same id in other bytes", (*attacker).repeatID},
	{"lives too long", (*attacker).linger},
	{"dated tomorrow", (*attacker).tomorrow},
	{"wrong arguments", (*attacker).misargue},
	{"no such device", (*attacker).unknown},
	{"flood", (*attacker).flood},
	{"flood with a key", (*attacker).crowd},
}

// act does one thing, and sees whether it was refused.
func (a *attacker) act(chance *rand.Rand) {
	if a.status.Session == "" {
		return
	}
	n := attacks[chance.IntN(len(attacks))]
	t := n.do(a, chance)
	a.count("hostile: " + n.name)
	a.at = append(slices.DeleteFunc(a.at, func(at time.Duration) bool { return a.w.now-at > 2*time.Minute }), a.w.now)
	if t != nil {
		t.what = n.name
		a.expect(t)
	}
}

// expect holds that an attack is refused, and told in the ledger: where it was not one of many, and nothing disturbed it. What a
// link holds back may be refused later, as long as it is not too old for that.
func (a *attacker) expect(t *attempt) {
	b, at, many := &a.book, a.w.now, len(a.at) > 5
	b.wanted = append(b.wanted, t)
	a.w.agenda.at(at+8*time.Second, func() {
		if !t.told && !t.crowded && !many && len(a.at) <= 5 && b.quiet() && a.w.clear(at-time.Second) && a.w.broker.conn.began < at {
			a.w.violate("hostile: %s (%s) was not refused as %v", t.what, t.jti, t.reasons)
		}
	})
	a.w.agenda.at(at+nonceLife+lifetime, func() {
		b.wanted = slices.DeleteFunc(b.wanted, func(o *attempt) bool { return o == t })
	})
}

// expected tells whether a refusal is one that an attack has to get: the last one, where those before may have been lost.
func (b *book) expected(d gateway.CommandData) bool {
	for _, t := range slices.Backward(b.wanted) {
		if t.jti == d.JTI && slices.Contains(t.reasons, d.Reason) && !t.told {
			t.told = true
			return true
		}
	}
	return false
}

// publish sends a message to a command's topic.
func (a *attacker) publish(device string, message []byte) {
	a.w.broker.send(a.w.cfg.Root()+"/command/"+device, message, false)
}

// heard are the messages of the honest center that it has heard lately, newest first.
func (a *attacker) heard(within time.Duration) (some []*order) {
	for _, o := range slices.Backward(a.book.list) {
		if a.w.now-o.given > within {
			break
		}
		if o.message != nil && !o.attack && !o.withheld {
			some = append(some, o)
		}
	}
	return some
}

// latest is the last message that it has heard, nil without one.
func (a *attacker) latest() *order {
	if some := a.heard(time.Minute); len(some) > 0 {
		return some[0]
	}
	return nil
}

func (a *attacker) replay(chance *rand.Rand) *attempt {
	o := a.latest()
	if o == nil {
		return nil
	}
	for range 1 + chance.IntN(3) {
		a.w.broker.send(o.topic, o.message, false)
	}
	if o.session != a.w.session() {
		return &attempt{jti: o.jti, reasons: []gateway.Reason{gateway.WrongSession}}
	}
	return nil // nothing happens, but for a reply
}

// connected is told of a new connection: what was said in the one before is said again.
func (a *attacker) connected(chance *rand.Rand) {
	if a.w.o.lacks("hostile") {
		return
	}
	const most = 3
	for n, o := range a.heard(lifetime + dateSlack) {
		if n == most {
			return
		}
		a.w.agenda.at(a.w.now+plant.Span{Min: 200 * time.Millisecond, Max: 3 * time.Second}.Draw(chance), func() {
			if o.session == a.w.session() {
				return
			}
			a.count("hostile: of an old session")
			a.at = append(a.at, a.w.now)
			a.w.broker.send(o.topic, o.message, false)
			a.expect(&attempt{jti: o.jti, reasons: []gateway.Reason{gateway.WrongSession}, what: "of an old session", crowded: true})
		})
	}
}

func (a *attacker) retain(*rand.Rand) *attempt {
	o := a.latest()
	if o == nil {
		return nil
	}
	a.keep(o)
	return nil
}

// keep publishes an order retained, for half an hour.
func (a *attacker) keep(o *order) {
	if a.kept == nil {
		a.kept = map[string]*order{}
	}
	a.kept[o.topic] = o
	a.w.broker.send(o.topic, o.message, true)
	a.w.agenda.at(a.w.now+30*time.Minute, func() {
		if a.kept[o.topic] == o {
			a.w.broker.forget(o.topic)
		}
	})
}

// retained tells whether an order was ever published retained.
func (a *attacker) retained(o *order) bool {
	return slices.Contains(slices.Collect(maps.Values(a.kept)), o)
}

// early keeps an order of the honest center from the gateway and gives it to a broker that has announced a session before the
// gateway's subscription is in force: it is right in everything, and only that it was retained says that it may be old.
func (a *attacker) early() {
	device, action := a.aim(a.w.o.world().For("early " + a.status.Session))
	topic := a.w.cfg.Root() + "/command/" + device
	c := a.w.broker.conn
	if a.w.o.lacks("hostile") || a.status.Session != a.w.session() || c == nil || a.w.broker.stopped || c.wants(topic) {
		return
	}
	o := a.caller.write(centerKey, device, action, gateway.Args{})
	if o == nil {
		return
	}
	o.attack, o.withheld = true, true
	a.keep(o)
	a.expect(&attempt{jti: o.jti, reasons: []gateway.Reason{gateway.WasRetained}, what: "retained before the subscription", crowded: true})
	a.count("hostile: retained before the subscription")
}

// order writes an order that nobody who may has given.
func (a *attacker) order(issuer string, action gateway.Action, device string) (*order, claims) {
	a.sent++
	o := &order{
		issuer: issuer, jti: fmt.Sprintf("hostile-%d", a.sent), device: device, action: action, session: a.status.Session, attack: true,
	}
	a.book.enter(o)
	return o, a.claims(o.jti, device, action, gateway.Args{})
}

// aim is a device that moves, where there is one.
func (a *attacker) aim(chance *rand.Rand) (device string, action gateway.Action) {
	ids := config.IDs(a.w.cfg.Gates)
	if len(ids) == 0 {
		return gateway.GatewayID, gateway.Refresh
	}
	return ids[chance.IntN(len(ids))], []gateway.Action{gateway.Open, gateway.Close, gateway.HoldOpen}[chance.IntN(3)]
}

// withhold keeps what the center says, and lets it through when it is worth nothing any more.
func (a *attacker) withhold(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	o := a.caller.write(centerKey, device, action, gateway.Args{})
	o.withheld = true
	a.w.agenda.at(o.late+time.Second, func() {
		a.publish(device, o.message)
		a.expect(&attempt{jti: o.jti, reasons: []gateway.Reason{gateway.WrongSession, gateway.Expired, gateway.WrongNonce}, what: "held back"})
	})
	return nil
}

func (a *attacker) elsewhere(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	o, c := a.order(centerKey, action, device)
	c.Audience = "//" + a.w.cfg.Gateway.Site + "/another"
	a.publish(device, token(header{"EdDSA", centerKey, commandType}, c, signer(a.keys[centerKey])))
	return &attempt{jti: o.jti, reasons: []gateway.Reason{gateway.WrongAudience}}
}

// flip changes what an honest order says and leaves its signature.
func (a *attacker) flip(*rand.Rand) *attempt {
	o := a.latest()
	if o == nil {
		return nil
	}
	parts := bytes.Split(o.message, []byte("."))
	b, err := base64.RawURLEncoding.DecodeString(string(parts[1]))
	var c claims
	if err != nil || json.Unmarshal(b, &c) != nil {
		panic("an honest order cannot be read")
	}
	c.Action = map[gateway.Action]gateway.Action{gateway.Open: gateway.Close}[c.Action]
	if c.Action == "" {
		c.Action = gateway.Open
	}
	c.JTI += "-flipped"
	parts[1] = []byte(part(c))
	a.w.broker.send(o.topic, bytes.Join(parts, []byte(".")), false)
	return &attempt{jti: c.JTI, reasons: []gateway.Reason{gateway.BadSignature}}
}

func (a *attacker) damage(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	o, c := a.order(centerKey, action, device)
	a.publish(device, token(header{"EdDSA", centerKey, commandType}, c, func(text []byte) []byte {
		s := signer(a.keys[centerKey])(text)
		s[chance.IntN(len(s))] ^= 1 << chance.IntN(8)
		return s
	}))
	return &attempt{jti: o.jti, reasons: []gateway.Reason{gateway.BadSignature}}
}

func (a *attacker) forge(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	o, c := a.order(centerKey, action, device)
	a.publish(device, token(header{"EdDSA", centerKey, commandType}, c, signer(a.keys[strangerKey])))
	return &attempt{jti: o.jti, reasons: []gateway.Reason{gateway.BadSignature}}
}

func (a *attacker) stranger(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	o, c := a.order(strangerKey, action, device)
	a.publish(device, token(header{"EdDSA", strangerKey, commandType}, c, signer(a.keys[strangerKey])))
	return &attempt{jti: o.jti, reasons: []gateway.Reason{gateway.UnknownKey}}
}

func (a *attacker) unsigned(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	_, c := a.order(centerKey, action, device)
	a.publish(device, token(header{"none", centerKey, commandType}, c, func([]byte) []byte { return nil }))
	return &attempt{reasons: []gateway.Reason{gateway.Malformed}}
}

func (a *attacker) confuse(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	o, c := a.order(centerKey, action, device)
	a.publish(device, token(header{"HS256", centerKey, commandType}, c, secret(public(a.keys[centerKey]))))
	return &attempt{jti: o.jti, reasons: []gateway.Reason{gateway.BadSignature}}
}

// misdirect publishes an honest order at the topic of another device.
func (a *attacker) misdirect(*rand.Rand) *attempt {
	for _, o := range a.heard(time.Minute) {
		a.publish("somewhere-else", o.message)
		return &attempt{jti: o.jti, reasons: []gateway.Reason{gateway.Malformed}}
	}
	return nil
}

func (a *attacker) garbage(chance *rand.Rand) *attempt {
	device, _ := a.aim(chance)
	a.publish(device, a.noise(chance))
	return &attempt{reasons: []gateway.Reason{gateway.Malformed}}
}

// noise is up to nine kilobytes of anything.
func (a *attacker) noise(chance *rand.Rand) []byte {
	b := make([]byte, chance.IntN(9<<10))
	for i := range b {
		b[i] = byte(chance.Uint32())
	}
	return b
}

// insider publishes an order signed with the key that may little.
func (a *attacker) insider(c claims) {
	a.publish(c.Device, token(header{"EdDSA", guardKey, commandType}, c, signer(a.keys[guardKey])))
}

// reasons of an insider's order that is refused for r: what comes earlier may come first.
func inside(r gateway.Reason) []gateway.Reason {
	return []gateway.Reason{r, gateway.WrongSession, gateway.WrongNonce, gateway.Expired, gateway.RateLimited}
}

// allowed is what the guard may.
func (a *attacker) allowed() (device string, action gateway.Action) {
	k := a.w.cfg.Commands.Keys[guardKey]
	return k.Devices[0], gateway.Action(k.Actions[0])
}

func (a *attacker) exceed(chance *rand.Rand) *attempt {
	device, _ := a.allowed()
	o, c := a.order(guardKey, []gateway.Action{gateway.Close, gateway.Refresh, gateway.HoldOpen}[chance.IntN(3)], device)
	a.insider(c)
	return &attempt{jti: o.jti, reasons: inside(gateway.NotAllowed)}
}

// repeatID gives the id of an order that was refused to another one.
func (a *attacker) repeatID(*rand.Rand) *attempt {
	device, action := a.allowed()
	o, c := a.order(guardKey, gateway.Close, device)
	a.insider(c)
	a.expect(&attempt{jti: o.jti, reasons: inside(gateway.NotAllowed), what: "more than the key may"})
	c.Action = action
	a.insider(c)
	return &attempt{jti: o.jti, reasons: inside(gateway.Duplicate)}
}

func (a *attacker) linger(*rand.Rand) *attempt {
	device, action := a.allowed()
	o, c := a.order(guardKey, action, device)
	c.Expires = c.IssuedAt + 61
	a.insider(c)
	return &attempt{jti: o.jti, reasons: inside(gateway.Expired)}
}

// tomorrow is an order for later; where the date is not known, its nonce says that it is of now.
func (a *attacker) tomorrow(*rand.Rand) *attempt {
	if a.status.Clock != gateway.ClockSynced {
		return nil
	}
	device, action := a.allowed()
	o, c := a.order(guardKey, action, device)
	o.attack = false // unless the gateway loses the date this very moment
	c.IssuedAt += 24 * 60 * 60
	c.Expires += 24 * 60 * 60
	a.insider(c)
	return &attempt{jti: o.jti, reasons: inside(gateway.Expired)}
}

func (a *attacker) misargue(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	o, c := a.order(centerKey, action, device)
	c.Args = gateway.Args{Passages: 1000, Alarm: "none", Seconds: -1}
	a.publish(device, token(header{"EdDSA", centerKey, commandType}, c, signer(a.keys[centerKey])))
	return &attempt{jti: o.jti, reasons: inside(gateway.BadArgs)}
}

func (a *attacker) unknown(*rand.Rand) *attempt {
	o, c := a.order(centerKey, gateway.Open, "no-such-gate")
	a.publish(c.Device, token(header{"EdDSA", centerKey, commandType}, c, signer(a.keys[centerKey])))
	return &attempt{jti: o.jti, reasons: inside(gateway.UnknownDevice)}
}

// flood is 200 messages at once that prove nothing; what the center says meanwhile is heard.
func (a *attacker) flood(chance *rand.Rand) *attempt {
	device, action := a.aim(chance)
	for n := range 200 {
		if n%2 == 0 {
			a.publish(device, a.noise(chance)[:0])
			continue
		}
		_, c := a.order(centerKey, action, device)
		a.publish(device, token(header{"EdDSA", centerKey, commandType}, c, signer(a.keys[strangerKey])))
	}
	a.at = append(a.at, slices.Repeat([]time.Duration{a.w.now}, 10)...) // not each is told
	a.caller.order(gateway.GatewayID, gateway.Refresh, gateway.Args{})
	return nil
}

// crowd is many orders of a key that may give them; STOP goes past them.
func (a *attacker) crowd(*rand.Rand) *attempt {
	device, action := a.allowed()
	for range 30 {
		if o := a.caller.write(guardKey, device, action, gateway.Args{}); o != nil {
			a.w.broker.send(o.topic, o.message, false)
		}
	}
	if strings.HasSuffix(string(action), string(gateway.Open)) {
		a.caller.order(device, gateway.Stop, gateway.Args{})
	}
	return nil
}
