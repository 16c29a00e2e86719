package device

import (
	"math"
	"time"

	"lotusgate/gateway"
)

// A closing rule closes only what this gateway has opened, by an order or by a rule for one who waits, in this run, and
// only where something has been opened for somebody and nothing has come between: no fire, no hold, no STOP, no key, no
// trip, no hand. Whatever did leaves the gate open until it is opened by us again, or closed by an order. A rule's CLOSE
// needs the same evidence as anybody's.

// ClosingRules are off by default, each for itself.
type ClosingRules struct {
	AfterPass bool          // when all who were let in have passed, and the lane and the safety inputs are clear: anti-tailgate
	PassDelay time.Duration // so long after that
	NoPass    time.Duration // when nobody came for so long; 0 = off
	Idle      time.Duration // when the lane has been clear for so long, whoever has passed; 0 = off
}

// RuleOrder is the number of an order that a rule of the gate gave itself: nobody waits for its outcome.
const RuleOrder uint32 = math.MaxUint32

// ruleRetry is how long after a refusal a closing rule tries again.
const ruleRetry = 5 * time.Second

// letIn is for whom the gate is open.
type letIn struct {
	ours    bool         // closing rules may act
	most    uint16       // passages that were allowed
	left    uint16       // and not made
	passed  bool         // somebody has
	retry   gateway.Mono // not before
	busy    bool         // the lane is occupied, or nobody knows
	since   gateway.Mono // of busy
	balance int64        // of the lane
	counted bool         // balance is known
}

// admit notes that the gate was opened for so many.
func (l letIn) admit(n uint16) letIn {
	l.ours, l.passed, l.retry = true, false, 0
	l.left += min(n, 1000)
	l.most = l.left
	return l
}

// leave ends what closing rules may do.
func (l letIn) leave() letIn {
	l.ours, l.most, l.left, l.passed, l.retry = false, 0, 0, false, 0
	return l
}

// lane follows the lane: whether it is occupied, and who has passed.
func (g *Gate) lane(in Input) {
	l := &g.guests
	if in.Kind == SignalChanged {
		if busy := !in.Signal.Known() || in.Signal.On; busy != l.busy {
			l.busy, l.since = busy, in.Signal.Since
		}
		return
	}
	moved := in.Value - l.balance
	if !l.counted {
		moved = 0
	}
	l.balance, l.counted = in.Value, true
	if g.cfg.Outward {
		moved = -moved
	}
	switch {
	case moved > 0:
		l.passed = true
		l.left -= uint16(min(moved, int64(l.left)))
	case moved < 0: // one has come back
		l.left = uint16(min(int64(l.left)-moved, int64(l.most)))
	}
}

// closeDue is when a closing rule acts; zero = none does, as things are.
func (g *Gate) closeDue() gateway.Mono {
	l, c := &g.guests, &g.cfg.Closing
	if !l.ours || l.busy && g.cfg.HasLane || g.position != gateOpen || g.wanted || g.window || g.asked != 0 ||
		g.job.Number != 0 || !g.cfg.Has[CloseOutput] || !g.safetyClear() {
		return 0
	}
	clear := max(g.since, l.since)
	for _, s := range g.safety[:g.cfg.Safety] {
		clear = max(clear, s.Since)
	}
	var due gateway.Mono
	if c.AfterPass && l.passed && l.left == 0 {
		due = gateway.Earliest(due, clear.Add(c.PassDelay))
	}
	if c.NoPass > 0 && !l.passed {
		due = gateway.Earliest(due, clear.Add(c.NoPass))
	}
	if c.Idle > 0 {
		due = gateway.Earliest(due, clear.Add(c.Idle))
	}
	if due.IsZero() {
		return 0
	}
	return max(due, clear.Add(g.cfg.Clear), l.retry)
}

// closeByRule asks for evidence when a closing rule is due.
func (g *Gate) closeByRule(now gateway.Mono, fx *Effects) {
	due := g.closeDue()
	if due.IsZero() || now < due {
		return
	}
	g.guests.retry = now.Add(ruleRetry)
	o := Order{Number: RuleOrder, Action: gateway.Close}
	if why, _ := g.Decide(now, o); why == "" {
		g.ask(now, o, fx)
	}
}

// ask is the first phase of CLOSE: it wants every safety input read.
func (g *Gate) ask(now gateway.Mono, o Order, fx *Effects) {
	g.pending, g.asked = o, now
	g.question++
	if g.question == 0 {
		g.question = 1
	}
	fx.Ask = g.question
}
