package daemon

import (
	"fmt"

	"lotusgate/gateway"
	"lotusgate/gateway/outbox"
	"lotusgate/gateway/status"
	"lotusgate/gateway/uplink"
)

// What people want of a gateway in lockstep: operators at the machine, whoever changes its configuration, and what a center
// asks of the gateway itself.

// Local takes a command of somebody at the gateway, as its page and its local socket do.
func (s *Stepped) Local(c gateway.Command) <-chan gateway.Reply {
	replies := s.d.intake.Local(c)
	s.queue.drain()
	return replies
}

// queue is a core whose commands wait until whoever hands them over has returned: what it says of them comes back to him.
type queue struct {
	*Lockstep
	waiting []gateway.Command
}

const queueMost = 64

// Command implements core. STOP goes past all others.
func (q *queue) Command(c gateway.Command) bool {
	switch {
	case c.Action == gateway.Stop:
		q.waiting = append([]gateway.Command{c}, q.waiting...)
	case len(q.waiting) >= queueMost:
		return false
	default:
		q.waiting = append(q.waiting, c)
	}
	return true
}

func (q *queue) drain() {
	for len(q.waiting) > 0 {
		c := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.Lockstep.Command(c)
	}
}

// Reload reads the configuration again. What can take effect does so as soon as no barrier moves; one that is newer replaces
// one that waits.
func (s *Stepped) Reload() error {
	r, err := s.d.readAgain(s.ctx)
	if err == nil {
		s.waits = r
	}
	return err
}

// Correct writes a correction as the page does, and reads the configuration again.
func (s *Stepped) Correct(c status.Correction) error {
	if _, err := s.d.dropIn(s.ctx, c); err != nil {
		return err
	}
	return s.Reload()
}

// change lets a configuration that waits take effect, if it may.
func (s *Stepped) change() {
	if r := s.waits; r != nil && s.adopt(r, func() gateway.Event { return s.d.takeEffect(r) }) {
		s.waits = nil
	}
}

// serving is an order of the gateway itself that is being carried out.
type serving struct {
	order   gateway.Command
	history *outbox.History // of resend
	sent    int
	open    int  // of them, not acknowledged
	over    bool // nothing more is to be sent
}

// serve carries out what is asked of the gateway itself, as services.run does: of each kind one order at a time.
func (s *Stepped) serve() {
	for _, a := range gateway.GatewayActions() {
		if w := s.served[a]; w != nil {
			s.resend(w)
			continue
		}
		select {
		case c := <-s.d.services.orders[a]:
			if s.d.services.begin(s.ctx, c) {
				s.undertake(c)
			}
		default:
		}
	}
}

func (s *Stepped) undertake(c gateway.Command) {
	w := &serving{order: c}
	s.served[c.Action] = w
	switch c.Action {
	case gateway.Refresh:
		s.Uplink.Refresh(func() { s.ended(w, "", nil) })
	case gateway.Resend:
		from, to, err := c.Args.Range()
		if err != nil {
			s.ended(w, "", err)
			return
		}
		w.history = s.d.box.History(outbox.ID(from), outbox.ID(to))
		s.resend(w)
	default:
		s.ended(w, "", errNoLight)
	}
}

// resend sends a few more of the events that somebody wants once more, when those before are on their way.
func (s *Stepped) resend(w *serving) {
	for w.history != nil && !w.over && s.Uplink.WantsHistory() {
		batch, err := w.history.Next(nil, 64)
		if err != nil {
			s.ended(w, "", fmt.Errorf("read the local history: %w", err))
			return
		}
		w.over = len(batch) == 0
		for _, r := range batch {
			w.sent++
			w.open++
			s.Uplink.History(uplink.History{Record: uplink.Record{ID: eventID(r.ID), Payload: r.Payload}, Sent: func() { w.open-- }})
		}
	}
	switch {
	case !w.over || w.open > 0:
	case w.sent == 0:
		s.ended(w, "", errNotKept)
	default:
		s.ended(w, fmt.Sprintf("%d events", w.sent), nil)
	}
}

func (s *Stepped) ended(w *serving, detail string, err error) {
	delete(s.served, w.order.Action)
	s.d.services.end(s.ctx, w.order, detail, err)
}
