package uplink

import "lotusgate/gateway"

// Holdings are what a session keeps of its broker: publishes in flight, and topics that are retained or were found. own is how
// many topics the gateway may have itself.
func (p *Stepped) Holdings(own int) []gateway.Holding {
	if p.s == nil {
		return nil
	}
	return []gateway.Holding{
		{What: "publishes in flight", Held: p.s.flight.n, Most: p.s.flight.limit + subscriptionsMost},
		{What: "retained topics", Held: len(p.s.mirror.met), Most: foundLimit + own},
	}
}
