package uplink

import (
	"time"

	"lotusgate/gateway"
)

// subscribe asks for what is retained below our root, and for what others say about us.
func (s *session) subscribe(now time.Time) error {
	filters := map[string]byte{s.topics.status: 0}
	for _, f := range s.topics.readBack() {
		filters[f] = 0
	}
	if s.opt.Commands != nil {
		s.opt.Commands.Begin(s.id)
		filters[s.topics.commands()] = 1
	}
	if s.opt.AckByCenter {
		filters[s.topics.watermark] = 0
	}
	if s.opt.Announce != nil {
		filters[s.opt.Announce.Birth] = 0
	}
	if s.opt.Heartbeat != nil {
		filters[s.topics.heartbeat] = 0
	}
	granted := func(t Token) {
		s.readBack, s.quiet = s.now().Add(readBackQuiet), s.now().Add(echoWait)
		answer, _ := t.(interface{ Result() map[string]byte })
		for filter, qos := range answer.Result() {
			switch {
			case filter == s.topics.commands():
				s.link.Deaf = qos > 2
				if s.link.Deaf {
					s.opt.Log.Error("broker refuses the subscription of commands, so nobody can command this gateway: allow it to read below its root", "filter", filter)
				}
			case qos > 2:
				s.opt.Log.Warn("broker refuses to let the gateway read its own topics, so stale ones stay: allow it to read below its root", "filter", filter)
			}
		}
	}
	return s.push(slot{token: s.line.Subscribe(filters), what: "subscribe", granted: granted}, now)
}

// receive looks at a message on one of our own topics, or at the center's watermark.
func (s *session) receive(m message, now time.Time) {
	switch {
	case m.topic == s.topics.watermark:
		s.watermark(m.payload, now)
	case m.topic == s.topics.heartbeat:
		if !m.retained {
			s.opt.Heartbeat(m.payload)
		}
	case s.opt.Announce != nil && m.topic == s.opt.Announce.Birth:
		if !m.retained && s.opt.Announce.Born(m.payload) { // what is retained is older than our own birth
			s.mirror.repeatOne(s.opt.Announce.Topic)
		}
	case m.topic == s.topics.status:
		said := s.foreign(m.payload)
		switch {
		case m.retained: // from before our birth, which overwrites it
		case said == s.id:
			s.echoed = true
		default:
			s.statusSoon(now)
		}
	case m.retained && len(m.payload) > 0:
		s.mirror.find(m.topic)
		s.dirty = true
		if !s.readBack.IsZero() {
			s.readBack = now.Add(readBackQuiet)
		}
	}
}

// watermark releases what the center has stored.
func (s *session) watermark(payload []byte, now time.Time) {
	w, err := s.opt.Watermark(payload)
	if err != nil {
		s.confirmer.reject(string(payload[:min(len(payload), 80)]), err.Error(), now)
		return
	}
	s.release(s.confirmer.watermark(w, s.ledger.Ledger(), now))
	if mark := gateway.EventID(w); mark == s.confirmer.mark {
		s.outbox.ConfirmTo(mark) // an earlier process has published it, whatever this one has
	}
}

// sync compares the hub's newest view with what was published.
func (s *session) sync(now time.Time) {
	s.changed = s.hub.Changed()
	v := s.hub.View()
	s.dirty, s.synced = false, now
	first := s.statusSent.IsZero()

	clockChanged := false
	if c := s.writer.condition(v); first || !c.equal(s.condition) {
		clockChanged = c.clock != s.condition.clock // dates of what is retained may have become known
		s.condition = c
		s.statusSoon(now)
	}
	if first {
		s.putStatus(now)
	}
	s.mirror.begin()
	if k := (metaKey{v.Gateway.Config, len(v.Devices)}); first || k != s.meta {
		s.meta = k
		s.mirror.put(s.topics.meta, meta(v))
		if a := s.opt.Announce; a != nil {
			s.mirror.put(a.Topic, a.Payload(v))
		}
	}
	if len(s.states) != len(v.Devices) {
		s.states = make([]stated, len(v.Devices))
	}
	for i := range v.Devices {
		d, old := &v.Devices[i], &s.states[i]
		if !clockChanged && old.event == d.Event && old.id == d.ID && old.state == d.State && s.mirror.keep(old.topic) {
			continue
		}
		*old = stated{d.ID, d.State, d.Event, s.mirror.put(s.topics.state(d.ID), s.writer.state(*d))}
	}
	for _, a := range v.Alarms {
		s.mirror.put(s.topics.alarm(a.Key()), s.writer.alarm(a))
	}
	s.mirror.sweep(func(holder string) bool { return known(v, holder) })
}

// statusSoon has the status published, though not more often than every statusGap.
func (s *session) statusSoon(now time.Time) {
	due := s.statusSent.Add(statusGap)
	if due.Before(now) {
		due = now
	}
	if due.Before(s.statusDue) {
		s.statusDue = due
	}
}

func (s *session) putStatus(now time.Time) {
	s.statusSent, s.statusDue = now, now.Add(statusEvery)
	if _, newest := s.writer.nonce(); newest > 0 {
		s.statusDue = now.Add(min(statusEvery, newest+time.Millisecond))
	}
	s.mirror.put(s.topics.status, encode(s.writer.status(s.id, s.since, s.condition)))
}

// refresh has everything retained published once more.
func (s *session) refresh(told func(), now time.Time) {
	s.refreshing = append(s.refreshing, told)
	s.dirty, s.synced = true, time.Time{} // with what is true now
	s.mirror.repeat()
	s.statusDue = now
}

// refreshed tells who asked for it that everything retained has been acknowledged.
func (s *session) refreshed() {
	if len(s.refreshing) > 0 && !s.dirty && s.mirror.idle() {
		for _, told := range s.refreshing {
			told()
		}
		s.refreshing = nil
	}
}

// roomBeside tells whether there is room for what is no new event: at most half of the window.
func (s *session) roomBeside() bool {
	return s.flight.n-s.link.InFlight < s.opt.Window/2 && s.flight.room() > 0
}

// sendRetained publishes what the mirror has queued, but never fills more than half of the window, so that a flood of
// state changes cannot keep events back.
func (s *session) sendRetained(now time.Time) error {
	for s.roomBeside() {
		r := s.mirror.next()
		if r == nil {
			s.born = true
			s.refreshed()
			return nil
		}
		if err := s.push(slot{token: s.line.Publish(r.topic, true, r.want), what: r.topic, topic: r}, now); err != nil {
			return err
		}
	}
	return nil
}
