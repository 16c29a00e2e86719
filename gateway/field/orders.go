package field

import (
	"slices"
	"strconv"

	"lotusgate/gateway"
	"lotusgate/gateway/device"
)

// orders remembers who gave the commands that are being carried out.
type orders struct {
	last   uint32
	open   map[uint32]gateway.Command
	safety map[int][]safetyInput // of a gate, by index
	reply  func(gateway.Reply)
}

// safetyInput is one part of a gate that must be clear, and the wires that tell.
type safetyInput struct {
	name   string
	points []int
	judge  func(value int64) (on, ok bool) // of a measured point; nil = its points are levels
}

func newOrders(cfg Config) orders {
	o := orders{open: map[uint32]gateway.Command{}, safety: safetyInputs(cfg), reply: cfg.Reply}
	if o.reply == nil {
		o.reply = func(gateway.Reply) {}
	}
	return o
}

// safetyInputs finds the wires below the safety parts of every gate.
func safetyInputs(cfg Config) map[int][]safetyInput {
	all := map[int][]safetyInput{}
	var wires func(p Part) []int
	wires = func(p Part) []int {
		if p.Point >= 0 {
			return []int{p.Point}
		}
		var list []int
		for _, below := range cfg.Devices[p.Device].Parts {
			list = append(list, wires(below)...)
		}
		return list
	}
	for i, d := range cfg.Devices {
		for _, p := range d.Parts {
			if p.Role != device.RoleSafety {
				continue
			}
			in := safetyInput{points: wires(p)}
			if p.Point >= 0 {
				in.name = cfg.Points[p.Point].ID
			} else {
				in.name = cfg.Devices[p.Device].Meta.ID
				in.judge = cfg.Devices[p.Device].Machine.judge()
			}
			all[i] = append(all[i], in)
		}
	}
	return all
}

// command finds the device of a command and gives it the order.
func (c *Core) command(now gateway.Mono, cmd gateway.Command) {
	i := c.deviceNamed(cmd.Device)
	switch {
	case slices.Contains(gateway.AlarmActions(), cmd.Action):
		c.alarmCommand(now, cmd)
		return
	case i < 0:
		c.answer(now, cmd, device.Outcome{Stage: gateway.Rejected, Reason: gateway.UnknownDevice}, -1)
		return
	case cmd.Action != gateway.Stop && !c.ready():
		c.answer(now, cmd, device.Outcome{Stage: gateway.Rejected, Reason: gateway.Starting}, i)
		return
	}
	c.orders.last++
	if c.orders.last == 0 || c.orders.last == device.RuleOrder {
		c.orders.last = 1
	}
	n := c.orders.last
	c.orders.open[n] = cmd
	c.step(now, i, device.Input{Kind: device.OrderGiven, Order: device.Order{
		Number: n, Action: cmd.Action, Hold: seconds(cmd.Args.Seconds), Local: cmd.Local,
		Passages: uint16(max(cmd.Args.Passages, 0)), Expires: cmd.Expires,
		Count: count(cmd.Args.Value), Expected: count(cmd.Args.Expected), Checked: cmd.Args.Expected != nil,
	}})
	if !c.devices[i].takes() && c.orders.open[n] == cmd {
		delete(c.orders.open, n)
		c.answer(now, cmd, device.Outcome{Stage: gateway.Rejected, Reason: gateway.UnknownAction}, i)
	}
}

