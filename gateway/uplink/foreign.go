package uplink

import (
	"encoding/json"
	"fmt"
	"strings"

	"lotusgate/gateway"
)

// foreign looks at a status below our root. One that another process wrote and that names our epoch with our run, or a
// later one, proves that the numbers of this run are issued twice: a card was copied or restored.
func (s *session) foreign(payload []byte) {
	var said gateway.Will // what will and status have in common
	if json.Unmarshal(payload, &said) != nil || said.Session == "" || strings.HasPrefix(said.Session, s.process) {
		return
	}
	if l := s.ledger.Ledger(); said.Ledger.Epoch == l.Epoch && said.Ledger.Run >= l.Run {
		s.opt.Renew(fmt.Sprintf("session %s has numbered events in run %d of this epoch", said.Session, said.Ledger.Run))
	}
}
