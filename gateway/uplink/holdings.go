package uplink

import "lotusgate/gateway"

// Holdings are what a session keeps of its broker and of its outbox: publishes in flight, topics that are retained or were found,
// and the events that the outbox has handed out. own is how many topics the gateway may have itself, and handedOut what the
// outbox says: each of these is on its way, waits for the center's word, or waits to go alone.
func (p *Stepped) Holdings(own, handedOut int) []gateway.Holding {
	out := gateway.Holding{What: "events that the outbox has handed out and nobody has", Held: handedOut}
	if p.s == nil {
		return []gateway.Holding{out}
	}
	out.Held -= p.s.flight.events() + len(p.s.confirmer.awaiting) + len(p.s.alone)
	return []gateway.Holding{
		out,
		{What: "publishes in flight", Held: p.s.flight.n, Most: p.s.flight.limit + subscriptionsMost},
		{What: "retained topics", Held: len(p.s.mirror.met), Most: foundLimit + own},
	}
}
