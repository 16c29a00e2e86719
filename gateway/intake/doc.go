// Package intake decides whether a message is a command, and who gave it.
//
// A message passes when it is well formed, not retained, signed with a key of ours by that key's own algorithm, meant for
// this gateway and this session, new, in time, allowed to its key, and not one too many; in that order, and each refusal
// has its own reason. What passes goes to the core as a gateway.Command; what becomes of it comes back through Answer.
//
// Promises: Take never waits and keeps nothing of a message that did not pass its signature. What it remembers is bounded
// (idsKept ids a session). Strangers cannot fill the ledger: refusals are told and audited at a bounded rate, and the
// next one says how many were not. The same bytes again get the last reply again and move nothing. An expiry is turned
// into monotonic time at once, so that no clock step revives a command.
//
// Who stands at the gateway commands through Local: the page after a login (Issuer "page/<address>"), the local socket by the
// kernel's word (Issuer "local/<user>", Peer). Package status calls it as Options.Command:
//
//	replies := s.o.Command(gateway.Command{Issuer: "page/192.168.1.9", Device: "entry-gate", Action: gateway.Open})
//	for r := range replies { … } // rejected, or accepted, executing, and done or failed
//
// It does not decide whether a movement is safe: package device does. It reads no message but those it is given.
package intake
