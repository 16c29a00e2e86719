package intake

import "lotusgate/gateway"

// Holdings are what commands leave here: none of it may grow with a flood. Accounts are the keys, everybody at the gateway
// together, and everybody together who has proven nothing.
func (in *Intake) Holdings() []gateway.Holding {
	in.mu.Lock()
	defer in.mu.Unlock()
	accounts := len(*in.keys.Load()) + 2
	return []gateway.Holding{
		{What: "ids of commands of this session", Held: len(in.seen), Most: idsKept},
		{What: "rates of accounts and devices", Held: len(in.limits), Most: accounts + len(in.opt.Devices)},
		{What: "rates of refusals", Held: len(in.refusals), Most: accounts},
		{What: "refusals to be told", Held: len(in.audits), Most: waiting},
		{What: "replies", Held: len(in.replies), Most: waiting},
	}
}
