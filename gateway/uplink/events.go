package uplink

import (
	"fmt"
	"strings"
	"time"

	"lotusgate/gateway"
)

// lateAfter is when an event counts as late.
const lateAfter = 30 * time.Second

// outgoing is a record that can be sent.
type outgoing struct {
	Record
	event gateway.Stored
	late  bool
}

// sendEvents takes and publishes as many records as the window has room for. Records that waited long, or were taken
// before, are held back when they would exceed the backlog rate, while newer ones go past them.
func (s *session) sendEvents(now time.Time) error {
	for len(s.held) > 0 && s.flight.room() > 0 && s.backlog.AllowN(now, 1) {
		r := s.held[0]
		s.held = s.held[1:]
		s.drained = s.drained && len(s.held) > 0
		if err := s.publishEvent(now, r); err != nil {
			return err
		}
	}
	for !s.drained {
		n := s.flight.room() - len(s.held)
		if s.backlog != nil {
			n = min(n, 1, s.opt.Window/2-len(s.held))
		}
		if n <= 0 {
			return nil
		}
		s.ready = s.outbox.Ready()
		s.batch = s.outbox.Take(s.batch[:0], n)
		s.drained = len(s.batch) < n
		for _, r := range s.batch {
			if err := s.send(now, r); err != nil {
				return err
			}
		}
		clear(s.batch)
	}
	return nil
}

// send publishes one record, or holds it back, or gives it up.
func (s *session) send(now time.Time, r Record) error {
	event, err := parse(r.Payload)
	if err != nil {
		s.opt.Poison(r.ID, err) // may give it up by name; if not, it counts as dealt with
		s.outbox.Confirm(r.ID)
		return nil
	}
	o := outgoing{r, event, s.late(r.ID, event.At)}
	if s.backlog != nil && (o.late || r.Resent) && (len(s.held) > 0 || !s.backlog.AllowN(now, 1)) {
		s.held = append(s.held, o)
		s.drained = true // until the outbox says that there is something newer, or nothing is held any more
		return nil
	}
	return s.publishEvent(now, o)
}

func (s *session) publishEvent(now time.Time, o outgoing) error {
	st := gateway.Stamp{Late: o.late}
	if st.Time, st.Clock = s.clock.Stamp(o.event.Boot, o.event.At); st.Time.IsZero() {
		st.NotBefore, st.NotAfter = s.clock.Bounds(o.event.Boot, o.event.At)
	}
	payload := gateway.AppendCloudEvent(make([]byte, 0, 384+len(o.event.Data)), s.opt.Source, o.ID, o.event, st)
	topic := s.topics.event(o.event.Type.Kind(), o.event.ID)
	if o.Resent {
		s.link.Resent++
	}
	s.link.InFlight++
	return s.push(slot{token: s.pipe.publish(topic, false, payload), what: topic, event: o.ID}, now)
}

// late tells whether an event of the id is sent more than 30 s after it happened, or by a later run. When an earlier
// try of this run was in time but lost, its repetition may be called late: nobody has seen the earlier one.
func (s *session) late(id gateway.EventID, at gateway.Mono) bool {
	if id.Epoch != s.run.Epoch || id.Run != s.run.Run {
		s.run = s.ledger.Ledger() // the epoch may have changed while we are connected
	}
	return id.Epoch != s.run.Epoch || id.Run != s.run.Run || s.clock.Now().Sub(at) > lateAfter
}

// parse reads what the outbox kept and makes sure that it can be published: a topic with a wildcard or with an empty
// level would make the broker end the connection, again and again.
func parse(payload []byte) (gateway.Stored, error) {
	e, err := gateway.ParseStored(payload)
	if err != nil {
		return e, err
	}
	kind, name, _ := strings.Cut(string(e.Type), ".")
	if kind == "" || name == "" || !isTopic(kind) || !isTopic(e.ID) || strings.Contains(kind+e.ID, "/") {
		return e, fmt.Errorf("stored event: type %q and id %q make no topic", e.Type, e.ID)
	}
	return e, nil
}
