package uplink

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"lotusgate/gateway"
)

// echoWait is how long a session waits for its own status to come back, once the broker has granted the subscription.
// What stood there before comes first.
const echoWait = 250 * time.Millisecond

// known tells whether everybody who numbers events of this epoch would have been heard of: before that, events could go
// out under names that somebody else has used.
func (s *session) known(now time.Time) bool {
	return s.echoed || !s.quiet.IsZero() && !now.Before(s.quiet)
}

// foreign looks at a status below our root and returns whose it is. One that another process wrote and that names our
// epoch with our run, or a later one, proves that the numbers of this run are issued twice: a card was copied or restored.
func (s *session) foreign(payload []byte) (session string) {
	var said gateway.Will // what will and status have in common
	if json.Unmarshal(payload, &said) != nil || said.Session == "" || strings.HasPrefix(said.Session, s.process) {
		return said.Session
	}
	if l := s.ledger.Ledger(); said.Ledger.Epoch == l.Epoch && said.Ledger.Run >= l.Run {
		s.opt.Renew(fmt.Sprintf("session %s has numbered events in run %d of this epoch", said.Session, said.Ledger.Run))
	}
	return said.Session
}
