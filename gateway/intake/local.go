package intake

import (
	"encoding/json"
	"time"

	"lotusgate/gateway"
)

// Bounds of local commands.
const (
	localLife    = 10 * time.Second // what has not been decided by then is worth nothing
	callersMost  = 32               // who wait at one time
	localReplies = 4                // accepted, executing, done or failed; one more than there are
)

// Local takes a command of somebody at the gateway, whom the caller has identified: an operator who is logged in to the
// page, or the process at the other end of the local socket. Of c the caller sets Issuer ("page/192.168.1.9",
// "local/alice"; the slash keeps it apart from key ids), Peer, Device, Action and Args; the rest is filled in. Nothing is
// proven here, everything else is as for a command from the broker: permission (Options.Local), rates, device, action and
// arguments, the decision of the core, the audit. What moves a barrier is accepted only while the maintenance window is
// open; stop always.
//
// The replies come over the channel, which is closed after the last one: rejected alone, or accepted, executing, and done
// or failed. Nobody has to read them. Local never waits.
func (in *Intake) Local(c gateway.Command) <-chan gateway.Reply {
	in.mu.Lock()
	defer in.mu.Unlock()
	args, _ := json.Marshal(c.Args) // plain data
	m := message{
		device: c.Device, issuer: c.Issuer, local: true, peer: c.Peer, expires: in.opt.Now().Add(localLife),
		claims: claims{JTI: in.opt.Text(), Device: c.Device, Action: c.Action, Args: args},
	}
	answers := make(chan gateway.Reply, localReplies)
	in.callers[m.issuer+" "+m.claims.JTI] = answers
	for _, step := range []func(*message) *refusal{in.crowd, in.permission, in.rates, in.target, in.arguments, in.hand} {
		if why := step(&m); why != nil {
			in.refuse(&m, why)
			break
		}
	}
	return answers
}

func (in *Intake) crowd(m *message) *refusal {
	if len(in.callers) > callersMost && m.claims.Action != gateway.Stop { // the core bounds those

		return because(gateway.RateLimited, "too many commands wait")
	}
	return nil
}

// sendHere passes a reply on to who gave its command here; false = nobody did.
func (in *Intake) sendHere(r gateway.Reply) bool {
	id := r.Issuer + " " + r.JTI
	to := in.callers[id]
	if to == nil {
		return false
	}
	select {
	case to <- r:
	default:
	}
	if r.Stage.Final() {
		close(to)
		delete(in.callers, id)
	}
	return true
}