// count is a number that a command may leave out.
func count(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

// takes tells whether the device knows orders at all.
func (d *logical) takes() bool { return len(d.cfg.Meta.Commands) > 0 }

func (c *Core) deviceNamed(id string) int {
	for i := range c.devices {
		if d := &c.devices[i]; d.cfg.Meta.ID == id && !d.cfg.Internal {
			return i
		}
	}
	return -1
}

// ready tells whether every source has been heard: what is not known by then is bad.
func (c *Core) ready() bool {
	for i := range c.sources {
		if !c.sources[i].heard && c.used(i) {
			return false
		}
	}
	return true
}

// used tells whether a source has points.
func (c *Core) used(src int) bool {
	for _, p := range c.byPlace[src] {
		if p >= 0 {
			return true
		}
	}
	return false
}

// outcome tells the sender what became of an order, and the audit.
func (c *Core) outcome(now gateway.Mono, i int, o device.Outcome) {
	cmd, ok := c.orders.open[o.Number]
	if !ok {
		return
	}
	if o.Stage.Final() {
		delete(c.orders.open, o.Number)
	}
	c.answer(now, cmd, o, i)
	if o.Stage == gateway.Accepted && cmd.Action == gateway.Open {
		for _, lane := range c.devices[i].cfg.LetsInto {
			c.step(now, lane, device.Input{Kind: device.Authorised, Value: int64(max(cmd.Args.Passages, 1)), Ref: cmd.Args.Ref})
		}
	}
}

var auditTypes = map[gateway.Stage]gateway.Type{
	gateway.Accepted: gateway.CommandAccepted, gateway.Rejected: gateway.CommandRejected,
	gateway.Done: gateway.CommandDone, gateway.Failed: gateway.CommandFailed,
}

// answer tells what a device says about an order.
func (c *Core) answer(now gateway.Mono, cmd gateway.Command, o device.Outcome, i int) {
	r := gateway.Reply{
		JTI: cmd.JTI, Device: cmd.Device, Action: cmd.Action, Stage: o.Stage, Reason: o.Reason, Issuer: cmd.Issuer,
		Evidence: c.evidence(now, i, o),
	}
	if o.Stage == gateway.Done {
		r.Verified = &o.Verified
	}
	id := cmd.Device
	if i < 0 {
		id = gateway.GatewayID
	}
	c.tellStage(now, cmd, r, id)
}

// tellStage makes the audit event of a stage, and the reply.
func (c *Core) tellStage(now gateway.Mono, cmd gateway.Command, r gateway.Reply, id string) {
	if t, ok := auditTypes[r.Stage]; ok {
		c.emit(gateway.Event{Type: t, ID: id, At: now, Data: gateway.CommandData{
			JTI: cmd.JTI, Issuer: cmd.Issuer, Peer: cmd.Peer, Action: cmd.Action, Ref: cmd.Args.Ref, Reason: r.Reason,
			Verified: r.Verified, Evidence: r.Evidence,
		}})
	}
	c.orders.reply(r)
}

// alarmCommand does what somebody wants done about an alarm, of whatever it is.
func (c *Core) alarmCommand(now gateway.Mono, cmd gateway.Command) {
	key := gateway.Alarm{ID: cmd.Device, Name: cmd.Args.Alarm}.Key()
	_, stands := c.alarms.standing[key]
	_, shelved := c.alarms.shelved[key]
	r := gateway.Reply{JTI: cmd.JTI, Device: cmd.Device, Action: cmd.Action, Issuer: cmd.Issuer, Stage: gateway.Rejected}
	back := cmd.Action == gateway.Shelve && cmd.Args.Seconds == 0
	switch {
	case cmd.Expires != 0 && now > cmd.Expires:
		r.Reason = gateway.Expired
	case back && !shelved:
		r.Reason, r.Detail = gateway.BadArgs, "this alarm is not shelved"
	case !back && !stands:
		r.Reason, r.Detail = gateway.BadArgs, "no such alarm stands"
	case cmd.Args.End && !gateway.EndedBySomebody(cmd.Args.Alarm):
		r.Reason, r.Detail = gateway.BadArgs, "this alarm ends with its cause"
	case cmd.Args.Confirm && (cmd.Args.End || !gateway.ConfirmedBySomebody(cmd.Args.Alarm)):
		r.Reason, r.Detail = gateway.BadArgs, "this alarm is no suspicion"
	default:
		r.Stage = gateway.Accepted
	}
	c.tellStage(now, cmd, r, cmd.Device)
	if r.Stage == gateway.Rejected {
		return
	}
	act := AlarmAct{ID: cmd.Device, Alarm: cmd.Args.Alarm, Act: Acknowledge, By: cmd.Issuer}
	switch {
	case back:
		act.Act = Unshelve
	case cmd.Action == gateway.Shelve:
		act.Act, act.For = Shelve, seconds(cmd.Args.Seconds)
	}
	c.act(now, act)
	switch {
	case cmd.Args.End:
		act.Act = End
		c.act(now, act)
	case cmd.Args.Confirm:
		act.Act = Confirm
		c.act(now, act)
	}
	r.Stage = gateway.Done
	c.tellStage(now, cmd, r, cmd.Device)
}

// evidence is what a decision rested on, by the names of the safety inputs.
func (c *Core) evidence(now gateway.Mono, i int, o device.Outcome) map[string]gateway.Evidence {
	if o.Obstacle == "" && !o.Judged {
		return nil
	}
	m := map[string]gateway.Evidence{}
	if o.Obstacle != "" {
		e := gateway.Evidence{Value: "blocked", Quality: gateway.Good}
		if o.Obstacle == "count" {
			e.Value = strconv.FormatInt(o.Found, 10)
		}
		m[o.Obstacle] = e
	}
	if o.Judged {
		for n, in := range c.orders.safety[i][:min(len(c.orders.safety[i]), device.MaxSafety)] {
			s := o.Evidence.Samples[n]
			e := gateway.Evidence{Value: "clear", Quality: s.Quality}
			switch {
			case s.Quality == gateway.Bad:
				e.Value = "unknown"
			case s.On:
				e.Value = "blocked"
			case s.Young:
				e.Value = "unsettled"
			}
			if s.At != 0 {
				e.AgeMS = now.Sub(s.At).Milliseconds()
			}
			m[in.name] = e
		}
	}
	return m
}
