package uplink

import (
	"fmt"
	"slices"
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
}

// sendEvents publishes what the window has room for: alarms and what is new, then, no faster than the backlog rate, what
// has waited and what somebody wants once more. A suspect goes alone.
func (s *session) sendEvents(now time.Time) error {
	if s.slowed && s.mayBacklog(now) {
		s.slowed, s.drained = false, false
	}
	for !s.drained && !s.isolating() && s.flight.room() > 0 {
		s.ready = s.outbox.Ready()
		s.take(now)
		if err := s.line.Together(func() error { return s.sendBatch(now) }); err != nil {
			return err
		}
	}
	for len(s.again) > 0 && !s.isolating() && s.roomBeside() && s.mayBacklog(now) {
		s.spend(now)
		h := s.again[0]
		s.again = s.again[1:]
		if err := s.sendHistory(now, h); err != nil {
			return err
		}
	}
	return s.sendAlone(now)
}

func (s *session) sendBatch(now time.Time) error {
	defer clear(s.batch)
	for _, r := range s.batch {
		if err := s.send(now, r); err != nil {
			return err
		}
	}
	return nil
}

// take fills the batch.
func (s *session) take(now time.Time) {
	room := s.flight.room()
	if s.backlog == nil {
		s.batch = s.outbox.Take(s.batch[:0], room)
		s.drained = len(s.batch) < room
		return
	}
	s.batch = s.outbox.TakeLive(s.batch[:0], room)
	switch {
	case len(s.batch) > 0:
	case !s.mayBacklog(now):
		s.slowed, s.drained = true, true // until there is something newer, or the rate allows one more
	default:
		s.batch = s.outbox.Take(s.batch, 1)
		if s.drained = len(s.batch) == 0; !s.drained {
			s.spend(now)
		}
	}
}

// mayBacklog tells whether the backlog rate allows one more.
func (s *session) mayBacklog(now time.Time) bool {
	return s.backlog == nil || s.backlog.TokensAt(now) >= 1
}

func (s *session) spend(now time.Time) {
	if s.backlog != nil {
		s.backlog.AllowN(now, 1)
	}
}

// send publishes one record, or sets it aside, or gives it up.
func (s *session) send(now time.Time, r Record) error {
	event, err := parse(r.Payload)
	if err != nil {
		s.giveUp(r.ID, err)
		return nil
	}
	o := outgoing{r, event}
	if s.suspects.isolate(r.ID) {
		s.alone = append(s.alone, o)
		return nil
	}
	return s.publishEvent(now, o)
}

// giveUp has a record named as one that will never be delivered; if nobody names it, it counts as dealt with.
func (s *session) giveUp(id gateway.EventID, err error) {
	s.opt.Poison(id, err)
	s.outbox.Confirm(id)
}

// isolating tells whether the line is being cleared for a suspect, or has one alone in flight: nothing else is sent.
// Suspects come after everything that may go now.
func (s *session) isolating() bool { return len(s.alone) > 0 && s.drained || !s.single.IsZero() }

func (s *session) sendAlone(now time.Time) error {
	if !s.isolating() || s.flight.oldest() != nil {
		return nil
	}
	i := s.suspects.next(s.alone)
	o := s.alone[i]
	s.alone = slices.Delete(s.alone, i, i+1)
	s.single = o.ID
	return s.publishEvent(now, o)
}

func (s *session) publishEvent(now time.Time, o outgoing) error {
	if o.Resent {
		s.link.Resent++
	}
	s.link.InFlight++
	topic, token := s.publish(o)
	return s.push(slot{token: token, what: topic, event: o.ID}, now)
}

// sendHistory publishes an event that is confirmed already.
func (s *session) sendHistory(now time.Time, h History) error {
	event, err := parse(h.Payload)
	if err != nil {
		h.Sent() // it could not be sent before either
		return nil
	}
	topic, token := s.publish(outgoing{h.Record, event})
	if err := s.push(slot{token: token, what: topic, history: &h}, now); err != nil {
		s.again = append([]History{h}, s.again...)
		return err
	}
	return nil
}

func (s *session) publish(o outgoing) (topic string, token Token) {
	st := gateway.Stamp{Late: s.late(o.ID, o.event.At)}
	if st.Time, st.Clock = s.clock.Stamp(o.event.Boot, o.event.At); st.Time.IsZero() {
		st.NotBefore, st.NotAfter = s.clock.Bounds(o.event.Boot, o.event.At)
	}
	payload := make([]byte, 0, 384+len(o.event.Data))
	if s.opt.Compact {
		payload = gateway.AppendCompact(payload, o.ID, o.event, st)
	} else {
		payload = gateway.AppendCloudEvent(payload, s.opt.Source, o.ID, o.event, st)
	}
	topic = s.topics.event(o.event.Type.Kind(), o.event.ID)
	return topic, s.line.Publish(topic, false, payload)
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
