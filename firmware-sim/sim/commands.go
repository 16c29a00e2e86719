package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"lotusgate/gateway"
	"lotusgate/gateway/config"
)

// caller is the honest center: its operators open and close, and its program asks for what a center asks for.
type caller struct {
	*people
	given int
	lots  map[string]int64 // what the lanes count, as the center heard it last
}

// deeds of the honest center, and how often each is chosen.
var deeds = []struct {
	action gateway.Action
	odds   int
}{
	{gateway.Open, 8},
	{gateway.Close, 8},
	{gateway.Stop, 3},
	{gateway.HoldOpen, 2},
	{gateway.Release, 2},
	{gateway.SetCount, 1},
	{gateway.AckAlarm, 2},
	{gateway.Shelve, 2},
	{gateway.Refresh, 1},
	{gateway.Resend, 1},
	{gateway.Identify, 1},
	{gateway.ResetFire, 1},
}

// act does one thing.
func (c *caller) act(chance *rand.Rand) {
	sum := 0
	for _, d := range deeds {
		sum += d.odds
	}
	n := chance.IntN(sum)
	for _, d := range deeds {
		if n -= d.odds; n < 0 {
			if device, args, ok := c.plan(d.action, chance); ok {
				c.order(device, d.action, args)
			}
			return
		}
	}
}

// plan thinks of a device and of arguments; false = there is nothing of that kind.
func (c *caller) plan(a gateway.Action, chance *rand.Rand) (device string, args gateway.Args, ok bool) {
	pick := func(ids []string) (string, bool) {
		if len(ids) == 0 {
			return "", false
		}
		return ids[chance.IntN(len(ids))], true
	}
	switch a {
	case gateway.Refresh, gateway.Identify:
		return gateway.GatewayID, args, true
	case gateway.Resend:
		issued := c.w.issued
		if len(issued) == 0 {
			return "", args, false
		}
		last := issued[chance.IntN(len(issued))].id
		first := last
		first.Number = max(1, last.Number-min(last.Number, uint64(chance.IntN(100))))
		_, from, _ := strings.Cut(first.String(), "-")
		_, to, _ := strings.Cut(last.String(), "-")
		return gateway.GatewayID, gateway.Args{Epoch: last.Epoch, From: from, To: to}, true
	case gateway.AckAlarm, gateway.Shelve:
		key, ok := pick(slices.Sorted(maps.Keys(c.w.center.alarms)))
		id, alarm, _ := strings.Cut(key, "/")
		args.Alarm = alarm
		if a == gateway.Shelve {
			args.Seconds = chance.IntN(600)
		}
		return id, args, ok
	case gateway.SetCount:
		id, ok := pick(config.IDs(c.w.cfg.Lots))
		count, known := c.lots[id]
		if !ok || !known || count < 0 || len(c.w.cfg.Lots[id].Lanes) == 0 {
			return "", args, false
		}
		return id, gateway.Args{Value: &count, Expected: &count}, true // somebody has walked round and found what is counted
	case gateway.ResetFire:
		id, ok := pick(config.IDs(c.w.cfg.Fires))
		return id, args, ok
	}
	id, ok := pick(config.IDs(c.w.cfg.Gates))
	switch a {
	case gateway.Open:
		args = gateway.Args{Passages: chance.IntN(4), Ref: fmt.Sprint("ticket-", c.given)}
	case gateway.HoldOpen:
		args.Seconds = chance.IntN(180)
	}
	return id, args, ok
}

// order gives a command, if the center knows a session, and looks after a while what it has heard of it.
// It returns nil where it does not.
func (c *caller) order(device string, a gateway.Action, args gateway.Args) *order {
	o := c.write(centerKey, device, a, args)
	if o != nil {
		c.count("honest: " + string(a))
		c.w.broker.send(o.topic, o.message, false)
		c.w.agenda.at(c.w.now+25*time.Second, func() { c.book.answered(o) })
	}
	return o
}

// claims of a command. They are written here once more, and are not those of gateway/intake, on purpose: a center is somebody
// else's program, and knows docs/wire.md only.
type claims struct {
	JTI      string         `json:"jti"`
	IssuedAt int64          `json:"iat"`
	Expires  int64          `json:"exp"`
	Audience string         `json:"aud"`
	Session  string         `json:"session"`
	Nonce    string         `json:"nonce,omitempty"`
	Device   string         `json:"device"`
	Action   gateway.Action `json:"action"`
	Args     gateway.Args   `json:"args"`
}

// claims of a command that is to be worth something: for the session, with the nonce, that the center knows.
func (p *people) claims(jti, device string, a gateway.Action, args gateway.Args) claims {
	now := p.w.date().Unix()
	c := claims{
		JTI: jti, IssuedAt: now, Expires: now + int64(lifetime/time.Second), Audience: p.w.cfg.Source(), Session: p.status.Session,
		Device: device, Action: a, Args: args,
	}
	if p.status.Nonce != nil {
		c.Nonce = *p.status.Nonce
	}
	return c
}

// write signs a command and enters it into the book; nil = the center does not know the gateway yet.
func (c *caller) write(key, device string, a gateway.Action, args gateway.Args) *order {
	if c.status.Session == "" {
		return nil
	}
	c.given++
	o := &order{
		issuer: key, jti: fmt.Sprintf("%s-%d", key, c.given), device: device, action: a, session: c.status.Session,
		topic: c.w.cfg.Root() + "/command/" + device,
	}
	o.message = token(header{"EdDSA", key, commandType}, c.claims(o.jti, device, a, args), signer(c.keys[key]))
	c.book.enter(o)
	return o
}

// state is what the center reads at state/<device>: how many the lanes of a lot count.
func (c *caller) state(id string, payload []byte) {
	var s struct {
		Kind   string `json:"kind"`
		Detail struct {
			Occupied, Drift int64
		} `json:"detail"`
	}
	if json.Unmarshal(payload, &s) != nil || s.Kind != config.KindLot {
		return
	}
	if c.lots == nil {
		c.lots = map[string]int64{}
	}
	c.lots[id] = s.Detail.Occupied + s.Detail.Drift
}

// watermark is what the center says, signed where commands are.
func (w *world) sign(watermark []byte) []byte {
	if w.people == nil || watermark == nil {
		return watermark
	}
	s := &w.people.signed
	if string(watermark) != s.watermark { // the same says the same: a signature costs as much as a second of a world
		*s = signedWatermark{string(watermark), token(header{"EdDSA", centerKey, watermarkType}, json.RawMessage(watermark), signer(w.people.keys[centerKey]))}
	}
	return s.token
}

// signedWatermark is what the center has said last.
type signedWatermark struct {
	watermark string
	token     []byte
}
