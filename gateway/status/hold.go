package status

import (
	"net/http"
	"sync"
	"time"

	"lotusgate/gateway"
)

// Times of a button that is held.
const (
	holdBeat = time.Second      // not heard of for so long: let go, whatever became of the phone
	holdMost = 30 * time.Second // longer than any arm travels
)

// holds are the movements that last only while somebody holds a button: a test of a relay. The button's beats keep one
// going; when they end, or he lets go, the device is stopped.
type holds struct {
	mu      sync.Mutex
	running map[string]*hold // by device
}

type hold struct {
	by    string // who holds it; nobody else can keep it going
	begun time.Time
	last  gateway.Reply
	let   *time.Timer // lets go
}

// takeHold is one beat of a held button, or its end.
func (s *Server) takeHold(w http.ResponseWriter, r *http.Request) {
	c, ok := s.order(r)
	if !ok || c.Action != gateway.Open && c.Action != gateway.Close {
		s.serveMissing(w, r)
		return
	}
	l := s.language(r)
	if r.PostFormValue("release") != "" {
		s.letGo(c.Device, c.Issuer)
		s.tell(w, r, outcome{Said: l.T("operate.released"), Tone: idle, Icon: "idle", Over: true})
		return
	}
	s.tell(w, r, s.outcomeOf(l, s.beat(c)))
}

// beat begins a movement or keeps it going, and returns how it stands.
func (s *Server) beat(c gateway.Command) gateway.Reply {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	h := s.held.running[c.Device]
	switch {
	case h == nil:
	case h.by != c.Issuer || h.last.Action != c.Action:
		return gateway.Reply{Action: c.Action, Stage: gateway.Rejected, Reason: gateway.RateLimited} // somebody else holds it
	case h.last.Stage.Final():
		return h.last // the button is still pressed, but all is done
	case time.Since(h.begun) < holdMost:
		h.let.Reset(holdBeat)
		return h.last
	default:
		return h.last // and the timer runs out
	}
	h = &hold{by: c.Issuer, begun: time.Now(), last: gateway.Reply{Action: c.Action}}
	h.let = time.AfterFunc(holdBeat, func() { s.letGo(c.Device, c.Issuer) })
	if s.held.running == nil {
		s.held.running = map[string]*hold{}
	}
	s.held.running[c.Device] = h
	replies := s.o.Command(c)
	go func() {
		for reply := range replies {
			s.held.mu.Lock()
			h.last = reply
			s.held.mu.Unlock()
		}
	}()
	return h.last
}

// letGo ends a movement. What has ended by itself needs no stop.
func (s *Server) letGo(device, by string) {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	h := s.held.running[device]
	if h == nil || h.by != by {
		return
	}
	h.let.Stop()
	delete(s.held.running, device)
	if !h.last.Stage.Final() {
		s.o.Command(gateway.Command{Issuer: by, Device: device, Action: gateway.Stop})
	}
}
